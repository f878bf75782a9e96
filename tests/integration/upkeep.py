"""The recovery handbook (docs/recovery.md), command by command, on real servers; with a daemon and without. See upkeep.sh."""

import json
import shutil
import subprocess
import time

from cases import case, main
from daemon import Daemon, until
from job import KAFKA, Job

SELECT = ("CREATE STREAM out AS SELECT k, id, name, amount FROM input WHERE id % 3 <> 0;\n"
          "CREATE TABLE totals AS SELECT k, COUNT(*) AS n, SUM(id) AS ids FROM input GROUP BY k;\n"
          "CREATE TABLE names AS SELECT name, COUNT(*) AS n, MAX(amount) AS top FROM input GROUP BY name;")
OUTPUTS = ("OUT: { lake: { compression: none, partition_by: [year, month, day] }, warehouse: { to: db, create: true } }\n      "
           "TOTALS: { warehouse: [{ to: db, create: true }, { to: local }], lake: { snapshot: true, compression: none } }\n      "
           "NAMES: { warehouse: { to: db, create: true } }")

PUT_BY_KEY = OUTPUTS.replace("warehouse: { to: db, create: true } }", "warehouse: [{ to: db, create: true },\n"
                             "        { to: db, table: latest, mode: upsert, key: [NAME], create: true },\n"
                             "        { to: local, table: latest, mode: upsert, key: [NAME] }] }", 1)


def records(first, last):
    return [(f"k{i % 7}", json.dumps({"id": i, "name": f"n{i % 5}", "amount": i / 4})) for i in range(first, last)]


def begin(name, job="", outputs=OUTPUTS):
    """A job with 300 records behind it, in three runs."""
    j = Job(name, key="KEY", partitions=2, select=SELECT, outputs=outputs, job=job)
    for first in range(0, 300, 100):
        j.produce(*records(first, first + 100), partition=first // 100 % 2)
        j.sluice("job", "run", "j", "--once")
    return j


def audit(j):
    process = j.start("audit", "j", "--replay", "--json")
    out, err = process.communicate(timeout=120)
    j.printed += out + err
    assert process.returncode in (0, 1), err
    found = json.loads(out)
    assert (process.returncode == 1) == (len(found["findings"]) > 0), out
    assert found["compared"] == found["tables"] and found["uncompared"] == 0, out
    return found["findings"]


def finds(j, *kinds):
    """The audit has such findings and no others; their commands, as they are printed, repair them all."""
    findings = audit(j)
    assert sorted({f["kind"] for f in findings}) == sorted(kinds), findings
    for command in dict.fromkeys(f["repair"] for f in findings):
        words = command.split()
        assert words[0] == "sluice", command
        j.sluice(*words[1:])
    assert audit(j) == []
    return [f["finding"] for f in findings]


def check(j, n):
    """Everything holds what n records make."""
    assert sorted(r["ID"] for r in j.lake()) == [i for i in range(n) if i % 3]
    assert [int(x) for x in j.mariadb("SELECT id FROM `out` ORDER BY id").split()] == [i for i in range(n) if i % 3]
    per_key = {f"k{k}": (len(range(k, n, 7)), sum(range(k, n, 7))) for k in range(7)}
    assert {k: (c, s) for k, c, s in j.rows("totals", "k, n, ids")} == per_key
    rows = [r.split("\t") for r in j.mariadb("SELECT k, n, ids FROM totals").splitlines()]
    assert {r[0]: (int(r[1]), int(r[2])) for r in rows} == per_key
    names = [r.split("\t") for r in j.mariadb("SELECT name, n, top FROM names").splitlines()]
    assert {r[0]: (int(r[1]), float(r[2])) for r in names} == {
        f"n{k}": (len(range(k, n, 5)), max(range(k, n, 5)) / 4) for k in range(5)}
    j.verify()
    assert audit(j) == []


def rows_and_files_that_somebody_touched(j):
    assert audit(j) == []
    j.mariadb("DELETE FROM totals WHERE k = 'k3'")
    assert finds(j, "rows") == ["1 rows are missing, the first is k='k3'"]
    j.mariadb("UPDATE totals SET n = n + 1 WHERE k IN ('k2', 'k4'); INSERT INTO totals (k, n, ids) VALUES ('zz', 1, 1)")
    assert sorted(finds(j, "rows")) == ["1 rows are too many, the first is k='zz'",
                                        "2 rows are changed, the first is k='k2'"]
    j.mariadb("UPDATE names SET top = top + 0.25 WHERE name = 'n1'")
    assert finds(j, "rows") == ["1 rows are changed, the first is name='n1'"]
    j.mariadb("TRUNCATE totals; TRUNCATE names")
    assert finds(j, "rows") == ["7 rows are missing, the first is k='k0'", "5 rows are missing, the first is name='n0'"]
    j.mariadb("DROP TABLE names")
    assert finds(j, "head") == ["the table does not exist any more"]
    j.mariadb("DELETE FROM `out` WHERE id = 101")
    assert len(finds(j, "rows")) == 1
    j.mariadb("UPDATE `out` SET amount = 0.125 WHERE id = 100")
    assert sorted(f.partition(" the first")[0] for f in finds(j, "rows")) == [
        "1 rows of batch 2 are missing,", "1 rows of batch 2 are too many,"]
    first, second = sorted((j.dir / "lake").glob("streams/OUT/**/*.jsonl"))[:2]
    first.write_bytes(first.read_bytes()[:-40])
    assert len(finds(j, "file")) == 1
    second.unlink()
    assert len(finds(j, "file")) == 1
    check(j, 300)


@case
def what_somebody_touched_is_named_and_its_command_repairs_it():
    j = begin("upkeep-touched")
    rows_and_files_that_somebody_touched(j)
    j.close()


@case
def tables_that_streams_are_put_into_by_key_are_compared_and_written_whole():
    j = begin("upkeep-put", outputs=PUT_BY_KEY)
    latest = {f"n{k}": max(i for i in range(k, 300, 5) if i % 3) for k in range(5)}

    def same():
        rows = [r.split("\t") for r in j.mariadb("SELECT name, id FROM latest").splitlines()]
        assert {r[0]: int(r[1]) for r in rows} == latest
        assert dict(j.rows("latest", "NAME, ID")) == latest
        check(j, 300)

    same()
    j.mariadb("DELETE FROM latest WHERE name = 'n1'; UPDATE latest SET id = 7 WHERE name = 'n3'; "
              "INSERT INTO latest (k, id, name, amount) VALUES ('k1', 1, 'zz', 1)")
    assert sorted(finds(j, "rows")) == ["1 rows are changed, the first is name='n3'",
                                        "1 rows are missing, the first is name='n1'",
                                        "1 rows are too many, the first is name='zz'"]
    same()
    j.mariadb("DROP TABLE latest")
    assert finds(j, "head") == ["the table does not exist any more"]
    same()
    j.mariadb("UPDATE `out` SET amount = 0.125 WHERE id = 100")
    finds(j, "rows")  # a backfill of the batch: the tables that are put by key are written whole with it
    same()
    j.close()


@case
def the_same_beside_a_daemon_whose_job_streams():
    j = begin("upkeep-daemon", job="schedule: stream\n    stream: { commit_interval: 100ms, roll_every: 1s }")
    daemon = Daemon(j)
    daemon.wait("run.start", job="j")
    j.mariadb("DELETE FROM totals WHERE k = 'k3'")
    assert finds(j, "rows") == ["1 rows are missing, the first is k='k3'"]
    j.mariadb("TRUNCATE names; DELETE FROM `out` WHERE id = 101")
    assert len(finds(j, "rows")) == 2
    j.produce(*records(300, 400))
    until("the next records", lambda: j.mariadb("SELECT SUM(n) FROM totals").strip() == "400")
    daemon.stop()
    j.close()


@case
def a_lost_state_is_recovered_and_the_job_goes_on():
    j = begin("upkeep-lost")
    shutil.rmtree(j.dir / "state")
    message = j.fails(1, "job recover")
    assert "recover" in message
    j.sluice("job", "recover", "j")
    check(j, 300)
    j.produce(*records(300, 400), partition=1)
    j.run()
    check(j, 400)
    j.close()


@case
def a_backup_comes_back_and_batches_since_are_executed_again():
    j = begin("upkeep-backup")
    j.sluice("state", "backup", "j", "backup")
    j.sluice("state", "restore", "j", "backup")
    check(j, 300)
    j.produce(*records(300, 400))
    j.run()
    shutil.rmtree(j.dir / "state")
    assert "--recover" in j.sluice("state", "restore", "j", "backup", expect=1)
    j.sluice("state", "restore", "j", "backup", "--recover")
    check(j, 400)
    j.produce(*records(400, 500))
    j.run()
    j.sluice("state", "compact", "j")
    check(j, 500)
    j.close()


@case
def a_dropped_table_is_skipped_for_one_batch_and_made_again():
    j = begin("upkeep-skip")
    j.produce(*records(300, 400))
    # Decided, and dead before MariaDB's first row.
    j.finish(j.start("job", "run", "j", fault="mysql.write:1:crash"), expect=-9)
    j.mariadb("DROP TABLE totals")
    j.fails(1, "totals", "resync")
    j.sluice("job", "deliver", "j", "--skip", "db/totals/TOTALS")
    skipped = list((j.dir / "state/j/0/dead_letters").glob("*.skipped.jsonl"))
    assert len(skipped) == 1 and len(skipped[0].read_text().splitlines()) == 7
    j.sluice("job", "resync", "j", "db/totals/TOTALS")
    check(j, 400)
    j.close()


@case
def a_backfill_replaces_what_wrong_sql_wrote_and_an_expiry_is_logged():
    j = begin("upkeep-backfill")
    j.configure("SELECT k, id, name, amount FROM", "SELECT k, id, UCASE(name) AS name, amount FROM")
    batches = [b["batch"] for run in (1, 2, 3) for b in j.receipts(run)]
    dry = j.sluice("job", "backfill", "j", "--batch", f"{batches[0]}..{batches[1]}", "--outputs", "OUT", "--dry-run")
    assert "streams/OUT/" in dry, dry
    assert {r["NAME"][0] for r in j.lake()} == {"n"}
    j.sluice("job", "backfill", "j", "--batch", f"{batches[0]}..{batches[1]}", "--outputs", "OUT")
    assert sorted(r["ID"] for r in j.lake()) == [i for i in range(300) if i % 3]
    assert {r["NAME"][0] for r in j.lake() if r["ID"] < 200} == {"N"}
    assert {r["NAME"][0] for r in j.lake() if r["ID"] >= 200} == {"n"}
    assert j.mariadb("SELECT COUNT(*) FROM `out` WHERE BINARY name LIKE 'N%'").strip() == "133"
    j.close()


@case
def old_days_expire_and_the_log_says_which():
    outputs = "OUT: { lake: { compression: none, time: big, retain: 30d }, warehouse: { to: db, create: true } }"
    j = Job("upkeep-expire", select="CREATE STREAM out AS SELECT id, big FROM input;", outputs=outputs)
    now, day = int(time.time() * 1000), 86400000
    j.produce(*[json.dumps({"id": i, "big": now - i * day}) for i in range(0, 60, 10)])
    j.run()
    assert {r["ID"] for r in j.lake()} == {0, 10, 20, 30}, j.lake()
    log = j.sluice("lake", "expire", "j", "--log")
    assert log.count("older than 30d") >= 2, log
    would = j.sluice("lake", "expire", "j", "OUT", "--older-than", "5d", "--dry-run")
    assert "streams/OUT/" in would and 10 in {r["ID"] for r in j.lake()}, would
    j.sluice("lake", "expire", "j", "OUT", "--older-than", "5d")
    assert {r["ID"] for r in j.lake()} == {0}
    assert j.sluice("lake", "expire", "j", "--log").count("older than 5d") >= 2
    j.verify()
    assert j.mariadb("SELECT COUNT(*) FROM `out`").strip() == "6"
    assert "0 findings" in j.sluice("audit", "j")
    j.close()


@case
def what_expired_comes_back_from_its_archive_and_gives_records_that_kafka_has_no_more():
    outputs = ("RAW: { lake: { time: big, retain: 30d, archive: ./kept } }\n      "
               "OUT: { lake: { compression: none, time: big }, warehouse: { to: db, create: true } }")
    select = ("CREATE STREAM raw AS SELECT *, ROWPARTITION AS p, ROWOFFSET AS o, ROWTIME AS t FROM input;\n"
              "CREATE STREAM out AS SELECT id, big, name FROM input;")
    j = Job("upkeep-archive", select=select, outputs=outputs)
    now, day = int(time.time() * 1000), 86400000
    j.produce(*[json.dumps({"id": i, "big": now - i * day, "name": f"n{i}"}) for i in range(0, 60, 10)])
    batches = [r["batch"] for r in j.receipts(j.run()["run"])]
    log = j.sluice("lake", "expire", "j", "--log")
    archives = sorted(str(p.relative_to(j.dir)) for p in (j.dir / "kept").rglob("*.tar"))
    assert len(archives) == 2 and all(a in log for a in archives), (archives, log)
    assert len(j.sluice("lake", "cat", "RAW").splitlines()) == 4
    assert "0 wrong" in j.sluice("lake", "verify", "--archive", archives[0])
    listed = [["tar", "tf", j.dir / a] for a in archives]
    assert all("MANIFEST.json" in subprocess.run(t, check=True, capture_output=True, text=True).stdout for t in listed)
    KAFKA.delete_records(j.topic, 0, 6)
    j.configure("SELECT id, big, name FROM", "SELECT id, big, UCASE(name) AS name FROM")
    again = ("job", "backfill", "j", "--batch", str(batches[0]), "--outputs", "OUT")
    assert "the topic begins at 6" in j.sluice(*again, expect=1)
    assert "the lake keeps 4 of 6 records" in j.sluice(*again, "--from-lake", expect=1)
    daemon = Daemon(j)
    daemon.wait("daemon.start")
    for a in archives:
        assert "1 files, 1 rows" in j.sluice("lake", "restore", a)
    j.sluice(*again, "--from-lake")
    daemon.stop()
    assert sorted(r["NAME"] for r in j.lake()) == [f"N{i}" for i in range(0, 60, 10)]
    assert j.mariadb("SELECT COUNT(*) FROM `out` WHERE BINARY name LIKE 'N%'").strip() == "6"
    j.verify()
    assert "0 findings" in j.sluice("audit", "j")
    j.sluice("lake", "restore", archives[0], "--to", "elsewhere")
    assert len(list((j.dir / "elsewhere").rglob("*.jsonl.gz"))) == 1


def files(j):
    return sorted(p.name for p in (j.dir / "lake").glob("streams/OUT/**/*.jsonl"))


@case
def small_files_become_one_by_hand_beside_a_daemon_and_by_policy():
    j = begin("upkeep-compact", job="schedule: { every: 1h }")
    before = files(j)
    assert len(before) >= 3, before
    assert f"{len(before)} files" in j.sluice("lake", "compact", "out", "--dry-run")
    merged = json.loads(j.sluice("lake", "compact", "--json"))
    assert sum(m["rows"] for m in merged) == 200 and all(m["batch"] for m in merged), merged
    assert len(files(j)) == len(merged) and set(files(j)) <= set(before)
    check(j, 300)
    j.configure("SELECT k, id, name, amount FROM", "SELECT k, id, UCASE(name) AS name, amount FROM")
    batch = str(j.receipts(2)[0]["batch"])
    j.sluice("job", "backfill", "j", "--batch", batch, "--outputs", "OUT")
    assert len(files(j)) == len(merged)
    assert {r["ID"] // 100 for r in j.lake() if r["NAME"][0] == "N"} == {1}
    j.configure("SELECT k, id, UCASE(name) AS name, amount FROM", "SELECT k, id, name, amount FROM")
    j.sluice("job", "backfill", "j", "--batch", batch, "--outputs", "OUT")
    check(j, 300)
    daemon = Daemon(j)
    j.produce(*records(300, 400))
    j.sluice("job", "run", "j")
    assert len(files(j)) > len(merged)
    asked = j.sluice("lake", "compact", "OUT")  # the owner does it
    assert " became " in asked and len(files(j)) == len(merged), asked
    assert "nothing to compact" in j.sluice("lake", "compact", "--min-files", "2")
    assert "neither a job nor an output" in j.sluice("lake", "compact", "NOPE", expect=3)
    daemon.stop()
    check(j, 400)
    j.configure("lake: { compression: none,", "lake: { compact: { min_files: 2 }, compression: none,")
    for first in range(400, 1200, 100):
        j.produce(*records(first, first + 100))
        j.run()
    assert len(files(j)) <= 4 * len(merged), files(j)
    check(j, 1200)
    j.close()


if __name__ == "__main__":
    main()
