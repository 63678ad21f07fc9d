"""The table of addresses that timed out lately, ``lock/tcpto`` (qmail-tcpto(8), qmail-tcpok(8)).

64 entries of 16 bytes: the address, how often, when. Only connect time-outs count, a refusal does not. A
second one within 120 s of the first is not counted; from two on, an address is skipped without trying for
(60 + pid mod 32) * 64 seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, close, flock, lseek, open_, read, time, write
from sim.qmail.common import write_all

ENTRIES = 64
ENTRY = struct.Struct("!4sB3xQ")
TABLE_SIZE = ENTRIES * ENTRY.size
QUIET_S = 120
SKIP_FROM = 2
MOST = 10
STDOUT = 1


def qmail_tcpto(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """qmail-tcpto: a line on descriptor 1 for each address that timed out, the way an operator reads the table."""
    lock, table = yield from _read()
    yield close(lock)
    now = yield time()
    lines = [
        f"{'.'.join(map(str, known))} timed out {now - when} seconds ago; # recent timeouts: {count}\n"
        for known, count, when in _entries(table)
        if count
    ]
    yield from write_all(STDOUT, "".join(lines).encode())
    return 0


def qmail_tcpok(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """qmail-tcpok: forget all time-outs, so that every address is tried again (qmail-tcpok(8))."""
    lock, table = yield from _read()
    yield lseek(lock, 0)
    yield write(lock, b"\0" * len(table))
    yield close(lock)
    return 0


def _packed(address: str) -> bytes:
    return bytes(map(int, address.split(".")))


def _entries(table: bytes) -> list[tuple[bytes, int, int]]:
    return list(ENTRY.iter_unpack(table[: len(table) // ENTRY.size * ENTRY.size]))


def _read() -> Steps:
    """The descriptor that holds the lock and can write, and the table's bytes, read through another."""
    lock = yield open_("lock/tcpto", "w")
    fd = yield open_("lock/tcpto")
    yield flock(lock)
    table = yield read(fd, TABLE_SIZE)
    yield close(fd)
    return lock, table


def look_up(address: str, pid: int, now: int) -> Steps:
    """Whether the address has an entry, and whether to leave it alone for now."""
    try:
        lock, table = yield from _read()
    except OSError:
        return False, False
    yield close(lock)
    wanted = _packed(address)
    if wanted not in table:
        return False, False
    for known, count, when in _entries(table):
        if known == wanted:
            return True, count >= SKIP_FROM and now - when < (60 + pid % 32) * 64
    return False, False


def record(address: str, timed_out: bool, now: int) -> Steps:
    """Note how a connection attempt went; a success forgets the time-outs."""
    try:
        lock, table = yield from _read()
    except OSError:
        return
    entry = _changed(_entries(table), _packed(address), timed_out, now)
    if entry is not None:
        place, fields = entry
        yield lseek(lock, place * ENTRY.size)
        yield write(lock, ENTRY.pack(*fields))
    yield close(lock)


def _changed(
    entries: list[tuple[bytes, int, int]], wanted: bytes, timed_out: bool, now: int
) -> tuple[int, tuple[bytes, int, int]] | None:
    """Which entry changes, and into what; None when nothing does."""
    for place, (known, count, when) in enumerate(entries):
        if known == wanted:
            if not timed_out:
                return place, (wanted, 0, when)
            if count and now < when + QUIET_S:
                return None
            return place, (wanted, min(count + 1, MOST), now)
    if not timed_out or not entries:
        return None
    unused = (place for place, (_, count, _) in enumerate(entries) if not count)
    oldest = min(range(len(entries)), key=lambda place: entries[place][2] + 1024 * entries[place][1])
    return next(unused, oldest), (wanted, 1, now)
