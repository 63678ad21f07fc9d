"""Speaking SMTP to a simulated host by hand: each typed line moves simulated time on by a second."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sim import scenario
from sim.machine.process import DEAD
from sim.scenario import Scenario
from sim.world.people import A_LINE_S, Terminal
from sim.world.simulate import World

DESK = "terminal.example"
PATIENCE_S = 10.0


class Talk(NamedTuple):
    """The world as it is after it, and whether anybody answered at all."""

    world: World
    connected: bool


def converse(play: Scenario, to: str, lines: Iterable[str], say: Callable[[str], None], sits_on: str | None) -> Talk:
    """Play a scenario with a person at a terminal who calls ``to`` and types ``lines``; ``say`` shows the answers.

    ``sits_on`` is the person's host; None puts one of its own into the world.
    """
    if sits_on is None:
        data = scenario.to_data(play)
        sits_on = DESK
        while sits_on in data["hosts"]:
            sits_on = f"my.{sits_on}"
        data["hosts"][sits_on] = {"mta": "none"}
        play = scenario.from_data(data)
    world = World(play)
    world.start()
    world.run(A_LINE_S)
    terminal = Terminal(world.hosts[sits_on], to)
    ear = _Ear(world, terminal, to, say)
    answer = world.zone.lookup(to, "A")
    say(f"Trying {answer.records[0] if answer.records else to}...\n")
    ear.listen(PATIENCE_S if not play.faults else 60 * PATIENCE_S)
    typing = iter(lines)
    while terminal.process.state != DEAD and (line := next(typing, None)) is not None:
        terminal.type(line)
        ear.listen(A_LINE_S)
    hangs_up = terminal.process.state != DEAD
    if hangs_up:
        terminal.hang_up()
        ear.listen(A_LINE_S)
    if ear.connected:
        say("Connection closed.\n" if hangs_up else "Connection closed by foreign host.\n")
    else:
        say(f"telnet: Unable to connect to remote host: {ear.reason}\n")
    return Talk(world, ear.connected)


class _Ear:
    """What the person's telnet has printed since the last look."""

    def __init__(self, world: World, terminal: Terminal, to: str, say: Callable[[str], None]) -> None:
        self.world = world
        self.pid = terminal.process.pid
        self.host = terminal.host.name
        self.watched = (self.host, to)
        self.terminal = terminal
        self.say = say
        self.connected = False
        self.reason = "no answer"
        self._seen = 0

    def listen(self, seconds: float) -> None:
        """Let time pass until something was said, or the time is over."""
        until = self.world.env.now + seconds
        while self.world.env.now < until and self.terminal.process.state != DEAD:
            self.world.run(min(until, self.world.env.now + A_LINE_S))
            if self._print():
                return
        self._print()

    def _print(self) -> bool:
        rows = self.world.trace.rows
        printed = False
        for t, who, call, target, result, error in rows[self._seen :]:
            if call[0] == "power_cut" and who[0] in self.watched:
                self.say(f"[{t:g} s: the power of {who[0]} fails]\n")
            if who != (self.host, "telnet", self.pid):
                continue
            if call[0] == "connect" and error is not None:
                self.reason = os.strerror(getattr(errno, error))
            if error is not None or not (target or "").startswith("tcp/"):
                continue
            if call[0] == "connect":
                self.connected = True
                self.say(f"Connected to {call[1]}.\nEscape character is '^]'.\n")
            elif call[0] == "read" and result:
                self.say(result.decode("latin-1").replace("\r\n", "\n"))
                printed = True
        self._seen = len(rows)
        return printed
