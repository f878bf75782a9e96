"""The daemon and the wall clock: it is moved by hours, over a change to summer time and back, while jobs run. See clock.sh.

The daemon's processes have a wall clock of their own (clock_shim.c); the monotonic clock is true, so a second is waited for in seconds.
"""

import datetime
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from daemon import Daemon, until
from job import Job, send

UTC = datetime.timezone.utc
HOUR = 3600
SELECT = "CREATE STREAM out AS SELECT id, name FROM input;"
# Berlin's clocks go from 2:00 to 3:00 on 2026-03-29, at 1:00 UTC.
JOBS = """
  night:
    sql: [t.sql]
    group: {topic}.night
    schedule: {{ cron: "0 3 * * *", zone: Europe/Berlin }}
    outputs: {{ OUT: {{ warehouse: {{ to: local, table: night }} }} }}
  skips:
    sql: [t.sql]
    group: {topic}.skips
    schedule: {{ cron: "0 3 * * *", zone: Europe/Berlin, misfire: skip }}
    outputs: {{ OUT: {{ warehouse: {{ to: local, table: skips }} }} }}
  gap:
    sql: [t.sql]
    group: {topic}.gap
    schedule: {{ cron: "30 2 * * *", zone: Europe/Berlin, misfire: skip }}
    outputs: {{ OUT: {{ warehouse: {{ to: local, table: gap }} }} }}
  endless:
    sql: [t.sql]
    group: {topic}.endless
    schedule: stream
    stream: {{ commit_interval: 100ms }}
    outputs: {{ OUT: {{ warehouse: {{ to: local, table: endless }} }} }}
"""


class Clock:
    """The wall clock of those who have the file."""

    def __init__(self, path):
        path.write_bytes(bytes(8))
        with open(path, "r+b") as f:
            self.shift = mmap.mmap(f.fileno(), 8)

    def set(self, *at):
        seconds = datetime.datetime(2026, *at, tzinfo=UTC).timestamp() - time.time()
        self.shift[:] = struct.pack("=q", int(seconds * 1000))


class Day:
    """A daemon of five jobs: one a second, three by cron, one that never ends."""

    def __init__(self):
        # Without a timeout that matters the clock cannot make it matter: a minute is long for a run, short for a jump.
        self.job = Job("clock", select=SELECT, outputs="OUT: { warehouse: { to: local, table: steady } }",
                       job="schedule: { every: 1s, timeout: 60s, retry: { attempts: 0 } }")
        self.job.yaml += JOBS.format(topic=self.job.topic)
        self.job.write()
        self.clock = Clock(self.job.dir / "clock")
        self.pings = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.pings.bind(str(self.job.dir / "notify"))
        self.pings.setblocking(False)
        self.produced, self.pinged = 0, 0

    def begin(self):
        self.began = time.monotonic()
        self.daemon = Daemon(self.job, LD_PRELOAD=os.environ["SLUICE_CLOCK_SHIM"], SLUICE_CLOCK_SHIFT=str(self.job.dir / "clock"),
                             NOTIFY_SOCKET=str(self.job.dir / "notify"), WATCHDOG_USEC="1000000")
        self.daemon.wait("run.start", job="endless")

    def starts(self, job, **fields):
        return len(self.daemon.events("run.start", job=job, **fields))

    def watchdog(self):
        """Pings so far."""
        while True:
            try:
                self.pinged += self.pings.recv(100) == b"WATCHDOG=1"
            except BlockingIOError:
                return self.pinged

    def goes_on(self, steps=1):
        """After a jump: the interval, the watchdog and the endless run, each at its own pace; some seconds later."""
        steady, pinged = self.starts("j"), self.watchdog()
        self.job.produce(json.dumps({"id": self.produced, "name": "x"}))
        self.produced += 1
        self.daemon.wait("run.start", count=steady + steps, job="j", seconds=30)
        until("the watchdog", lambda: self.watchdog() > pinged, seconds=30)
        until("the record in the endless run", lambda: self.rows("endless") == self.produced, seconds=30)
        until("the record in the steady runs", lambda: self.rows("steady") == self.produced, seconds=30)
        elapsed = time.monotonic() - self.began
        assert self.starts("j") <= elapsed + 1, f"{self.starts('j')} runs in {elapsed:.1f} s"
        assert self.watchdog() <= 2 * elapsed + 2, f"{self.pinged} pings in {elapsed:.1f} s"

    def rows(self, table):
        try:
            return len(self.job.rows(table))
        except Exception:  # noqa: BLE001 (no table yet, or it is locked)
            return -1

    def fired(self, steps=1, **want):
        """So often each cron job has begun, after the jobs that go by the other clock went on."""
        self.goes_on(steps)
        assert {job: self.starts(job) for job in want} == want, self.daemon.text()[-3000:]


def broker(number):
    pid = Path(os.environ["SLUICE_TEST_KAFKA"].split()[0], "broker.pid").read_text()
    os.kill(int(pid), number)


def cron_follows_the_wall_clock_once(day):
    day.clock.set(3, 27, 1, 59, 58)  # 2:59:58 in Berlin
    day.begin()
    day.daemon.wait("run.start", job="night", reason="schedule", seconds=30)
    day.daemon.wait("run.start", job="skips", reason="schedule", seconds=30)
    day.fired(night=1, skips=1, gap=0)
    day.clock.set(3, 27, 0, 30)  # back: what fired does not fire again, also not when its time comes again
    day.fired(night=1, skips=1, gap=0)
    day.clock.set(3, 27, 1, 59, 59)
    day.fired(steps=3, night=1, skips=1, gap=0)


def what_a_jump_passes_over_is_missed(day):
    day.clock.set(3, 29, 0, 59, 57)  # the 28th is passed over; 3:00 summer time comes in three seconds, 2:30 never
    day.daemon.wait("run.start", job="night", reason="missed", seconds=30)
    day.daemon.wait("run.start", job="night", count=2, reason="schedule", seconds=30)
    day.daemon.wait("run.start", job="skips", count=2, reason="schedule", seconds=30)
    day.fired(night=3, skips=2, gap=0)
    day.clock.set(3, 29, 1, 29, 58)  # 2:30 is 3:30 on that day
    day.daemon.wait("run.start", job="gap", reason="schedule", seconds=30)
    day.clock.set(4, 3, 12)  # five nights at once
    day.daemon.wait("run.start", job="night", count=2, reason="missed", seconds=30)
    day.fired(night=4, skips=2, gap=1)
    day.clock.set(3, 31, 0, 59, 58)  # the clock was wrong by days: cron counts anew
    day.daemon.wait("run.start", job="night", count=3, reason="schedule", seconds=30)
    day.fired(night=5, skips=3, gap=1)


def a_run_that_hangs_is_as_old_as_it_is(day):
    broker(signal.SIGSTOP)
    try:
        until("a run", lambda: day.starts("j") > len(day.daemon.events("run.done", job="j")), seconds=30)
        for at, pings in (((3, 31, 6), 3), ((3, 30, 23), 3), ((4, 1, 1), 8)):  # two a second; a run that was stopped has time to say so
            pinged = day.watchdog()
            day.clock.set(*at)
            until("the watchdog", lambda: day.watchdog() >= pinged + pings, seconds=30)
    finally:
        broker(signal.SIGCONT)
    day.goes_on()


def check(day):
    """No run failed, took hours or less than nothing; what the batches call now never goes back."""
    for name in ("run.failed", "run.timeout", "run.killed", "run.died"):
        assert not day.daemon.events(name), day.daemon.events(name)
    for line in day.daemon.events("run.done"):
        took = int(dict(word.split("=", 1) for word in line.split() if "=" in word)["took_ms"])
        assert 0 <= took < 60000, line
    assert day.starts("endless") == 1
    for job in ("j", "endless"):
        day.job.sluice("audit", job)
    runs = json.loads(day.job.sluice("run", "list", "j", "--last", "1000", "--json"))
    times = [batch["now"] for run in sorted(r["run"] for r in runs) for batch in day.job.receipts(run)]
    assert len(times) >= 5 and times == sorted(times), times
    assert times[-1] >= datetime.datetime(2026, 4, 3, 12, tzinfo=UTC).timestamp() * 1000, times


def main():
    day = Day()
    try:
        cron_follows_the_wall_clock_once(day)
        what_a_jump_passes_over_is_missed(day)
        a_run_that_hangs_is_as_old_as_it_is(day)
    except BaseException:
        day.daemon.kill()
        raise
    day.daemon.stop()
    check(day)
    day.job.close()


main()
