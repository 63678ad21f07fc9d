"""Every disk that a power cut may leave: each name and each inode takes any of the values it may have."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from sim.machine.disk import WRITE_BACK_S, Disk, Inode
from sim.machine.filesystems import Async, Journaled
from sim.machine.images import File, Image, file_of, image_of, names_of, seen

if TYPE_CHECKING:
    from sim.machine.kernel import Machine

BLOCK = 4096
DISKS_AT_A_POINT = 4096
Names = dict[str, int]
Values = Sequence["int | None"]
Files = Sequence[File]
Chosen = dict[int, File]


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
    if not isinstance(disk, Async):
        return _of_ffs(disk, now, bound, seed)
    names, versions = disk.registers(now)
    files = {number: _torn(found) for number, found in versions.items()}
    kept = {path: number for path, number in names_of(disk).items() if path not in names}
    every = list(islice(_combined(kept, names, files), bound + 1))
    sampled = len(every) > bound
    sizes = [len(one) for one in names.values()] + [len(one) for one in files.values()]
    choices = prod(sizes) if sampled else len(every)
    same = {inode.number: file_of(inode) for inode in disk.inodes.values()}
    images: dict[Image, None] = {}
    for there, chosen in _drawn(kept, names, files, bound, seed) if sampled else every:
        images[image_of(disk, disk.in_order(there), same | chosen)] = None
    return Survivors(tuple(images), choices, sampled)


def seed_at(machine: Machine) -> str:
    """Where chance begins when disks of a machine are drawn by lot: the same whoever asks, at the same second."""
    return f"{machine.name} {machine.now:g}"


def _of_ffs(disk: Disk, now: float, bound: int, seed: str) -> Survivors:
    """Names are what they are; only contents may be older, each file's by itself."""
    late = [one for one in disk.inodes.values() if one.links and one.data != one.durable]
    dirty = sorted((one for one in late if now - one.dirty_since < WRITE_BACK_S), key=lambda one: one.number)
    files = {one.number: _whole_blocks(one) for one in dirty}
    choices = prod(map(len, files.values()))
    names = names_of(disk)
    sampled = choices > bound
    every = _drawn(names, {}, files, bound, seed) if sampled else _combined(names, {}, files)
    same = {inode.number: file_of(inode) for inode in disk.inodes.values()}
    images = dict.fromkeys(image_of(disk, there, same | chosen) for there, chosen in every)
    return Survivors(tuple(images), choices, sampled)


def _combined(kept: Names, names: Mapping[str, Values], files: Mapping[int, Files]) -> Iterator[tuple[Names, Chosen]]:
    """Each value of each name with each of each file that these names lead to; the rest cannot be told apart."""
    for values in product(*names.values()):
        there = kept | {path: n for path, n in zip(names, values, strict=True) if n is not None}
        reached = set(there.values())
        chosen = {number: found if number in reached else found[:1] for number, found in files.items()}
        for contents in product(*chosen.values()):
            yield there, dict(zip(chosen, contents, strict=True))


def _drawn(
    kept: Names, names: Mapping[str, Values], files: Mapping[int, Files], bound: int, seed: str
) -> Iterator[tuple[Names, Chosen]]:
    """The worst disk, the newest, and others drawn by lot."""
    options: list[Sequence[Any]] = [*names.values(), *files.values()]
    draw = random.Random(seed).choice
    first: list[tuple[Any, ...]] = [tuple(one[0] for one in options), tuple(one[-1] for one in options)]
    for number in range(bound):
        values = first[number] if number < len(first) else tuple(draw(one) for one in options)
        there = kept | {path: n for path, n in zip(names, values, strict=False) if n is not None}
        yield there, dict(zip(files, values[len(names) :], strict=True))


def state_of(disk: Disk, now: float) -> Hashable:
    """All that decides what a crash may leave and how programs go on: disks with equal states have equal futures."""
    if isinstance(disk, Journaled):
        return tuple(disk.prefixes(now))
    if isinstance(disk, Async):
        names, files = disk.registers(now)
        open_names = tuple((path, tuple(values)) for path, values in names.items())
        return seen(disk), open_names, tuple((number, tuple(found)) for number, found in files.items())
    return seen(disk), tuple((one.number, one.durable) for one in disk.inodes.values() if one.data is not one.durable)


def _whole_blocks(inode: Inode) -> list[File]:
    """What is durable of a file, then more and more blocks of what was written after it."""
    old, new = inode.durable, inode.data
    ends = range(-(-(len(old) + 1) // BLOCK) * BLOCK, len(new), BLOCK) if new.startswith(old) else ()
    return [file_of(inode, data) for data in dict.fromkeys((old, *(new[:end] for end in ends), new))]


def _torn(versions: list[File]) -> list[File]:
    """Any of the versions; or the length of one, the first blocks of another, and a third's after them, or zeros."""
    last = versions[-1]
    if last.kind == "symlink":  # a short target lies in the inode itself, as ext2 keeps it: there is no block to tear
        return list(dict.fromkeys(versions))
    found = dict.fromkeys(file.data for file in versions)
    for size in sorted({len(data) for data in found}):
        padded = [data[:size].ljust(size, b"\0") for data in (*dict.fromkeys(f.data for f in versions), b"")]
        for first, rest in product(padded, repeat=2):
            found.update((first[:end] + rest[end:], None) for end in range(0, size + BLOCK, BLOCK))
    return [last._replace(data=data) for data in found]
