"""The daemon on a real Kafka and a real MariaDB: schedules, signals, kills, restarts of the servers. See daemon.sh."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time

from cases import case, main
from job import SLUICE, Job, send, server

SELECT = ("CREATE STREAM out AS SELECT id, name, amount FROM input;\n"
          "CREATE TABLE counted AS SELECT name, COUNT(*) AS n FROM input GROUP BY name;")
OUTPUTS = ("OUT: { lake: { format: jsonl, compression: none } }\n"
           "      COUNTED: { warehouse: { to: db, create: true } }")


def records(first, last):
    return [json.dumps({"id": i, "name": f"n{i % 7}", "amount": i}) for i in range(first, last)]


def until(what, check, seconds=120):
    """Waits for something that another process does; the time limit is only for a test that fails."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.05)


class Daemon:
    def __init__(self, job, **env):
        self.job = job
        self.log = open(job.dir / "daemon.log", "ab")
        self.start = (job.dir / "daemon.log").stat().st_size
        self.process = subprocess.Popen([SLUICE, "daemon"], cwd=job.dir, stderr=self.log, env=dict(os.environ, **env))

    def text(self):
        return (self.job.dir / "daemon.log").read_bytes()[self.start:].decode()

    def events(self, name, **fields):
        wanted = [f"event={name} "] + [f"{k}={v}" for k, v in fields.items()]
        return [line for line in self.text().splitlines() if all(w in line + " " for w in wanted)]

    def wait(self, name, count=1, seconds=120, **fields):
        try:
            return until(f"{name} {fields}", lambda: len(self.events(name, **fields)) >= count and
                         self.events(name, **fields), seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.text()[-4000:]}") from None

    def send(self, number):
        send(self.process, number)

    def stop(self, number=signal.SIGTERM, expect=0):
        self.send(number)
        code = self.process.wait(120)
        self.log.close()
        self.job.printed += self.text()
        assert code == expect, f"exit {code}: {self.text()[-2000:]}"

    def kill(self):
        self.process.kill()
        self.process.wait(120)
        self.log.close()


def scheduled(name, schedule="{ every: 1s }", top="", **more):
    job = Job(name, select=SELECT, outputs=OUTPUTS, job=f"schedule: {schedule}", **more)
    job.yaml = f"daemon: {{ lag_every: 1s }}\n{top}\n" + job.yaml
    job.write()
    return job


def children(daemon):
    text = subprocess.run(["ps", "-o", "pid=", "--ppid", str(daemon.process.pid)], capture_output=True, text=True).stdout
    return text.split()


def counted(job):
    with contextlib.suppress(subprocess.CalledProcessError):
        return int(job.mariadb("SELECT COALESCE(SUM(n), 0) FROM counted") or 0)
    return 0


def complete(job, n):
    """Every record is there exactly once, in the lake and in the warehouse."""
    ids = sorted(row["ID"] for row in job.lake())
    assert ids == list(range(n)), (len(ids), n)
    assert counted(job) == n
    job.verify()


def status(job):
    (found,) = json.loads(job.sluice("job", "list", "--json"))
    return found


@case
def an_interval_job_takes_what_comes_and_job_list_says_how_it_is():
    job = scheduled("interval")
    job.produce(*records(0, 100))
    daemon = Daemon(job)
    until("the first records", lambda: counted(job) == 100)
    job.produce(*records(100, 150))
    until("the next records", lambda: counted(job) == 150)
    found = until("the lag", lambda: (s := status(job))["lag"] == 0 and s["next"] and s["last_success"] and s)
    assert found["state"] == "idle" or found["state"].startswith("running"), found
    assert "every 1s" in job.sluice("job", "list")
    daemon.stop()
    complete(job, 150)
    found = status(job)
    assert found["state"] == "no daemon" and found["lag"] == 0 and found["last_success"], found
    job.produce(*records(150, 160))
    assert json.loads(job.sluice("job", "list", "--live", "--json"))[0]["lag"] == 10
    job.close()


@case
def a_second_daemon_and_a_wrong_configuration_do_not_start():
    job = scheduled("second")
    daemon = Daemon(job)
    daemon.wait("daemon.ready")
    message = job.sluice("daemon", expect=1)
    assert f"process {daemon.process.pid}" in message, message
    daemon.stop()
    job.configure("every: 1s", "every: 1s, after: nobody")
    assert "unknown job nobody" in job.sluice("daemon", expect=3)
    job.configure(", after: nobody", "")
    job.configure("SELECT id, name", "SELECT id, nam")
    assert "NAM" in job.sluice("daemon", expect=3)
    job.configure("SELECT id, nam,", "SELECT id, name,")
    job.close()


@case
def kill_9_and_a_new_start_lose_nothing():
    job = scheduled("killed")
    for i in range(6):
        daemon = Daemon(job)
        job.produce(*records(i * 50, (i + 1) * 50))
        daemon.wait("run.start", count=1 + i % 3)
        time.sleep(0.02 * i)
        daemon.kill()
    daemon = Daemon(job)
    until("all records", lambda: counted(job) == 300)
    daemon.stop()
    complete(job, 300)
    job.close()


@case
def a_run_that_dies_is_a_failed_run_and_the_next_one_goes_on():
    job = scheduled("died", "{ every: 1h, retry: { attempts: 5, backoff: 100ms, backoff_max: 1s } }")
    job.produce(*records(0, 20))
    daemon = Daemon(job, SLUICE_FAULT="mysql.commit:1:crash_after")
    assert "killed by signal 9" in daemon.wait("run.failed", next="retry")[0]
    # The retry finds the batch delivered, reads nothing and commits nothing, so it lives.
    daemon.wait("run.done", job="j")
    daemon.stop()
    complete(job, 20)
    job.close()


@case
def one_job_fails_and_the_other_goes_on_and_the_owner_is_told_once():
    got = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    job = scheduled("told")
    job.yaml += f"""
  broken:
    sql: [broken.sql]
    schedule: {{ every: 1s, retry: {{ attempts: 1, backoff: 100ms }} }}
    on_failure:
      exec: [/bin/sh, -c, "echo \\"$SLUICE_JOB $SLUICE_KIND\\" >>told.txt"]
      webhook: "http://127.0.0.1:{hook.server_port}/hook?token=secret"
    outputs:
      LOST: {{ warehouse: {{ to: local }} }}
"""
    (job.dir / "broken.sql").write_text("CREATE STREAM nothing (id INT) WITH (KAFKA_TOPIC = 'no-such-topic', "
                                        "VALUE_FORMAT = 'JSON'); CREATE STREAM lost AS SELECT * FROM nothing;")
    job.write()
    job.produce(*records(0, 10))
    daemon = Daemon(job)
    daemon.wait("alert.sent", kind="exec")
    daemon.wait("alert.sent", kind="webhook")
    before = counted(job)
    assert before in (0, 10)
    until("the good job", lambda: counted(job) == 10)
    daemon.wait("run.failed", count=4, job="broken")
    assert (job.dir / "told.txt").read_text().splitlines() == [f"broken {got[0]['kind']}"]
    assert len(got) == 1 and got[0]["job"] == "broken" and "no-such-topic" in got[0]["error"], got
    assert "token=secret" not in daemon.text()
    daemon.stop()
    hook.shutdown()
    job.close()


@case
def sigterm_ends_clean_and_a_second_one_at_once():
    job = scheduled("terminated")
    job.produce(*records(0, 50000))
    daemon = Daemon(job)
    daemon.wait("run.start")
    daemon.stop()
    assert "event=daemon.stopped" in daemon.text()
    daemon = Daemon(job)
    until("all records", lambda: counted(job) == 50000)
    daemon.stop()
    complete(job, 50000)
    # A run that waits for its brokers holds the first signal up for a while, the second not at all.
    job.configure("{ every: 1s }", "{ every: 1h, at_start: true }")
    server("kafka", "kill")
    try:
        daemon = Daemon(job)
        daemon.wait("run.start")
        daemon.send(signal.SIGTERM)
        daemon.wait("daemon.stop")
        pids = children(daemon)
        daemon.stop(expect=130)
        assert pids and not any(os.path.exists(f"/proc/{pid}/exe") for pid in pids), pids
        daemon = Daemon(job)
        daemon.wait("run.start")
        daemon.stop()
    finally:
        server("kafka", "start")
    complete(job, 50000)
    job.close()


@case
def sighup_reads_the_configuration_again_or_keeps_the_old_one():
    job = scheduled("reloaded", "{ every: 1h }")
    daemon = Daemon(job)
    daemon.wait("run.done")
    good = job.yaml
    job.configure("every: 1h", "every: never, after: 7")
    job.configure("group:", "groop:")
    daemon.send(signal.SIGHUP)
    daemon.wait("daemon.reload_failed")
    errors = "\n".join(daemon.events("daemon.reload_error"))
    assert "unknown key groop" in errors and "never" in errors, errors
    job.yaml = good
    job.configure("SELECT id, name", "SELECT id, nam")
    message = job.sluice("daemon", "reload", expect=3)  # the same, and it waits for the answer
    assert "nam" in message.lower(), message
    daemon.wait("daemon.reload_failed", count=2)
    # The SQL of the files is wrong, the one in force is not.
    job.produce(*records(0, 10))
    job.sluice("job", "run", "j", expect=0)
    job.configure("SELECT id, nam,", "SELECT id, name,")
    job.configure("every: 1h", "every: 1s")
    assert "restart" not in job.sluice("daemon", "reload")
    daemon.wait("daemon.reload")
    job.produce(*records(10, 20))
    until("the new schedule", lambda: counted(job) == 20)
    job.configure("lag_every: 1s", "lag_every: 1s, log_level: warn")
    assert "takes a restart" in job.sluice("daemon", "reload")
    daemon.stop()
    complete(job, 20)
    job.close()


@case
def commands_go_through_the_daemon():
    job = scheduled("commands", "{ every: 1s }")
    daemon = Daemon(job)
    daemon.wait("run.done")
    assert "paused" in job.sluice("job", "pause", "j")
    until("the pause", lambda: status(job)["state"] == "paused")
    daemon.kill()
    daemon = Daemon(job)
    daemon.wait("daemon.ready")
    assert status(job)["state"] == "paused"
    job.produce(*records(0, 30))
    assert job.run()["records"] == 30  # by hand, also when paused
    daemon.wait("run.start", reason='"by hand"')
    assert "forgotten" in job.sluice("job", "reset", "j", "--from-now")
    daemon.wait("command.done", exit=0)
    assert "wants --rebuild, --from-now or --keep" in job.sluice("job", "reset", "j", expect=2)
    job.sluice("job", "resume", "j")
    daemon.wait("run.start", reason="schedule")
    daemon.stop()
    job.sluice("job", "pause", "j")
    assert status(job)["state"] == "paused, no daemon"
    job.sluice("job", "resume", "j")
    assert status(job)["state"] == "no daemon"
    complete(job, 30)
    job.close()


@case
def the_others_go_on_without_mariadb_and_the_daemon_says_so():
    job = scheduled("behind")
    job.yaml = job.yaml.replace("    outputs:", "    output_lag: { batches: 1000 }\n    outputs:")
    job.write()
    job.produce(*records(0, 100))
    daemon = Daemon(job)
    until("the first records", lambda: counted(job) == 100)
    server("mariadb", "kill")
    try:
        job.produce(*records(100, 150))
        daemon.wait("run.behind", output="db/counted/COUNTED")
        until("the lake", lambda: len(job.lake()) == 150)
        job.produce(*records(150, 180))
        until("the lake again", lambda: len(job.lake()) == 180)
        found = until("the state", lambda: (s := status(job))["behind"] and s)
        assert found["behind"][0]["output"] == "db/counted/COUNTED" and found["outcome"] == "done", found
    finally:
        server("mariadb", "start")
    daemon.wait("run.caught_up", output="db/counted/COUNTED")
    until("all records", lambda: counted(job) == 180)
    daemon.stop()
    complete(job, 180)
    job.sluice("audit", "j")
    job.close()


@case
def a_backfill_that_was_cut_short_goes_on_when_the_daemon_is_back():
    job = scheduled("cut", "{ every: 1h }")
    for i in range(3):
        job.produce(*records(i * 20, (i + 1) * 20))
        job.run()
    job.sluice("job", "backfill", "j", "--batch", "1..3", "--outputs", "OUT", expect=-9,
               fault="lake.rename:2:crash")
    daemon = Daemon(job)
    daemon.wait("backfill.continue", job="j")
    daemon.wait("command.done", exit=0)
    assert "no backfill is pending" in job.sluice("job", "backfill", "j")
    daemon.stop()
    daemon = Daemon(job)
    daemon.wait("daemon.ready")
    daemon.stop()
    assert not daemon.events("backfill.continue")
    complete(job, 60)
    job.close()


@case
def a_run_that_takes_too_long_is_stopped_and_tried_again():
    job = scheduled("timeout", "{ every: 1h, timeout: 1s, retry: { attempts: 50, backoff: 100ms, backoff_max: 100ms } }")
    job.produce(*records(0, 100))
    server("kafka", "kill")
    try:
        daemon = Daemon(job)
        daemon.wait("run.timeout", next="retry")
    finally:
        server("kafka", "start")
    until("the records", lambda: counted(job) == 100)
    daemon.stop()
    complete(job, 100)
    job.close()


@case
def servers_that_restart_are_survived():
    job = scheduled("servers", "{ every: 1s, retry: { attempts: 50, backoff: 500ms, backoff_max: 1s } }")
    job.produce(*records(0, 50))
    daemon = Daemon(job)
    until("the first records", lambda: counted(job) == 50)
    server("kafka", "kill")
    daemon.wait("run.failed")
    server("kafka", "start")
    job.produce(*records(50, 100))
    until("the next records", lambda: counted(job) == 100)
    server("mariadb", "kill")
    job.produce(*records(100, 150))
    daemon.wait("run.start", count=len(daemon.events("run.start")) + 1)
    server("mariadb", "start")
    until("the last records", lambda: counted(job) == 150)
    assert daemon.process.poll() is None
    daemon.stop()
    complete(job, 150)
    job.close()


@case
def a_streaming_job_goes_on_through_commands_kills_and_pauses():
    job = scheduled("streams", "stream")
    job.produce(*records(0, 30))
    daemon = Daemon(job)
    until("the first records", lambda: counted(job) == 30)
    job.produce(*records(30, 60))
    until("the next records", lambda: counted(job) == 60)
    until("a success", lambda: status(job)["last_success"])
    assert "streams" in job.sluice("job", "run", "j", expect=3)
    job.produce(*records(60, 70))
    job.sluice("job", "run", "j", "--once")
    assert counted(job) == 70
    daemon.wait("run.start", count=2, reason="stream")
    daemon.kill()
    job.produce(*records(70, 80))
    daemon = Daemon(job)
    until("the records after the kill", lambda: counted(job) == 80)
    job.sluice("job", "pause", "j")
    until("the pause", lambda: status(job)["state"] == "paused")
    job.produce(*records(80, 90))
    job.sluice("job", "resume", "j")
    until("the records after the pause", lambda: counted(job) == 90)
    daemon.stop()
    complete(job, 90)
    job.close()


@case
def a_full_disk_under_the_scheduler_does_not_stop_the_jobs():
    job = scheduled("full")
    job.produce(*records(0, 20))
    daemon = Daemon(job, SLUICE_FAULT="sched.write:*:enospc")
    daemon.wait("daemon.memory_error")
    until("the records", lambda: counted(job) == 20)
    job.produce(*records(20, 40))
    until("the next records", lambda: counted(job) == 40)
    assert len(daemon.events("daemon.memory_error")) == 1  # said once
    daemon.stop()
    complete(job, 40)
    job.close()


@case
def systemd_is_told_and_the_watchdog_is_fed():
    import socket
    job = scheduled("systemd", "{ every: 1h }")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        path = str(job.dir / "notify")
        s.bind(path)
        s.settimeout(30)
        daemon = Daemon(job, NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        assert s.recv(100) in (b"READY=1", b"WATCHDOG=1")
        got = [s.recv(100) for _ in range(3)]
        assert b"WATCHDOG=1" in got, got
        daemon.send(signal.SIGTERM)
        while s.recv(100) != b"STOPPING=1":
            pass
        assert daemon.process.wait(30) == 0
    job.close()


if __name__ == "__main__":
    main()
