"""A client's dialogue as a program: say what the table says, read until the reply is whole."""

from __future__ import annotations

from sim.machine.calls import Steps, read, write
from sim.smtp.client import BODY, DATA, END, GREETING, QUIT, Client
from sim.smtp.commands import stuff

BUFFER = 1024


class Dropped(Exception):  # noqa: N818 - what happened to the line
    """The connection died; ``critical`` when the whole message was out and no answer had come."""

    def __init__(self, critical: bool) -> None:
        self.critical = critical


def converse(fd: int, client: Client, message: bytes | None, timeout_s: float, *, hang_up: bool = True) -> Steps:
    """Walk a client through its stages on an open connection; the reply to QUIT is not awaited.

    Gives nothing: the outcomes are in ``client``. Without a message it stops before the body, which some
    messages cannot get past; without ``hang_up`` before QUIT, so that another transaction can follow. Raises Dropped.
    """
    stage = client.stage
    try:
        while stage != END:
            if stage == BODY:
                if message is None:
                    return
                text = stuff(message) + client.say()
                last = (len(text) - 1) // BUFFER * BUFFER
                if last:
                    stage = DATA  # until the last piece goes out, nobody can have taken the message
                    yield write(fd, text[:last])
                    stage = BODY
                yield write(fd, text[last:])
            elif stage != GREETING:
                if stage == QUIT and not hang_up:
                    return
                yield write(fd, client.say())
                if stage == QUIT:
                    return
            outcome = client.heard()
            while outcome is None:
                data = yield read(fd, timeout_s=timeout_s)
                if not data:
                    raise Dropped(stage == BODY)
                outcome = client.feed(data)
            stage = client.stage
    except OSError:
        raise Dropped(stage == BODY) from None
