"""Calls to which "there is no such file" or "nobody listens" is an answer, and the name of what each call touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.machine import kernel
from sim.machine.alone import run_alone
from sim.machine.calls import (
    close,
    create,
    execve,
    mkdir,
    open_,
    open_if_there,
    pipe,
    read,
    sleep,
    stat,
    stat_if_there,
    unlink,
    unlink_if_there,
    utime,
    write,
    write_if_heard,
)
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.machine.process import UNFINISHED, Process
from sim.trace import Trace

SCENARIOS = Path(__file__).parent.parent / "scenarios"
PAIRS = [(open_, open_if_there), (stat, stat_if_there), (unlink, unlink_if_there)]


def outcome(disk: Disk, call: Any, watched: bool) -> tuple[Any, list[tuple[Any, ...]]]:
    """What a program gets from one call, and how that stands in the trace."""
    got: list[Any] = []

    def program(*_: object) -> Iterator[Any]:
        try:
            got.append((yield call))
        except OSError as problem:
            got.append(type(problem))

    machine = Machine("mail", Trace(), disk, {"program": program})
    machine.watch = (lambda *_: None) if watched else None
    machine.spawn("program", ())
    run_alone(machine, 1.0)
    return got[0], [row[2:] for row in machine.rows if row[2][0] == call[0]]


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize(
    ("plain", "if_there"), [(open_, open_if_there), (stat, stat_if_there), (unlink, unlink_if_there)]
)
def test_the_answer_is_none_and_the_record_says_that_it_was_one(
    disk: Disk, plain: Callable[[str], Any], if_there: Callable[[str], Any], watched: bool
) -> None:
    raised, on_record = outcome(disk, plain("mess/7"), watched)
    answer, same = outcome(disk, if_there("mess/7"), watched)
    assert (raised, answer) == (FileNotFoundError, None)
    assert on_record == [(plain("mess/7"), "mess/7", None, "ENOENT")]
    assert same == [((*plain("mess/7"), True), "mess/7", None, "ENOENT")]


@pytest.mark.parametrize("watched", [False, True])
def test_a_file_that_is_there_is_opened_looked_at_and_removed(disk: Disk, watched: bool) -> None:
    disk.put("mess/7", b"hello")
    assert outcome(disk, open_if_there("mess/7"), watched)[0] == 0
    assert outcome(disk, stat_if_there("mess/7"), watched)[0].size == 5
    assert outcome(disk, unlink_if_there("mess/7"), watched)[0] is None
    assert "mess/7" not in disk.files()


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("call", [open_if_there("mess"), unlink_if_there("mess")])
def test_a_directory_in_its_place_is_an_error_all_the_same(disk: Disk, call: Any, watched: bool) -> None:
    assert outcome(disk, call, watched)[0] is IsADirectoryError


@pytest.mark.parametrize("watched", [False, True])
def test_a_write_that_nobody_hears_is_on_record_and_no_error(watched: bool) -> None:
    """What qmail-send says when its logger is dead."""
    got: list[Any] = []

    def program(*_: object) -> Iterator[Any]:
        ear, mouth = yield pipe()
        yield close(ear)
        got.append((yield write_if_heard(mouth, b"new msg 7")))
        try:
            yield write(mouth, b"new msg 7")
        except BrokenPipeError:
            got.append("broken")

    machine = Machine("mail", Trace(), Disk(), {"program": program})
    machine.watch = (lambda *_: None) if watched else None
    machine.spawn("program", ())
    run_alone(machine, 1.0)
    assert got == [None, "broken"]
    assert [row[2:] for row in machine.rows if row[2][0] == "write"] == [
        (("write", 1, b"new msg 7", True), "pipe", None, "EPIPE"),
        (("write", 1, b"new msg 7"), "pipe", None, "EPIPE"),
    ]


@pytest.mark.parametrize("watched", [False, True])
def test_a_mistake_of_a_program_is_no_failure_of_its_call(disk: Disk, watched: bool) -> None:
    """A key that a program does not know may look like a descriptor; it is a mistake of ours, and must be seen."""
    table: dict[int, str] = {}

    def program(*_: object) -> Iterator[Any]:
        fd = yield create("mess/1")
        yield close(fd)
        del table[fd]

    machine = Machine("mail", Trace(), disk, {"program": program})
    machine.watch = (lambda *_: None) if watched else None
    machine.spawn("program", ())
    with pytest.raises(KeyError):
        run_alone(machine, 1.0)


def test_a_path_from_the_top_is_the_same_with_its_slash_and_without(disk: Disk) -> None:
    got: list[Any] = []

    def program(*_: object) -> Iterator[Any]:
        fd = yield create("/box")
        yield write(fd, b"hello")
        got.append((yield stat("box")).size)
        got.append((yield stat_if_there("/./box")).size)
        yield unlink("box")
        got.append((yield stat_if_there("/box")))

    machine = Machine("mail", Trace(), disk, {"program": program})
    machine.spawn("program", ())
    run_alone(machine, 1.0)
    assert got == [5, 5, None]
    assert disk.paths == disk.directories[""] == {}


def test_every_call_says_what_it_touched_and_no_record_has_the_target_of_the_one_before(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()

    def naming(verb: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def handle(machine: Machine, process: Process, call: Any) -> Any:
            machine.target = "of another call"
            result = handler(machine, process, call)
            finished = result is not UNFINISHED or verb == "execve"
            assert not finished or machine.target != "of another call", verb
            seen.add(verb)
            return result

        return handle

    for verb, handler in list(kernel.HANDLERS.items()):
        monkeypatch.setitem(kernel.HANDLERS, verb, naming(verb, handler))
    for name in ("01-first-letter", "11-install-and-test"):
        run = sim.run(sim.load(SCENARIOS / f"{name}.yaml"))
        assert all(row[3] != "of another call" for row in run.trace.rows)
    for call in (create("mess/1"), utime("mess/1", 0), mkdir("mess/sub"), sleep(0.5), read(9), execve("nothing", ())):
        assert outcome(disk, call, False)[1][0][1] != "of another call"
    assert kernel.HANDLERS.keys() - seen == {"kill", "exit"}, "neither comes back with a result"
