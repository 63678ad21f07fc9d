"""A client's dialogue as a program: say what the table says, read until the reply is whole.

Either side of a connection asks select(2) before it reads or writes, so that nobody waits for ever.
"""

from __future__ import annotations

from sim.machine.calls import Steps, read, select, write
from sim.smtp.client import BODY, END, QUIT, Client
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
    room, word = select((fd,), timeout_s, to_write=True), select((fd,), timeout_s)
    critical = False
    try:
        while (stage := client.stage) != END:
            if (stage == BODY and message is None) or (stage == QUIT and not hang_up):
                return
            text = client.say() if stage != BODY else stuff(message or b"") + client.say()
            while text:  # until the last piece goes out, nobody can have taken the message
                most = (len(text) - 1) // BUFFER * BUFFER or len(text)
                piece, text = text[:most], text[most:]
                critical = stage == BODY and not text
                if not (yield room):
                    raise TimeoutError
                yield write(fd, piece)
            if stage == QUIT:
                return
            outcome = client.heard()
            while outcome is None:
                data = (yield read(fd)) if (yield word) else b""
                if not data:
                    raise Dropped(critical)
                outcome = client.feed(data)
    except OSError:
        raise Dropped(critical) from None
