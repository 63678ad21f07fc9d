"""A counterexample told: the calls before the crash, what of them lasted, the disk that was found, what followed."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from sim.folds.queue import messages
from sim.lab.counterexample import Counterexample
from sim.lab.places import CHANGING, HOST, POWER_CUT, Point, made
from sim.lab.report import NO_FAULT
from sim.machine.images import Image
from sim.show.clock import span
from sim.show.view import WIDTH, Span, View
from sim.trace import Row, Trace

BEFORE, AFTER = 24, 24
WIDE = 44
HAPPENINGS = {"boot": "the machine boots", "power_cut": "the power fails", "kill_all": "all programs are killed"}
Told = list[Span] | str


def story(found: Counterexample, complete: bool = True) -> View:
    """The shortest story in which a promise is broken; of what was found so far, if that is not ``complete``."""
    title = "The smallest counterexample" if complete else "The smallest counterexample so far"
    end: list[Told] = [[(line, "red bold")] for line in wrap(_end(found), WIDTH)]
    parts = (*_schedule(found), *_calls(found), *_crash(found), *_promise(found), *_after(found), "", *end)
    return View([[(title, "bold")], *parts])


def _schedule(found: Counterexample) -> Iterator[Told]:
    notes = found.job.life.notes
    if notes:
        yield ""
        yield "On this schedule:"
        for note in notes:
            yield from wrap(note.words, WIDTH, initial_indent="  ", subsequent_indent="    ")


def _calls(found: Counterexample) -> Iterator[Told]:
    """The calls that changed a disk before the crash, and whether what they did was there at boot."""
    host = found.job.point.host
    until = len(found.job.life.rows) if found.job.fault == NO_FAULT else found.job.point.row
    rows = [row for row in found.job.life.rows[:until] if row[1][0] == host and _changes(row)]
    yield ""
    yield [
        (f"{'What ' + host + ' wrote before':{WIDE + 10}}  {'at boot' if found.job.fault == POWER_CUT else ''}", "bold")
    ]
    if len(rows) > BEFORE:
        yield [(f"  ({len(rows) - BEFORE} earlier calls)", "dim")]
    fates = _fates(found, rows)
    for row, fate in list(zip(rows, fates, strict=True))[-BEFORE:]:
        yield [(f"  {_words(row):{WIDE + 8}}  ", ""), (fate, "red" if fate.startswith("lost") else "")]


def _changes(row: Row) -> bool:
    target = row[3] or ""
    silent = row[2][0] not in CHANGING or row[5] is not None or target.startswith(("pipe", "stdin", "tcp/", "lock"))
    return not silent and (row[2][0] != "open" or row[2][2] == "a")


def _words(row: Row) -> str:
    return " ".join(made(row)).rstrip()


def _fates(found: Counterexample, rows: list[Row]) -> list[str]:
    """For each call: there at boot, or lost; after a kill all that was written is there."""
    image = found.job.image
    if found.job.fault != POWER_CUT or image is None:
        return ["" for _ in rows]
    names, files = dict(image.names), dict(image.files)
    seen = found.job.point.left.seen
    seen_names, seen_files = dict(seen.names), dict(seen.files)
    told = []
    for row in rows:
        target = row[3] or ""
        if row[2][0] in ("write", "fsync", "ftruncate", "utime"):
            there, was = names.get(target), seen_names.get(target)
            same = there is not None and was is not None and files[there].data == seen_files[was].data
            gone = was is None and there is None
            told.append("there" if same else "(removed since)" if gone else f"lost: {_size(image, target)}")
        elif row[2][0] == "unlink":
            told.append("there" if target not in names else "lost: the name is back")
        else:
            told.append("there" if target in names else "(removed since)" if target not in seen_names else "lost")
    return told


def _size(image: Image, path: str) -> str:
    number = dict(image.names).get(path)
    if number is None:
        return "no such name"
    return f"{len(dict(image.files)[number].data)} bytes are left"


def _crash(found: Counterexample) -> Iterator[Told]:
    job = found.job
    if job.fault == NO_FAULT:
        return
    point = job.point
    what = {"power_cut": "the power fails", "kill": f"{point.program} is killed"}[job.fault]
    if job.fault != POWER_CUT and job.scope == HOST:
        what = "all programs are killed"
    yield ""
    yield [(f"At {span(point.t)} {what} on {point.host},", "bold")]
    yield [(f"{_place(point)}.", "bold")]
    first = found.case.job
    if first is not job and first.life.start is None and job.life is not first.life:
        yield f"(a first crash came at {span(first.point.t)}: {first.fault.replace('_', ' ')} {_place(first.point)})"
    if job.image is not None:
        queue = [(path, number) for path, number in job.image.names if path.partition("/")[0] in _QUEUE]
        sizes = dict(job.image.files)
        there = ", ".join(f"{path} ({len(sizes[number].data)} bytes)" for path, number in queue)
        yield from wrap(f"The disk that is found: {there or 'no file in the queue'}.", WIDTH)


def _place(point: Point) -> str:
    call = point.previous if point.when == "again" else (point.program, point.verb, point.target)
    return f"{'before' if point.when == 'before' else 'after'} {' '.join(call)}".rstrip()


_QUEUE = ("mess", "intd", "todo", "info", "local", "remote", "bounce", "pid")


def _promise(found: Counterexample) -> Iterator[Told]:
    yield ""
    for message in messages(Trace(found.ended.rows)):
        if message.promised is not None:
            who = ", ".join(message.recipients)
            told = f"The promise: at {span(message.promised)} qmail-queue said 0 for message {message.number} to {who}."
            yield from wrap(told, WIDTH)


def _after(found: Counterexample) -> Iterator[Told]:
    """What was done with the queue and the mailboxes after it."""
    rows = [row for row in found.ended.rows[found.ended.crash_row :] if _tells(row)]
    if found.job.fault != NO_FAULT and rows:
        yield ""
        yield [("What followed", "bold")]
        room = max(len(span(row[0])) for row in rows[:AFTER])
        yield from (f"  {span(row[0]):>{room}}  {HAPPENINGS.get(row[2][0]) or _words(row)}" for row in rows[:AFTER])
        if len(rows) > AFTER:
            yield [(f"  ({len(rows) - AFTER} more calls)", "dim")]


def _tells(row: Row) -> bool:
    if row[2][0] in ("boot", "kill_all", "power_cut"):
        return True
    if row[2][0] == "syslog":
        return False
    return _changes(row) and (row[3] or "").partition("/")[0] not in ("pid",)


def _end(found: Counterexample) -> str:
    return f"{found.outcome.verdict}: {'; '.join(found.outcome.broken) or found.outcome.text}"
