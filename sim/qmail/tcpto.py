"""The table of addresses that timed out lately, ``lock/tcpto`` (tcp-environ, qmail-tcpto(8)).

64 entries of 16 bytes: the address, how often, when. Only connect time-outs count, a refusal does not. A
second one within 120 s of the first is not counted; from two on, an address is skipped without trying for
(60 + pid mod 32) * 64 seconds.
"""

from __future__ import annotations

import struct

from sim.machine.calls import Steps, close, flock, lseek, open_, read, write

ENTRIES = 64
ENTRY = struct.Struct("!4sB3xQ")
TABLE_SIZE = ENTRIES * ENTRY.size
QUIET_S = 120
SKIP_FROM = 2
MOST = 10


def _packed(address: str) -> bytes:
    return bytes(int(part) for part in address.split("."))


def _entries(table: bytes) -> list[tuple[bytes, int, int]]:
    return list(ENTRY.iter_unpack(table[: len(table) // ENTRY.size * ENTRY.size]))


def _read() -> Steps:
    """The open table and its bytes."""
    fd = yield open_("lock/tcpto", "w")
    yield flock(fd)
    return fd, (yield read(fd, TABLE_SIZE))


def skip(address: str, pid: int, now: int) -> Steps:
    """Whether to leave this address alone for now."""
    try:
        fd, table = yield from _read()
    except OSError:
        return False
    yield close(fd)
    for known, count, when in _entries(table):
        if known == _packed(address) and count >= SKIP_FROM:
            return now - when < (60 + pid % 32) * 64
    return False


def record(address: str, timed_out: bool, now: int) -> Steps:
    """Note how a connection attempt went; a success forgets the time-outs."""
    try:
        fd, table = yield from _read()
    except OSError:
        return
    entries = _entries(table)
    wanted = _packed(address)
    place = next((i for i, entry in enumerate(entries) if entry[0] == wanted and entry[1]), None)
    if place is not None:
        _, count, when = entries[place]
        if timed_out and now < when + QUIET_S:
            yield close(fd)
            return
        count = min(count + 1, MOST) if timed_out else 0
    elif timed_out and entries:
        place = min(range(len(entries)), key=lambda i: entries[i][2] + 1024 * entries[i][1])
        count = 1
    else:
        yield close(fd)
        return
    yield lseek(fd, place * ENTRY.size)
    yield write(fd, ENTRY.pack(wanted, count, now))
    yield close(fd)
