"""Faults that were ordered and never happened: a scenario that looks green because nothing went wrong in it."""

from __future__ import annotations

from typing import NamedTuple

from sim.dns import Zone
from sim.folds.processes import lives
from sim.notation.moments import Moment, matches
from sim.scenario import Scenario
from sim.scenario.addresses import addresses
from sim.scenario.faults import Dns, Down, Kill, PowerCut, Preempt, Refuse, Signal
from sim.trace import Trace, verb_of

CLIENTS = ("qmail-remote", "mua", "telnet")
ANSWER_S = 4.0  # what a name server that says nothing takes at most; a call is on record when it is over


class Unfired(NamedTuple):
    """A fault by its number in ``faults:``, its host, and why nothing came of it."""

    number: int
    host: str
    why: str


def unfired(play: Scenario, trace: Trace) -> list[Unfired]:
    """The faults of one instant that left no record, and those that lasted while nobody met them."""
    lasting = [(n, one, _unmet(one, play, trace)) for n, one in enumerate(play.faults, 1)]
    waiting = {n: one for n, one in enumerate(play.faults, 1) if isinstance(one, Kill | PowerCut | Preempt | Signal)}
    if waiting:
        for row in trace.rows:
            if row[2][0] == "fault":
                waiting.pop(row[2][1], None)
    found = [Unfired(number, fault.host, _why(fault, trace)) for number, fault in waiting.items()]
    return sorted([*found, *(Unfired(n, getattr(one, "host", ""), why) for n, one, why in lasting if why)])


def _unmet(fault: object, play: Scenario, trace: Trace) -> str:
    """Why a fault that lasts for a while came to nothing; nothing when it did not, or nobody can tell."""
    if isinstance(fault, Dns):
        asked = [t for t, _, call, *_ in trace.rows if call[0] == "query" and call[1].lower() == fault.name]
        met = any(_during(fault, t) or _during(fault, t - ANSWER_S) for t in asked) or _cut(fault, trace)
        return "" if met else f"nobody asked for {fault.name} then"
    if isinstance(fault, Down):
        address = addresses(play, Zone.parse(play.dns))[1][fault.host]
        calls = ((t, call) for t, _, call, *_ in trace.rows if call[0] == "connect")
        met = any(call[1] == address and t >= fault.since and not _over(fault, t - call[3]) for t, call in calls)
        return "" if met or _cut(fault, trace) else f"nobody tried to connect to {fault.host} then"
    if isinstance(fault, Refuse) and fault.to is None and fault.rate is None:
        said = (call[1] for _, who, call, *_ in trace.rows if call[0] == "say" and who[0] == fault.host)
        met = any(reply.startswith(str(fault.code).encode()) for reply in said)
        return "" if met else f"no client came to {fault.stage} then"
    return ""


def _cut(fault: Dns | Down, trace: Trace) -> bool:
    """Whether a client that was cut off may have met it; a call that never ended is in no trace."""
    cut = (one for one in lives(trace) if one.program in CLIENTS and not one.ended_by.startswith("exit"))
    return any(not _over(fault, one.start) and (one.end is None or one.end >= fault.since) for one in cut)


def _during(fault: Dns | Down, t: float) -> bool:
    return t >= fault.since and not _over(fault, t)


def _over(fault: Dns | Down, t: float) -> bool:
    return fault.until is not None and t >= fault.until


def _why(fault: Kill | PowerCut | Preempt | Signal, trace: Trace) -> str:
    moment = fault.before or getattr(fault, "after", None)
    disk = getattr(fault, "disk", 1)
    if disk > 1 and (moment is None or sum(_calls(fault.host, moment, trace).values()) >= fault.nth):
        return f"fewer than {disk} disks could be left there"
    if moment is None:
        program = getattr(fault, "program", None)
        return f"there was no {program} to hit" if program else "the run ended before, or the power was off"
    if isinstance(fault, Preempt) and _calls(fault.host, moment, trace):
        return f"{fault.to} was not ready to run at {moment}, or that did not come so often"
    return why_never(moment, f"the fault waits for number {fault.nth}", trace, fault.host, after=not fault.before)


def why_never(moment: Moment, waited_for: str, trace: Trace, host: str | None = None, *, after: bool = False) -> str:
    """Why a moment never came, on one host or on any, and what came instead that a person may have meant.

    With ``after``, calls that failed do not count.
    """
    found = _calls(host, moment, trace)
    if found:
        times = sum(found.values())
        failed = times - sum(_calls(host, moment, trace, done=True).values()) if after else 0
        vain = f", {failed} of them in vain" if failed else ""
        return f"{moment} came {times} time{'' if times == 1 else 's'}{vain}; {waited_for}"
    near = _calls(host, Moment("", moment.verb, moment.path), trace)
    if near:
        return f"no call was {moment}; but there was {', '.join(f'{name} {moment.verb}' for name in near)}"
    verbs = _calls(host, Moment(moment.program, moment.verb), trace)
    return f"no call was {moment}" + (f"; {moment.verb} was called for other paths only" if verbs else "")


def _calls(host: str | None, moment: Moment, trace: Trace, *, done: bool = False) -> dict[str, int]:
    """How often each program of a host, or of any, made a call of this kind; ``done``: and did not fail."""
    found: dict[str, int] = {}
    for _, who, call, target, _, error in trace.rows:
        if done and error is not None:
            continue
        if host in (None, who[0]) and matches(moment, who[1], verb_of(call, target), target or ""):
            found[who[1]] = found.get(who[1], 0) + 1
    return found
