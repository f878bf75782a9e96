"""One job of an integration test: its directory, topic, configuration, runs and what they left. Standard library only."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from kafka import Kafka

ROOT = Path(__file__).resolve().parents[2]
SLUICE = os.environ.get("SLUICE_BIN", str(ROOT / "sluice"))
BOOTSTRAP = os.environ["SLUICE_TEST_BOOTSTRAP"]
MYSQL = {k: os.environ["SLUICE_TEST_MYSQL_" + k.upper()] for k in ("host", "port", "user", "password")}
PREFIX = f"bad{os.getpid()}"
KAFKA = Kafka(BOOTSTRAP)

COLUMNS = "id INT, name STRING, amount DOUBLE, big BIGINT, tags ARRAY<STRING>, place STRUCT<city STRING>"
SELECT = "CREATE STREAM out AS SELECT id, name, amount FROM input;"
LAKE_AND_SQLITE = "OUT: { lake: { format: jsonl, compression: none }, warehouse: { to: local } }"
MARIADB = "OUT: { warehouse: { to: db, create: true } }"


def server(name, verb):
    """kill, stop or start Kafka or MariaDB."""
    where = os.environ["SLUICE_TEST_" + name.upper()].split()
    subprocess.run([ROOT / "tests/servers" / (name + ".sh"), verb, *where], check=True, capture_output=True)


def mysql(sql, database=""):
    command = ["mariadb", "--no-defaults", "-h" + MYSQL["host"], "-P" + MYSQL["port"], "-u" + MYSQL["user"],
               "--batch", "--raw", "--skip-column-names"] + ([database] if database else []) + ["-e", sql]
    env = dict(os.environ, MYSQL_PWD=MYSQL["password"])
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout


def send(process, number):
    """The signal, once the program handles it: one that is only starting would die of it, which is no clean stop."""
    bit, end = 1 << (number - 1), time.monotonic() + 30
    while number != signal.SIGKILL and process.poll() is None:
        fields = dict(line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        if (int(fields.get("SigCgt", "0"), 16) | int(fields.get("SigBlk", "0"), 16)) & bit:
            break
        assert time.monotonic() < end, f"signal {number} is not handled"
        time.sleep(0.01)
    process.send_signal(number)


def until_done(action):
    """Brokers and producers learn of a changed topic a moment later."""
    for _ in range(100):
        try:
            return action()
        except RuntimeError:
            time.sleep(0.1)
    return action()


class Job:
    """A topic, a database and a directory with sluice.yaml and t.sql."""

    def __init__(self, name, *, columns=COLUMNS, select=SELECT, outputs=LAKE_AND_SQLITE, lake="lake: { path: ./lake }",
                 job="", key="", partitions=1, state="./state"):
        self.dir = Path(tempfile.mkdtemp(prefix=f"sluice-{name}."))
        self.topic = f"{PREFIX}-{name}"
        self.database = self.topic.replace("-", "_")
        self.printed = ""
        KAFKA.create(self.topic, partitions)
        mysql(f"CREATE DATABASE {self.database}")
        with_key = f"k STRING {key}, " if key else ""
        self.sql = (f"CREATE STREAM input ({with_key}{columns}) WITH (KAFKA_TOPIC = '{self.topic}', "
                    f"VALUE_FORMAT = 'JSON');\n{select}\n")
        self.yaml = f"""
kafka: {{ bootstrap.servers: "{BOOTSTRAP}" }}
state: {state}
{lake}
warehouses:
  db: "mysql://{MYSQL['user']}:${{env:SLUICE_TEST_MYSQL_PASSWORD}}@{MYSQL['host']}:{MYSQL['port']}/{self.database}"
  local: "sqlite://./local.db"
jobs:
  j:
    sql: [t.sql]
    group: {self.topic}
    {job}
    outputs:
      {outputs}
"""
        self.write()

    def write(self):
        (self.dir / "t.sql").write_text(self.sql)
        (self.dir / "sluice.yaml").write_text(self.yaml)

    def configure(self, old, new):
        assert old in self.yaml or old in self.sql, old
        self.yaml, self.sql = self.yaml.replace(old, new), self.sql.replace(old, new)
        self.write()

    def produce(self, *records, partition=0):
        KAFKA.produce(self.topic, records, partition)

    def start(self, *words, fault=""):
        env = dict(os.environ)
        if fault:
            env["SLUICE_FAULT"] = fault
        return subprocess.Popen([SLUICE, *words], cwd=self.dir, env=env, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, process, expect=0):
        out, err = process.communicate(timeout=120)
        self.printed += out + err
        assert process.returncode == expect, f"exit {process.returncode} instead of {expect}: {out[-300:]}{err[-700:]}"
        return out if expect == 0 else err

    def sluice(self, *words, expect=0, fault=""):
        """stdout, or stderr when a failure is expected."""
        return self.finish(self.start(*words, fault=fault), expect)

    def run(self, fault=""):
        return json.loads(self.sluice("job", "run", "j", "--json", fault=fault))

    def fails(self, code, *words, fault=""):
        """The run ends with the code; its message has the words."""
        message = self.sluice("job", "run", "j", expect=code, fault=fault)
        for word in words:
            assert word in message, f"no {word!r} in {message!r}"
        return message

    def receipts(self, run):
        text, found, at = self.sluice("run", "show", "j", str(run)), [], 0
        while at < len(text.rstrip()):
            value, at = json.JSONDecoder().raw_decode(text, at)
            found.append(value)
            while at < len(text) and text[at].isspace():
                at += 1
        return found[1:]

    def ranges(self, run):
        """Of every batch of the run, with the equations that must hold."""
        found = [r for batch in self.receipts(run) for r in batch["ranges"]]
        for r in found:
            assert r["end"] - r["start"] == r["delivered"] + r["absent"] + r["lost"], r
            assert r["delivered"] == r["decoded"] + r["dead"] + r["null"], r
        return found

    def listed(self):
        """What `job list` says of it."""
        (found,) = json.loads(self.sluice("job", "list", "--json"))
        return found

    def dead(self):
        return [json.loads(line) for line in self.sluice("dlq", "show", "j").splitlines()
                if line.startswith("{")]

    def lake(self, output="OUT"):
        rows = []
        for path in sorted((self.dir / "lake").glob(f"streams/{output}/**/*.jsonl")):
            rows += [json.loads(line) for line in path.read_text().splitlines()]
        return rows

    def verify(self):
        self.sluice("lake", "verify")

    def rows(self, table="out", columns="*", order="1"):
        """Of SQLite."""
        with contextlib.closing(sqlite3.connect(self.dir / "local.db")) as db:
            return list(db.execute(f"SELECT {columns} FROM {table} ORDER BY {order}"))

    def mariadb(self, sql):
        return mysql(sql, self.database)

    def published(self):
        """Files that readers of the lake see, and the dead letters."""
        lake = self.dir / "lake"
        return [p for p in lake.rglob("*") if p.is_file() and "_sluice" not in p.parts]

    def close(self):
        assert MYSQL["password"] not in self.printed, "the password was printed"
        for path in self.dir.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert MYSQL["password"].encode() not in path.read_bytes(), f"the password is in {path}"
        mysql(f"DROP DATABASE {self.database}")
        shutil.rmtree(self.dir)
