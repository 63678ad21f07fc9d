"""The order of file-system calls, against what a system call tracer saw of qmail 1.03.

Compared is what opens or changes files, what changes a user or a program, and what failed: per program, the same calls
on the same files in the same order. Reading, waiting and looking around (read, stat, chdir, alarm, lseek, close) are
not; neither is how a text is cut into writes. ``(forked child)`` is a process between fork and execve.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import groupby
from typing import Any, NamedTuple

import pytest
from qmail_lab import Lab, load
from qmail_peers import normal

from sim.trace import Row

TRACES = load("A_syscalls.json")["traces"]
CHILD = "(forked child)"
MESSAGE = "From: x\nSubject: t\n\nHello.\n"
ENVELOPES = {
    "qmail-queue-alone": ("bob", ["alice@mail.example.org"]),
    "tree-local-maildir-ok": ("bob", ["alice@mail.example.org"]),
    "tree-local-mbox-ok": ("alice", ["bob@mail.example.org"]),
    "tree-local-permanent-failure": ("alice", ["nobody1@mail.example.org"]),
    "tree-local-temporary-failure": ("alice", ["carol@mail.example.org"]),
    "tree-remote-ok": ("alice", ["ok@remote.example"]),
    "tree-remote-permanent-failure": ("alice", ["perm@remote.example"]),
    "tree-local-and-remote": ("alice", ["bob@mail.example.org", "ok@remote.example"]),
    "tree-forward": ("bob", ["carol-fwd@mail.example.org"]),
}
CUT = "..."
CHANGES_OF_USER = ("setgroups", "setgid", "setuid")
OTHER_PROGRAMS = ("_getpw", "run_program")  # stand for qmail-getpw and a shell, whose calls were not shown


class Step(NamedTuple):
    """One call: what was done, to which file or program, with which data or error."""

    verb: str
    target: str
    data: str = ""


# Observed lines into steps

LINE = re.compile(r"(?P<who>[^:]+): (?P<call>\w+)\((?P<arguments>.*)\) = ?(?P<result>.*)", re.DOTALL)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')


def observed(lines: list[str]) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = defaultdict(list)
    for line in lines:
        found = LINE.fullmatch(line)
        step = _observed_step(found["call"], found["arguments"], found["result"]) if found else None
        if found and step:
            steps[found["who"]].append(step)
    return {who: _joined(found) for who, found in steps.items()}


def _observed_step(call: str, arguments: str, result: str) -> Step | None:
    words = [(_unescaped(text), cut) for text, cut in QUOTED.findall(arguments)]
    error = result.removeprefix("-1 ") if result.startswith("-1") else ""
    held = re.match(r"\{([^};]*)", arguments)
    if call == "open":
        return _observed_open(words[0][0], arguments, error)
    if call in ("link", "unlink"):
        return Step(call, _name(words[-1][0]), error)
    if call == "write" and held:
        return Step(call, _held(held[1]), words[0][0] + (CUT if words[0][1] else "") if words else "zeros")
    if call in ("fsync", "flock") and held:
        return Step(call, _held(held[1]))
    if call == "execve":
        return Step(call, words[0][0].rpartition("/")[2], " ".join(_name(word) for word, _ in words[2:]))
    if call in (*CHANGES_OF_USER, "exit_group"):
        return Step(call.removesuffix("_group"), arguments)
    return Step(call, _name(words[0][0])) if call == "utime" else None


def _observed_open(name: str, flags: str, error: str) -> Step:
    if "O_DIRECTORY" in flags:
        return Step("scandir", name)
    kind = "create" if "O_EXCL" in flags else "append" if "O_APPEND" in flags else "open"
    return Step(kind, _name(name), error)


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\0", "\0").replace('\\"', '"')


def _held(name: str) -> str:
    """An open file under the name it has by then: the tracer says the old one."""
    return "mess/M" if name.startswith("pid/") else _name(name)


# Our trace into the same steps


def played(rows: list[Row]) -> dict[str, list[Step]]:
    steps: dict[str, list[Step]] = defaultdict(list)
    children: dict[int, str] = {}
    for _, (_, program, pid), call, target, result, error in rows:
        if call[0] == "fork":
            children[result] = call[1].__name__
        elif call[0] in ("execve", "start") and error is None:
            children.pop(pid, None)
            program = call[1]
        who = CHILD if pid in children else program
        step = _played_step(call, target or "", error or "")
        if step and not (call[0] == "exit" and children.get(pid) in OTHER_PROGRAMS):
            steps[who].append(step)
    return {who: _joined(found) for who, found in steps.items() if who != "hand-in"}


def _played_step(call: tuple[Any, ...], target: str, error: str) -> Step | None:
    verb, name = call[0], _name(target)
    if verb == "open":
        return Step("append" if call[2] == "a" else "open", name, error)
    if verb == "write" and not target.startswith(("pipe", "descriptor", "tcp/")):
        return Step(verb, name, "zeros" if len(call[2]) == 1024 else call[2].decode("latin-1"))
    if verb in ("create", "link", "unlink"):
        return Step(verb, name, error)
    if verb in ("execve", "start"):
        return Step("execve", call[1], " ".join(_name(word) for word in call[2][1:]))
    if verb in (*CHANGES_OF_USER, "fsync", "flock", "utime") or (verb == "scandir" and target in ("pid", "todo")):
        return Step(verb, name)
    return Step(verb, str(call[1])) if verb == "exit" else None


# What varies, and what is said in two ways


def _name(text: str) -> str:
    """A file's name as both sides can say it, whatever directory the program was in."""
    text = re.sub(r"^(/var/qmail/alias|~alias)(?=/|$)", "~alias", text)
    text = re.sub(r"^(/var/qmail/|\.\./|\./|~\w+/(?=.)|queue/)+|/$", "", text).removeprefix("Maildir/")
    text = re.sub(r"^(\d+|mess)/M?\d+$", "mess/M", text)
    text = re.sub(r"^(info|local|remote|bounce|todo|intd)/M?\d+$", r"\1/M", text)
    return re.sub(r"^(pid|tmp|new)/[^/]+$", r"\1/FILE", text)


def _joined(steps: list[Step]) -> list[Step]:
    """Writes one after the other into the same file are one."""
    joined = []
    for (verb, target), group in groupby(steps, lambda step: step[:2]):
        same = list(group)
        if verb == "write" and target != "lock/trigger":
            text = normal("".join(step.data for step in same))
            joined.append(Step(verb, target, re.sub(r"u[^\0]+\0p[^\0]+\0", "uN\0pN\0", text)))
        else:
            joined += same
    return joined


def _agree(one: Step, other: Step) -> bool:
    """The tracer cut long texts short."""
    if one.data.endswith(CUT):
        return one[:2] == other[:2] and other.data.startswith(one.data.removesuffix(CUT))
    return one == other


def play(name: str) -> tuple[Lab, list[Row]]:
    lab = Lab()
    sender, recipients = ENVELOPES[name]
    lab.inject(f"{sender}@mail.example.org", recipients, MESSAGE)
    if name == "qmail-queue-alone":
        return lab, lab.trace.rows
    start = len(lab.trace)
    lab.start_without_logger()
    lab.run()
    lab.signal("qmail-send", "TERM")
    return lab, lab.trace.rows[start:]


@pytest.mark.parametrize("name", TRACES)
def test_each_program_makes_the_observed_calls_in_the_observed_order(name: str) -> None:
    _, rows = play(name)
    expected, ours = observed(TRACES[name]["calls_in_time_order"]), played(rows)
    assert ours.keys() == expected.keys()
    for who, steps in expected.items():
        wrong = [(one, other) for one, other in zip(steps, ours[who], strict=False) if not _agree(one, other)]
        assert wrong == [], who
        assert len(ours[who]) == len(steps), who


@pytest.mark.parametrize("name", [name for name in TRACES if "log" in TRACES[name]])
def test_the_log_of_each_traced_run_is_the_same(name: str) -> None:
    """Which of two deliveries at a time is ready first depends on the machine."""
    lab, _ = play(name)
    lines, expected = lab.lines(), TRACES[name]["log"]
    if name == "tree-local-and-remote":
        lines, expected = sorted(lines), sorted(expected)
    assert lines == expected


CALLS_NOT_SHOWN = re.compile(r"pipe:|socket:")


@pytest.mark.parametrize("name", TRACES)
def test_no_program_makes_more_calls_on_files_than_the_real_one(name: str) -> None:
    """Every call on a file or directory counts here, reads and looks included."""
    counted = ("open", "create", "read", "write", "fsync", "ftruncate", "flock", "link", "unlink", "stat", "fstat")
    calls = [line for line in TRACES[name]["calls_in_time_order"] if not CALLS_NOT_SHOWN.search(line)]
    words = "|".join({*counted} - {"create", "fstat"})
    real = sum(bool(re.match(rf"[^:]+: ({words})\(", line)) for line in calls)
    _, rows = play(name)
    streams = ("pipe", "descriptor", "tcp/", "stdin")
    shown = [row for row in rows if row[2][0] in counted and not (row[3] or "").startswith(streams)]
    looked_up = [row for row in shown if row[2][0] == "stat" and (row[3] or "").startswith("~")]  # qmail-getpw's
    assert sum(row[1][1] != "hand-in" for row in shown) - len(looked_up) <= real
