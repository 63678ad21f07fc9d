"""Handing a message to qmail-queue, as qmail-smtpd, -inject, -local and -send all do it.

Two pipes: the message goes down the first, the envelope down the second, and qmail-queue's exit status is
the answer. Whoever dies half-way leaves an envelope without its end, which is no message. Source:
qmail-queue(8); the texts are the ones its callers report.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sim.machine.calls import Steps, chdir, close, fork, pipe, sigaction, wait, write
from sim.qmail.common import become, write_all

NO_HOME = 61
FAILURES = {
    11: "Denvelope address too long for qq (#5.1.3)",
    31: "Dmail server permanently rejected message (#5.3.0)",
    51: "Zqq out of memory (#4.3.0)",
    52: "Zqq timeout (#4.3.0)",
    53: "Zqq write error or disk full (#4.3.0)",
    54: "Zqq read error (#4.3.0)",
    55: "Zqq unable to read configuration (#4.3.0)",
    56: "Zqq trouble making network connection (#4.3.0)",
    61: "Zqq trouble in home directory (#4.3.0)",
    62: "Zqq trouble creating files in queue (#4.3.0)",
    63: "Zqq trouble creating files in queue (#4.3.0)",
    64: "Zqq trouble creating files in queue (#4.3.0)",
    65: "Zqq trouble creating files in queue (#4.3.0)",
    66: "Zqq trouble creating files in queue (#4.3.0)",
    71: "Zmail server temporarily rejected message (#4.3.0)",
    72: "Zconnection to mail server timed out (#4.4.1)",
    73: "Zconnection to mail server rejected (#4.4.1)",
    74: "Zcommunication with mail server failed (#4.4.2)",
    81: "Zqq internal bug (#4.3.0)",
    91: "Zqq internal bug (#4.3.0)",
    120: "Zunable to exec qq (#4.3.0)",
}


def failure_text(status: int) -> str:
    """What a caller says of an exit status: empty for success, else ``Z`` (try again) or ``D`` and a text."""
    if status == 0:
        return ""
    if status < 0:
        return "Zqq crashed (#4.3.0)"
    known = FAILURES.get(status)
    if known is not None:
        return known
    return "Dqq permanent problem (#5.3.0)" if 11 <= status <= 40 else "Zqq temporary problem (#4.3.0)"


class Handover(NamedTuple):
    """An open hand-over: descriptors for message and envelope, and qmail-queue's pid (``qp``)."""

    message: int
    envelope: int
    qp: int


def open_queue() -> Steps:
    """Start qmail-queue; give a Handover."""
    message_out, message_in = yield pipe()
    envelope_out, envelope_in = yield pipe()
    qp = yield fork(_become_queue, (), {0: message_out, 1: envelope_out})
    yield close(message_out)
    yield close(envelope_out)
    return Handover(message_in, envelope_in, qp)


def _become_queue() -> Steps:
    """The child, which has its caller's directory and what it does about signals; SIGPIPE is deadly again (qmail.c)."""
    yield sigaction()
    try:
        yield chdir("/")
    except OSError:
        return NO_HOME
    return (yield from become("qmail-queue", ("qmail-queue",)))


def put(queue: Handover, text: bytes) -> Steps:
    """A piece of the message; a qmail-queue that has died will say so by its exit status."""
    try:
        while text:
            text = text[(yield write(queue.message, text)) :]
    except BrokenPipeError:
        return


def close_queue(queue: Handover, sender: str, recipients: Iterable[str]) -> Steps:
    """The envelope, and qmail-queue's verdict: an empty text, or ``Z``/``D`` and what went wrong."""
    yield close(queue.message)
    records = [f"F{sender}\0", *(f"T{recipient}\0" for recipient in recipients), "\0"]
    try:
        yield from write_all(queue.envelope, "".join(records).encode("latin-1"))
    except BrokenPipeError:
        pass
    yield close(queue.envelope)
    return failure_text((yield wait(queue.qp)))


def abandon_queue(queue: Handover) -> Steps:
    """Close both pipes without an envelope, at which qmail-queue removes what it made; gives its verdict."""
    yield close(queue.message)
    yield close(queue.envelope)
    return failure_text((yield wait(queue.qp)))
