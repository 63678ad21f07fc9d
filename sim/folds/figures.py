"""The figures that qmailanalog takes from a log: how much mail, how it went, how long it took, why it had to wait.

Only log lines are read, as its matchup(1), zoverall(1), zddist(1), zdeferrals(1) and zrhosts(1) do; so the same mail
counts once on every host that passed it on.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from math import ceil

from sim.folds.log import Attempt, attempts_in, log_lines
from sim.trace import Trace

_NEW = re.compile(r"new msg (\d+)")
_INFO = re.compile(r"info msg \d+: bytes (\d+) from .*")
_END = re.compile(r"end msg \d+")
_BOUNCE = re.compile(r"bounce msg \d+ qp \d+")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
Births = dict[tuple[str, int], list[float]]


@dataclass(slots=True)
class Delays:
    """Some lengths of time in seconds, in ascending order."""

    seconds: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return sum(self.seconds) / len(self.seconds) if self.seconds else 0.0

    def percentile(self, percent: int) -> float:
        """The least length of time within which so many percent were through; 0 when there are none.

        >>> [Delays([1.0, 2.0, 5.0]).percentile(percent) for percent in (50, 67, 99)]
        [2.0, 5.0, 5.0]
        """
        return self.seconds[max(1, ceil(len(self.seconds) * percent / 100)) - 1] if self.seconds else 0.0


@dataclass(slots=True)
class HostFigures:
    """Recipients of one domain: distinct addresses, attempts by result, and how long until delivered."""

    domain: str
    recipients: set[str] = field(default_factory=set)
    results: Counter[str | None] = field(default_factory=Counter)
    delays: Delays = field(default_factory=Delays)

    @property
    def attempts(self) -> int:
        return self.results.total()


@dataclass(slots=True)
class Figures:
    """One host's log in numbers, or all hosts' (``host`` is None).

    ``delays`` is from a message's arrival in the queue to the end of each delivery that succeeded, ``attempt_times``
    how long attempts took, whatever came of them (seconds). ``reasons`` is by result: deferral and failure.
    """

    host: str | None
    messages: int = 0
    bytes: int = 0
    ended: int = 0
    bounces: int = 0
    results: Counter[str | None] = field(default_factory=Counter)
    delays: Delays = field(default_factory=Delays)
    attempt_times: Delays = field(default_factory=Delays)
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: {"deferral": Counter(), "failure": Counter()})
    domains: dict[str, HostFigures] = field(default_factory=dict)

    @property
    def attempts(self) -> int:
        return self.results.total()


def figures(trace: Trace, host: str | None = None) -> Figures:
    """Fold the log of one host, or of all."""
    found = Figures(host)
    births = _arrivals(trace, found)
    for attempt in attempts_in(log_lines(trace)):
        if host is None or attempt.host == host:
            _count(found, attempt, born(births, attempt))
    for delays in (found.delays, found.attempt_times, *(one.delays for one in found.domains.values())):
        delays.seconds.sort()
    return found


def arrivals(trace: Trace) -> Births:
    """When each message number was new on each host, in order: numbers come again."""
    return _arrivals(trace, Figures(None))


def born(births: Births, attempt: Attempt) -> float:
    """When the message of an attempt was new; the attempt's own start if the log does not say."""
    times = births.get((attempt.host, attempt.message), [])
    place = bisect_right(times, attempt.start)
    return times[place - 1] if place else attempt.start


def _arrivals(trace: Trace, found: Figures) -> Births:
    births: Births = {}
    for t, host, text, _ in log_lines(trace, found.host):
        if new := _NEW.fullmatch(text):
            births.setdefault((host, int(new[1])), []).append(t)
            found.messages += 1
        elif info := _INFO.fullmatch(text):
            found.bytes += int(info[1])
        elif _END.fullmatch(text):
            found.ended += 1
        elif _BOUNCE.fullmatch(text):
            found.bounces += 1
    return births


def _count(found: Figures, attempt: Attempt, born_s: float) -> None:
    domain = attempt.recipient.rpartition("@")[2].lower()
    row = found.domains.setdefault(domain, HostFigures(domain))
    row.recipients.add(attempt.recipient)
    for results in (found.results, row.results):
        results[attempt.result] += 1
    if attempt.end is None:
        return
    found.attempt_times.seconds.append(attempt.end - attempt.start)
    if attempt.result == "success":
        for delays in (found.delays, row.delays):
            delays.seconds.append(attempt.end - born_s)
    elif attempt.result in found.reasons:
        found.reasons[attempt.result][reason(attempt.report)] += 1


def reason(report: str) -> str:
    """A report as people read it, without the addresses in which alike ones differ; a program may have said nothing.

    >>> reason("Connected_to_192.0.2.7_but_sender_was_rejected./Remote_host_said:_450_later/")
    'Connected to IP but sender was rejected. Remote host said: 450 later'
    """
    return _ADDRESS.sub("IP", report.replace("_", " ").replace("/", " ").strip()) or "(no reason given)"
