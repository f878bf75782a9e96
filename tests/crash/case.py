"""One job of the crash harnesses: its topic, directory, configuration, runs, and what they left.

Standard library only; MariaDB through its client.
"""

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from kafka import committed, committed_records  # noqa: E402 (after its path)
SLUICE = os.environ.get("SLUICE_BIN", str(ROOT / "sluice"))
BOOTSTRAP = os.environ["SLUICE_TEST_BOOTSTRAP"]
MYSQL = {k: os.environ["SLUICE_TEST_MYSQL_" + k.upper()] for k in ("host", "port", "user", "password")}
BACKLOGS = [(0, 400), (400, 400)]  # (first record, count)
PARTITIONS = 4
BAD = '{"transaction_id": "x", "quantity": '  # one such record follows each backlog

SQL = """
CREATE STREAM transactions (transaction_id STRING, timestamp STRING, user_id STRING, amount DOUBLE,
  currency STRING, transaction_type STRING, status STRING, quantity INT, location STRUCT<city STRING, country STRING>)
  WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON');
CREATE STREAM completed AS SELECT transaction_id, user_id, amount, currency, location->country AS country
  FROM transactions WHERE status = 'completed';
CREATE STREAM failed AS SELECT transaction_id, status, quantity FROM transactions WHERE status = 'failed';
CREATE TABLE totals WITH (KEY_FORMAT = 'JSON') AS SELECT currency, transaction_type, COUNT(*) AS n,
  SUM(quantity) AS pieces FROM transactions GROUP BY currency, transaction_type;
CREATE TABLE lifecycle AS SELECT transaction_id, COLLECT_LIST(status) AS history,
  LATEST_BY_OFFSET(timestamp) AS latest FROM transactions GROUP BY transaction_id;
CREATE TABLE hourly AS SELECT transaction_type, SUM(quantity) AS pieces FROM transactions
  WINDOW HOPPING (SIZE 2 HOURS, ADVANCE BY 1 HOUR, GRACE PERIOD 1 DAY) GROUP BY transaction_type;
"""

YAML = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
lake: {{ path: ./lake }}
warehouses:
  db: "mysql://{user}:${{env:SLUICE_TEST_MYSQL_PASSWORD}}@{host}:{port}/{database}"
  local: "sqlite://./local.db"
jobs:
  t:
    sql: [t.sql]
    group: {group}
    limits: {{ batch_records: 150 }}
    outputs:
      COMPLETED: {{ lake: {{ format: jsonl, compression: gzip }} }}
      FAILED: {{ warehouse: [ {{ to: db, create: true }}, {{ to: db, table: last_failed, mode: upsert, key: [quantity], create: true }} ] }}
      TOTALS: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: [ {{ to: db, create: true }}, {{ to: local }} ] }}
      LIFECYCLE: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: {{ to: local }} }}
      HOURLY: {{ warehouse: {{ to: db, create: true }} }}
"""

# Without a lake the dead letters are files of the state directory.
BARE = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
warehouses: {{ local: "sqlite://./local.db" }}
jobs:
  t:
    sql: [t.sql]
    group: {group}
    limits: {{ batch_records: 300 }}
    outputs:
      LIFECYCLE: {{ warehouse: {{ to: local }} }}
"""

# Rows for topics: a transaction with the group's offsets and a marker, after the warehouse.
TOPICS = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
warehouses: {{ local: "sqlite://./local.db" }}
jobs:
  {job}:
    sql: [t.sql]
    group: {group}
    limits: {{ batch_records: 300 }}
    outputs:
      COMPLETED: {{ topic: {{ name: {topic}.completed, partitions: 2 }} }}
      LIFECYCLE: {{ warehouse: {{ to: local }}, topic: {{ name: {topic}.lifecycle, partitions: 3 }} }}
"""
KINDS = {"bare": BARE, "topics": TOPICS}


def mysql(sql, database=""):
    command = ["mariadb", "--no-defaults", "-h" + MYSQL["host"], "-P" + MYSQL["port"], "-u" + MYSQL["user"],
               "--batch", "--raw", "--skip-column-names"] + ([database] if database else []) + ["-e", sql]
    env = dict(os.environ, MYSQL_PWD=MYSQL["password"])
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def receipts(text):
    """`run show` prints the run, then one document a batch."""
    found, at = [], 0
    while at < len(text.rstrip()):
        value, at = json.JSONDecoder().raw_decode(text, at)
        found.append(value)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found[1:]


class Case:
    """One topic, one directory, one consumer group, one database where the configuration has MariaDB.

    kind: how it begins: "second" is a second backlog after a first run, anything else a first run over both.
    """

    def __init__(self, harness, name, kind, yaml=None, sql=SQL):
        self.name = name
        self.dir = harness.work / name
        self.database = f"{harness.name}_{name}"
        self.yaml = yaml or KINDS.get(kind, YAML)
        # A job's name is in its transactional id: two of one name would fence each other.
        self.job = f"t_{name}" if self.has("topic:") else "t"
        self.topic = self.group = self.database.replace("_", "-")
        values = dict(topic=self.topic, group=self.group, bootstrap=BOOTSTRAP, database=self.database, job=self.job, **MYSQL)
        self.dir.mkdir(exist_ok=True)
        if self.has("mysql:"):
            mysql(f"CREATE DATABASE {self.database}")
        (self.dir / "t.sql").write_text(sql.format(**values))
        (self.dir / "sluice.yaml").write_text(self.yaml.format(**values))
        self.produce(harness, *BACKLOGS[0])
        if kind == "second":
            must(self.run(), "the first run")
        self.produce(harness, *BACKLOGS[1])

    def has(self, word):
        return word in self.yaml

    def produce(self, harness, first, count):
        must(self.sluice("demo", "generate", "--brokers", BOOTSTRAP, "--topic", self.topic, "--partitions", str(PARTITIONS),
                         "--first", str(first), "--count", str(count)), "demo generate")
        harness.kafka.produce(self.topic, [BAD], 1)

    def positions(self):
        """Batch -> sum of the positions after it, of all runs."""
        at, sums = [0] * PARTITIONS, {}
        for run in ("1", "2"):
            for batch in receipts(self.sluice("run", "show", self.job, run).stdout):
                for r in batch["ranges"]:
                    at[r["partition"]] = r["end"]
                sums[batch["batch"]] = sum(at)
        return sums

    def sluice(self, *words, fault="", sites="", **more):
        env = dict(os.environ, **more)
        env.pop("SLUICE_FAULT", None)
        if fault:
            env["SLUICE_FAULT"] = fault
        if sites:
            env["SLUICE_FAULT_SITES"] = sites
        return subprocess.run([SLUICE, *words], cwd=self.dir, env=env, capture_output=True, text=True, timeout=120)

    def run(self, **options):
        return self.sluice("job", "run", self.job, "--json", **options)

    def outcome(self):
        """Everything that an undisturbed run leaves, in a form that does not know the case's name."""
        result = {"sqlite": self.sqlite(), "group": committed(BOOTSTRAP, self.group, self.topic, PARTITIONS),
                  "dead letters": self.dead_letters(), "left over": self.left_over()}
        if self.has("lake: {{ path"):
            result["lake"] = self.lake()
        if self.has("mysql:"):
            result["mariadb"] = self.mariadb()
        if self.has("topic:"):
            result["topics"] = {t.partition(".")[2]: committed_records(BOOTSTRAP, t) for t in self.topics_out()}
        return result

    def topics_out(self):
        return [word.rstrip(",").format(topic=self.topic) for word in self.yaml.split() if word.startswith("{topic}.")]

    def lake(self):
        files = {}
        for path in sorted((self.dir / "lake").rglob("*")):
            name = str(path.relative_to(self.dir / "lake"))
            if not path.is_file() or name.startswith("_sluice"):
                continue
            data = path.read_bytes()
            if name.endswith("_metadata.json"):
                meta = json.loads(data)
                data = json.dumps([meta["total_records"], [p["path"] for p in meta["partitions"]]]).encode()
            if name.startswith("_dead_letters"):  # topic and time of the bad record are the case's own
                data = [(d["partition"], d["offset"], d["reason"]) for d in map(json.loads, data.splitlines())]
            files[name] = gzip.decompress(data) if name.endswith(".gz") else data
        verified = self.sluice("lake", "verify")
        files["lake verify"] = (verified.returncode, verified.stderr)
        return files

    def dead_letters(self):
        shown = self.sluice("dlq", "show", self.job).stdout.splitlines()
        return [json.loads(line)["offset"] for line in shown if line.startswith("{")]

    def mariadb(self):
        parts = [f"SELECT '{t}', t.* FROM {t} t" for t in ("failed", "last_failed", "totals", "hourly")]
        parts.append("SELECT 'sluice_heads', output, batch FROM sluice_heads")
        return {"rows": sorted(mysql(";".join(parts), self.database).splitlines())}

    def sqlite(self, file="local.db"):
        with contextlib.closing(sqlite3.connect(self.dir / file)) as db:
            known = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            result = {t: sorted(map(repr, db.execute(f"SELECT * FROM {t}"))) for t in known if not t.startswith("sluice")}
            result["heads"] = sorted(db.execute("SELECT output, batch FROM sluice_heads WHERE job = ?", [self.job])
                                     if "sluice_heads" in known else [])
        return result

    def ahead(self, positions):
        """The group's offsets stand at most where the slowest warehouse stands. positions: sums by batch."""
        delivered = dict(self.sqlite()["heads"]).get("LIFECYCLE", 0) if (self.dir / "local.db").exists() else 0
        if self.has("mysql:") and delivered:
            delivered = min(delivered, int(mysql("SELECT batch FROM sluice_heads WHERE output = 'TOTALS'", self.database)))
        group = sum(max(0, o) for o in committed(BOOTSTRAP, self.group, self.topic, PARTITIONS))
        limit = positions.get(delivered, 0)
        return [f"the group is at {group}, the warehouses hold {limit}"] if group > limit else []

    def left_over(self):
        """Staging, claims and spools, except the last batch's, which wait for the next head check."""
        lake, spools = self.dir / "lake" / "_sluice", self.dir / "state" / self.job / "0" / "spool"
        last = max(batch for _, batch in self.sqlite()["heads"])
        names = [str(p.relative_to(lake)) for p in lake.rglob("*")
                 if p.name.startswith((".pending", ".claim")) or "stag" in p.parent.name]
        return sorted(names + [p.name for p in spools.iterdir() if not p.name.startswith(f"{last}-")])

    def drop(self, harness):
        for topic in [self.topic] + self.topics_out():
            harness.kafka.delete(topic)
        if self.has("mysql:"):
            mysql(f"DROP DATABASE {self.database}")
        shutil.rmtree(self.dir)


def must(result, what):
    if result.returncode:
        raise SystemExit(f"{what} failed: {result.stderr}")
    return result


def differences(want, got):
    found = []
    for part, value in want.items():
        if got[part] == value:
            continue
        if isinstance(value, dict):
            keys = [k for k in sorted(set(value) | set(got[part])) if value.get(k) != got[part].get(k)]
            found.append(f"{part}: {', '.join(keys)[:300]}")
        else:
            found.append(f"{part}: {str(got[part])[:200]} instead of {str(value)[:200]}")
    return found
