"""What the daemon costs: CPU and memory with 50 jobs that have nothing to do, and a run with PAST runs in its history."""

import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SLUICE = os.environ.get("SLUICE_BIN", str(ROOT / "sluice"))
BOOTSTRAP = os.environ["SLUICE_TEST_BOOTSTRAP"]
PAST, IDLE, JOBS = int(os.environ.get("PAST", "10000")), int(os.environ.get("IDLE", "30")), 50
SQL = """CREATE STREAM log (status STRING, amount DOUBLE) WITH (KAFKA_TOPIC = 'transaction_log', VALUE_FORMAT = 'JSON');
CREATE TABLE {0} AS SELECT status, COUNT(*) AS n, SUM(amount) AS amount FROM log GROUP BY status;
"""


def configuration(where, jobs, schedule, lag_every):
    text = [f'kafka: {{ bootstrap.servers: "{BOOTSTRAP}" }}', "lake: { path: ./lake }", f"daemon: {{ lag_every: {lag_every} }}",
            "admin: { listen: 127.0.0.1:0 }", "jobs:"]
    for i in range(jobs):
        (where / f"j{i}.sql").write_text(SQL.format(f"t{i}"))
        text.append(f"  j{i}: {{ sql: [j{i}.sql], schedule: {{ {schedule} }}, outputs: {{ T{i}: {{ lake: {{ snapshot: true }} }} }} }}")
    (where / "sluice.yaml").write_text("\n".join(text) + "\n")


def cpu(pid):
    """Own and reaped children's user and system seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(w) for w in words[11:15]) / os.sysconf("SC_CLK_TCK")


def anonymous(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) / 1024
    return 0


def idle(where, lag_every):
    configuration(where, JOBS, "every: 10d", lag_every)
    with open(where / "log", "wb") as log:
        daemon = subprocess.Popen([SLUICE, "daemon"], cwd=where, stderr=log)
    while (where / "log").read_text().count("event=run.done") < JOBS:
        assert daemon.poll() is None, (where / "log").read_text()
        time.sleep(0.1)
    time.sleep(1)
    before = cpu(daemon.pid)
    time.sleep(IDLE)
    used, memory = (cpu(daemon.pid) - before) / IDLE * 100, anonymous(daemon.pid)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    return used, memory


def one_run(where):
    start = time.monotonic()
    out = subprocess.run([SLUICE, "job", "run", "j0", "--json"], cwd=where, check=True, capture_output=True, text=True).stdout
    return (time.monotonic() - start) * 1000, json.loads(out)["run"]


def history(where):
    configuration(where, 1, "every: 10d", "0")
    one_run(where)
    first = statistics.median(one_run(where)[0] for _ in range(15))
    run = 0
    while run < PAST:
        run = one_run(where)[1]
    last = statistics.median(one_run(where)[0] for _ in range(15))
    start = time.monotonic()
    subprocess.run([SLUICE, "run", "list"], cwd=where, check=True, capture_output=True)
    listed = (time.monotonic() - start) * 1000
    start = time.monotonic()
    subprocess.run([SLUICE, "job", "list"], cwd=where, check=True, capture_output=True)
    return first, last, listed, (time.monotonic() - start) * 1000


def main():
    subprocess.run([SLUICE, "demo", "generate", "--count", "5000", "--brokers", BOOTSTRAP], check=True, capture_output=True)
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b, tempfile.TemporaryDirectory() as c:
        used, memory = idle(Path(a), "0")
        print(f"daemon, {JOBS} jobs idle: {used:.2f} % of a CPU, {memory:.1f} MB anonymous", flush=True)
        used, memory = idle(Path(b), "1m")
        print(f"the same with lag_every: 1m: {used:.2f} % of a CPU, {memory:.1f} MB anonymous", flush=True)
        first, last, runs, jobs = history(Path(c))
        print(f"run that finds nothing: {first:.0f} ms; with {PAST} runs in its history: {last:.0f} ms; "
              f"run list {runs:.0f} ms, job list {jobs:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
