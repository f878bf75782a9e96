"""Pairs of (raw consumer, job) in turn: CPU, wall and memory of whole processes; medians. bench/README.md explains."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SLUICE = ROOT / "sluice"
TOOLS = ROOT / "build" / "release" / "bench"
BOOTSTRAP = os.environ["SLUICE_TEST_BOOTSTRAP"]
MYSQL = {k: os.environ["SLUICE_TEST_MYSQL_" + k.upper()] for k in ("host", "port", "user", "password")}
PAIRS = int(os.environ.get("PAIRS", "7"))
RECORDS = int(os.environ.get("RECORDS", "2000000"))
SCALES = ["10000", "100000", "10000/1"]  # files, or files/partitions: bench/lake.c

YAML = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
lake: {{ path: ./lake }}
warehouses: {{ db: "mysql://{user}:{password}@{host}:{port}/bench" }}
jobs:
  j1: {{ sql: [{sql}/j1.sql], outputs: {{ J1: {{ lake: {{ format: jsonl, compression: gzip, time: TIMESTAMP }} }} }} }}
  j3: {{ sql: [{sql}/j3.sql], outputs: {{ J3: {{ warehouse: {{ to: db, create: true }} }} }} }}
  j4: {{ sql: [{sql}/j4.sql], outputs: {{ J4: {{ warehouse: {{ to: db, create: true }} }} }} }}
  small:
    sql: [{sql}/small.sql]
    outputs:
      SMALL: {{ lake: {{ format: jsonl, compression: gzip, time: TIMESTAMP }} }}
      SMALL_USERS: {{ warehouse: {{ to: db, create: true }} }}
"""

# What bench/README.md of the shared material says is right for two million records.
ANSWERS = {
    "j1": "1200008",
    "j3": "10000\t501038798.50\t2000000\t2025-05-04T00:00:01.405Z",
    "j4": "2627\t12000000",
}
GOALS = {"j1": "≤ 2.8", "j3": "≤ 2.2", "j4": "≤ 2.8", "empty": "≤ 0.05 s, ≤ 20 MB", "5,000": "≤ 0.2 s"}


class Usage:
    def __init__(self, command, cwd, env=None):
        start = time.monotonic()
        process = subprocess.Popen([str(c) for c in command], cwd=cwd, env=env, stdout=subprocess.PIPE, text=True)
        self.anon_mb = 0.0
        watcher = threading.Thread(target=self.watch, args=(process.pid,))
        watcher.start()
        self.output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        self.wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.join()
        self.cpu = usage.ru_utime + usage.ru_stime
        if process.returncode:
            sys.exit(f"{command}: exit {process.returncode}")

    def watch(self, pid):
        """Peak anonymous memory: sampled, the kernel keeps no such maximum."""
        while True:
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return
            fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
            if "RssAnon" not in fields:
                return
            self.anon_mb = max(self.anon_mb, int(fields["RssAnon"].split()[0]) / 1024)
            time.sleep(0.002)


def mysql(sql):
    command = ["mariadb", "--no-defaults", "-h" + MYSQL["host"], "-P" + MYSQL["port"], "-u" + MYSQL["user"], "-BNe", sql]
    env = dict(os.environ, MYSQL_PWD=MYSQL["password"])
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout.strip()


def clean(work, job):
    shutil.rmtree(work / "state" / job, ignore_errors=True)
    shutil.rmtree(work / "lake" / "_sluice" / job, ignore_errors=True)
    if job in ("j1", "small"):
        shutil.rmtree(work / "lake", ignore_errors=True)
        shutil.rmtree(work / "state", ignore_errors=True)
        mysql("DROP DATABASE IF EXISTS bench; CREATE DATABASE bench")
    else:
        mysql(f"DROP TABLE IF EXISTS bench.{job}; DELETE FROM bench.sluice_heads WHERE job = '{job}'"
              if mysql("SHOW TABLES FROM bench LIKE 'sluice_heads'") else "SELECT 1")


def answer(work, job):
    if job == "j1":
        zcat = subprocess.run(f"find {work}/lake/streams/J1 -name '*.gz' | xargs zcat | wc -l", shell=True,
                              capture_output=True, text=True, check=True)
        return zcat.stdout.strip()
    if job == "j3":
        return mysql("SELECT COUNT(*), SUM(total), SUM(n), MAX(latest) FROM bench.j3")
    return mysql("SELECT COUNT(*), SUM(n) FROM bench.j4")


def produce(topic, count):
    env = dict(os.environ, BOOTSTRAP=BOOTSTRAP)
    subprocess.run([SLUICE, "demo", "generate", "--brokers", BOOTSTRAP, "--topic", topic, "--partitions", "4", "--count",
                    "0"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([TOOLS / "gen", str(count), topic], check=True, env=env)


def median(values):
    return statistics.median(values)


def pairs(work, job):
    raw, ours = [], []
    for _ in range(PAIRS):
        raw.append(Usage([TOOLS / "consume", "transaction_log"], work, dict(os.environ, BOOTSTRAP=BOOTSTRAP)))
        clean(work, job)
        ours.append(Usage([SLUICE, "job", "run", job], work))
        found = answer(work, job)
        if RECORDS == 2000000 and found != ANSWERS[job]:
            sys.exit(f"{job}: {found} instead of {ANSWERS[job]}")
    ratio = [b.cpu / a.cpu for a, b in zip(raw, ours)]
    print(f"| {job.upper()} | {median([u.cpu for u in raw]):.2f} | {median([u.cpu for u in ours]):.2f} | "
          f"{median(ratio):.2f} ({min(ratio):.2f}–{max(ratio):.2f}) | {GOALS[job]} | {median([u.wall for u in ours]):.2f} | "
          f"{median([u.wall / u.cpu for u in ours]):.2f} | {max(u.anon_mb for u in ours):.0f} |", flush=True)


def short_runs(work):
    empty, small = [], []
    for _ in range(PAIRS):
        clean(work, "small")
        small.append(Usage([SLUICE, "job", "run", "small"], work))
        empty.append(Usage([SLUICE, "job", "run", "small"], work))
    print("\n| run | wall s | CPU s | peak anonymous MB | goal |\n|---|---|---|---|---|")
    for name, runs in (("empty", empty), ("5,000", small)):
        print(f"| {name} | {median([u.wall for u in runs]):.3f} | {median([u.cpu for u in runs]):.3f} | "
              f"{max(u.anon_mb for u in runs):.0f} | {GOALS[name]} |")


def upkeep():
    """Compaction and lakes of many files, without a broker and in memory: the disk is not what is measured."""
    env = dict(os.environ, TMPDIR="/dev/shm") if os.access("/dev/shm", os.W_OK) else None

    def rows(*words):
        text = subprocess.run([TOOLS / "lake", *words], env=env, stdout=subprocess.PIPE, text=True, check=True).stdout
        return map(json.loads, text.splitlines())
    print("\n| compaction | files | text MB | files MB | wall s | CPU s | MB/s | MB/s of CPU |\n|---|---|---|---|---|---|---|---|")
    for r in rows():
        print(f"| {r['compact']} | {r['files']} | {r['mb_text']:.0f} | {r['mb_files']:.0f} | {r['wall_s']:.2f} | {r['cpu_s']:.2f} | "
              f"{r['mb_text_per_s']} | {r['mb_text_per_cpu_s']} |", flush=True)
    print("\n| CPU µs a file | partitions | list | plan | compact and publish | verify |\n|---|---|---|---|---|---|")
    for r in rows("scale", *SCALES):
        print(f"| {r['files']:,} | {r['partitions']:,} | " + " | ".join(map(str, r["cpu_us_per_file"])) + " |", flush=True)


def main():
    work = Path(tempfile.mkdtemp(prefix="sluice-bench."))
    (work / "sluice.yaml").write_text(YAML.format(bootstrap=BOOTSTRAP, sql=ROOT / "bench", **MYSQL))
    mysql("CREATE DATABASE IF NOT EXISTS bench")
    produce("transaction_log", RECORDS)
    produce("small_log", 5000)
    print(f"{RECORDS} records, {PAIRS} pairs, medians\n")
    print("| job | raw CPU s | CPU s | × raw (min–max) | goal | wall s | wall / CPU | peak anonymous MB |")
    print("|---|---|---|---|---|---|---|---|")
    for job in sys.argv[1:] or ["j1", "j3", "j4"]:
        pairs(work, job)
    short_runs(work)
    upkeep()
    shutil.rmtree(work)


main()
