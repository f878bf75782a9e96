"""Bad input and a bad world, on the real program and real servers; bad_input.sh says how it is run.

Each function marked @case is one case, named as a sentence. Two run at a time; ALONE are those that kill servers under
the others.
"""

import base64
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

from job import BOOTSTRAP, KAFKA, LAKE_AND_SQLITE, MARIADB, SELECT, Job, mysql, send, server, until_done

GOOD = '{"id":1,"name":"a","amount":1.5}'
SHARED, ALONE = [], []


def case(kind):
    def register(f):
        kind.append(f)
        return f
    return register


# --- records ----------------------------------------------------------------------------------------------------------

BAD_VALUES = {
    "malformed": b'{"id":}',
    "truncated": b'{"id":1,"name":"ab',
    "truncated in an escape": b'{"name":"\\u12',
    "empty": b"",
    "spaces": b"   ",
    "text": b"hello",
    "behind the document": b'{"id":1} x',
    "nested 100k": b'{"tags":' + b"[" * 100000 + b"]" * 100000 + b"}",
    "nested 100k, unused": b'{"other":' + b'{"a":' * 100000 + b"1" + b"}" * 100000 + b"}",
    "nested and truncated": b"[" * 100000,
    "invalid UTF-8": b'{"name":"\xff\xfe"}',
    "overlong UTF-8": b'{"name":"\xc0\xaf"}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "control byte": b'{"name":"a\x01b"}',
    "NUL": b'{"name":"a\x00b"}',
    "byte order mark": b'\xef\xbb\xbf{"id":1}',
    "double out of range": b'{"amount":1e999}',
    "bigint out of range": b'{"big":9223372036854775808}',
    "int out of range in text": b'{"id":"2147483648"}',
    "NaN": b'{"amount":NaN}',
    "leading zero": b'{"id":01}',
    "text for a number": b'{"id":"one"}',
    "object for a number": b'{"id":{}}',
    "number for an array": b'{"tags":7}',
    "text for a struct": b'{"place":"Paris"}',
    "array at the top": b"[1]",
    "binary": bytes(range(256)),
}


@case(SHARED)
def bad_json_becomes_dead_letters_and_nothing_else_does():
    job = Job("json", select="CREATE STREAM out AS SELECT id, name, amount, big, tags, place->city AS city FROM input;")
    for value in BAD_VALUES.values():
        job.produce(GOOD, value)
    job.produce('{"extra":[{"x":null}],"big":"7","id":99999999999}', "{}", '{"id":3,"name":"' + "x" * 999000 + '"}')
    done = job.run()
    assert done["dead"] == len(BAD_VALUES), done
    assert done["lake_rows"] == done["warehouse_rows"] == len(BAD_VALUES) + 3, done
    (listed,) = json.loads(job.sluice("dlq", "ls", "--json"))
    assert listed["records"] == len(BAD_VALUES) and listed["batch"] == 1, listed
    dead = job.dead()
    assert [d["offset"] for d in dead] == [2 * i + 1 for i in range(len(BAD_VALUES))]
    for record, (name, value) in zip(dead, BAD_VALUES.items()):
        assert record["reason"] and record["topic"] == job.topic and record["partition"] == 0, (name, record)
        kept = base64.b64decode(record["value_base64"]) if "value_base64" in record else record["value"].encode()
        assert kept == value, name
    assert len(job.rows()) == len(job.lake()) == len(BAD_VALUES) + 3
    assert job.rows(columns="id, big", order="rowid")[-3] == (1215752191, 7)  # docs/formats.md: INTEGER wraps
    assert max(len(row["NAME"] or "") for row in job.lake()) == 999000
    (r,) = job.ranges(done["run"])
    assert (r["dead"], r["null"], r["decoded"]) == (len(BAD_VALUES), 0, len(BAD_VALUES) + 3), r
    job.verify()
    job.close()


@case(SHARED)
def null_keys_and_values_are_counted_and_never_dead():
    job = Job("nulls", key="KEY", select="CREATE STREAM out AS SELECT * FROM input; "
              "CREATE TABLE counted AS SELECT k, COUNT(*) AS n FROM input GROUP BY k;",
              outputs="OUT: { lake: { format: jsonl, compression: none } }\n      COUNTED: { warehouse: { to: local } }")
    job.produce(("a", GOOD), (None, GOOD), ("a", None), (None, None), ("", GOOD), ("b", GOOD), ("a", GOOD))
    job.produce((b"\xff", GOOD))
    done = job.run()
    (r,) = job.ranges(done["run"])
    assert (r["delivered"], r["null"], r["dead"], r["lost"]) == (8, 2, 1, 0), r
    assert job.dead()[0]["key_base64"] == "/w=="
    assert dict(job.rows("counted", "k, n")) == {"": 1, "a": 2, "b": 1}
    job.verify()
    job.close()


@case(SHARED)
def the_payload_policy_decides_what_is_kept():
    for policy in ("full", "hash", "none"):
        for lake in ("lake: { path: ./lake }", ""):
            outputs = LAKE_AND_SQLITE if lake else "OUT: { warehouse: { to: local } }"
            job = Job(f"payload-{policy}-{len(lake)}", lake=lake, outputs=outputs,
                      job=f"dead_letters: {{ payload: {policy} }}")
            job.produce(GOOD, ("key-secret", '{"id": secret'))
            assert job.run()["dead"] == 1
            (record,) = job.dead()
            kept = {"full": {"key", "value"}, "none": set(),
                    "hash": {"key_xxh64", "key_bytes", "value_xxh64", "value_bytes"}}[policy]
            assert set(record) == {"topic", "partition", "offset", "timestamp", "reason"} | kept, record
            place = job.dir / ("lake/_dead_letters/j" if lake else "state/j/0/dead_letters")
            (file,) = place.iterdir()
            assert (b"secret" in file.read_bytes()) == (policy == "full")
            assert file.stat().st_mode & 0o077 == 0 and place.stat().st_mode & 0o077 == 0, oct(file.stat().st_mode)
            assert len(job.rows()) == 1
            job.close()


@case(SHARED)
def dead_letters_come_through_once_after_the_sql_was_corrected():
    select = ("CREATE STREAM out AS SELECT CAST(id AS STRING) AS id, name FROM input; "
              "CREATE TABLE counted AS SELECT name, COUNT(*) AS n FROM input GROUP BY name;")
    for policy in ("full", "hash", "none"):
        job = Job(f"replay-{policy}", select=select, job=f"dead_letters: {{ payload: {policy} }}",
                  outputs=LAKE_AND_SQLITE + "\n      COUNTED: { warehouse: { to: db, create: true } }")
        job.produce(GOOD, '{"id":"one","name":"b"}', '{"id":', '{"id":"two","name":"a"}')
        assert job.run()["dead"] == 3
        reason = job.dead()[0]["reason"]
        job.configure("id INT", "id STRING")
        dry = json.loads(job.sluice("dlq", "replay", "j", "--dry-run", "--json"))
        assert (dry["records"], dry["dead"], dry["batches"]) == (3, 1, 0), dry
        assert len(job.dead()) == 3 and job.dead()[0]["reason"] == reason
        # Killed after the decision: delivered by the next command, and not run again.
        job.sluice("dlq", "replay", "j", fault="sqlite.commit:1:crash", expect=-signal.SIGKILL)
        again = json.loads(job.sluice("dlq", "replay", "j", "--json"))
        assert (again["records"], again["dead"], again["batches"]) == (1, 1, 0), again
        assert job.run()["records"] == 0
        assert sorted(job.rows(columns="id")) == [("1",), ("one",), ("two",)], job.rows(columns="id")
        assert sorted(row["ID"] for row in job.lake()) == ["1", "one", "two"]
        assert mysql("SELECT name, n FROM counted ORDER BY name", job.database) == "a\t2\nb\t1\n"
        (left,) = job.dead()
        assert left["offset"] == 2
        job.verify()
        job.sluice("audit", "j")
        job.close()


@case(SHARED)
def a_table_that_lacks_a_column_evolves_or_refuses_by_policy():
    job = Job("evolve", outputs=MARIADB, select=SELECT.replace(", amount", ""))
    job.produce('{"id":1,"name":"a","big":5000000000,"amount":1.5}')
    job.run()
    job.produce('{"id":2,"name":"b","big":5000000000,"amount":2.5}')
    job.configure("SELECT id, name FROM", "SELECT big AS id, name, amount FROM")
    message = job.fails(3, "column id is int", "column amount is missing")
    assert "schema: evolve" in message, message
    job.configure("create: true", "create: true, schema: ignore")
    job.fails(3, "column id is int")
    job.configure("schema: ignore", "schema: quarantine")
    # What has no place is kept beside the table; what fits is written.
    job.produce('{"id":3,"name":"c","big":3}')
    job.run()
    (kept,) = [r for r in job.dead() if "error" in r or "reason" in r]
    assert "column amount: the row has a value and the table no column for it" in str(kept), kept
    assert mysql("SELECT id, name FROM `out` ORDER BY id", job.database) == "1\ta\n3\tc\n"
    tried = json.loads(job.sluice("job", "try", "j", "--json"))
    assert tried["tables_drift"][0]["drift"].endswith("would be refused"), tried["tables_drift"]
    assert {"TAGS", "PLACE"} <= {f["field"] for f in tried["records_drift"]}, tried["records_drift"]
    job.configure("schema: quarantine", "schema: evolve")
    assert "evolves by: ALTER TABLE `out` " in job.sluice("job", "try", "j")
    job.produce('{"id":2,"name":"b","big":5000000000,"amount":2.5}')
    job.run()
    assert mysql("SELECT id, name, amount FROM `out` ORDER BY id", job.database) == "1\ta\tNULL\n3\tc\tNULL\n5000000000\tb\t2.5\n"
    job.sluice("audit", "j")
    job.close()


@case(SHARED)
def above_the_threshold_the_run_fails_and_publishes_nothing():
    for limit, bad, good in (("2", 3, 5), ("20%", 3, 5), ("{ count: 100, ratio: 0.2 }", 3, 5)):
        job = Job(f"threshold-{len(limit)}", job=f"dead_letters: {{ max: {limit} }}", outputs=LAKE_AND_SQLITE)
        job.produce(*[GOOD] * good, *["{"] * bad)
        job.fails(1, "dead_letters", "hint:")
        assert job.published() == [], job.published()
        assert job.rows() == []
        job.configure(f"max: {limit}", "max: none")
        assert job.run()["dead"] == bad
        assert len(job.lake()) == len(job.rows()) == good
        job.close()


@case(SHARED)
def hostile_partition_values_stay_inside_the_lake():
    values = ["../../../escape", "..", ".", "", "a/b", "/etc/passwd", "a\nb", "a\x01b\x7f", "x" * 300, "é" * 200, "a=b",
              "%2e%2e", "_hidden", ".hidden", "CON", "a\\b", "a:b", "__HIVE_DEFAULT_PARTITION__", " ", "\U0001f600"]
    job = Job("hostile", outputs="OUT: { lake: { format: jsonl, compression: none, partition_by: [name] } }")
    before = sorted(p.name for p in job.dir.iterdir())
    job.produce(*[json.dumps({"id": i, "name": v}) for i, v in enumerate(values)], '{"id":99}')
    assert job.run()["lake_rows"] == len(values) + 1
    assert sorted(p.name for p in job.dir.iterdir()) == sorted(before + ["lake", "state"])
    root = job.dir / "lake" / "streams" / "OUT"
    found = [p for p in root.iterdir() if p.is_dir()]
    assert all(p.name.startswith("NAME=") and len(p.name.encode()) <= 255 for p in found), found
    assert all(f.parent.parent == root and f.resolve().is_relative_to(root) for f in root.rglob("*.jsonl"))
    assert all(b >= 0x20 and b != 0x7F for p in found for b in p.name.encode()), found
    assert sorted(r["ID"] for r in job.lake()) == sorted([*range(len(values)), 99])
    job.verify()
    job.close()


# --- disks ------------------------------------------------------------------------------------------------------------

def small_disk(job, name, size):
    (job.dir / name).mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", job.dir / name],
                             capture_output=True, check=False)
    return mounted.returncode == 0


def fill(job, name):
    with open(job.dir / name / "ballast", "wb", buffering=0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError:
            pass
    return job.dir / name / "ballast"


def exact_after(job, count):
    job.run()
    assert sorted(r["ID"] for r in job.lake()) == list(range(count)), len(job.lake())
    assert [r[0] for r in job.rows(columns="id", order="id")] == list(range(count))
    job.verify()


def numbered(first, count):
    return [json.dumps({"id": i, "name": f"name {i * 7919}", "amount": i}) for i in range(first, first + count)]


@case(SHARED)
def a_full_disk_is_a_clean_error_and_the_next_run_is_exact():
    for name in ("lake", "state"):
        job = Job("full-" + name)
        real = small_disk(job, name, "4m")
        job.produce(*numbered(0, 100))
        job.run()
        job.produce(*numbered(100, 5000))
        if real:
            ballast = fill(job, name)
            message = job.fails(1)
            ballast.unlink()
        else:
            message = job.fails(1, fault="lake.stage.write:1:enospc" if name == "lake" else "spool.write:1:enospc")
        assert "No space left on device" in message, message
        exact_after(job, 5100)
        if real:
            subprocess.run(["umount", job.dir / name], check=True)
        job.close()


@case(SHARED)
def enospc_and_eio_at_any_site_leave_an_exact_next_run():
    sites = ("lake.stage.write", "lake.stage.fsync", "spool.write", "spool.fsync", "state.commit", "lake.rename",
             "lake.fsync_dir", "lake.claim.fsync", "lake.head.fsync", "sqlite.commit")
    job = Job("sites")
    for number, site in enumerate(sites):
        job.produce(*numbered(10 * number, 10))
        job.fails(1, site, fault=f"{site}:1:{'enospc' if number % 2 else 'error'}")
        exact_after(job, 10 * number + 10)
    job.close()


@case(SHARED)
def a_read_only_lake_is_refused_before_anything_is_read():
    job = Job("readonly")
    job.produce(*numbered(0, 10))
    job.run()
    job.produce(*numbered(10, 10))
    lake = job.dir / "lake"
    bound = subprocess.run(["mount", "--bind", lake, lake], check=False, capture_output=True).returncode == 0
    if bound:
        subprocess.run(["mount", "-o", "remount,ro,bind", lake], check=True)
    else:
        subprocess.run(["chmod", "-R", "a-w", lake], check=True)
    try:
        if bound or os.getuid():
            job.fails(1, "lake")
    finally:
        subprocess.run(["umount", lake] if bound else ["chmod", "-R", "u+w", lake], check=True)
    exact_after(job, 20)
    job.close()


@case(SHARED)
def a_lake_that_is_gone_is_refused():
    job = Job("lakegone")
    job.produce(*numbered(0, 10))
    job.run()
    (job.dir / "lake").rename(job.dir / "elsewhere")
    job.produce(*numbered(10, 10))
    for _ in range(2):
        job.fails(1, "lake")
        assert not (job.dir / "lake" / "streams").exists()
        (job.dir / "lake").mkdir(exist_ok=True)
    shutil.rmtree(job.dir / "lake")
    (job.dir / "elsewhere").rename(job.dir / "lake")
    exact_after(job, 20)
    job.close()


@case(SHARED)
def a_state_directory_that_is_gone_is_refused():
    job = Job("stategone")
    job.produce(*numbered(0, 10))
    job.run()
    (job.dir / "state").rename(job.dir / "kept")
    message = job.fails(1, "hint:")
    assert "recover" in message, message
    assert len(job.lake()) == len(job.rows()) == 10
    shutil.rmtree(job.dir / "state")
    (job.dir / "kept").rename(job.dir / "state")
    exact_after(job, 10)
    job.close()


# --- topics -----------------------------------------------------------------------------------------------------------

@case(SHARED)
def records_deleted_under_the_job_stop_it_until_accept_loss():
    job = Job("lost")
    job.produce(*numbered(0, 10))
    job.run()
    job.produce(*numbered(10, 20))
    KAFKA.delete_records(job.topic, 0, 15)
    job.fails(1, f"{job.topic}/0", "10 to 14", "accept_loss")
    assert len(job.lake()) == 10
    job.configure("outputs:", "accept_loss: true\n    outputs:")
    done = job.run()
    assert (done["lost"], done["records"]) == (5, 15), done
    (r,) = job.ranges(done["run"])
    assert (r["start"], r["end"], r["delivered"], r["lost"], r["absent"]) == (10, 30, 15, 5, 0), r
    assert sorted(x["ID"] for x in job.lake()) == [*range(10), *range(15, 30)]
    assert job.run()["records"] == 0
    job.close()


@case(SHARED)
def a_recreated_topic_is_refused():
    job = Job("recreated")
    job.produce(*numbered(0, 10))
    job.run()
    KAFKA.delete(job.topic)
    until_done(lambda: KAFKA.create(job.topic))
    until_done(lambda: job.produce(*numbered(50, 5)))
    job.fails(1, f"{job.topic}/0", "below our position 10", "hint:")
    job.produce(*numbered(55, 20))
    job.fails(1, f"{job.topic}/0", "offset 9", "hint:")
    assert len(job.lake()) == 10
    job.close()


@case(SHARED)
def new_partitions_are_read_from_their_start():
    for start in ("earliest", "latest"):
        job = Job("grown-" + start, job=f"start: {start}")
        job.produce(*numbered(0, 10))
        first = job.run()["records"]
        KAFKA.grow(job.topic, 3)
        until_done(lambda: job.produce(*numbered(10, 5), partition=2))
        assert first == (10 if start == "earliest" else 0)
        assert job.run()["records"] == 5
        assert sorted(r["ID"] for r in job.lake())[-5:] == list(range(10, 15))
        job.close()


@case(SHARED)
def an_unknown_topic_and_an_unreachable_broker_are_named():
    job = Job("unreachable")
    job.configure(f"'{job.topic}'", "'no-such-topic'")
    job.sluice("job", "run", "j", expect=4)
    assert "no-such-topic" in job.printed
    job.configure(f'"{BOOTSTRAP}"', '"127.0.0.1:1"')
    job.fails(4, "127.0.0.1:1")
    job.close()


# --- warehouses -------------------------------------------------------------------------------------------------------

@case(SHARED)
def rows_that_warehouses_refuse_are_kept_beside_their_table_and_shown():
    job = Job("rejects", select="CREATE STREAM out AS SELECT id, name, amount FROM input;\n"
              "CREATE TABLE best AS SELECT id, MAX(big) AS top FROM input GROUP BY id EMIT CHANGES;",
              outputs="OUT: { warehouse: { to: db, rejects_max: 3 } }\n"
              "      BEST: { warehouse: { to: local, columns: { top: { type: \"decimal_text(3,0)\" } } } }")
    job.mariadb("CREATE TABLE `out` (id INT CHECK (id < 15), name VARCHAR(12) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, "
                "amount DOUBLE, _sluice_batch BIGINT NOT NULL) ENGINE=InnoDB")
    job.produce(*[json.dumps({"id": i, "name": "a name too long" if i == 3 else f"it's {i}", "big": 1000 if i == 4 else i})
                  for i in range(17)])
    done = job.run()
    assert done["rejected"] == 4, done
    assert job.mariadb("SELECT COUNT(*) FROM `out`").strip() == "14"
    kept = job.mariadb("SELECT job, output, target, batch, seq, `key`, JSON_VALUE(`row`, '$.id') FROM sluice_rejects "
                       "ORDER BY seq").splitlines()
    assert [k.split("\t")[3:] for k in kept] == [["1", "3", "", "3"], ["1", "15", "", "15"], ["1", "16", "", "16"]], kept
    assert "4 rows refused" in job.sluice("job", "list")
    assert "refused by db/out" in job.sluice("dlq", "ls")
    listed = json.loads(job.sluice("dlq", "ls", "j", "--json"))
    assert [(x["warehouse"], x["table"], x["records"]) for x in listed] == [("db", "out", 3), ("local", "best", 1)], listed
    shown = [json.loads(line) for line in job.sluice("dlq", "show", "j").splitlines()]
    assert [(x["table"], x["seq"], x["op"]) for x in shown[:3]] == [("out", 3, "put"), ("out", 15, "put"), ("out", 16, "put")]
    assert shown[0]["row"]["name"] == "a name too long" and shown[3]["key"] == {"id": 4}, shown
    assert len(job.sluice("dlq", "show", "j", "--limit", "2").splitlines()) == 2
    assert '"rejected": 3' in job.sluice("run", "show", "j", str(done["run"]))
    job.sluice("audit", "j")
    # A later change of the key; and more refused rows than may be.
    job.produce(json.dumps({"id": 4, "name": "x", "big": 5000}))
    assert job.run()["rejected"] == 1
    job.produce(*[json.dumps({"id": 90 + i, "name": "x", "big": 5}) for i in range(4)])
    assert "rejects_max: 3" in job.fails(1, "batch 3")
    assert job.mariadb("SELECT COUNT(*) FROM sluice_rejects").strip() == "3"
    job.mariadb("ALTER TABLE `out` MODIFY id INT")
    done = job.run()
    assert (done["redelivered"], done["rejected"]) == (1, 0), done
    assert job.mariadb("SELECT COUNT(*) FROM `out`").strip() == "19"
    refused_rows_come_once_their_table_takes_them(job)
    job.close()


def refused_rows_come_once_their_table_takes_them(job):
    def replay(*words):
        done = json.loads(job.sluice("dlq", "replay", "j", "--rejects", "--json", *words))
        return done["rows"], done["rejected"], [x["batch"] for x in done["replayed"]]

    slot = "SELECT COUNT(*), COUNT(DISTINCT id) FROM `out` WHERE _sluice_batch = 1"
    kept = "SELECT batch, seq, error FROM sluice_rejects"
    assert replay("--dry-run") == (4, 0, [1, 2])
    assert job.mariadb(slot).split() == ["14", "14"]
    # Two of three are taken now; the third and that of the other warehouse stay in their places.
    assert replay() == (4, 2, [1, 2])
    assert job.mariadb(slot).split() == ["16", "16"]
    left = job.mariadb(kept).splitlines()
    assert len(left) == 1 and left[0].startswith("1\t3\t") and "too long" in left[0], left
    job.sluice("audit", "j")
    job.mariadb("ALTER TABLE `out` MODIFY name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    text = job.sluice("dlq", "replay", "j", "--rejects", "--output", "OUT")
    assert "batch 1 (1 of 1): 1 refused rows, 1 written" in text and "1 of 1 refused rows were written" in text, text
    assert job.mariadb(slot).split() == ["17", "17"]
    assert job.mariadb(kept) == ""
    assert "a name too long" in job.mariadb("SELECT name FROM `out` WHERE id = 3")
    assert "no refused rows" in job.sluice("dlq", "replay", "j", "--rejects", "--output", "OUT")
    job.sluice("audit", "j")
    job.sluice("job", "backfill", "j", "--batch", "1", "--outputs", "OUT")
    assert job.mariadb(slot).split() == ["17", "17"]
    job.sluice("audit", "j")


@case(SHARED)
def a_row_that_the_warehouse_refuses_waits_decided_and_is_named():
    for how in ("CHECK (id < 15)", "", "NOT NULL"):
        job = Job("rejected-" + str(len(how)), outputs="OUT: { warehouse: { to: db, rejects_max: 0 } }")
        length = 12 if how == "" else 40
        job.mariadb(f"CREATE TABLE `out` (id INT {how}, name VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, "
                    "amount DOUBLE, _sluice_batch BIGINT NOT NULL) ENGINE=InnoDB")
        rows = [json.dumps({"id": i, "name": f"row {i}"}) for i in range(20)]
        if how == "":
            rows[16] = json.dumps({"id": 16, "name": "a name too long"})
        if how == "NOT NULL":
            rows[16] = json.dumps({"name": "no id"})
        job.produce(*rows)
        message = job.fails(1, "out", "batch 1")
        assert {"CHECK (id < 15)": "CONSTRAINT", "": "too long", "NOT NULL": "NULL"}[how] in message, message
        assert job.mariadb("SELECT COUNT(*) FROM `out`").strip() == "0"
        assert "decided" in job.sluice("job", "list")
        job.fails(1, "batch 1")
        job.mariadb("ALTER TABLE `out` MODIFY id INT" if how.startswith("CHECK") else
                    "ALTER TABLE `out` MODIFY name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if how == ""
                    else "ALTER TABLE `out` MODIFY id INT NULL")
        done = job.run()
        assert (done["redelivered"], done["batches"]) == (1, 0), done
        assert job.mariadb("SELECT COUNT(*), COUNT(DISTINCT name) FROM `out`").split() == ["20", "20"]
        assert "decided" not in job.sluice("job", "list")
        job.close()


# --- configuration and commands ---------------------------------------------------------------------------------------

SQL_ERRORS = {
    "CREATE STREAM out AS SELECT nme FROM input;": "NME",
    "CREATE STREAM out AS SELECT id FROM inputs;": "INPUTS",
    "CREATE STREAM out AS SELECT id +  FROM input;": "",
    "CREATE STREAM out AS SELECT 'unclosed FROM input;": "",
    "CREATE STREAM out AS SELECT NO_SUCH(id) FROM input;": "NO_SUCH",
    "CREATE STREAM out AS SELECT name * 2 AS x FROM input;": "",
    "CREATE STREAM out AS SELECT id, id FROM input;": "ID",
    "CREATE TABLE out AS SELECT id FROM input;": "",
    "CREATE STREAM out AS SELECT id FROM input WHERE name;": "",
    "CREATE STREAM out AS SELECT id FROM input; CREATE STREAM out AS SELECT id FROM input;": "OUT",
    "CREATE STREAM out AS SELECT i.id FROM input i JOIN input k WITHIN 1 HOUR ON i.id = k.id;": "",
    "CREATE STREAM out AS SELECT place->town FROM input;": "town",
    "CREATE STREAM out AS SELECT CAST(tags AS INT) AS x FROM input;": "",
    "DROP EVERYTHING;": "",
    "CREATE STREAM out WITH (FORMT = 'x') AS SELECT id FROM input;": "FORMT",
}

YAML_ERRORS = {
    ("state:", "stat:"): "did you mean",
    ("to: local", "to: locla"): "local",
    ("compression: none", "compression: lzma"): "gzip",
    ("group:", "gruop:"): "group",
    ("sql: [t.sql]", "sql: [gone.sql]"): "gone.sql",
    ("OUT:", "OTU:"): "OUT",
    ("jobs:", "jobs: ["): "",
    ("${env:SLUICE_TEST_MYSQL_PASSWORD}", "${env:NOT_SET_ANYWHERE}"): "NOT_SET_ANYWHERE",
    ("${env:SLUICE_TEST_MYSQL_PASSWORD}", "${file:/nowhere/password}"): "/nowhere/password",
    ("sqlite://", "oracle://"): "oracle",
    ("bootstrap.servers:", "group.id: x, bootstrap.servers:"): "group.id",
    ("bootstrap.servers:", "bootstrap.sevrers:"): "bootstrap",
    ("state: ./state", "state: [1, 2]"): "state",
    ("state: ./state", "state: ./state\nstate: ./again"): "state",
}


@case(SHARED)
def sql_errors_have_a_place_and_exit_3():
    job = Job("sql")
    good = job.sql
    for text, word in SQL_ERRORS.items():
        job.sql = good.split("\n")[0] + "\n" + text + "\n"
        job.write()
        message = job.sluice("job", "run", "j", expect=3)
        assert "t.sql:2:" in message and "^" in message and word.lower() in message.lower(), (text, message)
        job.sluice("job", "check", "j", expect=3)
    assert not (job.dir / "state").exists() and not (job.dir / "lake").exists()
    job.close()


@case(SHARED)
def yaml_errors_have_a_place_and_exit_3():
    job = Job("yaml")
    good = job.yaml
    for (old, new), word in YAML_ERRORS.items():
        assert old in good, old
        job.yaml = good.replace(old, new, 1)
        job.write()
        message = job.sluice("job", "run", "j", expect=3)
        assert "sluice.yaml:" in message and word in message, ((old, new), message)
        assert "^" in message or "hint:" in message, ((old, new), message)
    job.yaml = good.replace("state:", "stat:").replace("group:", "gruop:").replace("compression: none", "compression: lzma")
    job.write()
    message = job.sluice("job", "run", "j", expect=3)
    assert all(word in message for word in ("stat", "gruop", "lzma")), message
    assert not (job.dir / "lake").exists()
    job.close()


@case(SHARED)
def unknown_jobs_commands_and_files_are_named():
    job = Job("unknown")
    assert "did you mean" in job.sluice("jbo", "run", "j", expect=2)
    assert "nosuch" in job.sluice("job", "run", "nosuch", expect=3)
    job.sluice("job", "run", expect=2)
    job.sluice("job", "run", "j", "--nosuch", expect=2)
    assert "gone.yaml" in job.sluice("-c", "gone.yaml", "job", "list", expect=3)
    assert job.sluice("-c", "t.sql", "job", "list", expect=3)
    job.close()


@case(SHARED)
def the_password_is_never_printed():
    job = Job("secret", outputs=MARIADB)
    job.produce(*numbered(0, 3))
    job.run()
    for words in (("config", "show"), ("job", "show", "j"), ("job", "explain", "j"), ("job", "check", "j"), ("job", "list"),
                  ("run", "list"), ("run", "show", "j", "1")):
        job.sluice(*words)
    job.configure(f"/{job.database}", "/no_such_database")
    job.sluice("job", "run", "j", expect=3)
    job.close()


# --- processes --------------------------------------------------------------------------------------------------------

def wait_for(predicate, what):
    deadline = time.monotonic() + 60
    while not predicate():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.002)


@case(SHARED)
def sigterm_ends_a_run_cleanly_and_the_next_one_is_exact():
    job = Job("sigterm", job="limits: { batch_records: 2000 }", partitions=2)
    for partition in (0, 1):
        job.produce(*numbered(20000 * partition, 20000), partition=partition)
    process = job.start("job", "run", "j")
    wait_for((job.dir / "lake" / "_sluice" / "j" / "0" / "1.json").exists, "the first batch")
    send(process, signal.SIGTERM)
    message = job.finish(process, expect=1)
    assert "stopped" in message, message
    assert 0 < len(job.lake()) < 40000
    exact_after(job, 40000)
    job.close()


@case(SHARED)
def a_second_run_is_refused_naming_the_first():
    job = Job("twice", job="limits: { batch_records: 2000 }", partitions=2)
    job.produce(*numbered(0, 40000))
    process = job.start("job", "run", "j")
    wait_for((job.dir / "lake" / "_sluice" / "j" / "0" / "1.json").exists, "the first batch")
    process.send_signal(signal.SIGSTOP)
    try:
        job.fails(1, str(process.pid))
        assert "running" in job.sluice("job", "list")
    finally:
        process.send_signal(signal.SIGCONT)
    job.finish(process)
    exact_after(job, 40000)
    job.close()


# --- servers go away --------------------------------------------------------------------------------------------------

@case(ALONE)
def a_warehouse_that_is_down_gets_its_batch_later():
    job = Job("down", outputs="OUT: { lake: { format: jsonl, compression: none }, warehouse: { to: db, create: true } }")
    job.produce(*numbered(0, 10))
    job.run()
    job.produce(*numbered(10, 10))
    server("mariadb", "stop")
    try:
        job.fails(4)
    finally:
        server("mariadb", "start")
    job.produce(*numbered(20, 10))
    job.run()
    assert job.mariadb("SELECT COUNT(*), COUNT(DISTINCT id), MAX(id) FROM `out`").split() == ["30", "30", "29"]
    assert sorted(r["ID"] for r in job.lake()) == list(range(30))
    job.close()


@case(ALONE)
def a_warehouse_that_is_killed_in_the_middle_and_down_for_a_minute_gets_its_batch_later():
    job = Job("killed", outputs=MARIADB, job="limits: { batch_records: 5000 }")
    job.produce(*numbered(0, 10))
    job.run()
    job.produce(*numbered(10, 60000))
    process = job.start("job", "run", "j")
    wait_for(lambda: int(job.mariadb("SELECT COUNT(*) FROM `out`")) > 10, "rows of the second run")
    server("mariadb", "kill")
    killed = time.monotonic()
    try:
        job.finish(process, expect=4)
        assert "decided" in job.sluice("job", "list")
        decided = job.listed()
        assert not decided["delivered"], decided
        while time.monotonic() - killed < 60:  # each run tries for a quarter of it
            job.fails(4, "127.0.0.1")
            now = job.listed()
            assert [now[k] for k in ("last_batch", "delivered")] == [decided["last_batch"], False], now
    finally:
        server("mariadb", "start")
    done = job.run()
    assert done["redelivered"] == 1, done
    assert job.mariadb("SELECT COUNT(*), COUNT(DISTINCT id) FROM `out`").split() == ["60010", "60010"]
    job.close()


@case(ALONE)
def a_broker_that_is_killed_while_reading_is_read_on_after_its_restart():
    job = Job("broker", partitions=2)
    value = [json.dumps({"id": i, "name": "n" * 300}) for i in range(150000)]
    for partition in (0, 1):
        KAFKA.produce(job.topic, value[partition * 75000:(partition + 1) * 75000], partition)
    process = job.start("job", "run", "j")
    wait_for(lambda: process.poll() is not None or any((job.dir / "lake").rglob("*.jsonl")), "the first rows")
    server("kafka", "kill")
    server("kafka", "start")
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, 4), (process.returncode, err)
    exact_after(job, 150000)
    job.close()


def run_one(f):
    started = time.monotonic()
    try:
        f()
        problem = ""
    except Exception:  # whatever went wrong fails this case only
        problem = traceback.format_exc()
    print(f"{'FAILED' if problem else 'ok    '} {f.__name__.replace('_', ' ')} ({time.monotonic() - started:.1f} s)\n{problem}",
          end="", flush=True)
    return not problem


def main():
    words = sys.argv[1:]
    picked = [[f for f in kind if not words or any(w in f.__name__ for w in words)] for kind in (SHARED, ALONE)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run_one, picked[0]))
    results += [run_one(f) for f in picked[1]]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed, 0 skipped")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
