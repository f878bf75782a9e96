"""The admin server with curl's eyes and the page with a browser's: see page.sh."""

import http.client
import json
import os
import stat
import urllib.error
import urllib.request

import browser
from cases import case, main
from daemon import Daemon, counted, records, scheduled, until

HOSTILE = "<img src=x onerror=\"window.hacked=1\">"


class Admin:
    """A job with a daemon that has an admin server, and requests to it."""

    def __init__(self, name, admin="admin: { listen: 127.0.0.1:0 }", schedule="{ every: 1s }"):
        self.job = scheduled(name, schedule, admin)
        self.daemon = None

    def start(self):
        self.daemon = Daemon(self.job)
        line = self.daemon.wait("admin.listen")[0]
        self.url = line.split("url=")[1].split()[0]
        self.daemon.wait("daemon.ready")
        self.token = (self.job.dir / "state/_daemon/token").read_text().strip()

    def ask(self, path, body=None, token=True, host=None):
        headers = {"Authorization": f"Bearer {self.token}"} if token is True else {"Authorization": token} if token else {}
        if host:
            headers["Host"] = host
        data = json.dumps(body).encode() if body is not None else None
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=60) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode(), dict(e.headers)

    def get(self, path, body=None):
        code, text, _ = self.ask(path, body)
        assert code == 200, (path, code, text)
        return json.loads(text)

    def close(self):
        self.daemon.stop()
        self.job.close()


@case
def without_the_token_nobody_sees_or_does_anything():
    a = Admin("token")
    a.start()
    token = a.job.dir / "state/_daemon/token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    for path in ("metrics", "api/jobs", "api/jobs/j", "api/jobs/j/runs", "api/lake", "nosuch"):
        for wrong in (None, "Bearer " + "0" * 64, "Bearer ", "Basic x", a.token):
            assert a.ask(path, token=wrong)[0] == 401, (path, wrong)
    for action in ("run", "pause", "backfill"):
        assert a.ask(f"api/jobs/j/{action}", {}, token=None)[0] == 401
    assert a.ask("healthz", token=None)[:2] == (200, "ok\n")
    code, text, headers = a.ask("", token=None)
    assert code == 200 and "<title>Sluice" in text and "default-src 'none'" in headers["Content-Security-Policy"]
    assert a.ask("api/jobs", host="evil.example:80")[0] == 403
    assert a.ask("healthz", host="127.0.0.1.evil.example")[0] == 403
    assert a.token not in a.daemon.text()
    a.close()


@case
def the_api_answers_from_memory_and_from_the_stores():
    a = Admin("api")
    a.job.produce(*records(0, 100), "{broken")
    a.start()
    until("the records", lambda: counted(a.job) == 100)
    until("the end of the run", lambda: a.get("api/jobs")[0]["last"])
    (job,) = a.get("api/jobs")
    assert job["job"] == "j" and job["schedule"] == "every 1s" and job["last_success"], job
    about = a.get("api/jobs/j")["about"]
    assert about["sources"][0]["topic"] == a.job.topic and ["INPUT", "OUT"] in about["edges"], about
    runs = a.get("api/jobs/j/runs?limit=1000")
    first = min(runs, key=lambda r: r["run"])
    assert first["records"] == 101 and first["dead"] == 1 and first["outcome"] == "done", first
    run, batch = a.get("api/jobs/j/runs/1")
    assert run["run"] == 1 and batch["batch"] == 1 and batch["manifest"]["files"], batch
    (dead,) = a.get("api/jobs/j/dead")
    assert dead["value"] == "{broken", dead
    lake = a.get("api/lake")
    assert sum(p["rows"] for p in lake) == 100, lake
    rows = [json.loads(line) for line in a.get("api/lake/OUT?limit=5")]
    assert len(rows) == 5 and {"ID", "NAME", "AMOUNT"} <= set(rows[0]), rows
    for path, code in (("api/jobs/nosuch", 404), ("api/jobs/j/runs/x", 404), ("api/lake/NOSUCH", 500), ("api/jobs/j/what", 404),
                       ("api/lake/--help", 500), ("api/jobs/j/runs/999999", 500), ("api/a/b/c/d/e/f/g", 404)):
        got, text, _ = a.ask(path)
        assert got == code and json.loads(text)["error"], (path, got, text)
    a.close()


@case
def metrics_count_what_happened():
    a = Admin("metrics")
    a.job.produce(*records(0, 70), "{broken")
    a.start()
    until("the records", lambda: counted(a.job) == 70)

    def values():
        lines = [line for line in a.ask("metrics")[1].splitlines() if not line.startswith("#")]
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines)}
    got = until("the run's end", lambda: (v := values()).get('sluice_runs_done_total{job="j"}') and v)
    assert got['sluice_records_total{job="j"}'] == 71 and got['sluice_dead_letters_total{job="j"}'] == 1, got
    assert got['sluice_lake_rows_total{job="j"}'] == 70 and got['sluice_undelivered_seconds{job="j"}'] == 0, got
    assert got['sluice_run_memory_bytes{job="j"}'] > 1e6 and got["sluice_daemon_memory_bytes"] > 1e6
    assert got['sluice_phase_seconds_total{job="j",phase="reading"}'] >= 0
    assert 0 <= got['sluice_last_success_age_seconds{job="j"}'] < 60
    until("the lag", lambda: values().get('sluice_lag_records{job="j"}') == 0)
    a.job.sluice("job", "pause", "j")
    a.job.produce(*records(70, 75))
    by_topic = f'sluice_topic_lag_records{{job="j",topic="{a.job.topic}"}}'
    until("the lag of the topic", lambda: (v := values()).get(by_topic) == v.get('sluice_lag_records{job="j"}') == 5)
    text = a.ask("metrics")[1]
    assert "# TYPE sluice_records_total counter" in text and "# HELP sluice_lag_records " in text
    a.close()


@case
def jobs_are_driven_over_http():
    a = Admin("driven", schedule="{ every: 1h }")
    a.start()
    a.daemon.wait("run.done")
    a.job.produce(*records(0, 40))
    assert a.get("api/jobs/j/pause", {})["paused"] is True
    a.get("api/jobs/j/run", {})
    until("the run", lambda: counted(a.job) == 40)
    assert a.get("api/jobs/j/resume", {})["paused"] is False
    for body in ({}, {"dry_run": True}, {"from": 7}):
        assert a.ask("api/jobs/j/backfill", body)[0] == 400, body
    said = "\n".join(a.get("api/jobs/j/backfill", {"batch": "1..1", "outputs": "OUT", "dry_run": True}))
    assert "OUT" in said, said
    a.get("api/jobs/j/backfill", {"batch": "1..1", "outputs": "OUT"})
    a.daemon.wait("command.done", exit=0)
    assert len(a.job.lake()) == 40
    assert a.get("api/jobs/j")["command"]["exit"] == 0
    assert a.ask("api/jobs/j/explode", {})[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", int(a.url.rsplit(":", 1)[1].rstrip("/")), timeout=30)
    connection.request("DELETE", "/api/jobs/j", headers={"Authorization": f"Bearer {a.token}"})
    assert connection.getresponse().status == 405
    connection.close()
    a.close()


def picture(b, name):
    where = os.environ.get("SLUICE_SCREENSHOTS")
    if where:
        b.screenshot(os.path.join(where, name))


@case
def the_page_shows_and_drives_the_jobs():
    if not browser.available():
        print("skipped the_page_shows_and_drives_the_jobs: no chromium")
        return "skipped"
    a = Admin("page", schedule="{ every: 1s }")
    a.job.produce(*records(0, 500), "{broken " + HOSTILE)
    a.job.produce(json.dumps({"id": 500, "name": HOSTILE, "amount": 1}))
    a.start()
    until("the records", lambda: counted(a.job) == 501)
    b = browser.Browser()
    try:
        b.open(a.url)
        b.until("the login", "document.querySelector('#token') === document.activeElement")
        b.keys("wrong-token-0000")
        b.keys("\ue007")
        b.until("the refusal", "document.body.innerText.includes('not the daemon')")
        b.keys(a.token + "\ue007")
        b.until("the jobs", "document.querySelector('a[href=\"#/job/j\"]')")
        assert "every 1s" in b.text()
        picture(b, "page-jobs.png")
        walk(a, b)
        assert b.errors() == [e for e in b.errors() if "401" in e] or all("401" in e for e in b.errors()), b.errors()
    finally:
        b.close()
    small(a)
    a.close()
    return None


def walk(a, b):
    # By keyboard alone: focus the link, Enter.
    b.js("document.querySelector('a[href=\"#/job/j\"]').focus()")
    b.keys("\ue007")
    b.until("the job", "document.querySelector('svg .node') && document.querySelector('svg .bar')")
    assert b.js("return document.querySelectorAll('svg .node').length") >= 4
    assert HOSTILE in b.text() and b.js("return window.hacked") is None
    picture(b, "page-job.png")
    b.js("document.querySelector('#pause').click()")
    b.until("the question", "document.querySelector('dialog').open")
    b.keys("\ue00c")  # Escape: nothing happens
    b.until("no question", "!document.querySelector('dialog').open")
    assert a.get("api/jobs/j")["paused"] is False
    b.js("document.querySelector('#pause').click()")
    b.until("the question", "document.querySelector('dialog').open")
    b.js("document.querySelector('#confirm-yes').click()")
    until("the pause", lambda: a.get("api/jobs/j")["paused"])
    b.until("the other button", "document.querySelector('#pause').textContent === 'Resume'")
    a.job.produce(*records(501, 511))
    b.js("document.querySelector('#run').click()")
    b.until("the question", "document.querySelector('dialog').open")
    b.js("document.querySelector('#confirm-yes').click()")
    until("the run", lambda: counted(a.job) == 511)
    b.open(a.url + "#/job/j/run/1")
    b.until("the receipt", "document.body.innerText.includes('Batch 1 (forward)')")
    picture(b, "page-run.png")
    b.open(a.url + "#/lake")
    b.until("the lake", "document.querySelector('main a[href^=\"#/lake/OUT/\"]')")
    picture(b, "page-lake.png")
    b.js("document.querySelector('main a[href^=\"#/lake/OUT/\"]').click()")
    b.until("rows", "document.body.innerText.includes('AMOUNT')")
    assert b.js("return window.hacked") is None


def small(a):
    b = browser.Browser(width=390, height=844, dark=True)
    try:
        b.open(a.url + "#token=" + a.token)
        b.until("the jobs", "document.querySelector('a[href=\"#/job/j\"]')")
        assert b.js("return document.documentElement.scrollWidth <= innerWidth"), "the page is wider than a phone"
        assert b.js("return getComputedStyle(document.body).backgroundColor") == "rgb(17, 22, 29)"
        picture(b, "page-phone.png")
        for page in ("#/job/j", "#/job/j/run/1", "#/lake", "#/lake/OUT"):
            b.open(a.url + page)
            b.until("the page", "!document.body.innerText.includes('Loading') && document.querySelector('main section')")
            assert b.js("return document.documentElement.scrollWidth <= innerWidth"), page
    finally:
        b.close()


if __name__ == "__main__":
    main()
