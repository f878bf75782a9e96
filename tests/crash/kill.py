"""The process-kill harness; kill.sh says what it is for. Standard library only; MariaDB through its client."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLUICE = os.environ.get("SLUICE_BIN", str(ROOT / "sluice"))
BOOTSTRAP = os.environ["SLUICE_TEST_BOOTSTRAP"]
MYSQL = {k: os.environ["SLUICE_TEST_MYSQL_" + k.upper()] for k in ("host", "port", "user", "password")}
ACTIONS = ["crash", "crash_after", "error", "reply_lost"]
BACKLOGS = [(0, 400), (400, 400)]  # (first record, count); the second one is run with the fault
RERUNS_MAX = 4

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
    group: {topic}
    limits: {{ batch_records: 150 }}
    outputs:
      COMPLETED: {{ lake: {{ format: jsonl, compression: gzip }} }}
      FAILED: {{ warehouse: {{ to: db, create: true }} }}
      TOTALS: {{ lake: {{ snapshot: true, keep_versions: 3 }}, warehouse: [ {{ to: db, create: true }}, {{ to: local }} ] }}
      LIFECYCLE: {{ lake: {{ snapshot: true, keep_versions: 3 }}, warehouse: {{ to: local }} }}
      HOURLY: {{ warehouse: {{ to: db, create: true }} }}
  offsets:
    sql: [t.sql]
    group: {topic}
    start: group
    outputs:
      FAILED: {{ warehouse: {{ to: local, table: after_the_group }} }}
"""

TABLES = {
    "db": ["failed", "totals", "hourly"],
    "local": ["totals", "lifecycle"],
}


def mysql(sql, database=""):
    command = ["mariadb", "--no-defaults", "-h" + MYSQL["host"], "-P" + MYSQL["port"], "-u" + MYSQL["user"],
               "--batch", "--raw", "--skip-column-names"] + ([database] if database else []) + ["-e", sql]
    env = dict(os.environ, MYSQL_PWD=MYSQL["password"])
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


class Case:
    """One topic, one database, one directory."""

    def __init__(self, work, name):
        self.name = name
        self.dir = Path(work) / name
        self.database = "crash_" + name
        self.dir.mkdir()
        mysql(f"CREATE DATABASE {self.database}")
        values = dict(topic="crash-" + name, bootstrap=BOOTSTRAP, database=self.database, **MYSQL)
        (self.dir / "t.sql").write_text(SQL.format(**values))
        (self.dir / "sluice.yaml").write_text(YAML.format(**values))
        self.topic = values["topic"]

    def sluice(self, *words, fault="", sites=""):
        env = dict(os.environ)
        env.pop("SLUICE_FAULT", None)
        if fault:
            env["SLUICE_FAULT"] = fault
        if sites:
            env["SLUICE_FAULT_SITES"] = sites
        return subprocess.run([SLUICE, *words], cwd=self.dir, env=env, capture_output=True, text=True, timeout=120)

    def produce(self, first, count):
        r = self.sluice("demo", "generate", "--brokers", BOOTSTRAP, "--topic", self.topic, "--partitions", "4",
                        "--first", str(first), "--count", str(count))
        if r.returncode:
            raise SystemExit("demo generate: " + r.stderr)

    def run(self, **options):
        return self.sluice("job", "run", "t", "--json", **options)

    def outcome(self):
        """Everything that an undisturbed run leaves, in a form that does not know the case's name."""
        lake = {}
        for path in sorted((self.dir / "lake").rglob("*")):
            rel = str(path.relative_to(self.dir / "lake"))
            if path.is_file() and "_sluice" not in rel:
                data = path.read_bytes()
                if rel.endswith("_metadata.json"):
                    meta = json.loads(data)
                    data = json.dumps([meta["total_records"], [p["path"] for p in meta["partitions"]]]).encode()
                lake[rel] = gzip.decompress(data) if rel.endswith(".gz") else data
        tables = {}
        for table in TABLES["db"]:
            rows = mysql(f"SELECT * FROM {table}", self.database).splitlines()
            tables["db." + table] = sorted(rows)
        heads = mysql("SELECT output, batch FROM sluice_heads ORDER BY output", self.database).splitlines()
        local = self.sqlite()
        offsets = json.loads(self.sluice("job", "run", "offsets", "--json").stdout or "{}").get("records")
        leftovers = [p.name for p in (self.dir / "lake" / "_sluice" / "t").rglob("*")
                     if p.name.startswith(("staging", ".pending"))]
        return {"lake": lake, "tables": tables, "heads": heads, "local": local, "read after the group": offsets,
                "left over": leftovers}

    def sqlite(self):
        import sqlite3
        with sqlite3.connect(self.dir / "local.db") as db:
            result = {t: sorted(map(repr, db.execute(f"SELECT * FROM {t}"))) for t in TABLES["local"]}
            result["heads"] = sorted(db.execute("SELECT output, batch FROM sluice_heads WHERE job = 't'"))
        return result

    def drop(self):
        mysql(f"DROP DATABASE {self.database}")
        shutil.rmtree(self.dir)


def prepared(work, name):
    """A case whose first backlog was run undisturbed and whose second one waits."""
    case = Case(work, name)
    case.produce(*BACKLOGS[0])
    first = case.run()
    if first.returncode:
        raise SystemExit("the first run failed: " + first.stderr)
    case.produce(*BACKLOGS[1])
    return case


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


def one(work, name, fault, want):
    """The differences that are left after a run with the fault and runs without."""
    case = prepared(work, name)
    disturbed = case.run(fault=fault)
    fired = disturbed.returncode != 0
    for _ in range(RERUNS_MAX):
        again = case.run()
        if again.returncode == 0:
            break
    else:
        return fired, [f"runs keep failing: {again.stderr.strip()[-300:]}"]
    found = differences(want, case.outcome())
    if not found and os.environ.get("SLUICE_KEEP") is None:
        case.drop()
    return fired, found


def occurrences(calls):
    return sorted({1, (calls + 1) // 2, calls})


def main():
    work = tempfile.mkdtemp(prefix="sluice-crash.")
    only = os.environ.get("SLUICE_CRASH_SITE", "")
    reference = prepared(work, "reference")
    sites = Path(work) / "sites"
    undisturbed = reference.run(sites=str(sites))
    if undisturbed.returncode:
        raise SystemExit("the undisturbed run failed: " + undisturbed.stderr)
    want = reference.outcome()
    if want["read after the group"] != 0 or not want["lake"]:
        raise SystemExit(f"the undisturbed run left something wrong: {want['read after the group']}, {list(want['lake'])}")
    passed = failed = number = 0
    for line in sites.read_text().splitlines():
        site, calls = line.split()
        if only and only not in site:
            continue
        for occurrence in occurrences(int(calls)):
            for action in ACTIONS:
                number += 1
                fault = f"{site}:{occurrence}:{action}"
                fired, found = one(work, f"c{number}", fault, want)
                passed += not found
                failed += bool(found)
                for text in found:
                    print(f"FAILED {fault}{'' if fired else ' (run went on)'}: {text}", flush=True)
    print(f"{number} cases over {len(sites.read_text().splitlines())} sites")
    if not failed:
        shutil.rmtree(work)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


main()
