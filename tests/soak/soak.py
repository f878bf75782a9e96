"""Hours of daemons, streaming, backfills and kills on real servers, and an audit at the end.

soak.py MINUTES [RATE [SEED]]   120 minutes, 400 records a second; the seed of the mishaps is printed

Two daemons over one topic. The *calm* one has a streaming job and is never touched, so that its memory and that of the streaming
process can be watched for the whole time; it lives through every restart of Kafka and MariaDB. The *stormy* one has a streaming
job, a job every 30 s and one after it, and at random instants something happens to it: kill -9 of a run or of the daemon, SIGTERM,
SIGHUP, a pause, a backfill with or without a kill in the middle; or Kafka or MariaDB is killed and comes back.

At the end: `audit` of every job, `lake verify`, and every output compared with what the topic holds, computed here from its
records. Memory is sampled every minute; a process that grows after its first minutes is a failure. Under tests/servers/with_servers.sh.
"""

import collections
import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))
from job import BOOTSTRAP, KAFKA, MYSQL, SLUICE, mysql, server  # noqa: E402 (after its path)

GEN = os.environ.get("SLUICE_GEN", str(ROOT / "build" / "release" / "bench" / "gen"))
PARTITIONS = 4
PAUSE_S = (20, 70)  # between two mishaps
PATIENCE_S = 600  # for what must come about; the machine may be busy
# From the first to the last third of the samples of a stretch. A stretch begins five minutes after the start, or after Kafka came back: the backlog
# of an outage is read at once, which moves the high-water mark, up to the budgets of the job: CEILING_MB.
GROWTH_MB = {"daemon": 1.0, "stream": 3.0}
CEILING_MB = 48.0
STRETCH_SAMPLES = 10
LIFE_GROWTH_MB = 24.0  # of a streaming process that is killed again and again, from its first minute on
WARM_S = 300

SQL = {
    "t": """CREATE STREAM t (user_id STRING, transaction_id STRING, timestamp STRING, amount DECIMAL(18,2), status STRING,
  payment_method STRING) WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON');
""",
    "live": """CREATE TABLE spent AS SELECT user_id, SUM(amount) AS total, COUNT(*) AS n, MAX(timestamp) AS latest FROM t GROUP BY user_id;
CREATE STREAM failed AS SELECT transaction_id, user_id, amount FROM t WHERE status = 'failed';
""",
    "load": "CREATE STREAM refunds AS SELECT transaction_id, user_id, amount FROM t WHERE status = 'refunded';\n",
    "report": "CREATE TABLE methods AS SELECT payment_method, COUNT(*) AS n, SUM(amount) AS total FROM t GROUP BY payment_method;\n",
}

TOP = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
lake: {{ path: ./lake }}
warehouses:
  db: "mysql://{user}:{password}@{host}:{port}/{database}"
  local: "sqlite://./local.db"
daemon: {{ lag_every: 10s }}
jobs:
"""

# The name of a job is in its transactional id: two of one name on one broker would fence each other.
STREAMING = """
  {stream}:
    sql: [t.sql, live.sql]
    group: {database}
    schedule: stream
    stream: {{ commit_interval: 1s, roll_every: 1m, snapshot_every: 5m }}
    outputs:
      SPENT: {{ lake: {{ snapshot: true, keep_versions: 3 }}, warehouse: {{ to: db, create: true }} }}
      FAILED: {{ lake: {{ format: jsonl, compression: gzip }}, topic: {{ name: {database}.failed, partitions: 2 }} }}
"""

SCHEDULED = """
  load:
    sql: [t.sql, load.sql]
    group: {database}.load
    schedule: {{ every: 30s, at_start: true, retry: {{ attempts: 3, backoff: 2s }} }}
    outputs:
      REFUNDS: {{ lake: {{ format: jsonl, compression: gzip }}, warehouse: {{ to: db, create: true }} }}
  report:
    sql: [t.sql, report.sql]
    group: {database}.report
    schedule: {{ after: [load] }}
    outputs:
      METHODS: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: {{ to: local, create: true }} }}
"""


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def until(what, check, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > end:
            sys.exit(f"soak.py: {what} did not come about")
        time.sleep(0.2)
    return found


def memory_mb(pid):
    """Anonymous and whole resident memory; None when the process is gone."""
    with contextlib.suppress(OSError, IndexError):
        text = Path(f"/proc/{pid}/status").read_text()
        return tuple(int(text.split(name)[1].split()[0]) / 1024 for name in ("RssAnon:", "VmRSS:"))
    return None


def cpu_s(pid):
    """Of the process and its ended children."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return sum(int(w) for w in words[11:15]) / os.sysconf("SC_CLK_TCK")
    return 0.0


class Place:
    """A directory with a configuration, and its daemon."""

    def __init__(self, work, name, topic, jobs):
        self.dir, self.name, self.jobs = work / name, name, jobs
        self.database = f"{topic}_{name}"
        self.dir.mkdir()
        mysql(f"CREATE DATABASE {self.database}")
        values = dict(MYSQL, bootstrap=BOOTSTRAP, topic=topic, database=self.database, stream=jobs[0])
        for name_, text in SQL.items():
            (self.dir / f"{name_}.sql").write_text(text.format(**values))
        text = TOP + STREAMING + (SCHEDULED if "load" in jobs else "")
        (self.dir / "sluice.yaml").write_text(text.format(**values))
        self.log = open(self.dir / "daemon.log", "ab")
        self.daemon = None
        self.start()

    def start(self):
        self.daemon = subprocess.Popen([SLUICE, "daemon"], cwd=self.dir, stderr=self.log)

    def run_of(self, job):
        """The process that works on the job now; its state is open."""
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.daemon.pid)], capture_output=True, text=True, check=False).stdout
        wanted = str(self.dir / "state" / job / "0" / "data.mdb")
        for pid in out.split():
            with contextlib.suppress(OSError):
                if any(os.path.realpath(fd) == wanted for fd in Path(f"/proc/{pid}/fd").iterdir()):
                    return int(pid)
        return None

    def sluice(self, *words):
        return subprocess.run([SLUICE, *words], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        if code := self.daemon.wait(PATIENCE_S):
            sys.exit(f"soak.py: the {self.name} daemon ended with {code}; see {self.dir}/daemon.log")

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()


class Memory:
    """Samples by process: (seconds since the start, anonymous MB, resident MB)."""

    def __init__(self, places):
        self.places, self.began, self.series, self.last = places, time.monotonic(), {}, 0.0
        self.breaks = [WARM_S]  # where stretches begin

    def sample(self):
        line = []
        for place in self.places:
            for name, pid in (("daemon", place.daemon.pid), ("stream", place.run_of(place.jobs[0]))):
                found = memory_mb(pid) if pid else None
                if found:
                    self.series.setdefault((place.name, name, pid), []).append((time.monotonic() - self.began, *found))
                line.append(f"{place.name} {name} " + (f"{found[0]:.1f}/{found[1]:.1f}" if found else "-"))
        say("memory, anonymous/resident MB: " + ", ".join(line))

    def every_minute(self):
        if time.monotonic() - self.last >= 60:
            self.last = time.monotonic()
            self.sample()

    def broken(self):
        self.breaks.append(time.monotonic() - self.began + WARM_S)

    def stretches(self, samples):
        for begin, end in zip(self.breaks, self.breaks[1:] + [float("inf")]):
            found = [s for s in samples if begin <= s[0] < end - WARM_S]
            if len(found) >= STRETCH_SAMPLES:
                yield found

    def judge_calm(self, name, samples):
        most = max(s[1] for s in samples)
        say(f"calm {name}: {most:.1f} MB anonymous, {max(s[2] for s in samples):.1f} MB resident at most, {len(samples)} samples")
        problems = [f"the calm {name} had {most:.1f} MB"] if most > CEILING_MB else []
        for found in self.stretches(samples):
            third = len(found) // 3
            first, last = (statistics.median(s[1] for s in part) for part in (found[:third], found[-third:]))
            say(f"calm {name}, minutes {found[0][0] / 60:.0f} to {found[-1][0] / 60:.0f}: {first:.1f} MB in the first third, {last:.1f} MB in the last")
            if last - first > GROWTH_MB[name]:
                problems.append(f"the calm {name} grew by {last - first:.1f} MB")
        return problems

    def judge(self):
        problems = []
        for (place, name, pid), samples in self.series.items():
            if place == "calm":
                problems += self.judge_calm(name, samples)
            elif len(samples) > 2 and samples[-1][1] - samples[1][1] > LIFE_GROWTH_MB:
                problems.append(f"the {place} {name} {pid} grew by {samples[-1][1] - samples[1][1]:.1f} MB")
        streams = {key for key in self.series if key[:2] == ("calm", "stream")}
        if len(streams) != 1:
            problems.append(f"the calm streaming run was {len(streams)} processes, not one")
        return problems


def said(done):
    return f"exit {done.returncode}, " + " ".join((done.stdout or done.stderr).split())[:200]


class Storm:
    """What happens to the stormy daemon and to the servers."""

    def __init__(self, place, memory, seed):
        self.memory = memory
        self.place, self.random, self.counts, self.began = place, random.Random(seed), collections.Counter(), time.time()
        self.what = [(4, self.kill_stream), (3, self.kill_load), (3, self.kill_daemon), (2, self.stop_daemon), (1, self.reload),
                     (1, self.pause), (4, self.backfill), (2, self.kill_in_backfill), (2, self.kill_mariadb), (1, self.kill_kafka)]

    def one(self):
        (f,) = self.random.choices([f for _, f in self.what], [w for w, _ in self.what])
        if self.place.daemon.poll() is not None:
            sys.exit(f"soak.py: the stormy daemon ended by itself; see {self.place.dir}/daemon.log")
        say(f.__name__.replace("_", " ") + (f": {text}" if (text := f()) else ""))
        self.counts[f.__name__] += 1

    def kill_run(self, job, seconds):
        end = time.monotonic() + seconds
        while not (pid := self.place.run_of(job)):
            if time.monotonic() > end:
                return "it did not run"
            time.sleep(0.02)
        time.sleep(self.random.random() * 0.2)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return str(pid)

    def kill_stream(self):
        return self.kill_run("live", 60)

    def kill_load(self):
        return self.kill_run(self.random.choice(["load", "report"]), 60)

    def restart(self):
        time.sleep(self.random.uniform(0, 5))
        self.place.start()

    def kill_daemon(self):
        self.place.kill()
        self.restart()

    def stop_daemon(self):
        self.place.stop()
        self.restart()

    def reload(self):
        self.place.daemon.send_signal(signal.SIGHUP)

    def pause(self):
        self.place.sluice("job", "pause", "load")
        time.sleep(self.random.uniform(5, 40))
        self.place.sluice("job", "resume", "load")

    def slot(self):
        """Some time span of what was read."""
        to = self.random.uniform(self.began + 60, max(self.began + 61, time.time() - 30))
        spans = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) for t in (to - self.random.uniform(20, 90), to)]
        return ["job", "backfill", "load", "--from", spans[0], "--to", spans[1], "--json"]

    def continued(self):
        """Goes on with a backfill that was cut short; a daemon that is only starting does not listen yet."""
        end = time.monotonic() + PATIENCE_S
        while (done := self.place.sluice("job", "backfill", "load", "--json")).returncode and time.monotonic() < end:
            time.sleep(1)
        return done

    def backfill(self):
        done = self.place.sluice(*self.slot())
        self.counts["backfilled" if done.returncode == 0 else "backfill_refused"] += 1
        return said(done)

    def kill_in_backfill(self):
        running = subprocess.Popen([SLUICE, *self.slot()], cwd=self.place.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.uniform(0, 0.3))
        self.place.kill()
        self.restart()
        running.wait(PATIENCE_S)
        return "then " + said(self.continued())

    def kill_server(self, name):
        server(name, "kill")
        time.sleep(self.random.uniform(0, 8))
        server(name, "start")

    def kill_mariadb(self):
        self.kill_server("mariadb")

    def kill_kafka(self):
        self.kill_server("kafka")
        self.memory.broken()


# --- what must have come out -----------------------------------------------------------------------------------------------


def values_of(topic):
    """Committed records as JSON. The generator's and the program's lines have no line ends in them."""
    kcat = subprocess.Popen(["kcat", "-C", "-q", "-b", BOOTSTRAP, "-t", topic, "-o", "beginning", "-e", "-X", "isolation.level=read_committed",
                             "-f", "%s\n"], stdout=subprocess.PIPE, text=True)
    for line in kcat.stdout:
        yield json.loads(line, parse_float=Decimal)
    if kcat.wait():
        sys.exit(f"soak.py: kcat cannot read {topic}")


class Expected:
    def __init__(self, topic):
        self.records, self.spent, self.methods = 0, {}, {}
        self.failed, self.refunds = collections.Counter(), collections.Counter()
        for r in values_of(topic):
            self.records += 1
            amount = r["amount"].quantize(Decimal("0.01"))
            total, n, latest = self.spent.get(r["user_id"], (Decimal(0), 0, ""))
            self.spent[r["user_id"]] = (total + amount, n + 1, max(latest, r["timestamp"]))
            n, total = self.methods.get(r["payment_method"], (0, Decimal(0)))
            self.methods[r["payment_method"]] = (n + 1, total + amount)
            row = (r["transaction_id"], r["user_id"], amount)
            if r["status"] == "failed":
                self.failed[row] += 1
            elif r["status"] == "refunded":
                self.refunds[row] += 1


def lake_rows(place, output):
    for path in (place.dir / "lake" / "streams" / output).rglob("*.jsonl.gz"):
        for line in gzip.decompress(path.read_bytes()).splitlines():
            r = json.loads(line, parse_float=Decimal)
            yield r["TRANSACTION_ID"], r["USER_ID"], Decimal(r["AMOUNT"])


def newest_version(place, output):
    versions = [p for p in (place.dir / "lake" / "tables" / output).iterdir() if p.name.startswith("version=")]
    newest = max(versions, key=lambda p: int(p.name.split("=")[1]))
    for path in newest.iterdir():
        for line in gzip.decompress(path.read_bytes()).splitlines():
            yield json.loads(line, parse_float=Decimal)


def table(place, sql):
    return [line.split("\t") for line in mysql(sql, place.database).splitlines()]


def compared(place, want):
    """(what, expected, found) of every output of the place."""
    yield "SPENT in MariaDB", want.spent, {u: (Decimal(t), int(n), at) for u, t, n, at in
                                          table(place, "SELECT user_id, total, n, latest FROM spent")}
    yield "SPENT in the lake", want.spent, {r["USER_ID"]: (Decimal(r["TOTAL"]), r["N"], r["LATEST"]) for r in newest_version(place, "SPENT")}
    yield "FAILED in the lake", want.failed, collections.Counter(lake_rows(place, "FAILED"))
    yield "FAILED in its topic", want.failed, collections.Counter(
        (r["TRANSACTION_ID"], r["USER_ID"], Decimal(r["AMOUNT"])) for r in values_of(f"{place.database}.failed"))
    if "load" in place.jobs:
        yield "REFUNDS in the lake", want.refunds, collections.Counter(lake_rows(place, "REFUNDS"))
        yield "REFUNDS in MariaDB", want.refunds, collections.Counter(
            (i, u, Decimal(a)) for i, u, a in table(place, "SELECT transaction_id, user_id, amount FROM refunds"))
        with contextlib.closing(sqlite3.connect(place.dir / "local.db")) as db:
            yield "METHODS in SQLite", want.methods, {m: (n, Decimal(str(t)).quantize(Decimal("0.01"))) for m, n, t in
                                                     db.execute("SELECT payment_method, n, total FROM methods")}
        yield "METHODS in the lake", want.methods, {r["PAYMENT_METHOD"]: (r["N"], Decimal(r["TOTAL"])) for r in newest_version(place, "METHODS")}


def checked(place, want):
    problems = []
    for what, expected, found in compared(place, want):
        if expected == found:
            say(f"{place.name}: {what}: {len(found):,} rows agree")
        else:
            keys = [k for k in {**expected, **found} if expected.get(k) != found.get(k)]
            problems.append(f"{place.name}: {what}: {len(keys)} differ, such as {keys[0]}: expected {expected.get(keys[0])}, "
                            f"found {found.get(keys[0])}")
    for words in [("audit", job) for job in place.jobs] + [("lake", "verify")]:
        done = place.sluice(*words)
        say(f"{place.name}: {' '.join(words)}: exit {done.returncode}, {done.stdout.strip()[-200:]}")
        if done.returncode:
            problems.append(f"{place.name}: {' '.join(words)}: exit {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return problems


def caught_up(place):
    def arrived():
        for job in json.loads(place.sluice("job", "list", "--live", "--json").stdout or "[]"):
            if job["lag"] != 0:
                return False
        return True
    until(f"the end of the backlog of {place.name}", arrived)


class Soak:
    def __init__(self, rate, seed):
        self.rate, self.topic = rate, f"soak{os.getpid()}"
        self.work = Path(tempfile.mkdtemp(prefix="sluice-soak."))
        KAFKA.create(self.topic, PARTITIONS)
        self.calm = Place(self.work, "calm", self.topic, ["calm"])
        self.stormy = Place(self.work, "stormy", self.topic, ["live", "load", "report"])
        self.memory = Memory([self.calm, self.stormy])
        self.storm = Storm(self.stormy, self.memory, seed)

    def weather(self, seconds):
        end = time.monotonic() + seconds
        pauses = random.Random(self.storm.random.random())
        while (left := end - time.monotonic()) > 0:
            again = time.monotonic() + min(left, pauses.uniform(*PAUSE_S))
            while time.monotonic() < again:
                self.memory.every_minute()
                if self.calm.daemon.poll() is not None:
                    sys.exit(f"soak.py: the calm daemon ended by itself; see {self.calm.dir}/daemon.log")
                time.sleep(1)
            if end - time.monotonic() > 30:
                self.storm.one()

    def run(self, minutes):
        count = int(self.rate * 60 * minutes)
        env = dict(os.environ, BOOTSTRAP=BOOTSTRAP, RATE=str(self.rate))
        gen = subprocess.Popen([GEN, str(count), self.topic], env=env, stdout=subprocess.DEVNULL)
        until("the streaming runs", lambda: self.calm.run_of("calm") and self.stormy.run_of("live"))
        began, child = time.monotonic(), self.calm.run_of("calm")
        self.weather(60 * minutes)
        if gen.wait(PATIENCE_S):
            sys.exit("soak.py: the generator failed")
        used = (cpu_s(child) + cpu_s(self.calm.daemon.pid)) / (time.monotonic() - began) * 100
        for place in (self.calm, self.stormy):
            caught_up(place)
        self.memory.sample()
        problems = self.memory.judge()
        for place in (self.calm, self.stormy):
            place.stop()
        for job in self.stormy.jobs[1:]:
            if (done := self.stormy.sluice("job", "run", job)).returncode:
                problems.append(f"the last run of {job}: {done.stderr}")
        want = Expected(self.topic)
        if want.records != count:
            problems.append(f"the topic has {want.records:,} records, {count:,} were made")
        for place in (self.calm, self.stormy):
            problems += checked(place, want)
        happened = ", ".join(f"{n} × {name.replace('_', ' ')}" for name, n in sorted(self.storm.counts.items()))
        say(f"{want.records:,} records in {minutes:g} minutes; {happened}; the calm daemon and its run took {used:.1f} % of a core")
        return problems

    def close(self):
        for place in (self.calm, self.stormy):
            mysql(f"DROP DATABASE {place.database}")
        shutil.rmtree(self.work)


def main():
    minutes = float(sys.argv[1]) if sys.argv[1:] else 120.0
    rate = int(sys.argv[2]) if sys.argv[2:] else 400
    seed = int(sys.argv[3]) if sys.argv[3:] else random.SystemRandom().randrange(1 << 32)
    say(f"{minutes:g} minutes, {rate} records a second, seed {seed}")
    soak = Soak(rate, seed)
    say(f"in {soak.work}")
    problems = soak.run(minutes)
    for problem in problems:
        say("FAILED " + problem)
    if problems:
        say(f"what is left is in {soak.work}")
        return 1
    soak.close()
    say("all is as it must be")
    return 0


sys.exit(main())
