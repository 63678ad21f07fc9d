"""Whether the leftovers of crashes are looked for and go: ``mess/`` in S2 or S3, and stray ``pid/`` files.

qmail-send goes through ``mess/`` at its start and every 76,431 seconds, qmail-clean through ``pid/`` at its start and
after 31 cleanups; what nobody has touched for 36 hours goes then (INTERNALS, section 6; qmail-clean.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim.folds.message import Message
from sim.trace import Row, Trace

OSSIFIED_S = 129600
SLEEP_CLEANUP_S = 76431
CLEANUPS = 31
SLACK_S = 120  # whole seconds of clocks, select's fuzz, and time for the programs themselves
Host = str


class _Looks:
    """When each host's programs looked into the two directories, and what they found there that was too old."""

    def __init__(self) -> None:
        self.broken: list[str] = []
        self.sweeps: dict[Host, list[float]] = {}
        self.running: dict[tuple[Host, int], float] = {}
        self.cleanups: dict[Host, int] = {}
        self.pids: dict[Host, dict[str, float]] = {}
        self.seen: dict[Host, set[str]] = {}

    def late(self, key: tuple[Host, int], t: float) -> None:
        """A qmail-send runs on, or has run until now: it should have looked into mess/ lately."""
        last = self.running.get(key, t)
        if t - last > SLEEP_CLEANUP_S + SLACK_S:
            self.broken.append(f"qmail-send on {key[0]} has not looked into mess/ since {last:g} s")

    def over(self, key: tuple[Host, int], t: float) -> None:
        self.late(key, t)
        self.running.pop(key, None)


def neglected(trace: Trace, messages: Sequence[Message], crashes: Iterable[tuple[Host, float]]) -> list[str]:
    """A sentence for each leftover that was seen and left, and for each look that was not taken."""
    looks = _Looks()
    end = 0.0
    for row in trace.rows:
        handler = _LOOKS.get(row[2][0])
        if handler is not None:
            handler(looks, row)
        end = row[0]
    for key in list(looks.running):
        looks.late(key, end)
    for host, names in looks.seen.items():
        looks.broken += [_left(host, name) for name in sorted(names)]
    return looks.broken + _swept(looks, messages, sorted(crashes), end)


def _left(host: Host, name: str) -> str:
    return f"qmail-clean on {host} has seen pid/{name}, older than 36 hours, and left it"


def _scandir(looks: _Looks, row: Row) -> None:
    t, (host, program, pid), _, target, names, error = row
    if error is not None:
        return
    if program == "qmail-send" and target == "mess":
        looks.late((host, pid), t)
        looks.running[host, pid] = t
        looks.sweeps.setdefault(host, []).append(t)
    elif program == "qmail-clean" and target == "pid":
        looks.broken += [_left(host, name) for name in sorted(looks.seen.pop(host, set()))]
        looks.cleanups[host] = 0
        born = looks.pids.get(host, {})
        looks.seen[host] = {name for name in names if name in born and t > born[name] + OSSIFIED_S + 1}


def _create(looks: _Looks, row: Row) -> None:
    t, (host, *_), _, target, _, error = row
    if error is None and (target or "").startswith("pid/"):
        looks.pids.setdefault(host, {})[(target or "")[4:]] = t


def _unlink(looks: _Looks, row: Row) -> None:
    _, (host, program, _), _, target, _, error = row
    path = target or ""
    if path.startswith("pid/") and error is None:
        looks.pids.get(host, {}).pop(path[4:], None)
        looks.seen.get(host, set()).discard(path[4:])
    elif program == "qmail-clean" and path.startswith("intd/"):
        looks.cleanups[host] = looks.cleanups.get(host, 0) + 1
        if looks.cleanups[host] == CLEANUPS + 1:
            looks.broken.append(f"qmail-clean on {host} has not looked into pid/ for {CLEANUPS} cleanups")


def _exit(looks: _Looks, row: Row) -> None:
    t, (host, _, pid), *_ = row
    looks.over((host, pid), t)


def _execve(looks: _Looks, row: Row) -> None:
    t, (host, _, pid), call, _, _, error = row
    if call[1] == "qmail-send" and error is None:
        looks.running[host, pid] = t


def _crash(looks: _Looks, row: Row) -> None:
    for key in [one for one in looks.running if one[0] == row[1][0]]:
        looks.over(key, row[0])


def _boot(looks: _Looks, row: Row) -> None:
    """What a crash took need not be cleaned up."""
    _, (host, *_), _, _, found, _ = row
    there = {name[4:] for name, *_ in found or () if name.startswith("pid/")}
    looks.pids[host] = {name: t for name, t in looks.pids.get(host, {}).items() if name in there}
    looks.seen[host] = looks.seen.get(host, set()) & there


def _swept(looks: _Looks, messages: Sequence[Message], crashes: list[tuple[Host, float]], end: float) -> list[str]:
    """Messages that lay in S2 or S3 for 36 hours when a sweep came, and outlived it."""
    broken = []
    for message in messages:
        for t in looks.sweeps.get(message.host, []):
            after = t + SLACK_S
            disturbed = any(host == message.host and t <= at <= after for host, at in crashes)
            if disturbed or after > end or t <= message.born + OSSIFIED_S + 1:
                continue
            if message.state_at(t) in ("S2", "S3") and message.state_at(after) in ("S2", "S3"):
                name = f"message {message.number} on {message.host}"
                broken.append(f"{name}: the sweep at {t:g} s, after 36 hours, has left it in {message.state_at(t)}")
                break
    return broken


_LOOKS = {
    "execve": _execve, "scandir": _scandir, "create": _create, "unlink": _unlink, "exit": _exit, "killed": _exit,
    "power_cut": _crash, "kill_all": _crash, "boot": _boot,
}  # fmt: skip
