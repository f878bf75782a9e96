"""Endless runs on real servers; stream.sh says how it is run. Each function marked @case is one case."""

import json
import signal
import statistics
import threading
import time
from pathlib import Path

from cases import case, main
from job import KAFKA, Job, send, server, until_done

SELECT = ("CREATE STREAM out AS SELECT k, id, name, amount FROM input WHERE id % 3 <> 0;\n"
          "CREATE TABLE totals AS SELECT k, COUNT(*) AS n, SUM(id) AS ids FROM input GROUP BY k;")
OUTPUTS = ("OUT: { lake: { compression: none } }\n      "
           "TOTALS: { warehouse: [{ to: db, create: true }, { to: local }], lake: { snapshot: true, compression: none } }")
STREAM = "schedule: stream\n    stream: { commit_interval: 200ms, roll_every: 2s, snapshot_every: 2s }"


def wait_for(what, seconds=90):
    """The limit is only for a test that fails: the machine may be busy."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def records(first, n):
    return [(f"k{i % 7}", json.dumps({"id": i, "name": f"n{i}", "amount": i / 4})) for i in range(first, first + n)]


def stop(process, how=signal.SIGTERM):
    send(process, how)
    process.communicate(timeout=60)
    return process.returncode


def totals_seen(j):
    """Records counted in MariaDB."""
    try:
        return int(j.mariadb("SELECT COALESCE(SUM(n), 0) FROM totals").strip() or 0)
    except Exception:  # noqa: BLE001 (no table yet, or the server is away)
        return -1


def check(j, n):
    """Lake, MariaDB and SQLite hold what n records make."""
    want = sorted(i for i in range(n) if i % 3)
    assert sorted(r["ID"] for r in j.lake("OUT")) == want
    per_key = {f"k{k}": [n_, ids] for k in range(7)
               for n_, ids in [(len(range(k, n, 7)), sum(range(k, n, 7)))] if n_}
    assert {k: [c, s] for k, c, s in j.rows("totals", "k, n, ids")} == per_key
    assert {r.split("\t")[0]: [int(x) for x in r.split("\t")[1:]]
            for r in j.mariadb("SELECT k, n, ids FROM totals").splitlines()} == per_key
    newest = max((j.dir / "lake/tables/TOTALS").glob("version=*"), key=lambda p: int(p.name.split("=")[1]))
    rows = [json.loads(line) for f in newest.glob("*.jsonl") for line in f.read_text().splitlines()]
    assert {r["K"]: [r["N"], r["IDS"]] for r in rows} == per_key
    j.verify()


class Producer(threading.Thread):
    """Sends n records over two partitions, in small portions."""

    def __init__(self, j, n):
        super().__init__()
        self.j, self.n = j, n

    def run(self):
        for first in range(0, self.n, 40):
            self.j.produce(*records(first, 40), partition=first // 40 % 2)
            time.sleep(0.04)


@case
def what_is_produced_while_it_streams_arrives_once_though_it_is_killed_again_and_again():
    j = Job("stream-kill", key="KEY", partitions=2, select=SELECT, outputs=OUTPUTS, job=STREAM)
    producer = Producer(j, 4000)
    producer.start()
    killed = 0
    while producer.is_alive() or killed < 5:
        process = j.start("job", "run", "j")
        time.sleep(0.35 + 0.13 * (killed % 5))
        stop(process, signal.SIGKILL)
        killed += 1
    producer.join()
    process = j.start("job", "run", "j")
    wait_for(lambda: totals_seen(j) == 4000)
    assert stop(process) == 0
    check(j, 4000)
    j.close()


@case
def mariadb_that_is_away_holds_nothing_else_up_and_gets_everything_afterwards():
    j = Job("stream-behind", key="KEY", partitions=2, select=SELECT, outputs=OUTPUTS, job=STREAM + "\n    output_lag: {}")
    j.produce(*records(0, 40))
    process = j.start("job", "run", "j")
    wait_for(lambda: totals_seen(j) == 40)
    server("mariadb", "kill")
    try:
        for first in range(40, 2000, 40):
            j.produce(*records(first, 40), partition=first // 40 % 2)
        wait_for(lambda: sum(n for (n,) in j.rows("totals", "n")) == 2000)
        (behind,) = j.listed()["behind"]
        assert behind["output"] == "db/totals/TOTALS" and behind["batches"] > 0, behind
        # The next process finds it away at once, and a death changes nothing.
        stop(process, signal.SIGKILL)
        process = j.start("job", "run", "j")
        j.produce(*records(2000, 40))
        wait_for(lambda: sum(n for (n,) in j.rows("totals", "n")) == 2040)
        assert "not delivered to db/totals/TOTALS since" in j.sluice("job", "list")
    finally:
        server("mariadb", "start")
    wait_for(lambda: totals_seen(j) == 2040)
    assert stop(process) == 0
    assert j.listed()["behind"] == []
    check(j, 2040)
    j.sluice("audit", "j")
    j.close()


def settled(j):
    """The last batch, once there was none for as long as a roll and a snapshot take to be due."""
    def last():
        return json.loads(j.sluice("run", "list", "--json"))[0]["batch_last"]
    before, since = last(), time.monotonic()
    while time.monotonic() - since < 4:
        time.sleep(0.2)
        if (now := last()) != before:
            before, since = now, time.monotonic()
    return before


@case
def warehouses_are_current_within_the_interval_and_an_idle_run_makes_no_batches():
    j = Job("stream-fast", key="KEY", partitions=2, select=SELECT, outputs=OUTPUTS, job=STREAM)
    j.produce(*records(0, 40))
    process = j.start("job", "run", "j")
    wait_for(lambda: totals_seen(j) == 40)
    took = []
    for n in range(40, 400, 40):
        j.produce(*records(n, 40), partition=n // 40 % 2)
        began = time.monotonic()
        wait_for(lambda n=n: totals_seen(j) == n + 40)
        took.append(time.monotonic() - began)
    assert statistics.median(took) < 2, took  # the median: a busy machine holds one or the other up
    before = settled(j)
    cpu = cpu_seconds(process.pid)
    time.sleep(2)
    assert json.loads(j.sluice("run", "list", "--json"))[0]["batch_last"] == before
    assert cpu_seconds(process.pid) - cpu < 0.2, cpu_seconds(process.pid) - cpu
    assert stop(process) == 0
    check(j, 400)
    j.close()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@case
def brokers_and_warehouses_may_restart_under_it():
    j = Job("stream-restart", key="KEY", partitions=2, select=SELECT, outputs=OUTPUTS, job=STREAM)
    process = j.start("job", "run", "j")
    n = 0
    for name in ("mariadb", "kafka", "mariadb"):
        j.produce(*records(n, 200), partition=n // 200 % 2)
        n += 200
        wait_for(lambda n=n: totals_seen(j) == n, 60)
        server(name, "kill")
        if name == "mariadb":
            j.produce(*records(n, 200))
            n += 200
            time.sleep(1.5)
        server(name, "start")
    j.produce(*records(n, 200))
    n += 200
    wait_for(lambda: totals_seen(j) == n, 60)
    # With nothing new it is known in the state, too, that the last batch is out.
    wait_for(lambda: json.loads(j.sluice("job", "list", "--json"))[0]["delivered"], 20)
    assert process.poll() is None
    assert stop(process) == 0
    check(j, n)
    j.close()


@case
def once_is_a_bounded_run_and_takes_over_what_waits():
    j = Job("stream-once", key="KEY", partitions=2, select=SELECT, outputs=OUTPUTS,
            job=STREAM.replace("2s", "1h"))
    j.produce(*records(0, 200))
    process = j.start("job", "run", "j")
    wait_for(lambda: totals_seen(j) == 200)
    stop(process, signal.SIGKILL)
    assert not j.lake("OUT")
    j.produce(*records(200, 200), partition=1)
    report = json.loads(j.sluice("job", "run", "j", "--once", "--json"))
    assert report["records"] == 200
    check(j, 400)
    j.close()


@case
def a_topic_made_anew_that_has_grown_past_our_position_meanwhile_is_noticed_by_the_anchor():
    j = Job("stream-anew", key="KEY", select=SELECT, outputs=OUTPUTS, job=STREAM)
    j.produce(*records(0, 40))
    process = j.start("job", "run", "j")
    wait_for(lambda: totals_seen(j) == 40)
    time.sleep(1)  # now it waits for what comes, with records of its own position asked for
    process.send_signal(signal.SIGSTOP)  # it sees nothing of this: as between two plans
    KAFKA.delete(j.topic)
    until_done(lambda: KAFKA.create(j.topic))
    while until_done(lambda: KAFKA.end(j.topic)) < 60:  # what is sent to the old one is lost
        until_done(lambda: j.produce(*records(1000, 60)))
    time.sleep(2)
    process.send_signal(signal.SIGCONT)
    message = j.finish(process, expect=1)
    assert f"{j.topic}/0: the record at offset 39 is not the one that was read before" in message, message
    assert totals_seen(j) == 40
    j.close()


if __name__ == "__main__":
    main()
