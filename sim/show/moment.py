"""A machine at one moment: its programs and what each is about to call, its queue, page cache beside disk."""

from __future__ import annotations

from typing import Any

from sim.folds.dialogues import Dialogue
from sim.machine.disk import Disk
from sim.machine.process import DEAD, Process
from sim.machine.survivors import survivors
from sim.qmail.states import FILES, MEANINGS, classify
from sim.show.view import Span, View

SHOWN = 60
LINES = 24


def moment_view(
    title: str, processes: list[Process], here: Process, done: bool, disk: Disk, talks: list[Dialogue], now: float
) -> View:
    """Programs, messages with their state, files with what a power cut would leave, and the open dialogues.

    ``here`` is the process whose call the moment is, ``done`` whether that call has been made, ``now`` the second.
    """
    rows: list[list[Span]] = [[(title, "bold")], [], [("programs, and the call each is about to make", "bold")]]
    rows += [_program(one, one is here, done) for one in processes if one.state != DEAD]
    rows += [[], [("the queue: page cache beside disk (bytes)", "bold")], *_queue(disk, now)]
    for talk in talks:
        if talk.closed is None:
            rows += [[], [(f"dialogue so far: {talk.client} and {talk.server}", "bold")]]
            if len(talk.lines) > LINES:
                rows.append([(f"({len(talk.lines) - LINES} earlier lines)", "dim")])
            said = talk.lines[-LINES:]
            rows += [[(f"{'>>> ' if line.side == 'C' else ''}{line.text}".rstrip(), "")] for line in said]
    return View(rows)


def _program(process: Process, is_here: bool, done: bool) -> list[Span]:
    given = process.pending[1:] if process.pending else ()
    words = ", ".join(_short(word) for word in given if word is not True)  # an answer's mark is no argument in C
    call = f"{process.pending[0]}({words})" if process.pending else "(has not begun)"
    call = f"has made {call}" if is_here and done else call
    style = "bold" if is_here else ""
    return [(f"{'>' if is_here else ' '} {process.pid:5} {process.euid:8} {process.program:13} {call[:SHOWN]}", style)]


def _short(word: Any) -> str:
    return getattr(word, "__name__", None) or repr(word)[:40]


def _queue(disk: Disk, now: float) -> list[list[Span]]:
    """Each file of the queue with its bytes as programs see them, and the least that a power cut may leave of it."""
    rows: list[list[Span]] = []
    messages: dict[str, set[str]] = {}
    left = survivors(disk, now, bound=1).images[0]
    names, files = dict(left.names), dict(left.files)
    seen = disk.files()
    for name in sorted({*seen, *names}, key=lambda one: (one.rpartition("/")[0], one)):
        directory, _, number = name.partition("/")
        if directory not in (*FILES, "pid"):
            continue
        if name not in seen:
            rows.append([(f"  {name:24}       -  removed, but a power cut may bring it back", "bold yellow")])
            continue
        if directory in FILES:
            messages.setdefault(number, set()).add(directory)
        data = seen[name].data
        kept = files[names[name]].data if name in names else None
        same = kept == data
        may = "may take it, name and all" if kept is None else f"may leave {len(kept)}"
        told = "safe on disk" if same else f"a power cut {may}"
        rows.append([(f"  {name:24} {len(data):7}  {told}", "" if same else "bold yellow")])
    for number, found in sorted(messages.items()):
        state = classify(found) or "none of S1 to S5"
        rows.append([(f"  message {number} is in {state}: {MEANINGS.get(state, 'a queue must not look so')}", "cyan")])
    return rows or [[("  empty", "dim")]]
