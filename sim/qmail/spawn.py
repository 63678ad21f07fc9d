r"""What qmail-lspawn and qmail-rspawn share: take orders from qmail-send, run one child for each, report.

An order is a byte (the delivery's number), then ``mess/N\0sender\0recipient\0``; a report is that byte, then
``K``, ``Z`` or ``D`` and a text, then ``\0``. The first byte ever sent is how many children may run at a time
(qmail-lspawn(8), qmail-rspawn(8)).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sim.machine.calls import Steps, close, fork, fstat, open_, pipe, read, select, sigaction, wait, write
from sim.qmail.common import write_all

SPAWN_LIMIT = 120
NAME_LIMIT = 100
NUMERIC = re.compile("(?:[0-9][0-9/]*)?")
TRUSTED = "qmailq"
Body = Callable[[str, str, str], Steps]
Report = Callable[[int, bytes], bytes]


class Child(NamedTuple):
    """A running delivery: its number, its pid, and what it said so far."""

    number: int
    pid: int
    said: list[bytes]


def serve(body: Body, report: Report) -> Steps:
    """Run until descriptor 0 ends and the last child has. ``body(message, sender, recipient)`` is the child."""
    yield sigaction(ignore=("PIPE",))
    try:
        yield write(1, bytes([SPAWN_LIMIT]))
    except BrokenPipeError:
        pass  # nobody listens, and nobody will send an order
    children: dict[int, Child] = {}
    orders = b""
    orderers: tuple[int, ...] = (0,)
    while orderers or children:
        for fd in (yield select((*orderers, *children))):
            piece = yield read(fd)
            child = children.get(fd)
            if child is None:
                orders += piece
                orderers = (0,) if piece else ()
                while orders.count(b"\0", 1) >= 3:
                    orders = yield from _start(orders, body, children)
            elif piece:
                child.said.append(piece)
            else:
                yield close(fd)
                del children[fd]
                status = yield wait(child.pid)
                yield from _answer(child.number, report(status, b"".join(child.said)))
    return 0


def _start(orders: bytes, body: Body, children: dict[int, Child]) -> Steps:
    """Carry out the first of the orders; give those behind it."""
    number = orders[0]
    message, sender, recipient, rest = orders[1:].split(b"\0", 3)
    words = (message.decode("latin-1"), sender.decode("latin-1"), recipient.decode("latin-1"))
    refusal = _refusal(number, words[0], words[2], children)
    if not refusal:
        mess, refusal = yield from _open(words[0])
    if refusal:
        yield from _answer(number, refusal)
        return rest
    output, output_in = yield pipe()
    pid = yield fork(body, words, {0: mess, 1: output_in})
    yield close(mess)
    yield close(output_in)
    children[output] = Child(number, pid, [])
    return rest


def _refusal(number: int, message: str, recipient: str, children: dict[int, Child]) -> bytes:
    """What is wrong with an order; nothing when it can be carried out. qmail-send sends no wrong ones."""
    name = message.removeprefix("mess/")
    if number >= SPAWN_LIMIT:
        return b"ZInternal error: delnum too big. (#4.3.5)\n"
    if any(child.number == number for child in children.values()):
        return b"ZInternal error: delnum in use. (#4.3.5)\n"
    if not NUMERIC.fullmatch(name):
        return b"DInternal error: messid has nonnumerics. (#5.3.5)\n"
    if len(name) >= NAME_LIMIT:
        return b"DInternal error: messid too long. (#5.3.5)\n"
    if not name:
        return b"DInternal error: messid too short. (#5.3.5)\n"
    return b"" if "@" in recipient else b"DSorry, address must include host name. (#5.1.3)\n"


def _open(message: str) -> Steps:
    """The message's descriptor; or -1, and why it will not do."""
    try:
        mess = yield open_(message)
    except IsADirectoryError:
        return -1, b"ZSorry, message has wrong type. (#4.3.5)\n"
    except OSError:
        return -1, b"Zqmail-spawn unable to open message. (#4.3.0)\n"
    try:
        owner = (yield fstat(mess)).owner
    except OSError:
        yield close(mess)
        return -1, b"Zqmail-spawn unable to fstat message. (#4.3.0)\n"
    if owner == TRUSTED:
        return mess, b""
    yield close(mess)
    return -1, b"ZSorry, message has wrong owner. (#4.3.5)\n"


def _answer(number: int, text: bytes) -> Steps:
    try:
        yield from write_all(1, bytes([number]) + text.replace(b"\0", b"") + b"\0")
    except BrokenPipeError:
        return
