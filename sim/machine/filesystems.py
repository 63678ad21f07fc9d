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

import random
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from sim.machine.disk import WRITE_BACK_S, Disk, Inode, Loss

COMMIT_S = 5.0
BLOCK = 4096
DISKS_AT_A_POINT = 4096


class File(NamedTuple):
    """An inode as it lies on a disk: ``data`` in bytes, times in seconds since the scenario's start."""

    kind: str
    data: bytes
    atime: float
    mtime: float
    owner: str
    mode: int


class Image(NamedTuple):
    """A whole disk that a machine could be booted with; equal images are the same disk.

    ``names`` are pairs of path and inode number in directory order, ``files`` of number and File, by number.
    """

    directories: tuple[str, ...]
    names: tuple[tuple[str, int], ...]
    files: tuple[tuple[int, File], ...]


Change = tuple[float, dict[str, "int | None"], dict[int, File]]
History = list[tuple[float, "int | None"]]


def file_of(inode: Inode, data: bytes | None = None) -> File:
    """An inode with these contents, or with those that programs see."""
    data = inode.data if data is None else data
    return File(inode.kind, data, inode.atime, inode.mtime, inode.owner, inode.mode)


def names_of(disk: Disk) -> dict[str, int]:
    """Every path with its inode number, directory by directory, in the order of entry."""
    return {
        f"{directory}/{name}" if directory else name: inode.number
        for directory, entries in disk.directories.items()
        for name, inode in entries.items()
    }


def seen(disk: Disk) -> Image:
    """The disk as programs see it, page cache and all: what a kill leaves."""
    names = names_of(disk)
    return _image(disk, names, {number: file_of(disk.inodes[number]) for number in names.values()})


def _image(disk: Disk, names: dict[str, int], files: dict[int, File]) -> Image:
    there = sorted(set(names.values()))
    return Image(tuple(disk.directories), tuple(names.items()), tuple((number, files[number]) for number in there))


def become(disk: Disk, image: Image) -> tuple[Loss, ...]:
    """Let a disk be an image, all of it durable; give what programs had seen and is gone, by name."""
    before = seen(disk)
    inodes = {}
    for number, file in image.files:
        inode = inodes[number] = Inode(number, file.kind, "", file.mtime, file.owner, file.mode)
        inode.data = inode.durable = file.data
        inode.atime = file.atime
    directories: dict[str, dict[str, Inode]] = {directory: {} for directory in image.directories}
    for path, number in image.names:
        directory, _, name = path.rpartition("/")
        inode = directories[directory][name] = inodes[number]
        inode.links += 1
        inode.name = path
    disk.replace(inodes, directories)
    return taken(before, image)


def taken(seen: Image, left: Image) -> tuple[Loss, ...]:
    """What programs had seen and is gone from what is left, by name."""
    files, kept = dict(seen.files), dict(left.files)
    there = {path: kept[number].data for path, number in left.names}
    return tuple(
        Loss(path, len(data), _right(data, there.get(path, b"")))
        for path, data in sorted((path, files[number].data) for path, number in seen.names)
        if data != there.get(path) and (data or path not in there)
    )


def _right(before: bytes, after: bytes) -> int:
    """The size of what is left, up to the first byte that never reached the disk and reads as zero."""
    if before.startswith(after):
        return len(after)
    torn = (place for place, (old, new) in enumerate(zip(before, after, strict=False)) if old and not new)
    return next(torn, len(after))


class _Delayed(Disk):
    """A disk that keeps operations in memory: each is written down as the registers it changed."""

    def __init__(self, syncdir: bool = False) -> None:
        super().__init__()
        self.syncdir = syncdir

    def changed(self, now: float, paths: Sequence[str], inode: Inode | None) -> None:
        """Some names, and perhaps the contents of an inode, have just got new values."""
        raise NotImplementedError

    def create(self, path: str, now: float, owner: str = "root", mode: int = 0o644, kind: str = "file") -> Inode:
        inode = super().create(path, now, owner, mode, kind)
        self.changed(now, (path,), inode)
        return inode

    def link(self, old: str, new: str, now: float = 0.0) -> None:
        super().link(old, new, now)
        self.changed(now, (new,), None)

    def remove(self, path: str, now: float) -> bool:
        removed = super().remove(path, now)
        if removed:
            self.changed(now, (path,), None)
        return removed

    def rename(self, old: str, new: str, now: float = 0.0) -> None:
        super().rename(old, new, now)
        self.changed(now, (old, new), None)

    def write(self, inode: Inode, position: int, data: bytes, now: float) -> None:
        super().write(inode, position, data, now)
        self.changed(now, (), inode)

    def truncate(self, inode: Inode, size: int, now: float) -> None:
        super().truncate(inode, size, now)
        self.changed(now, (), inode)

    def number_at(self, path: str) -> int | None:
        """What a name stands for now, as programs see it."""
        directory, _, name = path.rpartition("/")
        inode = self.directories[directory].get(name)
        return None if inode is None else inode.number

    def in_order(self, names: dict[str, int]) -> dict[str, int]:
        """The same names in the order in which directories list them; those that come back are last."""
        shown = {path: names[path] for path in names_of(self) if path in names}
        return shown | {path: names[path] for path in sorted(names.keys() - shown.keys())}

    def power_cut(self, now: float) -> tuple[Loss, ...]:
        return become(self, survivors(self, now, bound=1).images[0])


class Journaled(_Delayed):
    """``names`` and ``files`` are what was committed, ``journal`` what came after, in order."""

    filesystem = "journaled"

    def __init__(self, syncdir: bool = False) -> None:
        super().__init__(syncdir)
        self.names: dict[str, int] = {}
        self.committed: dict[int, File] = {}
        self.journal: list[Change] = []

    def changed(self, now: float, paths: Sequence[str], inode: Inode | None) -> None:
        self.commit_due(now)
        files = {} if inode is None else {inode.number: file_of(inode)}
        self.journal.append((now, {path: self.number_at(path) for path in paths}, files))
        if paths and self.syncdir:
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
        super().fsync(inode)
        self.commit(len(self.journal))

    def sync(self) -> None:
        super().sync()
        self.replace(self.inodes, self.directories)

    def replace(self, inodes: dict[int, Inode], directories: dict[str, dict[str, Inode]]) -> None:
        super().replace(inodes, directories)
        self.names = names_of(self)
        self.committed = {number: file_of(inode) for number, inode in self.inodes.items()}
        self.journal.clear()

    def prefixes(self, now: float) -> Iterator[Image]:
        """The disk after the last commit, and after each operation since."""
        self.commit_due(now)
        names, files = dict(self.names), dict(self.committed)
        yield _image(self, self.in_order(names), files)
        for change in self.journal:
            _apply(change, names, files)
            yield _image(self, self.in_order(names), files)


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

    def changed(self, now: float, paths: Sequence[str], inode: Inode | None) -> None:
        for path in paths:
            number = self.number_at(path)
            history = self.names.setdefault(path, [(now, None)])
            _write_back(history, now)
            history.append((now, number))
            if self.syncdir:
                del history[:-1]
        if inode is not None:
            versions = self.versions.setdefault(inode.number, [(now, file_of(inode))])
            _write_back(versions, now)
            versions.append((now, file_of(inode)))

    def fsync(self, inode: Inode) -> None:
        super().fsync(inode)
        self.versions[inode.number] = [(0.0, file_of(inode))]

    def sync(self) -> None:
        super().sync()
        self.replace(self.inodes, self.directories)

    def replace(self, inodes: dict[int, Inode], directories: dict[str, dict[str, Inode]]) -> None:
        super().replace(inodes, directories)
        self.names = {path: [(0.0, number)] for path, number in names_of(self).items()}
        self.versions = {number: [(0.0, file_of(inode))] for number, inode in self.inodes.items()}


def _write_back(history: list[Any], now: float) -> None:
    """What has been in the cache for WRITE_BACK_S is durable, and what was before it is gone."""
    while len(history) > 1 and now - history[1][0] >= WRITE_BACK_S:
        del history[0]


# What a crash may leave


class Survivors(NamedTuple):
    """Distinct disks, the worst first (nothing that was not durable), and how many choices there were to make.

    With more choices than the bound the disks are a sample, the same for the same ``seed``.
    """

    images: tuple[Image, ...]
    choices: int
    sampled: bool


def survivors(disk: Disk, now: float, bound: int = DISKS_AT_A_POINT, seed: str = "") -> Survivors:
    """Every disk that a power cut at ``now`` may leave; at most ``bound`` of them."""
    if isinstance(disk, Journaled):
        found = list(dict.fromkeys(disk.prefixes(now)))
        return Survivors(tuple(found[:bound]), len(found), len(found) > bound)
    names, files = _registers(disk, now)
    options: list[Sequence[Any]] = [*names.values(), *files.values()]
    choices = prod(map(len, options))
    chosen = product(*options) if choices <= bound else _sample(options, bound, seed)
    images: dict[Image, None] = {}
    kept = {path: number for path, number in names_of(disk).items() if path not in names}
    same = {inode.number: file_of(inode) for inode in disk.inodes.values()}
    for choice in chosen:
        there = kept | {path: n for path, n in zip(names, choice, strict=False) if n is not None}
        ordered = disk.in_order(there) if isinstance(disk, Async) else names_of(disk)
        found_files = same | dict(zip(files, choice[len(names) :], strict=True))
        images[_image(disk, ordered, found_files)] = None
    return Survivors(tuple(images), choices, choices > bound)


def _registers(disk: Disk, now: float) -> tuple[dict[str, list[int | None]], dict[int, list[File]]]:
    """What may have any of several values: names with numbers, and numbers with files, the durable value first."""
    if not isinstance(disk, Async):
        dirty = [one for one in disk.inodes.values() if one.links and one.data != one.durable]
        late = [one for one in dirty if now - one.dirty_since < WRITE_BACK_S]
        return {}, {one.number: _whole_blocks(one) for one in sorted(late, key=lambda one: one.number)}
    names: dict[str, list[int | None]] = {}
    files: dict[int, list[File]] = {}
    for path, history in sorted(disk.names.items()):
        _write_back(history, now)
        values = list(dict.fromkeys(value for _, value in history))
        if len(values) > 1:
            names[path] = values
    pointed_to = {n for values in names.values() for n in values} | {n for _, n in names_of(disk).items()}
    for number, versions in sorted(disk.versions.items()):
        _write_back(versions, now)
        if len(versions) > 1 or number not in disk.inodes:
            torn = _torn([file for _, file in versions])
            if number in pointed_to:
                files[number] = torn
    return names, files


def _whole_blocks(inode: Inode) -> list[File]:
    """What is durable of a file, then more and more blocks of what was written after it."""
    old, new = inode.durable, inode.data
    ends = range(-(-(len(old) + 1) // BLOCK) * BLOCK, len(new), BLOCK) if new.startswith(old) else ()
    return [file_of(inode, data) for data in dict.fromkeys((old, *(new[:end] for end in ends), new))]


def _torn(versions: list[File]) -> list[File]:
    """Any of the versions; or the length of one, the first blocks of another, and a third's after them, or zeros."""
    last = versions[-1]
    found = dict.fromkeys(file.data for file in versions)
    for size in sorted({len(data) for data in found}):
        padded = [data[:size].ljust(size, b"\0") for data in (*dict.fromkeys(f.data for f in versions), b"")]
        for first, rest in product(padded, repeat=2):
            found.update((first[:end] + rest[end:], None) for end in range(0, size + BLOCK, BLOCK))
    return [last._replace(data=data) for data in found]


def _sample(options: Sequence[Sequence[Any]], bound: int, seed: str) -> Iterator[tuple[Any, ...]]:
    """The worst choice, the newest, and others drawn by lot."""
    yield tuple(one[0] for one in options)
    if bound > 1:
        yield tuple(one[-1] for one in options)
    draw = random.Random(seed).choice
    for _ in range(bound - 2):
        yield tuple(draw(one) for one in options)


def new_disk(filesystem: str, syncdir: bool) -> Disk:
    """An empty disk of a kind; ``ffs`` syncs its directories anyway."""
    return Disk() if filesystem == "ffs" else _DELAYED[filesystem](syncdir)


_DELAYED: dict[str, type[_Delayed]] = {"journaled": Journaled, "async": Async}
