"""Stop the world at a moment and look around: every machine stands exactly between two system calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sim.machine.process import Process
from sim.notation import moments
from sim.notation.errors import NotationError
from sim.scenario import Scenario
from sim.world.faults import reached
from sim.world.host import Host
from sim.world.simulate import Clock, World


class Place(NamedTuple):
    """A moment and the side of it: ``after link todo/*``; ``nth`` counts from 1."""

    side: str
    moment: moments.Moment
    nth: int = 1


class Stopped(Exception):  # noqa: N818 - not an error: the world is where it was asked to be
    """The world stands still at a call of ``process`` on ``host``."""

    def __init__(self, host: Host, process: Process, target: str | None) -> None:
        self.host = host
        self.process = process
        self.target = target


def place(text: str, nth: int = 1) -> Place:
    """Read ``before MOMENT`` or ``after MOMENT``; raises NotationError with a hint."""
    side, _, rest = text.strip().partition(" ")
    if side not in ("before", "after"):
        raise NotationError(f"{text!r} does not say on which side", "as in after link todo/*, before mark local/*")
    return Place(side, moments.parse(rest), nth)


def stop_at(play: Scenario, where: Place, watch: Callable[[Clock], None] | None = None) -> tuple[World, Stopped | None]:
    """Run a scenario up to a moment on any host; the world as it stands, and where; None when it never came."""
    world = World(play)
    if watch is not None:
        watch(world.clock(play.until))
    left = [where.nth]
    for host in world.hosts.values():
        host.on_boot = _watch(host, where, left)
    try:
        world.start()
        world.run(play.until)
    except Stopped as here:
        return world, here
    return world, None


def _watch(host: Host, where: Place, left: list[int]) -> Callable[[Host], None]:
    """A host's boot hook that looks out for the moment, beside the scenario's own faults."""
    faults = host.on_boot

    def attach(booted: Host) -> None:
        if faults is not None:
            faults(booted)
        others = booted.machine.watch

        def look(when: str, process: Process, target: str | None) -> None:
            if when == where.side and reached(where.moment, when, booted, process, target):
                left[0] -= 1
                if left[0] == 0:
                    raise Stopped(booted, process, target)
            if others is not None:
                others(when, process, target)

        booted.machine.watch = look

    return attach
