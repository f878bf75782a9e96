"""An endless run that is killed at random points, with rolls, snapshots, a warehouse and a topic; kill.py says how it is run.

Portions of records are produced, the run is started and gets SIGKILL up to a second later, again and again. Now and then, while no process lives, a
consumer of committed records must see exactly the rows of the records below the group's offsets, which are committed in the same transactions: no
batch twice, none in part. At the end everything is compared with what is computed here from the records of the topic.
"""

import collections
import gzip
import json
import os
import random
import signal
import subprocess
import time

from case import BOOTSTRAP, PARTITIONS, SLUICE, Case, mysql
from job import send
from kafka import committed, committed_records

KILLS = int(os.environ.get("SLUICE_CRASH_KILLS", "16"))
PORTION = 60
PATIENCE_S = 60

YAML = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
lake: {{ path: ./lake }}
warehouses:
  db: "mysql://{user}:${{env:SLUICE_TEST_MYSQL_PASSWORD}}@{host}:{port}/{database}"
  local: "sqlite://./local.db"
jobs:
  {job}:
    sql: [t.sql]
    group: {group}
    schedule: stream
    stream: {{ commit_interval: 100ms, roll_every: 1s, snapshot_every: 1s }}
    outputs:
      COMPLETED: {{ lake: {{ format: jsonl, compression: gzip }}, topic: {{ name: {topic}.completed, partitions: 2 }} }}
      FAILED: {{ lake: {{ format: jsonl, compression: gzip }}, warehouse: {{ to: db, create: true }} }}
      TOTALS: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: [ {{ to: db, create: true }}, {{ to: local }} ] }}
"""


class Expected:
    """What records make, those below the offsets `upto` by partition."""

    def __init__(self, records, upto=None):
        self.completed, self.failed = collections.Counter(), collections.Counter()
        self.totals, self.bad = {}, 0
        for partition, rows in records.items():
            for _, value, _ in rows[:upto[partition]] if upto else rows:
                self.add(value)

    def add(self, value):
        try:
            r = json.loads(value)
        except ValueError:
            self.bad += 1
            return
        if r["status"] == "completed":
            self.completed[(r["transaction_id"], r["user_id"], r["amount"], r["location"]["country"])] += 1
        elif r["status"] == "failed":
            self.failed[(r["transaction_id"], r["quantity"])] += 1
        n, pieces = self.totals.get((r["currency"], r["transaction_type"]), (0, 0))
        self.totals[(r["currency"], r["transaction_type"])] = (n + 1, pieces + r["quantity"])


def completed(values):
    return collections.Counter((r["TRANSACTION_ID"], r["USER_ID"], r["AMOUNT"], r["COUNTRY"]) for r in map(json.loads, values))


class Endless:
    def __init__(self, harness):
        self.seed = random.SystemRandom().randrange(1 << 32)
        self.random = random.Random(self.seed)
        self.harness = harness
        self.case = Case(harness, "endless", "fresh", YAML)
        self.made = 800  # by the case

    def start(self):
        return subprocess.Popen([SLUICE, "job", "run", self.case.job], cwd=self.case.dir, stdout=subprocess.DEVNULL,
                                stderr=open(self.case.dir / "log", "ab"))

    def input(self):
        return committed_records(BOOTSTRAP, self.case.topic)

    def in_topic(self):
        (topic,) = self.case.topics_out()
        try:
            found = committed_records(BOOTSTRAP, topic)
        except subprocess.CalledProcessError:  # not made yet
            return collections.Counter()
        return completed(v for rows in found.values() for _, v, _ in rows)

    def torn(self):
        """A transaction that ended just now is seen a moment later; one that is torn stays so."""
        end = time.monotonic() + PATIENCE_S
        while True:
            upto = [max(0, o) for o in committed(BOOTSTRAP, self.case.group, self.case.topic, PARTITIONS)]
            want, got = Expected(self.input(), upto).completed, self.in_topic()
            if want == got:
                return []
            if time.monotonic() > end:
                return [f"the group is at {upto}, which makes {want.total()} rows, a reader of committed records sees {got.total()}, "
                        f"{(want - got).total()} are missing, {(got - want).total()} too many"]
            time.sleep(0.5)

    def storm(self):
        for i in range(KILLS):
            self.case.produce(self.harness, self.made, PORTION)
            self.made += PORTION
            process = self.start()
            time.sleep(self.random.uniform(0.05, 1))
            if process.poll() is not None:
                return [f"it ended by itself with {process.returncode}"]
            process.kill()
            process.wait()
            if i % 4 == 3:
                found = self.torn()
                if found:
                    return [f"after kill {i + 1}: {text}" for text in found]
        return []

    def finish(self):
        process = self.start()
        ends = [len(self.input()[p]) for p in range(PARTITIONS)]
        end = time.monotonic() + PATIENCE_S
        while committed(BOOTSTRAP, self.case.group, self.case.topic, PARTITIONS) != ends:
            if process.poll() is not None or time.monotonic() > end:
                return [f"it does not come to the end: {(self.case.dir / 'log').read_text()[-500:]}"]
            time.sleep(0.1)
        send(process, signal.SIGTERM)
        code = process.wait(PATIENCE_S)
        return [f"it ended with {code}"] if code else []

    def lake(self, output):
        for path in (self.case.dir / "lake" / "streams" / output).rglob("*.jsonl.gz"):
            yield from gzip.decompress(path.read_bytes()).splitlines()

    def newest(self):
        versions = (self.case.dir / "lake/tables/TOTALS").glob("version=*")
        newest = max(versions, key=lambda p: int(p.name.split("=")[1]))
        for path in newest.iterdir():
            for line in gzip.decompress(path.read_bytes()).splitlines():
                r = json.loads(line)
                yield (r["CURRENCY"], r["TRANSACTION_TYPE"]), (r["N"], r["PIECES"])

    def compared(self):
        want = Expected(self.input())
        rows = [line.split("\t") for line in mysql("SELECT transaction_id, quantity FROM failed", self.case.database).splitlines()]
        totals = [line.split("\t") for line in
                  mysql("SELECT currency, transaction_type, n, pieces FROM totals", self.case.database).splitlines()]
        parts = {
            "COMPLETED in the lake": (want.completed, completed(self.lake("COMPLETED"))),
            "COMPLETED in its topic": (want.completed, self.in_topic()),
            "FAILED in the lake": (want.failed, collections.Counter(
                (r["TRANSACTION_ID"], r["QUANTITY"]) for r in map(json.loads, self.lake("FAILED")))),
            "FAILED in MariaDB": (want.failed, collections.Counter((i, int(q)) for i, q in rows)),
            "TOTALS in MariaDB": (want.totals, {(c, t): (int(n), int(p)) for c, t, n, p in totals}),
            "TOTALS in the lake": (want.totals, dict(self.newest())),
            "dead letters": (want.bad, len(self.case.dead_letters())),
        }
        found = [f"{what}: {str(got)[:200]} instead of {str(expected)[:200]}" for what, (expected, got) in parts.items() if expected != got]
        for words in (["lake", "verify"], ["audit", self.case.job]):
            done = self.case.sluice(*words)
            if done.returncode:
                found.append(f"{' '.join(words)}: exit {done.returncode}: {done.stdout[-300:]}{done.stderr[-300:]}")
        return found

    def run(self):
        """What is wrong; the seed of the moments is in it."""
        found = self.storm() or self.torn() or self.finish() or self.compared()
        if not found:
            self.case.drop(self.harness)
        return [f"{text} (seed {self.seed})" for text in found]
