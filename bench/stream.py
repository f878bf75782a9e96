"""Streaming: latency from a record's timestamp to its effect in MariaDB, throughput beside bounded runs.

stream.py latency [RATE SECONDS]…   p50 and p99 at each rate (default 1000 30 50000 20)
stream.py throughput                2,000,000 records, bounded and endless

Under tests/servers/with_servers.sh. The job is J3 (10,000 users, SUM, COUNT, MAX; upserts) and a stream into the lake.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from kafka import Kafka  # noqa: E402 (after its path)
SLUICE = ROOT / "sluice"
GEN = ROOT / "build" / "release" / "bench" / "gen"
BOOTSTRAP = os.environ["SLUICE_TEST_BOOTSTRAP"]
MYSQL = {k: os.environ["SLUICE_TEST_MYSQL_" + k.upper()] for k in ("host", "port", "user", "password")}
KAFKA = Kafka(BOOTSTRAP)

SQL = """
CREATE STREAM t (user_id STRING, timestamp STRING, amount DECIMAL(18,2), status STRING)
  WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON');
CREATE TABLE s3 AS SELECT user_id, SUM(amount) AS total, COUNT(*) AS n, MAX(timestamp) AS latest FROM t GROUP BY user_id;
CREATE STREAM failed AS SELECT user_id, amount FROM t WHERE status = 'failed';
"""

YAML = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
lake: {{ path: ./lake }}
warehouses: {{ db: "mysql://{user}:{password}@{host}:{port}/{database}" }}
jobs:
  s:
    sql: [s.sql]
    group: {topic}
    schedule: stream
    stream: {{ commit_interval: {interval}, roll_every: 1m }}
    outputs:
      S3: {{ warehouse: {{ to: db, create: true }} }}
      FAILED: {{ lake: {{ format: jsonl, compression: gzip }} }}
"""


class Sql:
    """One client process that answers line by line."""

    def __init__(self, database=""):
        command = ["mariadb", "--no-defaults", "-h" + MYSQL["host"], "-P" + MYSQL["port"], "-u" + MYSQL["user"],
                   "--batch", "--skip-column-names", "--unbuffered", "--quick"] + ([database] if database else [])
        self.process = subprocess.Popen(command, env=dict(os.environ, MYSQL_PWD=MYSQL["password"]), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, sql):
        self.process.stdin.write(sql + ";\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.kill()
        self.process.wait()


class Bench:
    def __init__(self, interval="1s"):
        self.topic = f"stream{os.getpid()}x{random.randrange(10**9)}"
        self.dir = Path(tempfile.mkdtemp(prefix="sluice-stream."))
        KAFKA.create(self.topic, 4)
        sql = Sql()
        sql.process.communicate(f"CREATE DATABASE {self.topic}")
        values = dict(MYSQL, topic=self.topic, database=self.topic, bootstrap=BOOTSTRAP, interval=interval)
        (self.dir / "s.sql").write_text(SQL.format(**values))
        (self.dir / "sluice.yaml").write_text(YAML.format(**values))
        self.started = 0.0

    def gen(self, count, rate=0):
        env = dict(os.environ, BOOTSTRAP=BOOTSTRAP)
        env.pop("RATE", None)
        if rate:
            env["RATE"] = str(rate)
        return subprocess.Popen([GEN, str(count), self.topic], env=env, stdout=subprocess.PIPE, text=True)

    def run(self, *options):
        return subprocess.Popen([SLUICE, "job", "run", "s", *options], cwd=self.dir, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def close(self):
        sql = Sql()
        sql.process.communicate(f"DROP DATABASE {self.topic}")
        KAFKA.delete(self.topic)
        shutil.rmtree(self.dir)


def seen(sql):
    try:
        return int(sql.ask("SELECT COALESCE(SUM(n), 0) FROM s3"))
    except (ValueError, OSError):
        return -1


def counting(database, n):
    """A client, once n records are counted. One whose query fails (no table yet, server away) has ended."""
    sql = Sql(database)
    while (count := seen(sql)) < n:
        time.sleep(0.05)
        if count < 0:
            sql.close()
            sql = Sql(database)
    return sql


def memory_mb(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("RssAnon:")[1].split()[0]) / 1024


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def latency(rate, seconds, interval="1s"):
    b = Bench(interval)
    run = b.run()
    warm = b.gen(100)
    warm.communicate()
    sql = counting(b.topic, 100)
    total = rate * seconds
    cpu = cpu_seconds(run.pid)
    gen = b.gen(total, rate)
    start = int(gen.stdout.readline())
    waits, at, peak = [], 0, 0.0
    while at < total:
        count = seen(sql) - 100
        now = time.time() * 1000
        if count > at:
            # One of a thousand is enough for percentiles.
            waits += [now - start - i * 1000 / rate for i in range(at, count, max(1, total // 20000))]
            at = count
            peak = max(peak, memory_mb(run.pid))
        time.sleep(0.005)
    cpu = cpu_seconds(run.pid) - cpu
    gen.communicate()
    sql.close()
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=60)
    if run.returncode:
        sys.exit(err)
    b.close()
    waits.sort()
    print(f"| {rate:,} records/s for {seconds} s, commit_interval {interval} | p50 {waits[len(waits) // 2]:,.0f} ms | "
          f"p99 {waits[len(waits) * 99 // 100]:,.0f} ms | max {waits[-1]:,.0f} ms | CPU {cpu / seconds * 100:.0f} % of a core | "
          f"{peak:.0f} MB |", flush=True)


def throughput():
    for how in ("--once", ""):
        b = Bench()
        n = int(os.environ.get("RECORDS", "2000000"))
        b.gen(n).communicate()
        began = time.monotonic()
        run = b.run(*([how] if how else []))
        sql = counting(b.topic, n)
        first = time.monotonic() - began
        cpu = cpu_seconds(run.pid) if run.poll() is None else 0.0
        if not how:
            run.send_signal(signal.SIGTERM)
        run.communicate(timeout=120)
        if how:
            first = time.monotonic() - began
        print(f"| {'bounded' if how else 'endless'}, {n:,} records | {first:.1f} s | {n / first / 1000:,.0f} k records/s | "
              f"{f'CPU {cpu:.1f} s' if cpu else ''} |", flush=True)
        sql.close()
        b.close()


def main():
    words = sys.argv[1:] or ["latency"]
    if words[0] == "latency":
        pairs = [int(x) for x in words[1:]] or [1000, 30, 50000, 20]
        for i in range(0, len(pairs), 2):
            latency(pairs[i], pairs[i + 1])
    elif words[0] == "throughput":
        throughput()
    else:
        sys.exit(__doc__)


main()
