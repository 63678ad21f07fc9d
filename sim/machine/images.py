"""A whole disk as a value: what a machine can be booted with, and what a crash took from the one before."""

from __future__ import annotations

from typing import NamedTuple

from sim.machine.disk import Disk, Inode, Loss


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

    def __repr__(self) -> str:
        return f"<Image of {len(self.names)} names>"


def file_of(inode: Inode, data: bytes | None = None) -> File:
    """An inode with these contents, or with those that programs see."""
    data = inode.data if data is None else data
    return File(inode.kind, data, inode.atime, inode.mtime, inode.owner, inode.mode)


def names_of(disk: Disk) -> dict[str, int]:
    """Every path with its inode number, directory by directory, in the order of entry."""
    return {
        f"{directory}/{name}" if directory else name: inode.number
        for directory, entries in disk.directories.items()
        if entries
        for name, inode in entries.items()
    }


def seen(disk: Disk) -> Image:
    """The disk as programs see it, page cache and all: what a kill leaves."""
    names = names_of(disk)
    return image_of(disk, names, {number: file_of(disk.inodes[number]) for number in names.values()})


def image_of(disk: Disk, names: dict[str, int], files: dict[int, File]) -> Image:
    there = sorted(set(names.values()))
    return Image(tuple(disk.directories), tuple(names.items()), tuple((number, files[number]) for number in there))


def listed(disk: Disk) -> tuple[tuple[str, int, int], ...]:
    """Every path with its inode number and size, by directory and name."""
    directories = disk.directories
    return tuple(
        (f"{directory}/{name}" if directory else name, inode.number, len(inode.data))
        for directory in sorted(directory for directory, entries in directories.items() if entries)
        for name, inode in sorted(directories[directory].items())
    )


def become(disk: Disk, image: Image) -> tuple[Loss, ...]:
    """Let a disk be an image, all of it durable; give what programs had seen and is gone, by name."""
    before = seen(disk)
    load(disk, image)
    return taken(before, image)


def load(disk: Disk, image: Image) -> None:
    """Let a disk be an image, all of it durable, whatever was on it before.

    An inode with several names is called by the last of them as they are sorted, whatever order they lie in.
    """
    inodes = {}
    for number, file in image.files:
        inode = inodes[number] = Inode(number, file.kind, "", file.mtime, file.owner, file.mode)
        inode.data = inode.durable = file.data
        inode.atime = file.atime
    directories: dict[str, dict[str, Inode]] = {directory: {} for directory in image.directories}
    paths = {}
    for path, number in image.names:
        directory, _, name = path.rpartition("/")
        inode = paths[path] = directories[directory][name] = inodes[number]
        inode.links += 1
        if path > inode.name:
            inode.name = path
    disk.replace(inodes, directories, paths)


def taken(seen: Image, left: Image) -> tuple[Loss, ...]:
    """What programs had seen and is gone from what is left, by name."""
    files, kept = dict(seen.files), dict(left.files)
    there = {path: kept[number].data for path, number in left.names}
    gone = [
        (path, data)
        for path, data in ((path, files[number].data) for path, number in seen.names)
        if data != there.get(path) and (data or path not in there)
    ]
    return tuple(Loss(path, len(data), _right(data, there.get(path, b""))) for path, data in sorted(gone))


def _right(before: bytes, after: bytes) -> int:
    """The size of what is left, up to the first byte that never reached the disk and reads as zero."""
    if before.startswith(after):
        return len(after)
    torn = (place for place, (old, new) in enumerate(zip(before, after, strict=False)) if old and not new)
    return next(torn, len(after))
