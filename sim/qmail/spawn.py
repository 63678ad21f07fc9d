r"""What qmail-lspawn and qmail-rspawn share: take orders from qmail-send, run one child for each, report.

An order is a byte (the delivery's number), then ``mess/N\0sender\0recipient\0``; a report is that byte, then
``K``, ``Z`` or ``D`` and a text, then ``\0``. The first byte ever sent is how many children may run at a time
(qmail-lspawn(8), qmail-rspawn(8)).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sim.machine.calls import Steps, close, fork, fstat, open_, pipe, read, select, wait, write
from sim.qmail.common import write_all

SPAWN_LIMIT = 120
Body = Callable[[str, str, str], Steps]
Report = Callable[[int, bytes], bytes]


class Child(NamedTuple):
    """A running delivery: its number, its pid, where its output comes from, and what came so far."""

    number: int
    pid: int
    output: int
    said: list[bytes]


def serve(body: Body, report: Report) -> Steps:
    """Run until descriptor 0 ends and the last child has. ``body(message, sender, recipient)`` is the child."""
    yield write(1, bytes([SPAWN_LIMIT]))
    children: dict[int, Child] = {}
    orders = b""
    reading = True
    while reading or children:
        for fd in (yield select(((0,) if reading else ()) + tuple(children))):
            if fd in children:
                yield from _hear(children, fd, report)
                continue
            piece = yield read(0)
            reading = bool(piece)
            orders += piece
            while orders.count(b"\0", 1) >= 3:
                number, (message, sender, recipient, orders) = orders[0], orders[1:].split(b"\0", 3)
                words = (message.decode(), sender.decode("latin-1"))
                child = yield from _start(number, *words, recipient.decode("latin-1"), body)
                if child is not None:
                    children[child.output] = child
    return 0


def _start(number: int, message: str, sender: str, recipient: str, body: Body) -> Steps:
    try:
        mess = yield open_(message)
    except OSError:
        return (yield from _answer(number, b"Zqmail-spawn unable to open message. (#4.3.0)\n"))
    if (yield fstat(mess)).owner != "qmailq":
        yield close(mess)
        return (yield from _answer(number, b"DSorry, message has wrong owner. (#5.3.5)\n"))
    output_out, output_in = yield pipe()
    pid = yield fork(body, (message, sender, recipient), {0: mess, 1: output_in})
    yield close(mess)
    yield close(output_in)
    return Child(number, pid, output_out, [])


def _hear(children: dict[int, Child], fd: int, report: Report) -> Steps:
    child = children[fd]
    piece = yield read(fd)
    if piece:
        child.said.append(piece)
        return
    yield close(fd)
    del children[fd]
    status = yield wait(child.pid)
    yield from _answer(child.number, report(status, b"".join(child.said)))


def _answer(number: int, text: bytes) -> Steps:
    try:
        yield from write_all(1, bytes([number]) + text.replace(b"\0", b"") + b"\0")
    except BrokenPipeError:
        return
