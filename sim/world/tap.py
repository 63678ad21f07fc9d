"""A tap on a connection: it follows the SMTP dialogue, so that a fault can strike at a stage of it.

It understands what it hears with the same table as the server (``sim.smtp.server``). A refusal answers in the
server's place, and the server never hears the command; a drop breaks the line just before the reply to a
stage would have reached the client.
"""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.scenario.faults import Drop, Refuse
from sim.smtp.commands import address_argument, reply_bytes
from sim.smtp.server import Session

STAGES = {"EHLO": "HELO"}
PLAIN_TEXTS = {4: "try again later", 5: "refused"}


class Effect(NamedTuple):
    """What becomes of some bytes: pass them on, answer them, end the server's side, break the line."""

    forward: bytes = b""
    reply: bytes = b""
    hang_up: bool = False
    drop: bool = False


class Strike:
    """How often the fault of this number has struck; shared by all connections to its host."""

    def __init__(self, number: int, fault: Refuse | Drop, seed: int) -> None:
        self.number = number
        self.fault = fault
        self.count = 0
        self.random = random.Random(f"{seed}:{fault.host}:{number - 1}")

    def hits(self, now: float, stage: str, argument: str) -> bool:
        fault = self.fault
        if fault.stage != stage or now < fault.since or (fault.until is not None and now >= fault.until):
            return False
        if fault.first is not None and self.count >= fault.first:
            return False
        if isinstance(fault, Refuse):
            if fault.to is not None and not fnmatch.fnmatchcase(argument, fault.to):
                return False
            if fault.rate is not None and self.random.random() >= fault.rate:
                return False
        self.count += 1
        return True


class Tap:
    """One connection's listener; ``strikes`` are the faults of the server's host, ``meet`` puts one on record."""

    def __init__(self, strikes: Sequence[Strike], meet: Callable[[float, str, int], None]) -> None:
        self.strikes = strikes
        self.meet = meet
        self.session = Session()
        self.stage = "greeting"
        self.argument = ""
        self.severed = False

    def client_says(self, now: float, data: bytes) -> Effect:
        """The client sends a command or message text; a refused one does not reach the server."""
        if self.severed:
            return self._answer_alone(data)
        self.session.feed(data)
        while (received := self.session.receive()) is not None:
            if received.verb == "body":
                continue
            self.stage = STAGES.get(received.verb, received.verb)
            self.argument = address_argument(received.argument) or ""
            fault = self._struck(now, Refuse)
            if fault is not None:
                self.severed = self.stage == "dot"
                return Effect(reply=_words(fault), hang_up=self.severed)
            self.session.accept(received)
        return Effect(forward=data)

    def server_says(self, now: float, data: bytes) -> Effect:
        """The server replies; the line may break before anybody hears it."""
        if self._struck(now, Drop) is not None:
            return Effect(drop=True)
        if self.stage == "greeting":
            fault = self._struck(now, Refuse)
            if fault is not None:
                self.severed = True
                return Effect(forward=_words(fault), hang_up=True)
        return Effect() if self.severed else Effect(forward=data)

    def _struck(self, now: float, kind: type[Refuse] | type[Drop]) -> Refuse | Drop | None:
        for strike in self.strikes:
            if isinstance(strike.fault, kind) and strike.hits(now, self.stage, self.argument):
                self.meet(now, strike.fault.host, strike.number)
                return strike.fault
        return None

    def _answer_alone(self, data: bytes) -> Effect:
        """The server has been hung up on; somebody must still answer QUIT."""
        verb = data.split(b"\r\n")[0].upper()
        return Effect(reply=reply_bytes("221 bye" if verb == b"QUIT" else "503 bad sequence of commands"))


def _words(fault: Refuse | Drop) -> bytes:
    assert isinstance(fault, Refuse)
    return reply_bytes(f"{fault.code} {fault.text or PLAIN_TEXTS[fault.code // 100]}")
