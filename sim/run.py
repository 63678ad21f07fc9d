"""A finished run: its trace, and the views a person asks of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from os import PathLike
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sim import scenario, verdict
from sim.dns import Zone
from sim.folds.dialogues import Dialogue, dialogues
from sim.folds.faults import unfired
from sim.folds.figures import figures
from sim.folds.log import log_lines
from sim.folds.message import Message
from sim.folds.processes import lives
from sim.folds.questions import unplaced
from sim.folds.steps import typed
from sim.machine.calls import ARGUMENTS
from sim.qmail.users import SETUID_PROGRAMS
from sim.scenario import Scenario
from sim.scenario.addresses import addresses
from sim.show import ink, plots
from sim.show.dialogue import dialogue_view
from sim.show.figures import draw as draw_figures
from sim.show.figures import figures_view
from sim.show.logbook import log_view
from sim.show.mailbox import read_mailbox
from sim.show.ps import ps_view
from sim.show.queue import queue_at, queue_view
from sim.show.screen import summary_view
from sim.show.steps import steps_view
from sim.show.story import Event, story
from sim.show.view import View
from sim.trace import WHENCE, Trace
from sim.verdict import Evidence, Verdict
from sim.world.simulate import Clock, simulate

if TYPE_CHECKING:
    from email.message import EmailMessage

    from matplotlib.figure import Figure
    from rich.console import Console, ConsoleOptions, RenderResult

    from sim.lab.report import Report
    from sim.machine.disk import Disk


class Run:
    """What a notebook holds after ``sim.run(scenario)``; ``disks`` is None for a run read from a file."""

    def __init__(self, play: Scenario, trace: Trace, zone: Zone, disks: dict[str, Disk] | None = None) -> None:
        self.scenario = play
        self.trace = trace
        self.zone = zone
        self.disks = disks

    @classmethod
    def from_trace(cls, path: str | PathLike[str]) -> Run:
        """A run from its ``trace.jsonl``; ValueError with file:line when it is none."""
        trace = Trace.from_jsonl(str(path), ARGUMENTS)
        if not trace.rows or trace.rows[0][2][0] != "scenario":
            found = "the file is empty" if not trace.rows else "a trace begins with its scenario"
            raise ValueError(f"{path}:1: {found} ({WHENCE})")
        play = scenario.from_data(trace.rows[0][2][1])
        return cls(play, trace, addresses(play, Zone.parse(play.dns))[0])

    # Folds, made once

    @cached_property
    def evidence(self) -> Evidence:
        return Evidence.of(self.trace)

    @property
    def messages(self) -> list[Message]:
        return self.evidence.messages

    @cached_property
    def dialogues(self) -> list[Dialogue]:
        return dialogues(self.trace)

    @cached_property
    def verdict(self) -> Verdict:
        return verdict.judge(self.scenario, self.trace, self.evidence)

    @cached_property
    def story(self) -> list[Event]:
        """What happened, in plain words."""
        _, found = addresses(self.scenario, Zone.parse(self.scenario.dns))
        told = story(self.scenario, self.evidence, {address: name for name, address in found.items()})
        asleep = [
            Event(self.scenario.until, one.host, "never", f"fault {one.number} never happened: {one.why}")
            for one in unfired(self.scenario, self.trace)
        ]
        silent = [
            Event(self.scenario.until, "", "never", f"question {number} is never asked: {why}")
            for number, why in unplaced(self.scenario, self.trace)
        ]
        return told + asleep + silent

    # Views

    @property
    def summary(self) -> View:
        """The screen that ``mailsim run`` prints."""
        return summary_view(self.scenario, self.story, self.verdict)

    @property
    def steps(self) -> View:
        """What people typed on the hosts, and what they saw."""
        return steps_view(typed(self.trace))

    def log(self, host: str | None = None) -> View:
        """What the mail system of a host logged, or all of them."""
        return log_view(log_lines(self.trace, None if host is None else self._host(host)), self.scenario.start)

    def transcript(self, which: int | str | None = None) -> View:
        """All connections; or one by its place or name (``tcp/1``), or those that a host had a part in."""
        found = [one for one in self.dialogues if which in (None, one.name, one.client, one.server)]
        if isinstance(which, int):
            if not -len(self.dialogues) <= which < len(self.dialogues):
                raise IndexError(f"there is no connection {which}: this run has {len(self.dialogues)}")
            found = [self.dialogues[which]]
        elif not found and which is not None and which not in self.scenario.hosts:
            raise KeyError(f"{which!r} is neither a connection nor a host of this run")
        views = [dialogue_view(one, self.scenario.start) for one in found]
        rows = [row for view in views for row in (*view.rows, [], [])]
        return View(rows[:-2] or ["(no connection)"])

    def queue(self, host: str, at_s: float | None = None) -> View:
        """How each message went through the queue; with ``at_s`` what lay in it at that second."""
        mine = [message for message in self.messages if message.host == self._host(host)]
        letter = self.evidence.mail.letter
        if at_s is None:
            return queue_view(mine, letter)
        return queue_at(mine, letter, host, at_s, self.scenario.start)

    def ps(self, host: str, at_s: float | None = None) -> View:
        """The processes of a host and their users at a second, or at the end."""
        found = lives(self.trace, SETUID_PROGRAMS, at_s)
        return ps_view([life for life in found if life.host == self._host(host)], self.scenario.start)

    def mailbox(self, address: str) -> list[EmailMessage]:
        """The letters in the mailboxes of ``user@host``: Maildirs first, then mbox files."""
        if self.disks is None:
            raise LookupError("a run read from a trace has no disks: run the scenario to look into mailboxes")
        user, _, host = address.rpartition("@")
        return read_mailbox(self.disks[self._host(host)], user)

    def plot_timeline(self) -> Figure:
        """When each message lay in which queue, and each attempt to deliver it."""
        return plots.timeline(self)

    def plot_queue(self, host: str | None = None) -> Figure:
        """How many messages each queue held; for one host by state."""
        return plots.queue_depth(self, None if host is None else self._host(host))

    def plot_map(self) -> Figure:
        """The hosts, the links between them, who takes mail for whom, and the mail that went."""
        return plots.map_(self)

    def figures(self, host: str | None = None) -> View:
        """What a host's log says in numbers, or all logs: deliveries, delays, reasons to wait, domains."""
        return figures_view(figures(self.trace, None if host is None else self._host(host)))

    def plot_figures(self, host: str | None = None) -> Figure:
        """How long it took to deliver, and how the attempts went for each domain."""
        return draw_figures(self.scenario.title, figures(self.trace, None if host is None else self._host(host)))

    def plot_retries(self) -> Figure:
        """When each recipient was tried again, over the line of qmail's formula."""
        return plots.retry_schedule(self)

    def plot_crashes(self, report: Report | None = None) -> Figure:
        """What becomes of the mail when a crash comes before each call; the laboratory works, unless a report is given.

        ``sim.crash_test(run.scenario, filesystems=("ffs", "async"))`` makes a report with a column for each.
        """
        from sim.lab.crash_test import crash_test
        from sim.lab.table import grid
        from sim.show.grid import draw

        return draw(grid(report or crash_test(self.scenario), self.scenario.title))

    def player(self) -> Any:
        """The lesson player in a notebook: step, drag back, crash. Where no widget runs, the delivery timeline.

        The laboratory first carries out every crash, which takes a moment. Raises ImportError without anywidget.
        """
        from sim.lab.futures import lesson
        from sim.show.player.page import script, styles
        from sim.show.widget import player

        data = lesson(self.scenario, self.trace)
        return player(script(), styles(), data, lambda: ink.png(self.plot_timeline()), repr(self))

    def _host(self, name: str) -> str:
        if name not in self.scenario.hosts:
            raise KeyError(f"{name!r} is no host of this run; there are {', '.join(self.scenario.hosts)}")
        return name

    def __repr__(self) -> str:
        hosts, mail = len(self.scenario.hosts), len(self.messages)
        return f"<Run of {self.scenario.title!r}: {len(self.trace)} records, {hosts} hosts, {mail} messages>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self.summary.__rich_console__(console, options)

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()


def run(play: Scenario | str | PathLike[str], watch: Callable[[Clock], None] | None = None) -> Run:
    """Run a scenario, or the file of one, to its end; raises ScenarioError for a file that is none."""
    if not isinstance(play, Scenario):
        play = scenario.load(play)
    world = simulate(play, watch)
    return Run(play, world.trace, world.zone, world.disks)


class _Callable(ModuleType):
    """Importing this module binds it to the name ``sim.run``; so that ``sim.run(...)`` always runs, it is callable."""

    __call__ = staticmethod(run)


sys.modules[__name__].__class__ = _Callable
