"""The power-cut harness; power.sh says what it is for."""

import concurrent.futures
import copy
import hashlib
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from case import BOOTSTRAP, Case, differences, must
from disk import Disk, events, inodes, torn
from kafka import Kafka

SHIM = os.environ["SLUICE_POWER_SHIM"]
SUBSETS = int(os.environ.get("SLUICE_POWER_SUBSETS", "50"))
POINTS_MAX = int(os.environ.get("SLUICE_POWER_POINTS", "60"))
STOP = bool(os.environ.get("SLUICE_POWER_STOP"))  # at the first finding
FORGET = re.compile(os.environ["SLUICE_POWER_FORGET"]) if "SLUICE_POWER_FORGET" in os.environ else None
AT_ONCE = int(os.environ.get("SLUICE_CRASH_JOBS", "2"))
RERUNS_MAX = 3

# Two SQLite warehouses: one on the disk that loses its power, one elsewhere, which loses nothing.
YAML = """
kafka: {{ bootstrap.servers: "{bootstrap}" }}
state: ./state
lake: {{ path: ./lake }}
warehouses:
  local: "sqlite://./local.db"
  elsewhere: "sqlite://./elsewhere/remote.db"
jobs:
  t:
    sql: [t.sql]
    group: {group}
    limits: {{ batch_records: 300 }}
    outputs:
      COMPLETED: {{ lake: {{ format: jsonl, compression: gzip }} }}
      FAILED: {{ warehouse: {{ to: elsewhere }} }}
      TOTALS: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: [ {{ to: elsewhere }}, {{ to: local }} ] }}
      LIFECYCLE: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: {{ to: local }} }}
"""
SAFE = "elsewhere"


class Machine(Case):
    def __init__(self, harness, name, kind):
        (harness.work / name).mkdir()
        (harness.work / name / SAFE).mkdir()
        super().__init__(harness, name, kind, YAML)

    def left(self):
        outcome = self.outcome()
        del outcome["group"]  # the broker has its power
        return outcome | {"elsewhere": self.sqlite(f"{SAFE}/remote.db")}

    def on(self, directory):
        """The same job on another disk."""
        other = copy.copy(self)
        other.dir = directory
        return other


def same_as(disk, directory):
    """What the log says against what is there: every way to change a file must have been seen."""
    want = disk.image(lambda _: True)
    found = {}
    for path in Path(directory).rglob("*"):
        found[str(path.relative_to(directory))] = None if path.is_dir() else path.read_bytes()
    shared = {name for name in found if name not in want and name.endswith(("lock.mdb", "-shm"))}
    return sorted(name for name in (set(want) | set(found)) - shared if want.get(name, 0) != found.get(name, 0))


class Scenario:
    def __init__(self, harness, kind):
        self.kind, self.work = kind, harness.work
        self.machine = Machine(harness, kind, kind)
        before = harness.work / (kind + ".before")
        shutil.copytree(self.machine.dir, before)
        self.inodes = inodes(self.machine.dir)
        self.log = harness.work / (kind + ".log")
        must(self.machine.run(LD_PRELOAD=SHIM, SLUICE_POWER_DIR=str(self.machine.dir),
                              SLUICE_POWER_LOG=str(self.log)), f"the undisturbed {kind} run")
        self.before = before
        self.events = list(self.remembered(events(self.log)))
        disk = self.disk()
        for what, arguments in self.events:
            getattr(disk, what)(*arguments)
        if wrong := same_as(disk, self.machine.dir):
            raise SystemExit(f"{kind}: the log does not say all that happened to {wrong[:5]}")
        self.want = self.machine.left()

    def remembered(self, all_events):
        """Without the syncs of paths that SLUICE_POWER_FORGET matches: as if the program had left them out."""
        path_of = {inode: path for path, inode in self.inodes.items()}
        for what, arguments in all_events:
            if what == "create":
                path_of[arguments[0]] = os.path.relpath(arguments[1], self.machine.dir)
            path = path_of.get(arguments[0]) if what in ("sync", "write") else None
            if what == "syncdir":
                path = os.path.relpath(arguments[0], self.machine.dir) + "/"
            if FORGET and path and FORGET.search(path):
                if what != "write":
                    continue
                arguments = (*arguments[:3], False)
            yield what, arguments

    def disk(self):
        return Disk(self.before, self.machine.dir, self.inodes, SAFE)

    def points(self):
        """Numbers of events after which the power goes: before and after what makes something durable, or names it."""
        deciding = [n for n, (what, arguments) in enumerate(self.events)
                    if what in ("sync", "syncdir", "rename", "link") or (what == "write" and arguments[3])]
        both = sorted({n for d in deciding for n in (d, d + 1)})
        step = max(1, -(-len(both) // POINTS_MAX))
        return both[::step] + [len(self.events)]

    def images(self):
        """(name, image) without repetition."""
        seen, disk, at = set(), self.disk(), 0
        for point in self.points():
            for what, arguments in self.events[at:point]:
                getattr(disk, what)(*arguments)
            at = point
            chosen = random.Random(point)
            keeps = [("none", lambda _: False, lambda _: 0), ("all", lambda _: True, lambda _: 0)]
            keeps += [(f"subset {n}", lambda _: chosen.random() < 0.5, torn(chosen)) for n in range(SUBSETS)]
            for name, keep, tear in keeps if disk.pending() else keeps[:1]:
                image = disk.image(keep, tear)
                digest = hashlib.blake2b(repr(sorted((p, d if d is None else hashlib.blake2b(d).digest())
                                                     for p, d in image.items())).encode()).digest()
                if digest not in seen:
                    seen.add(digest)
                    yield f"{self.kind}, event {point}, {name} kept", image

    def recover(self, number, image):
        """What is wrong after the power is back and runs have ended well."""
        directory = self.work / f"{self.kind}.{number}"
        for path, data in sorted(image.items()):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            if data is None:
                (directory / path).mkdir(exist_ok=True)
            else:
                (directory / path).write_bytes(data)
        machine = self.machine.on(directory)
        for _ in range(RERUNS_MAX):
            again = machine.run()
            if again.returncode == 0:
                break
        else:
            return [f"runs keep failing: {again.stderr.strip()[-300:]}"]
        found = differences(self.want, machine.left())
        if not found:
            shutil.rmtree(directory)
        return found


class Harness:
    def __init__(self):
        self.work = Path(tempfile.mkdtemp(prefix="sluice-power."))
        self.name = "power_" + self.work.name.split(".")[1].replace("-", "_").lower()
        self.kafka = Kafka(BOOTSTRAP)

    def recovered(self, pool):
        """(number, name, what is wrong) of every image, a few at a time."""
        waiting = []
        for scenario in [Scenario(self, kind) for kind in ("fresh", "second")]:
            for number, (name, image) in enumerate(scenario.images()):
                waiting.append((number, name, pool.submit(scenario.recover, number, image)))
                if len(waiting) >= 4 * AT_ONCE:
                    first = waiting.pop(0)
                    yield *first[:2], first[2].result()
        for number, name, future in waiting:
            yield number, name, future.result()

    def run(self):
        started = time.monotonic()
        count = failed = 0
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for number, name, found in self.recovered(pool):
                count, failed = count + 1, failed + bool(found)
                for text in found:
                    print(f"FAILED {number} ({name}): {text}", flush=True)
                if found and STOP:
                    break
        print(f"{count} images in {time.monotonic() - started:.0f} s")
        if failed and not STOP:
            print(f"what failed is left in {self.work}")
        else:
            shutil.rmtree(self.work)
        print(f"{count - failed} passed, {failed} failed, 0 skipped")
        return 1 if failed else 0


sys.exit(Harness().run())
