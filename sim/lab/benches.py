"""Which bench a scenario is carried out on: the fast one where that is sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.lab.alone import Alone, Input
from sim.lab.bench import Bench, running
from sim.lab.whole import Whole
from sim.machine.process import Process
from sim.mta import MailSystem
from sim.scenario import Scenario
from sim.world.host import Host
from sim.world.simulate import World


def bench_for(play: Scenario, systems: Mapping[str, MailSystem]) -> Bench:
    """The fast one when it is sound, which one undisturbed run tells."""
    world = World(play, systems)
    inputs = {name: _inputs(host) for name, host in world.hosts.items()}
    world.start()
    world.run(play.until)
    outside = any(call[0] in ("connect", "query", "accept") for _, _, call, *_ in world.trace.rows)
    if len(play.hosts) == 1 and not (play.faults or play.telnet or play.steps or outside):
        ((name, found),) = inputs.items()
        return Alone(play, systems, world.hosts[name], found)
    return Whole(play, systems, {name: running(host.machine) for name, host in world.hosts.items()})


def _inputs(host: Host) -> list[Input]:
    """A list that fills, as the world runs, with what people start on a machine."""
    machine, found = host.machine, list[Input]()
    spawn = machine.spawn

    def recorded(*args: Any, **words: Any) -> Process:
        if "user" in words:
            found.append((machine.now, lambda other: other.spawn(*args, **words)))
        return spawn(*args, **words)

    machine.spawn = recorded  # type: ignore[method-assign]
    return found
