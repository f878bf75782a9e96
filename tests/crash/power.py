"""The power-cut harness; power.sh says what it is for."""

import concurrent.futures
import hashlib
import os
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from case import BOOTSTRAP, differences, must
from disk import Disk, events, inodes, torn
from kafka import Kafka
from power_acts import SAFE, acts

SHIM = os.environ["SLUICE_POWER_SHIM"]
ACTS = [name for name in os.environ.get("SLUICE_POWER_ACTS", "").split(",") if name]
STOP = bool(os.environ.get("SLUICE_POWER_STOP"))  # at the first finding
FORGET = re.compile(os.environ["SLUICE_POWER_FORGET"]) if "SLUICE_POWER_FORGET" in os.environ else None
AT_ONCE = int(os.environ.get("SLUICE_CRASH_JOBS", "2"))
RERUNS_MAX = 3

def same_as(disk, directory):
    """What the log says against what is there: every way to change a file must have been seen."""
    want = disk.image(lambda _: True)
    found = {}
    for path in Path(directory).rglob("*"):
        found[str(path.relative_to(directory))] = None if path.is_dir() else path.read_bytes()
    shared = {name for name in found if name not in want and name.endswith(("lock.mdb", "-shm"))}
    return sorted(name for name in (set(want) | set(found)) - shared if want.get(name, 0) != found.get(name, 0))


class Scenario:
    def __init__(self, harness, act):
        self.act, self.name, self.work, self.machine = act, act.name, harness.work, act.machine
        self.before = harness.work / (self.name + ".before")
        shutil.copytree(self.machine.dir, self.before)
        self.inodes = inodes(self.machine.dir)
        log = harness.work / (self.name + ".log")
        untouched = act.untouched()
        for words in act.watched():
            must(self.machine.sluice(*words, LD_PRELOAD=SHIM, SLUICE_POWER_DIR=str(self.machine.dir), SLUICE_POWER_LOG=str(log)),
                 f"{self.name}, undisturbed: {' '.join(words)}")
        self.events = list(self.remembered(events(log)))
        disk = self.disk()
        for what, arguments in self.events:
            getattr(disk, what)(*arguments)
        if wrong := same_as(disk, self.machine.dir):
            raise SystemExit(f"{self.name}: the log does not say all that happened to {wrong[:5]}")
        self.want = self.machine.left()
        if self.want == untouched:
            raise SystemExit(f"{self.name} did nothing")

    def remembered(self, all_events):
        """Without the syncs of paths that SLUICE_POWER_FORGET matches: as if the program had left them out."""
        path_of = self.paths = {inode: path for path, inode in self.inodes.items()}
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
        """Numbers of events after which the power goes: before and after what makes something durable, or names it; where those are too
        many, first of all where it goes on in another place."""
        deciding = [n for n, (what, arguments) in enumerate(self.events)
                    if what in ("sync", "syncdir", "rename", "link") or (what == "write" and arguments[3])]
        both = sorted({n for d in deciding for n in (d, d + 1)})
        turns = {}
        for before, n in zip(deciding, deciding[1:]):
            turns.setdefault((self.place(before), self.place(n)), n)
        first = set(turns.values()) if len(both) > self.act.points else set()
        others = [n for n in both if n not in first]
        step = max(1, -(-len(others) // max(1, self.act.points - len(first))))
        return sorted(first | set(others[::step]) | {len(self.events)})

    def place(self, n):
        """The state, its spools, staging, streams, another disk, …"""
        _, arguments = self.events[n]
        path = arguments[-1] if isinstance(arguments[-1], str) else self.paths.get(arguments[0], "")
        parts = os.path.relpath(path, self.machine.dir).split("/") if path.startswith("/") else path.split("/")
        return (*parts[:2], any(part.startswith(("spool", "staging")) for part in parts))

    def images(self):
        """(name, image, whether all was done) without repetition."""
        seen, disk, at = set(), self.disk(), 0
        for point in self.points():
            for what, arguments in self.events[at:point]:
                getattr(disk, what)(*arguments)
            at = point
            chosen = random.Random(point)
            keeps = [("none", lambda _: False, lambda _: 0), ("all", lambda _: True, lambda _: 0)][:2 if self.act.subsets > 1 else 1]
            keeps += [(f"subset {n}", lambda _: chosen.random() < 0.5, torn(chosen)) for n in range(self.act.subsets)]
            for name, keep, tear in keeps if disk.pending() else keeps[:1]:
                image = disk.image(keep, tear)
                digest = hashlib.blake2b(repr(sorted((p, d if d is None else hashlib.blake2b(d).digest())
                                                     for p, d in image.items())).encode()).digest()
                if digest not in seen:
                    seen.add(digest)
                    yield f"{self.name}, event {point}, {name} kept", image, point == len(self.events)

    def recover(self, number, image, done):
        """What is wrong after the power is back and commands have ended well; with all done before, already without them."""
        directory = self.work / f"{self.name}.{number}"
        for path, data in sorted(image.items()):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            if data is None:
                (directory / path).mkdir(exist_ok=True)
            else:
                (directory / path).write_bytes(data)
        machine = self.machine.on(directory)
        durable = {part: value for part, value in self.want.items() if part != "left over"}  # which is only deleted
        found = differences(durable, machine.left()) if done else []
        for words in self.act.again(machine, number):
            for _ in range(RERUNS_MAX):
                again = machine.sluice(*words)
                if again.returncode == 0:
                    break
            else:
                return found + [f"{' '.join(words)} keeps failing: {again.stderr.strip()[-300:]}"]
        found += differences(self.want, machine.left())
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
        for scenario in [Scenario(self, act) for act in acts(self, ACTS)]:
            for number, (name, *image) in enumerate(scenario.images()):
                waiting.append((number, name, pool.submit(scenario.recover, number, *image)))
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
