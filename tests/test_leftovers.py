"""The garbage collector rests during a run, so a run may leave it nothing to do: no cycles, nobody who is dead."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from sim import scenario
from sim.lab.places import Shared
from sim.lab.plan import chosen, undisturbed
from sim.lab.sweep import prepare
from sim.machine.process import Process
from sim.machine.streams import Socket
from sim.world.simulate import SYSTEMS, World
from sim.world.wire import End

SCENARIOS = Path(__file__).parent.parent / "scenarios"


def there(kinds: tuple[type, ...]) -> list[Any]:
    return [one for one in gc.get_objects() if type(one) in kinds]


@pytest.mark.parametrize("name", ["01-first-letter", "02-local-delivery", "04-backup-exchanger", "10-burst"])
def test_what_is_over_is_forgotten_at_once(name: str) -> None:
    """A timer for a day does not keep the dead program that set it, nor a closed connection its sockets."""
    kinds = (Process, Socket, End)
    gc.collect()
    before = there(kinds)
    world = World(scenario.load(SCENARIOS / f"{name}.yaml"))
    world.start()
    gc.collect()
    world.run(world.play.until)
    assert gc.collect() == 0
    left = {id(one) for one in there(kinds)} - {id(one) for one in before}
    assert left == {id(one) for host in world.hosts.values() for one in host.machine.processes.values()}
    assert any(at > world.play.until for host in world.hosts.values() for at, *_ in host.machine.timers)


@pytest.mark.parametrize("name", ["02-local-delivery", "03-no-such-user"])
def test_an_outcome_of_the_laboratory_is_forgotten_at_once(name: str) -> None:
    """Machines are copied by the thousand: a fifth of the time went to collecting them before they let go."""
    play = undisturbed(scenario.load(SCENARIOS / f"{name}.yaml"), "ffs")
    sweep, _ = prepare(play, SYSTEMS, chosen((), ()), Shared(64, 1))
    sweep.carry_out(0)
    gc.collect()
    gc.disable()
    try:
        for number in range(1, len(sweep.plan.jobs)):
            sweep.carry_out(number)
        assert gc.collect() == 0
    finally:
        gc.enable()
