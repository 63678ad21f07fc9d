"""A disk: inodes, names for them, and a clear line between what is durable and what is not yet.

Theory. A write goes to the page cache: every program sees it at once, a power cut forgets it. It becomes
durable by fsync(2), or when the cache has held it for ``WRITE_BACK_S``. What a directory operation
(create, link, unlink, rename, mkdir) becomes depends on the file system:

* ``ffs``: BSD's fast file system without soft updates. Directory operations are on the disk when the call
  returns, which is what qmail's queue assumes (qmail's THOUGHTS, "Reliability"; McKusick and others,
  *The Design and Implementation of the 4.4BSD Operating System*, section 8.2). File contents are not.

The other kinds, and every disk that a crash may leave, are in ``sim.machine.filesystems``.

An inode lives while a name or a descriptor holds it. A freed number goes to the next new file, the lowest
first, so message numbers are reused as on a real queue. A directory lists its names in the order in which
they were entered.
"""

from __future__ import annotations

import errno
import fnmatch
import heapq
import os
import posixpath
from typing import Any, NamedTuple

WRITE_BACK_S = 30.0
MOST_LINKS = 8  # symbolic links in a row: POSIX's least SYMLOOP_MAX
ERROR_TEXTS = {number: os.strerror(number) for number in errno.errorcode}


class Loss(NamedTuple):
    """What a power cut took from one file: its name, its size in bytes, and how many of them are still right."""

    name: str
    before: int
    after: int


class Inode:
    """A file: contents as programs see them (``data``) and as the platters hold them (``durable``)."""

    __slots__ = (
        "atime",
        "data",
        "dirty_since",
        "durable",
        "fifo",
        "holder",
        "kind",
        "links",
        "mode",
        "mtime",
        "name",
        "number",
        "opens",
        "owner",
        "waiters",
    )

    def __init__(self, number: int, kind: str, name: str, now: float, owner: str, mode: int) -> None:
        self.number = number
        self.kind = kind
        self.name = name
        self.data = b""
        self.durable = b""
        self.dirty_since = now
        self.atime = now
        self.mtime = now
        self.owner = owner
        self.mode = mode
        self.links = 0
        self.opens = 0
        self.fifo: Any = None
        self.holder: Any = None
        self.waiters: dict[Any, None] | None = None

    def copy(self) -> Inode:
        """The same file with as many names and descriptors, but without what a running machine has hung on it."""
        other = Inode.__new__(Inode)
        other.number, other.kind, other.name = self.number, self.kind, self.name
        other.data, other.durable, other.dirty_since = self.data, self.durable, self.dirty_since
        other.atime, other.mtime, other.owner, other.mode = self.atime, self.mtime, self.owner, self.mode
        other.links, other.opens = self.links, self.opens
        other.fifo = other.holder = other.waiters = None
        return other

    def __repr__(self) -> str:
        return f"<Inode {self.number} {self.name} {len(self.data)} bytes, {len(self.durable)} durable>"


def failure(number: int, name: str) -> OSError:
    """The OSError of an errno, with the name that the call was about."""
    return OSError(number, ERROR_TEXTS[number], name)


class Disk:
    """One host's file system, of kind ``ffs``; paths are ``directory/name`` (see ``calls``).

    ``directories`` is what each of them lists; ``paths`` are the same files by their whole names.
    ``now`` is in seconds since the scenario's start; the kinds that keep operations in memory need it.
    """

    filesystem = "ffs"
    unsynced: tuple[tuple[str, str], ...] = ()  # verbs and patterns of paths: calls that do not wait for the platters

    def __init__(self) -> None:
        self.inodes: dict[int, Inode] = {}
        self.directories: dict[str, dict[str, Inode]] = {"": {}}
        self.paths: dict[str, Inode] = {}
        self._free: list[int] = []
        self._next = 2

    def _place(self, path: str) -> tuple[dict[str, Inode], str]:
        directory, _, name = path.rpartition("/")
        entries = self.directories.get(directory)
        if entries is None:
            raise failure(errno.ENOENT, path)
        return entries, name

    def look_up(self, path: str) -> Inode | None:
        """The inode behind a name, and behind the symbolic link that may be; None when there is none, or ELOOP."""
        inode = self.paths.get(path)
        if inode is None or inode.kind != "symlink":
            return inode
        target = self.follow(path)
        return self.entry(target) if target in self.directories else self.look_up(target)

    def find(self, path: str) -> Inode:
        """The same, but ENOENT when there is none, EISDIR when it is a directory."""
        inode = self.look_up(path)
        if inode is None:
            raise self.missing(path)
        return inode

    def missing(self, path: str) -> OSError:
        """Why there is no file of this name."""
        return failure(errno.EISDIR if path in self.directories else errno.ENOENT, path)

    def follow(self, path: str) -> str:
        """The name that a symbolic link leads to, whether that is there or not; any other name as it is."""
        for _ in range(MOST_LINKS + 1):
            inode = self.paths.get(path)
            if inode is None or inode.kind != "symlink":
                return path
            target, directory = inode.data.decode("latin-1"), path.rpartition("/")[0]
            path = target if target.startswith("~") else posixpath.normpath(f"{directory}/{target}").lstrip("/")
        raise failure(errno.ELOOP, path)

    def entry(self, path: str) -> Inode:
        """The inode that a directory has under a name, be it a symbolic link; ENOENT when there is none."""
        inode = self.paths.get(path)
        if inode is None:
            raise self.missing(path)
        return inode

    def create(
        self, path: str, now: float, owner: str = "root", mode: int = 0o644, kind: str = "file", data: bytes = b""
    ) -> Inode:
        """A new, empty file, or a symbolic link, whose ``data`` come with its name; EEXIST when the name is taken."""
        entries, name = self._place(path)
        if name in entries or path in self.directories:
            raise failure(errno.EEXIST, path)
        if self._free:
            number = heapq.heappop(self._free)
        else:
            number = self._next
            self._next += 1
        inode = Inode(number, kind, path, now, owner, mode)
        inode.data = inode.durable = data
        inode.links = 1
        self.inodes[number] = self.paths[path] = entries[name] = inode
        return inode

    def symlink(self, target: str, path: str, now: float, owner: str = "root") -> None:
        """A symbolic link: ``target`` begins with ``~``, or goes on from the link's own directory."""
        self.create(path, now, owner, 0o777, "symlink", target.encode("latin-1"))

    def link(self, old: str, new: str, now: float = 0.0) -> None:
        inode = self.entry(old)
        entries, name = self._place(new)
        if name in entries or new in self.directories:
            raise failure(errno.EEXIST, new)
        entries[name] = self.paths[new] = inode
        inode.links += 1
        inode.name = new

    def unlink(self, path: str, now: float = 0.0) -> None:
        if not self.remove(path, now):
            raise self.missing(path)

    def remove(self, path: str, now: float) -> bool:
        """Unlink a file; False when there is none of this name."""
        inode = self.paths.pop(path, None)
        if inode is None:
            return False
        directory, _, name = path.rpartition("/")
        del self.directories[directory][name]
        inode.links -= 1
        if not inode.links:
            self.release(inode)
        return True

    def rename(self, old: str, new: str, now: float = 0.0) -> None:
        """Atomic, and replaces what ``new`` named before."""
        inode = self.entry(old)
        entries, name = self._place(new)
        if new in self.directories:
            raise failure(errno.EISDIR, new)
        replaced = entries.get(name)
        if replaced is inode:
            return
        entries[name] = self.paths[new] = inode
        inode.links += 1
        inode.name = new
        if replaced is not None:
            replaced.links -= 1
            self.release(replaced)
        Disk.remove(self, old, now)

    def mkdir(self, path: str) -> None:
        entries, name = self._place(path)
        if name in entries or path in self.directories:
            raise failure(errno.EEXIST, path)
        self.directories[path] = {}

    def make_directories(self, path: str) -> None:
        """Like ``mkdir -p``, for those who prepare a disk."""
        parent, _, _ = path.rpartition("/")
        if parent and parent not in self.directories:
            self.make_directories(parent)
        self.directories.setdefault(path, {})

    def put(self, path: str, data: bytes, owner: str = "root", mode: int = 0o644) -> Inode:
        """A file that lies on the disk, durable, before anything runs."""
        self.make_directories(path.rpartition("/")[0])
        inode = self.create(path, 0.0, owner, mode)
        inode.data = inode.durable = data
        return inode

    def write(self, inode: Inode, position: int, data: bytes, now: float) -> None:
        """Into the page cache, no further."""
        self._write_back(inode, now)
        old = inode.data
        size = len(old)
        if position == size:
            inode.data = old + data
        else:
            gap = b"\0" * (position - size)
            inode.data = old[:position] + gap + data + old[position + len(data) :]
        inode.mtime = now

    def truncate(self, inode: Inode, size: int, now: float) -> None:
        self._write_back(inode, now)
        inode.data = inode.data[:size].ljust(size, b"\0")
        inode.mtime = now

    def chmod(self, path: str, mode: int, now: float) -> Inode:
        """Another mode, durable at once as the rest of the inode's own affairs."""
        inode = self.find(path)
        inode.mode = mode
        return inode

    def utime(self, path: str, at: float, now: float) -> Inode:
        """Other times."""
        inode = self.find(path)
        inode.atime = inode.mtime = at
        return inode

    def _write_back(self, inode: Inode, now: float) -> None:
        """Before a change: what has been dirty for ``WRITE_BACK_S`` is on the disk by now."""
        if inode.data is inode.durable:
            inode.dirty_since = now
        elif now - inode.dirty_since >= WRITE_BACK_S:
            inode.durable = inode.data
            inode.dirty_since = now

    def waits(self, verb: str, path: str) -> bool:
        """Whether such a call returns only when what it did is durable, where the file system promises that."""
        return not any(verb == word and fnmatch.fnmatchcase(path, like) for word, like in self.unsynced)

    def fsync(self, inode: Inode) -> None:
        if not self.unsynced or self.waits("fsync", inode.name):
            inode.durable = inode.data

    def sync(self) -> None:
        """sync(2): everything is durable; for those who prepare a disk."""
        for inode in self.inodes.values():
            inode.durable = inode.data

    def release(self, inode: Inode) -> None:
        """Give the inode back when no name and no descriptor holds it."""
        if inode.links == 0 and inode.opens == 0:
            del self.inodes[inode.number]
            heapq.heappush(self._free, inode.number)

    def copy(self) -> Disk:
        """Another disk with the same on it, durable or not; nothing is open on that one."""
        other = Disk()
        inodes = other.inodes = {number: inode.copy() for number, inode in self.inodes.items()}
        for directory, entries in self.directories.items():
            other.directories[directory] = {name: inodes[inode.number] for name, inode in entries.items()}
        other.paths = {path: inodes[inode.number] for path, inode in self.paths.items()}
        other._free, other._next = self._free.copy(), self._next
        return other

    def let_go(self) -> None:
        """No machine runs on it any more: nobody has a file open or locked."""
        for inode in self.inodes.values():
            inode.opens = 0
            inode.fifo = inode.holder = inode.waiters = None

    def replace(
        self, inodes: dict[int, Inode], directories: dict[str, dict[str, Inode]], paths: dict[str, Inode]
    ) -> None:
        """Another disk in this one's place; what is on it is durable, and the numbers between are free."""
        self.inodes = inodes
        self.directories = directories
        self.paths = paths
        self._next = max(inodes, default=1) + 1
        self._free = [number for number in range(2, self._next) if number not in inodes]

    def power_cut(self, now: float) -> tuple[Loss, ...]:
        """Forget what was not durable, and say which files it took it from, in the order of inode numbers."""
        losses = []
        for number in sorted(self.inodes):
            inode = self.inodes[number]
            inode.opens = 0
            inode.fifo = inode.holder = inode.waiters = None
            if inode.data is not inode.durable and now - inode.dirty_since >= WRITE_BACK_S:
                inode.durable = inode.data
            if inode.links and inode.data != inode.durable:
                losses.append(Loss(inode.name, len(inode.data), len(inode.durable)))
            inode.data = inode.durable
            self.release(inode)
        return tuple(losses)

    def files(self, prefix: str = "") -> dict[str, Inode]:
        """Every name below ``prefix`` with its inode, sorted by directory and name."""
        return {
            f"{directory}/{name}" if directory else name: inode
            for directory, entries in sorted(self.directories.items())
            if directory.startswith(prefix)
            for name, inode in sorted(entries.items())
        }
