"""What both pictures of time mark: crashes, boots, and hosts that nobody could reach for a while."""

from __future__ import annotations

from typing import NamedTuple

from sim.folds.lineage import Mail
from sim.folds.message import Message
from sim.scenario import Scenario
from sim.scenario.faults import Down
from sim.trace import Trace

MOST = 12


class Outage(NamedTuple):
    """A host was down for others, from and to (seconds), refusing or silent."""

    host: str
    start: float
    end: float
    how: str


def carried(mail: Mail, message: Message) -> str:
    """What a message carries: the name of a letter, or the bounce of one; empty when nobody knows."""
    origin = mail.origin(message)
    step = origin
    while step.kind in ("relay", "forward") and step.parent is not None:
        step = mail.origin(step.parent)
    if step.kind == "bounce":
        what = "double bounce" if step.parent is not None and mail.is_bounce(step.parent) else "bounce"
        return f"{what} of {origin.letter}" if origin.letter else f"a {what}"
    return origin.letter or ""


def short_names(hosts: list[str]) -> dict[str, str]:
    """First labels, or as many as it takes to tell the hosts apart.

    >>> short_names(["ai3.itb.ac.id", "mx1.itb.ac.id", "mx1.example"])
    {'ai3.itb.ac.id': 'ai3', 'mx1.itb.ac.id': 'mx1.itb', 'mx1.example': 'mx1.example'}
    """
    names: dict[str, str] = {}
    for host in hosts:
        labels = host.split(".")
        cuts = [".".join(labels[:count]) for count in range(1, len(labels) + 1)]
        others = [other for other in hosts if other != host]
        names[host] = next((cut for cut in cuts if not any(f"{o}.".startswith(f"{cut}.") for o in others)), host)
    return names


def crash_marks(trace: Trace, names: dict[str, str]) -> list[tuple[float, str, str]]:
    """``(t, crash or boot, label)`` in order; the first boot of each host is no news."""
    words = {"power_cut": ("crash", "power fails"), "kill_all": ("crash", "all killed"), "boot": ("boot", "boots")}
    down: dict[str, str] = {}
    marks: list[tuple[float, str, str]] = []
    for t, (host, program, _), call, *_ in trace.rows:
        name = names.get(host, host)
        if call[0] == "killed" and call[1] in ("KILL", "TERM"):
            marks.append((t, "crash", f"{name}: {program} killed"))
        elif call[0] in ("power_cut", "kill_all") or (call[0] == "boot" and down.pop(host, "")):
            kind, text = words[call[0]]
            marks.append((t, kind, f"{name}: {text}"))
            if kind == "crash":
                down[host] = call[0]
        elif call[0] == "start" and program == "qmail-start" and down.get(host) == "kill_all":
            del down[host]
            marks.append((t, "boot", f"{name}: started again"))
    return marks[:MOST]


def outages(play: Scenario) -> list[Outage]:
    """The scenario's ``down:`` faults, cut off at the end of the run."""
    return [
        Outage(fault.host, fault.since, play.until if fault.until is None else min(fault.until, play.until), fault.how)
        for fault in play.faults
        if isinstance(fault, Down) and fault.since < play.until
    ]
