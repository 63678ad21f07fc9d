"""The pictures of a run, each a matplotlib figure; nothing heavy is loaded until one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sim.dns import Zone
from sim.folds.dialogues import Dialogue, knocks
from sim.folds.message import Message
from sim.scenario import Scenario
from sim.trace import Trace
from sim.verdict import Evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Source(Protocol):
    """What the pictures ask of a run."""

    @property
    def scenario(self) -> Scenario: ...
    @property
    def trace(self) -> Trace: ...
    @property
    def zone(self) -> Zone: ...
    @property
    def evidence(self) -> Evidence: ...
    @property
    def messages(self) -> list[Message]: ...
    @property
    def dialogues(self) -> list[Dialogue]: ...


def timeline(run: Source) -> Figure:
    """When each message lay in which queue, and each attempt to deliver it."""
    from sim.show.timeline import chart, draw

    return draw(chart(run.scenario, run.evidence))


def queue_depth(run: Source, host: str | None = None) -> Figure:
    """How many messages each queue held; for one host by state."""
    from sim.show.depth import depths, draw

    return draw(depths(run.scenario, run.trace, run.messages, host))


def map_(run: Source) -> Figure:
    """The hosts, the links between them, who takes mail for whom, and the mail that went."""
    from sim.show.atlas import atlas, draw

    return draw(atlas(run.scenario, run.zone, run.dialogues, knocks(run.trace), run.trace))


def retry_schedule(run: Source) -> Figure:
    """When each recipient was tried again, over the line of qmail's formula."""
    from sim.show.retries import draw, retries

    return draw(retries(run.scenario, run.trace))
