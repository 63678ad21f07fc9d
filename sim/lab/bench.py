"""Where crashes are carried out: what every such place offers, and the times that all of them keep to.

A life is played from its beginning, or from the disk that a crash left. An operator looks after a minute: when a
daemon is missing, or all programs were killed, the mail system is started again; a machine that lost power is back
after the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from sim.lab.places import Observer, Script, Strike
from sim.lab.plan import Ended, Job, Life, Start
from sim.machine.kernel import Machine
from sim.machine.process import DEAD
from sim.scenario import Scenario
from sim.verdict import SWEPT_AFTER_S

BACK_AFTER_S = 60.0
HORIZON_S = SWEPT_AFTER_S + 3600.0
PATIENCE_S = 7_200.0

Needed = Mapping[str, Mapping[str, int]]


class Bench(Protocol):
    """Where jobs are carried out: ``execute`` does that quickly.

    ``settle`` is for those who only want to know what becomes of the mail: it may end as soon as that is settled, and
    what is tried in vain after that is not on record. ``observe`` plays a life and lets somebody look on once its
    script is done; ``follow`` says how the life after a job begins, so that it can be observed. ``needed`` are the
    daemons of each host, and how many of each.
    """

    @property
    def play(self) -> Scenario: ...
    @property
    def needed(self) -> Needed: ...
    def execute(self, job: Job) -> Ended: ...
    def settle(self, job: Job) -> Ended: ...
    def follow(self, job: Job) -> tuple[Start | None, Script]: ...
    def observe(self, observer: Observer, script: Script = (), start: Start | None = None) -> Life: ...


def running(machine: Machine) -> Counter[str]:
    return Counter(one.program for one in machine.processes.values() if one.state != DEAD)


def lacks(machine: Machine, needed: Mapping[str, int]) -> bool:
    """Whether a daemon is missing that the mail system needs."""
    there = running(machine)
    return any(there[name] < count for name, count in needed.items())


def strikes(script: Script) -> list[Strike]:
    return [act for _, _, act in script if isinstance(act, Strike)]
