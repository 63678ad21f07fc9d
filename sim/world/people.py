"""People at their machines: they write letters with a mail program, or type SMTP by hand."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from sim.letter import Envelope, Letter
from sim.machine.streams import Pipe, PipeEnd
from sim.scenario.model import Mail, Telnet
from sim.world.host import Host

A_LINE_S = 1.0


def account(mail: Mail) -> str:
    """The account of the person who writes: the local part of the sender."""
    return mail.sender.rpartition("@")[0] or mail.sender or "anonymous"


def write(env: simpy.Environment, host: Host, mail: Mail) -> simpy.events.ProcessGenerator:
    """A person writes a letter, or the same one many times."""
    yield env.timeout(mail.at)
    action = _writing(host, mail)
    for copy in range(mail.copies):
        if copy:
            yield env.timeout(mail.every)
        host.when_up(action)


def _writing(host: Host, mail: Mail) -> Callable[[], None]:
    """What happens on the machine: qmail-inject with the letter on its input, or a MUA that submits it."""
    text = _letter(mail).text() if mail.raw is None else mail.raw.encode("utf-8", "surrogateescape")
    user = account(mail)
    sender, recipients = _as_latin(mail.sender), tuple(_as_latin(one) for one in mail.to)
    if mail.via is not None:
        program, argv = "mua", ("mua", mail.via, sender, *recipients)
    else:
        program, argv = host.system.submission(sender, recipients, raw=mail.raw is not None)
    env = {"USER": user}

    def hand_in() -> None:
        host.machine.spawn(program, argv, user=user, env=env, stdin=text, mail=mail.name)

    return hand_in


def _letter(mail: Mail) -> Letter:
    """Envelope, header, body; the From and To of the header are what the person typed."""
    header = [("From", mail.sender), ("To", ", ".join(mail.to)), *mail.header.items(), ("Subject", mail.subject)]
    shown = tuple((name, value) for name, value in header if value)
    return Letter(Envelope(mail.sender, mail.to), shown, mail.body)


def _as_latin(text: str) -> str:
    """The bytes of an address as programs see them, one character a byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


class Terminal:
    """A person at a keyboard who has started ``telnet HOST`` on a machine, and types into it."""

    def __init__(self, host: Host, to: str, user: str = "root") -> None:
        self.host = host
        self.keyboard = Pipe("keyboard")
        machine = host.machine
        self._hands = PipeEnd(self.keyboard, True, machine.wake)
        self.process = machine.spawn("telnet", ("telnet", to), user=user, stdin=self.keyboard)
        host.poke()

    def type(self, line: str) -> None:
        """One line and Return."""
        self.host.clock()
        if self.keyboard.readers:
            self._hands.put(_as_latin(line).encode("latin-1") + b"\n")
        self.host.poke()

    def hang_up(self) -> None:
        """Let go of the keyboard; telnet ends when the other side does, or at once."""
        self._hands.drop()
        self.host.poke()


def type_lines(env: simpy.Environment, host: Host, session: Telnet) -> simpy.events.ProcessGenerator:
    """A dialogue typed by hand, a line a second."""
    yield env.timeout(session.at)
    terminal = Terminal(host, session.to)
    for line in session.lines.splitlines():
        yield env.timeout(A_LINE_S)
        terminal.type(line)
    yield env.timeout(A_LINE_S)
    terminal.hang_up()
