"""Faults that were ordered and never happened: a scenario that looks green because nothing went wrong in it."""

from __future__ import annotations

from typing import NamedTuple

from sim.notation.moments import Moment, matches
from sim.scenario import Scenario
from sim.scenario.faults import Dns, Down, Drop, Fault, Kill, PowerCut, Preempt, Refuse, Signal
from sim.trace import Trace, verb_of


class Unfired(NamedTuple):
    """A fault by its number in ``faults:``, its host, and why nothing came of it."""

    number: int
    host: str
    why: str


def unfired(play: Scenario, trace: Trace) -> list[Unfired]:
    """The faults that left no record: they never struck, or lasted while nobody met them."""
    waiting = dict(enumerate(play.faults, 1))
    if waiting:
        for row in trace.rows:
            if row[2][0] == "fault":
                waiting.pop(row[2][1], None)
    return [Unfired(number, getattr(fault, "host", ""), _why(fault, trace)) for number, fault in waiting.items()]


def _why(fault: Fault, trace: Trace) -> str:
    if isinstance(fault, Dns):
        return f"nobody asked for {fault.name} then"
    if isinstance(fault, Down):
        return f"nobody tried to connect to {fault.host} then"
    if isinstance(fault, Refuse | Drop):
        to = f" for {fault.to}" if isinstance(fault, Refuse) and fault.to else ""
        spared = ", or chance let them pass" if isinstance(fault, Refuse) and fault.rate is not None else ""
        return f"no client came to {fault.stage} then{to}{spared}"
    return _why_not_at_once(fault, trace)


def _why_not_at_once(fault: Kill | PowerCut | Preempt | Signal, trace: Trace) -> str:
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
