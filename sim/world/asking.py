"""Asking a simulated host: run one of its programs at some second of a run, and read what it prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sim.machine.process import DEAD
from sim.machine.streams import Pipe, PipeEnd
from sim.scenario import Scenario
from sim.world.simulate import Clock, World

STDOUT = 1


class NobodyToAskError(Exception):
    """The host has no such program, or no power; says so in words for the person who asked."""


class Answer(NamedTuple):
    """What a program wrote to descriptor 1, and its exit status."""

    text: bytes
    status: int


def ask(
    play: Scenario, name: str, argv: tuple[str, ...], at_s: float | None = None,
    watch: Callable[[Clock], None] | None = None,
) -> Answer:  # fmt: skip
    """Play a scenario up to a second (None: its end), and there let root run a program that takes no time.

    Raises NobodyToAskError.
    """
    world = World(play)
    machine = world.hosts[name].machine
    if argv[0] not in machine.programs:
        raise NobodyToAskError(f"{name} has no {argv[0]}: its mta is {play.hosts[name].mta}")
    at_s = play.until if at_s is None else at_s
    if watch is not None:
        watch(world.clock(at_s))
    world.start()
    if at_s > 0:
        world.run(at_s)
    if not machine.powered:
        raise NobodyToAskError(f"{name} has no power at {at_s:g} s")
    process = machine.spawn(argv[0], argv)
    printed = Pipe("stdout")
    process.fds[STDOUT] = PipeEnd(printed, True, machine)
    reader = PipeEnd(printed, False, machine)
    text = b""
    while process.state != DEAD:
        machine.run(at_s)
        text += reader.take(len(printed.data)) or b""
    return Answer(text, process.status)
