"""The garbage collector rests during a run, so a run may leave it nothing to do: no cycles, nobody who is dead."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from sim import scenario
from sim.machine.process import Process
from sim.machine.streams import Socket
from sim.world.simulate import World
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
