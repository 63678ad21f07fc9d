"""Bounces: collect what failed in ``bounce/N``, and in the end send one message about all of it.

A bounce has an empty envelope sender; if it cannot be delivered itself, one more goes to the postmaster
from ``#@[]``; if that one fails too, it is discarded. The note in ``bounce/N`` is not synced: by qmail's own
word (INTERNALS section 3) bounces are not crashproof.
"""

from __future__ import annotations

from sim.machine.calls import Steps, close, open_, read, sleep, stat_if_there, time, unlink, write
from sim.qmail.addresses import bounce_recipient, quoted
from sim.qmail.common import date822
from sim.qmail.handover import Handover, abandon_queue, close_queue, open_queue, put
from sim.qmail.send.state import Queue, log, read_info

DOUBLE_BOUNCE_SENDER = "#@[]"
RETRY_S = 10

FAILED = """\
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

"""
BOUNCED = """\
I tried to deliver a bounce message to this address, but the bounce bounced!

"""
COPY = "--- Below this line is a copy of the message.\n\n"
ORIGINAL = "--- Below this line is the original bounce.\n\n"


def paragraph(recipient: str, report: str) -> str:
    r"""Whom, and why: a blank line would end it, so each line end after a line end becomes a slash.

    >>> paragraph("a@b", "one\n\ntwo\n"), paragraph("a@b", "")
    ('<a@b>:\none\n/two\n\n', '<a@b>:\n\n')
    """
    body = f"{report}\n" if report and report[-1] != "\n" else report
    text = f"<{recipient.replace(chr(10), '_')}>:\n{body}"
    inner = "".join("/" if text[at - 1 : at + 1] == "\n\n" else text[at] for at in range(1, len(text) - 1))
    return f"{text[0]}{inner}{text[-1]}\n"


def add_bounce(number: int, recipient: str, report: str) -> Steps:
    """Append one recipient's paragraph to ``bounce/N``; tries for ever, for the mark must not come first."""
    text = paragraph(recipient, report).encode("latin-1")
    while True:
        try:
            fd = yield open_(f"bounce/{number}", "a")
            yield write(fd, text)
            yield close(fd)
            return
        except OSError:
            yield log("alert: unable to append to bounce message; HELP! sleeping...")
            yield sleep(RETRY_S)


def inject_bounce(queue: Queue, number: int) -> Steps:
    """Send the bounce of a finished message, if there is one; False when it must be tried again."""
    info = yield from read_info(number)
    if info is None:
        return False
    sender = bounce_recipient(info[0])
    try:
        if (yield stat_if_there(f"bounce/{number}")) is None:
            return True
    except OSError:
        yield log(f"warning: unable to stat bounce/{number}")
        return False
    if sender == DOUBLE_BOUNCE_SENDER:
        yield log(f"triple bounce: discarding bounce/{number}")
    elif not (yield from _send(queue, number, sender)):
        return False
    try:
        yield unlink(f"bounce/{number}")
    except OSError:
        yield log(f"warning: unable to unlink bounce/{number}")
        return False
    return True


def _send(queue: Queue, number: int, sender: str) -> Steps:
    controls = queue.controls
    recipient = sender or f"{controls.doublebounceto}@{controls.doublebouncehost}"
    letter = yield from open_queue()
    header = (
        f"Date: {date822((yield time()))}\n"
        f"From: {quoted(f'{controls.bouncefrom}@{controls.bouncehost}')}\n"
        f"To: {quoted(recipient)}\n"
        "Subject: failure notice\n\n"
        f"Hi. This is the qmail-send program at {controls.bouncehost}.\n"
    )
    yield from put(letter, (header + (FAILED if sender else BOUNCED)).encode("latin-1"))
    try:
        yield from _copy(f"bounce/{number}", letter)
        yield from put(letter, (COPY if sender else ORIGINAL).encode())
        yield from put(letter, f"Return-Path: <{quoted(sender)}>\n".encode("latin-1"))
        yield from _copy(f"mess/{number}", letter)
    except OSError:
        yield from abandon_queue(letter)
        yield log("warning: trouble injecting bounce message, will try later")
        return False
    trouble = yield from close_queue(letter, "" if sender else DOUBLE_BOUNCE_SENDER, [recipient])
    if trouble:
        yield log("warning: trouble injecting bounce message, will try later")
        return False
    yield log(f"bounce msg {number} qp {letter.qp}")
    return True


def _copy(path: str, letter: Handover) -> Steps:
    fd = yield open_(path)
    while piece := (yield read(fd)):
        yield from put(letter, piece)
    yield close(fd)
