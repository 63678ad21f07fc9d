"""People at their machines: they write letters with a mail program, or type SMTP by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import simpy

from sim.letter import Envelope, Letter
from sim.machine.streams import Pipe, PipeEnd
from sim.scenario.model import Mail, Telnet
from sim.scenario.mua import Mua
from sim.world.host import Host

A_LINE_S = 1.0


def account(mail: Mail) -> str:
    """The account of the person who writes: the local part of the sender."""
    return mail.sender.rpartition("@")[0] or mail.sender or "anonymous"


def write(env: simpy.Environment, host: Host, mail: Mail, mua: Mua | None) -> simpy.events.ProcessGenerator:
    """A person writes a letter, or the same one many times."""
    yield env.timeout(mail.at)
    action = _submitting(host, [mail], mua) if relay(mail, mua) else _handing_in(host, mail, mua)
    for copy in range(mail.copies):
        if copy:
            yield env.timeout(mail.every)
        host.when_up(action)


def write_together(
    env: simpy.Environment, host: Host, letters: Sequence[Mail], mua: Mua | None
) -> simpy.events.ProcessGenerator:
    """A person writes several letters, and submits them over one connection when the last of them is written."""
    yield env.timeout(max(mail.at for mail in letters))
    host.when_up(_submitting(host, letters, mua))


def relay(mail: Mail, mua: Mua | None) -> str | None:
    """The relay agent a letter goes through; None: the MTA of the machine it is written on takes it."""
    return mail.via or (mua.relay if mua else None)


def _handing_in(host: Host, mail: Mail, mua: Mua | None) -> Callable[[], None]:
    """What happens on the machine: qmail-inject, or what the mail system has in its place, gets the letter."""
    recipients = tuple(_as_latin(one) for one in mail.to)
    program, argv = host.system.submission(_as_latin(mail.sender), recipients, raw=mail.raw is not None)
    user, text = account(mail), _text(mail, mua)

    def hand_in() -> None:
        host.machine.spawn(program, argv, user=user, env={"USER": user}, stdin=text, mail=mail.name)

    return hand_in


def _submitting(host: Host, letters: Sequence[Mail], mua: Mua | None) -> Callable[[], None]:
    """What happens on the machine: a MUA submits letters, the first on its descriptor 0, the next on 1 and so on."""
    first = letters[0]
    words = [word for mail in letters for word in (",", *map(_as_latin, (mail.sender, *mail.to)))]
    argv = ("mua", str(relay(first, mua)), *words[1:])
    user = account(first)
    env = {"USER": user} | ({"MAILER": mua.x_mailer or "mua"} if mua and first.raw is None else {})
    names = tuple(mail.name for mail in letters)
    texts = [_text(mail, mua) for mail in letters]

    def submit() -> None:
        machine = host.machine
        mail = names if len(names) > 1 else names[0]
        process = machine.spawn("mua", argv, user=user, env=env, stdin=texts[0], mail=mail)
        for text in texts[1:]:
            pipe = Pipe("letter")
            pipe.data, pipe.seen_writer = text, True
            process.add(PipeEnd(pipe, False, machine))

    return submit


def _text(mail: Mail, mua: Mua | None) -> bytes:
    """Header and body; From and To are what the person typed, and the MUA adds what it is configured for."""
    if mail.raw is not None:
        return mail.raw.encode("utf-8", "surrogateescape")
    typed = {name.lower() for name in mail.header}
    added = [(name, value) for name, value in (mua.header if mua else ()) if name.lower() not in typed]
    to = ("To", ", ".join(mail.to))
    header = [("From", mail.sender), *added, to, *mail.header.items(), ("Subject", mail.subject)]
    shown = tuple((name, value) for name, value in header if value)
    return Letter(Envelope(mail.sender, mail.to), shown, mail.body).text()


def _as_latin(text: str) -> str:
    """The bytes of an address as programs see them, one character a byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


class Terminal:
    """A person at a keyboard who has started ``telnet HOST`` on a machine, and types into it."""

    def __init__(self, host: Host, to: str, user: str = "root", argv: tuple[str, ...] = ()) -> None:
        self.host = host
        self.keyboard = Pipe("keyboard")
        machine = host.machine
        host.clock()
        self._hands = PipeEnd(self.keyboard, True, machine)
        self.process = machine.spawn("telnet", argv or ("telnet", to), user=user, stdin=self.keyboard)
        if not argv:
            host.poke()

    def type(self, line: str) -> None:
        """One line and Return, which a file may have as CR LF."""
        self.host.clock()
        if self.keyboard.readers:
            self._hands.put(_as_latin(line.removesuffix("\r")).encode("latin-1") + b"\n")
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
