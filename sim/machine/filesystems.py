"""File systems that differ in one thing: what a crash may leave of the operations that were not synced.

Theory. A program sees its own operations at once; the platters see them later. What lies between is a promise
that each kind of file system makes, and mail systems are built on that promise:

* ``ffs`` (``sim.machine.disk``): directory operations are durable when the call returns; contents by fsync(2)
  or after 30 s. Stands for BSD's FFS without soft updates (McKusick and others, *The Design and Implementation
  of the 4.4BSD Operating System*, section 8.2). It is what qmail assumes.
* ``journaled``: every operation reaches the disk, in order, when the journal commits: every 5 s, and as a whole
  at any fsync(2). A crash leaves a *prefix* of the operations, never one without those before it. Stands for
  ext3 and ext4 with ``data=ordered`` (Linux Documentation/filesystems/ext4: ``commit=5``; Tweedie, *Journaling
  the Linux ext2fs Filesystem*, 1998). A commit can come early, when the journal is full, hence any prefix.
* ``async``: nothing has an order. Each name and each inode is a register of its own, written back at any moment
  within 30 s; a crash leaves each with *any* value it has had since it was last durable, and contents torn at
  blocks of 4096 bytes, unwritten blocks reading as zeros. fsync(2) writes a file and not its name. A name may
  point to a number that was used again. Stands for ext2 mounted ``async`` (mount(8), fsync(2): "does not
  necessarily ensure that the entry in the directory containing the file has also reached disk").

With ``syncdir`` directory operations are durable when they return: mount(8)'s ``dirsync``, or Bruce Guenter's
``syncdir`` library around link(2), unlink(2), rename(2) and open(2). On ``journaled`` that commits the journal.
Left out: directories themselves (qmail makes none while it runs), and ``lost+found``, where no program looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sim.machine.disk import WRITE_BACK_S, Disk, Inode, Loss
from sim.machine.images import File, Image, become, file_of, image_of, names_of

COMMIT_S = 5.0
Change = tuple[float, dict[str, "int | None"], dict[int, File]]
History = list[tuple[float, "int | None"]]


class _Delayed(Disk):
    """A disk that keeps operations in memory: each is written down as the registers it changed."""

    def __init__(self, syncdir: bool = False) -> None:
        super().__init__()
        self.syncdir = syncdir

    def changed(self, now: float, verb: str, paths: Sequence[str], inode: Inode | None) -> None:
        """Some names, and perhaps the contents of an inode, have just got new values."""
        raise NotImplementedError

    def at_once(self, verb: str, paths: Sequence[str]) -> bool:
        """Whether a directory operation is durable when it returns."""
        return self.syncdir and any(self.waits(verb, path) for path in paths)

    def create(
        self, path: str, now: float, owner: str = "root", mode: int = 0o644, kind: str = "file", data: bytes = b""
    ) -> Inode:
        inode = super().create(path, now, owner, mode, kind, data)
        self.changed(now, "create", (path,), inode)
        return inode

    def link(self, old: str, new: str, now: float = 0.0) -> None:
        super().link(old, new, now)
        self.changed(now, "link", (new,), None)

    def remove(self, path: str, now: float) -> bool:
        removed = super().remove(path, now)
        if removed:
            self.changed(now, "unlink", (path,), None)
        return removed

    def rename(self, old: str, new: str, now: float = 0.0) -> None:
        super().rename(old, new, now)
        self.changed(now, "rename", (old, new), None)

    def write(self, inode: Inode, position: int, data: bytes, now: float) -> None:
        super().write(inode, position, data, now)
        self.changed(now, "write", (), inode)

    def truncate(self, inode: Inode, size: int, now: float) -> None:
        super().truncate(inode, size, now)
        self.changed(now, "ftruncate", (), inode)

    def chmod(self, path: str, mode: int, now: float) -> Inode:
        inode = super().chmod(path, mode, now)
        self.changed(now, "chmod", (), inode)
        return inode

    def utime(self, path: str, at: float, now: float) -> Inode:
        inode = super().utime(path, at, now)
        self.changed(now, "utime", (), inode)
        return inode

    def number_at(self, path: str) -> int | None:
        """What a name stands for now, as programs see it."""
        inode = self.paths.get(path)
        return None if inode is None else inode.number

    def in_order(self, names: dict[str, int]) -> dict[str, int]:
        """The same names in the order in which directories list them; those that come back are last."""
        shown = {path: names[path] for path in names_of(self) if path in names}
        return shown | {path: names[path] for path in sorted(names.keys() - shown.keys())}

    def durable(self, now: float) -> Image:
        """The disk with nothing on it that could be lost."""
        raise NotImplementedError

    def power_cut(self, now: float) -> tuple[Loss, ...]:
        return become(self, self.durable(now))


class Journaled(_Delayed):
    """``names`` and ``files`` are what was committed, ``journal`` what came after, in order."""

    filesystem = "journaled"

    def __init__(self, syncdir: bool = False) -> None:
        super().__init__(syncdir)
        self.names: dict[str, int] = {}
        self.committed: dict[int, File] = {}
        self.journal: list[Change] = []

    def changed(self, now: float, verb: str, paths: Sequence[str], inode: Inode | None) -> None:
        self.commit_due(now)
        files = {} if inode is None else {inode.number: file_of(inode)}
        self.journal.append((now, {path: self.number_at(path) for path in paths}, files))
        if self.at_once(verb, paths):
            self.commit(len(self.journal))

    def commit_due(self, now: float) -> None:
        """The commits that time has brought: each COMMIT_S after the first operation that waits."""
        while self.journal and now - self.journal[0][0] >= COMMIT_S:
            due = self.journal[0][0] + COMMIT_S
            self.commit(sum(change[0] <= due for change in self.journal))

    def commit(self, count: int) -> None:
        for change in self.journal[:count]:
            _apply(change, self.names, self.committed)
        del self.journal[:count]

    def fsync(self, inode: Inode) -> None:
        if self.waits("fsync", inode.name):
            super().fsync(inode)
            self.commit(len(self.journal))

    def sync(self) -> None:
        super().sync()
        self.replace(self.inodes, self.directories, self.paths)

    def replace(
        self, inodes: dict[int, Inode], directories: dict[str, dict[str, Inode]], paths: dict[str, Inode]
    ) -> None:
        super().replace(inodes, directories, paths)
        self.names = names_of(self)
        self.committed = {number: file_of(inode) for number, inode in self.inodes.items()}
        self.journal.clear()

    def durable(self, now: float) -> Image:
        return next(self.prefixes(now))

    def prefixes(self, now: float) -> Iterator[Image]:
        """The disk after the last commit, and after each operation since."""
        self.commit_due(now)
        names, files = dict(self.names), dict(self.committed)
        yield image_of(self, self.in_order(names), files)
        for change in self.journal:
            _apply(change, names, files)
            yield image_of(self, self.in_order(names), files)


def _apply(change: Change, names: dict[str, int], files: dict[int, File]) -> None:
    for path, number in change[1].items():
        if number is None:
            names.pop(path, None)
        else:
            names[path] = number
    files.update(change[2])


class Async(_Delayed):
    """``names`` and ``versions``: a register each, its values since it was last durable, that one first."""

    filesystem = "async"

    def __init__(self, syncdir: bool = False) -> None:
        super().__init__(syncdir)
        self.names: dict[str, History] = {}
        self.versions: dict[int, list[tuple[float, File]]] = {}

    def changed(self, now: float, verb: str, paths: Sequence[str], inode: Inode | None) -> None:
        at_once = self.at_once(verb, paths)
        for path in paths:
            number = self.number_at(path)
            history = self.names.setdefault(path, [(now, None)])
            _write_back(history, now)
            history.append((now, number))
            if at_once:
                del history[:-1]
        if inode is not None:
            versions = self.versions.setdefault(inode.number, [(now, file_of(inode))])
            _write_back(versions, now)
            versions.append((now, file_of(inode)))

    def fsync(self, inode: Inode) -> None:
        if self.waits("fsync", inode.name):
            super().fsync(inode)
            self.versions[inode.number] = [(0.0, file_of(inode))]

    def sync(self) -> None:
        super().sync()
        self.replace(self.inodes, self.directories, self.paths)

    def replace(
        self, inodes: dict[int, Inode], directories: dict[str, dict[str, Inode]], paths: dict[str, Inode]
    ) -> None:
        super().replace(inodes, directories, paths)
        self.names = {path: [(0.0, number)] for path, number in names_of(self).items()}
        self.versions = {number: [(0.0, file_of(inode))] for number, inode in self.inodes.items()}

    def registers(self, now: float) -> tuple[dict[str, list[int | None]], dict[int, list[File]]]:
        """Names and inodes that may have any of several values at ``now``, the durable one first."""
        names: dict[str, list[int | None]] = {}
        files: dict[int, list[File]] = {}
        for path, history in sorted(self.names.items()):
            _write_back(history, now)
            values = list(dict.fromkeys(value for _, value in history))
            if len(values) > 1:
                names[path] = values
        pointed_to = {n for values in names.values() for n in values} | set(names_of(self).values())
        for number, versions in sorted(self.versions.items()):
            _write_back(versions, now)
            if number in pointed_to and (len(versions) > 1 or number not in self.inodes):
                files[number] = [file for _, file in versions]
        return names, files

    def durable(self, now: float) -> Image:
        names, files = self.registers(now)
        kept = {path: number for path, number in names_of(self).items() if path not in names}
        there = kept | {path: values[0] for path, values in names.items() if values[0] is not None}
        same = {inode.number: file_of(inode) for inode in self.inodes.values()}
        return image_of(self, self.in_order(there), same | {number: one[0] for number, one in files.items()})


def _write_back(history: list[Any], now: float) -> None:
    """What has been in the cache for WRITE_BACK_S is durable, and what was before it is gone."""
    while len(history) > 1 and now - history[1][0] >= WRITE_BACK_S:
        del history[0]


def new_disk(filesystem: str, syncdir: bool, unsynced: tuple[tuple[str, str], ...] = ()) -> Disk:
    """An empty disk of a kind; ``ffs`` syncs its directories anyway. ``unsynced``: verbs and patterns of paths."""
    disk = Disk() if filesystem == "ffs" else _DELAYED[filesystem](syncdir)
    disk.unsynced = unsynced
    return disk


_DELAYED: dict[str, type[_Delayed]] = {"journaled": Journaled, "async": Async}
