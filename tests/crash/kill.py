"""The process-kill harness; kill.sh says what it is for."""

import concurrent.futures
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from case import BACKLOGS, BOOTSTRAP, Case, differences, must
from endless import KILLS, Endless
from kafka import Kafka

ACTIONS = ["crash", "crash_after", "error", "reply_lost"]
RERUNS_MAX = 4
AT_ONCE = int(os.environ.get("SLUICE_CRASH_JOBS", "2"))

class Scenario:
    """A way to begin: what an undisturbed run does, and leaves."""

    def __init__(self, harness, kind):
        self.harness, self.name = harness, kind
        reference = Case(harness, "reference_" + kind, kind)
        sites = harness.work / (kind + ".sites")
        must(reference.run(sites=str(sites)), f"the undisturbed {kind} run")
        self.positions = reference.positions()
        self.calls = {line.split()[0]: int(line.split()[1]) for line in sites.read_text().splitlines()}
        self.want = reference.outcome()
        if sum(self.want["group"]) != sum(n + 1 for _, n in BACKLOGS) or not self.want["dead letters"]:
            raise SystemExit(f"the undisturbed {kind} run left something wrong: {self.want}")

    def one(self, name, fault):
        """Offsets that came too early, and the differences that are left after a run with the fault and runs without."""
        case = Case(self.harness, name, self.name)
        disturbed = case.run(fault=fault)
        early = case.ahead(self.positions)
        for _ in range(RERUNS_MAX):
            again = case.run()
            if again.returncode == 0:
                break
        else:
            return [f"runs keep failing: {again.stderr.strip()[-300:]}"]
        found = early + differences(self.want, case.outcome())
        if found:
            return [f"{text} (exit {disturbed.returncode})" for text in found]
        case.drop(self.harness)
        return []


class Harness:
    def __init__(self):
        self.work = Path(tempfile.mkdtemp(prefix="sluice-crash."))
        self.name = "crash_" + self.work.name.split(".")[1].replace("-", "_").lower()
        self.kafka = Kafka(BOOTSTRAP)

    def scenarios(self):
        """A second backlog after a first run; a first run from nothing; the same for a job without a lake, for one with topics."""
        return [Scenario(self, kind) for kind in ("second", "fresh", "bare", "topics")]

    def faults(self, scenarios):
        """Every site at its first, a middle and its last occurrence, in the first scenario that has it."""
        only = os.environ.get("SLUICE_CRASH_SITE", "").split(",")
        seen = set()
        for scenario in scenarios:
            for site, calls in scenario.calls.items():
                if site in seen or not any(word in site for word in only):
                    continue
                seen.add(site)
                for occurrence in sorted({1, (calls + 1) // 2, calls}):
                    for action in ACTIONS:
                        yield scenario, f"{site}:{occurrence}:{action}"

    @staticmethod
    def guarded(name, scenario, fault):
        """What goes wrong in the harness itself is a failure of that case only."""
        try:
            return scenario.one(name, fault)
        except (OSError, RuntimeError, ValueError, sqlite3.Error, subprocess.SubprocessError) as e:
            return [f"the harness: {type(e).__name__}: {e}"]

    def run(self):
        started = time.monotonic()
        faults = list(self.faults(self.scenarios()))
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results = pool.map(lambda x: self.guarded(f"c{x[0]}", *x[1]), enumerate(faults))
            for number, ((scenario, fault), found) in enumerate(zip(faults, results)):
                failed += bool(found)
                for text in found:
                    print(f"FAILED c{number} {scenario.name} {fault}: {text}", flush=True)
        sites = len({fault.split(":")[0] for _, fault in faults})
        print(f"{len(faults)} cases over {sites} sites in {time.monotonic() - started:.0f} s", flush=True)
        if any(word in "endless" for word in os.environ.get("SLUICE_CRASH_SITE", "").split(",")):
            began = time.monotonic()
            found = Endless(self).run()
            failed += bool(found)
            faults.append("endless")
            for text in found:
                print(f"FAILED endless: {text}", flush=True)
            print(f"an endless run killed {KILLS} times in {time.monotonic() - began:.0f} s")
        if failed:
            print(f"what failed is left in {self.work}")
        else:
            shutil.rmtree(self.work)
        print(f"{len(faults) - failed} passed, {failed} failed, 0 skipped")
        return 1 if failed else 0


sys.exit(Harness().run())
