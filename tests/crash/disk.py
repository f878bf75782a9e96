"""A disk that may lose what was not synced: replays the log of shim.c and makes the images a power cut can leave.

The model is POSIX's, stricter than any file system: a write is durable after fsync or fdatasync of its file (or when it was
made through O_DSYNC), a name after fsync of its directory; fsync of a file says nothing about its name. Whatever is not
durable may be kept or lost, one by one, in any combination; a lost write may leave its beginning. A rename is one change.
"""

import os
from pathlib import Path

SECTOR = 512


class Change:
    """Of a file's bytes (offset, data; data None = truncate to offset) or of names (see Disk.rename…)."""
    __slots__ = ("what", "durable")

    def __init__(self, what, durable=False):
        self.what, self.durable = what, durable


class File:
    def __init__(self, data=b"", safe=False):
        self.base, self.changes, self.shared, self.safe = bytearray(data), [], False, safe

    def settle(self):
        """Folds the durable beginning into the base."""
        done = 0
        while done < len(self.changes) and self.changes[done].durable:
            self.apply(self.base, self.changes[done].what)
            done += 1
        del self.changes[:done]

    @staticmethod
    def apply(data, what):
        offset, new = what
        if new is None:
            del data[offset:]
            data.extend(bytes(offset - len(data)))
            return
        if len(data) < offset:
            data.extend(bytes(offset - len(data)))
        data[offset:offset + len(new)] = new

    def image(self, keep, tear):
        data = bytearray(self.base)
        for change in self.changes:
            if change.durable or keep(change):
                self.apply(data, change.what)
            elif change.what[1] is not None and (k := tear(change)):
                self.apply(data, (change.what[0], change.what[1][:k]))
        return bytes(data)


class Dir:
    def __init__(self, safe=False):
        self.now = {}     # name -> File | Dir: as the process sees it
        self.safe = safe  # what is below never gets lost


class Disk:
    """copy: of the directory root as it was before the log began, all of it durable; inodes: of the files in root, by path.

    safe: a directory in it that is on another disk.
    """

    def __init__(self, copy, root, inodes, safe=None):
        self.root_path = str(root)
        self.root = Dir()
        self.names = []      # Changes of names: list of (Dir, name, File | Dir | None)
        self.durable = {}    # Dir -> {name: File | Dir}
        self.inodes = {}
        self.read(Path(copy), self.root, safe)
        for path, inode in inodes.items():
            where, name = self.find(f"{root}/{path}")
            self.inodes[inode] = where.now[name]

    def read(self, path, into, safe):
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                node = Dir(into.safe or entry.name == safe)
                self.read(Path(entry.path), node, None)
            else:
                node = File(Path(entry.path).read_bytes(), into.safe)
            into.now[entry.name] = node
        self.durable[into] = dict(into.now)

    # --- what the log says ---------------------------------------------------------------------------------------------

    def find(self, path):
        """The directory that holds the last name, and that name."""
        parts = os.path.normpath(os.path.relpath(path, self.root_path)).split("/")
        at = self.root
        for part in parts[:-1]:
            at = at.now[part]
        return at, parts[-1]

    def change_names(self, *entries):
        for where, name, node in entries:
            if node is None:
                del where.now[name]
            else:
                where.now[name] = node
        self.names.append(Change(entries, durable=entries[-1][0].safe))

    def create(self, inode, path):
        where, name = self.find(path)
        node = self.inodes[inode] = File(safe=where.safe)
        self.change_names((where, name, node))

    def mkdir(self, path):
        where, name = self.find(path)
        self.change_names((where, name, Dir(where.safe)))

    def unlink(self, path):
        self.change_names((*self.find(path), None))

    rmdir = unlink

    def link(self, source, target):
        where, name = self.find(source)
        self.change_names((*self.find(target), where.now[name]))

    def rename(self, source, target):
        where, name = self.find(source)
        to = self.find(target)
        node = where.now[name]
        if to != (where, name):
            self.change_names((where, name, None), (*to, node))

    def syncdir(self, path):
        if os.path.normpath(path) == os.path.normpath(self.root_path):
            node = self.root
        else:
            where, name = self.find(path)
            node = where.now[name]
        for change in self.names:  # a rename is durable with its target's directory
            if change.what[-1][0] is node:
                change.durable = True
        while self.names and self.names[0].durable:
            self.apply_names(self.durable, self.names.pop(0).what)

    def write(self, inode, offset, data, sync):
        node = self.inodes[inode]
        node.changes.append(Change((offset, data), durable=sync or node.safe))

    def truncate(self, inode, size):
        node = self.inodes[inode]
        node.changes.append(Change((size, None), durable=node.safe))

    def sync(self, inode):
        node = self.inodes[inode]
        for change in node.changes:
            change.durable = True
        node.settle()

    def shared(self, inode):
        self.inodes[inode].shared = True

    # --- what a power cut leaves ---------------------------------------------------------------------------------------

    @staticmethod
    def apply_names(tree, entries):
        for where, name, node in entries:
            level = tree.setdefault(where, {})
            if node is None:
                level.pop(name, None)
            else:
                level[name] = node

    def pending(self):
        return sum(not c.durable for c in self.names) + sum(
            not c.durable for f in self.inodes.values() for c in f.changes)

    def image(self, keep, tear=lambda _: 0):
        """path -> bytes (None for a directory). keep(change): does what is not durable survive?"""
        tree = {where: dict(level) for where, level in self.durable.items()}
        for change in self.names:
            if change.durable or keep(change):
                self.apply_names(tree, change.what)
        found = {}

        def walk(node, path):
            for name, child in tree.get(node, {}).items():
                below = f"{path}{name}"
                if isinstance(child, Dir):
                    found[below] = None
                    walk(child, below + "/")
                elif not child.shared:  # lock and shared-memory files: made anew by who needs them
                    found[below] = child.image(keep, tear)
        walk(self.root, "")
        return found


def inodes(root):
    """path -> inode of every file below."""
    return {str(p.relative_to(root)): p.stat().st_ino for p in Path(root).rglob("*") if p.is_file()}


def events(log):
    """(what, arguments) in order."""
    data, at = Path(log).read_bytes(), 0

    def line():
        nonlocal at
        end = data.index(b"\n", at)
        text, at = data[at:end].decode("utf-8", "surrogateescape"), end + 1
        return text
    while at < len(data):
        what, *fields = line().split()
        if what == "write":
            inode, offset, n, sync = map(int, fields)
            yield what, (inode, offset, data[at:at + n], bool(sync))
            at += n
        elif what in ("sync", "shared", "truncate"):
            yield what, tuple(map(int, fields))
        elif what == "create":
            yield what, (int(fields[0]), line())
        else:
            yield what, tuple(line() for _ in range(2 if what in ("rename", "link") else 1))


def torn(random):
    """A lost write leaves, one time in four, its first sectors."""
    def tear(change):
        n = len(change.what[1])
        return random.randrange(n // SECTOR + 1) * SECTOR if random.random() < 0.25 else 0
    return tear
