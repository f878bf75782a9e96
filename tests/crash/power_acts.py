"""What the power-cut harness watches: runs of a job, and commands upon its lake, each on a disk of its own."""

import copy
import hashlib
import os
import shutil
import tarfile

from case import BAD, Case, must

SAFE = "elsewhere"
POINTS_MAX = int(os.environ.get("SLUICE_POWER_POINTS", "60"))
SUBSETS = int(os.environ.get("SLUICE_POWER_SUBSETS", "32"))
UPKEEP_POINTS, UPKEEP_SUBSETS = min(20, POINTS_MAX), min(1, SUBSETS)

# Two SQLite warehouses: one on the disk that loses its power, one elsewhere, which loses nothing.
HEAD = """
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
"""
RUNS = HEAD + """
      COMPLETED: {{ lake: {{ format: jsonl, compression: gzip }} }}
      FAILED: {{ warehouse: {{ to: elsewhere }} }}
      TOTALS: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: [ {{ to: elsewhere }}, {{ to: local }} ] }}
      LIFECYCLE: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: {{ to: local }} }}
"""
KEPT = "partition_by: [day, CURRENCY]"
UPKEEP = HEAD + """
      COMPLETED: {{ lake: {{ partition_by: [day, CURRENCY] }}, warehouse: {{ to: local }} }}
      TOTALS: {{ lake: {{ snapshot: true, keep_versions: 2 }}, warehouse: [ {{ to: elsewhere }}, {{ to: local }} ] }}
"""
UPKEEP_SQL = """
CREATE STREAM transactions (transaction_id STRING, user_id STRING, amount DOUBLE, currency STRING, status STRING, quantity INT)
  WITH (KAFKA_TOPIC = '{topic}', VALUE_FORMAT = 'JSON');
CREATE STREAM completed AS SELECT transaction_id, user_id, amount, currency, CAST(quantity AS INT) AS quantity
  FROM transactions WHERE status = 'completed';
CREATE TABLE totals AS SELECT currency, COUNT(*) AS n FROM transactions GROUP BY currency;
"""
ODD = ['{"transaction_id": "odd%d", "user_id": "u", "amount": 1, "currency": "EUR", "status": "completed", "quantity": "many"}' % n
       for n in range(3)]
RUN = ("job", "run", "t")
EXPORT = ("lake", "export", "COMPLETED", "--to", "kept.tar")


class Machine(Case):
    def __init__(self, harness, name, kind, yaml=RUNS, **more):
        (harness.work / name).mkdir()
        (harness.work / name / SAFE).mkdir()
        super().__init__(harness, name, kind, yaml, **more)

    def left(self):
        outcome = self.outcome()
        del outcome["group"]  # the broker has its power
        # Versions that are out of sight for ever wait for the next one that goes.
        outcome["lake"] = {name: data for name, data in outcome["lake"].items() if "/.expired-" not in name}
        return outcome | {"elsewhere": self.sqlite(f"{SAFE}/remote.db")}

    def on(self, directory):
        """The same job on another disk."""
        other = copy.copy(self)
        other.dir = directory
        return other


class Kept(Machine):
    """A job whose lake is kept up: batches have ids that depend on what was cut short; archives and what came out of them count."""

    def left(self):
        outcome = super().left()
        for warehouse in ("sqlite", "elsewhere"):
            del outcome[warehouse]["heads"]
        out = self.dir / "out"
        return outcome | {
            "archives": {str(p.relative_to(self.dir)): self.archive(p) for p in sorted(self.dir.rglob("*.tar"))},
            "parts": sorted(p.name for p in self.dir.rglob("*.part")),
            "out": {str(p.relative_to(out)): hashed(p.read_bytes()) for p in out.rglob("*") if p.is_file()}}

    def archive(self, path):
        verified = self.sluice("lake", "restore", str(path), "--verify-only")
        if verified.returncode:
            return verified.stderr
        with tarfile.open(path) as tar:
            return {name: hashed(tar.extractfile(name).read()) for name in tar.getnames()}

    def rewrite(self, file, old, new):
        path = self.dir / file
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))


def hashed(data):
    return hashlib.blake2b(data).hexdigest()


class Act:
    """Commands upon a machine's disk: `watched` are those during which the power goes, `again` those that follow, each until it ends well."""
    points, subsets = POINTS_MAX, SUBSETS

    def __init__(self, name, machine):
        self.name, self.machine = name, machine

    def prepare(self):
        pass

    def untouched(self):
        """What is there before; None when there is nothing to look at."""

    def watched(self):
        return [RUN]

    def again(self, machine, number):
        """Of image `number`."""
        return [RUN]


class Upkeep(Act):
    """On a disk of its own, with all records delivered. After every second cut it is a run that finds what was cut short."""
    points, subsets = UPKEEP_POINTS, UPKEEP_SUBSETS
    commands = []

    def __init__(self, harness, kept):
        name = type(self).__name__.lower()
        shutil.copytree(kept.dir, harness.work / name)
        super().__init__(name, kept.on(harness.work / name))

    def must(self, *words):
        must(self.machine.sluice(*words), " ".join(words))

    def untouched(self):
        return self.machine.left()

    def watched(self):
        return self.commands

    def again(self, machine, number):
        return [RUN] * (number % 2) + self.commands


class Compact(Upkeep):
    commands = [("lake", "compact")]


class Expire(Upkeep):
    commands = [("lake", "expire", "t")]

    def prepare(self):
        self.machine.rewrite("sluice.yaml", KEPT, KEPT + ", retain: 30d, archive: ./kept")


class Export(Upkeep):
    commands = [EXPORT]

    def again(self, machine, number):
        """An archive under its name is whole, and is not overwritten."""
        there = (machine.dir / "kept.tar").exists()
        return [RUN] * (number % 2) + ([] if there else self.commands)


class Restore(Upkeep):
    commands = [("lake", "restore", "kept.tar"), ("lake", "restore", "kept.tar", "--to", "out")]

    def prepare(self):
        self.must(*EXPORT)
        self.must("lake", "expire", "t", "COMPLETED", "--older-than", "30d")


class Replay(Upkeep):
    commands = [("dlq", "replay", "t")]

    def prepare(self):
        self.machine.rewrite("t.sql", "quantity INT", "quantity STRING")


class Backfill(Upkeep):
    commands = [("job", "backfill", "t", "--batch", "1..2", "--outputs", "COMPLETED")]

    def prepare(self):
        self.machine.rewrite("t.sql", "user_id, amount", "CONCAT(user_id, '!') AS user_id, amount")


def kept_machine(harness):
    kept = Kept(harness, "kept", "second", UPKEEP, sql=UPKEEP_SQL)
    must(kept.run(), "the second run")
    harness.kafka.produce(kept.topic, [*ODD, BAD], 1)
    must(kept.run(), "the third run")
    return kept


def acts(harness, wanted):
    """Those of the names, or all; each is ready to be watched."""
    for kind in ("fresh", "second"):
        if not wanted or kind in wanted:
            yield Act(kind, Machine(harness, kind, kind))
    upkeep = [c for c in (Compact, Expire, Export, Restore, Replay, Backfill) if not wanted or c.__name__.lower() in wanted]
    kept = kept_machine(harness) if upkeep else None
    for kind in upkeep:
        act = kind(harness, kept)
        act.prepare()
        yield act
