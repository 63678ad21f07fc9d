"""A finished run: its trace, and the views a person asks of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim import scenario
from sim.scenario import Scenario
from sim.trace import Trace
from sim.world.simulate import Clock, World, simulate

if TYPE_CHECKING:
    from sim.machine.disk import Disk


class Run:
    """What a notebook holds after ``sim.run(scenario)``."""

    def __init__(self, play: Scenario, world: World) -> None:
        self.scenario = play
        self.trace: Trace = world.trace
        self.disks: dict[str, Disk] = world.disks
        self.zone = world.zone


def run(play: Scenario | str, watch: Callable[[Clock], None] | None = None) -> Run:
    """Run a scenario, or the file of one, to its end; raises ScenarioError for a file that is none."""
    if not isinstance(play, Scenario):
        play = scenario.load(play)
    return Run(play, simulate(play, watch))
