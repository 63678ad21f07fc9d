"""The kernel: one table of calls, programs that take turns, and a trace that puts causes before effects."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import pytest
from machines import Steps, machine, play, story

from sim.machine import calls, kernel
from sim.machine.alone import run_alone
from sim.machine.calls import (
    ARGUMENTS,
    close,
    create,
    fork,
    getpid,
    kill,
    open_,
    pipe,
    read,
    sleep,
    time,
    wait,
    write,
)
from sim.machine.disk import Disk
from sim.machine.kernel import HANDLERS, Machine
from sim.notation.moments import VERBS
from sim.trace import EVENTS, Trace

# The table of calls


def test_every_call_has_a_handler_and_every_handler_a_call() -> None:
    assert HANDLERS.keys() - {"exit"} == ARGUMENTS.keys(), "a program just ends; that is its exit"


def test_every_call_has_one_function_that_builds_it_with_the_arguments_the_trace_names() -> None:
    functions = {
        name.rstrip("_"): function
        for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__ and function is not calls.is_answer
    }
    assert {name.partition("_if_")[0] for name in functions} == ARGUMENTS.keys()
    for name, function in functions.items():
        count = len(inspect.signature(function).parameters)
        built = function(*range(1, 1 + count))
        call, _, condition = name.partition("_if_")
        if condition:
            assert built == (call, *range(1, 1 + count), True)
            assert ARGUMENTS[call][count:] == (f"if_{condition}",)
            assert call in calls.ANSWERS
        else:
            named = [argument for argument in ARGUMENTS[call] if not argument.startswith("if_")]
            assert built == (call, *range(1, 1 + len(named)))


def test_a_handler_takes_the_machine_the_process_and_the_call() -> None:
    for name, handler in HANDLERS.items():
        assert len(inspect.signature(handler).parameters) == 3, name


def test_no_argument_hides_a_field_that_every_record_has() -> None:
    """A saved execve once named the new program as the one that made the call."""
    fields = {"t", "host", "program", "pid", "call", "target", "result", "error"}
    assert {name: fields & set(arguments) for name, arguments in ARGUMENTS.items() if fields & set(arguments)} == {}


def test_a_moment_names_only_what_a_record_can_be() -> None:
    assert ARGUMENTS.keys() | EVENTS.keys() | {"mark", "trigger"} >= VERBS
    assert VERBS & EVENTS.keys() == {"exit"}


# Programs take turns, and causes come before effects


def test_a_program_runs_until_it_blocks_and_then_the_next_one_has_its_turn(disk: Disk) -> None:
    def first() -> Steps:
        yield create("mess/1")
        yield sleep(1)
        yield create("mess/2")

    def second() -> Steps:
        yield create("todo/1")
        yield create("todo/2")

    assert story(play(disk, first, second)) == [
        "first create mess/1",
        "second create todo/1",
        "second create todo/2",
        "second exit",
        "first sleep",
        "first create mess/2",
        "first exit",
    ]


def test_a_blocked_read_is_tried_again_so_the_write_stands_before_it(disk: Disk) -> None:
    def writer(fd: int) -> Steps:
        yield write(fd, b"x")

    def reader() -> Steps:
        r, w = yield pipe()
        yield fork(writer, (w,), {w: w})
        yield close(w)
        got.append((yield read(r)))

    got: list[bytes] = []
    assert story(play(disk, reader)) == [
        "reader pipe",
        "reader fork reader",
        "reader close pipe",
        "reader write pipe",
        "reader exit",
        "reader read pipe",
        "reader exit",
    ]
    assert got == [b"x"]


def test_a_kill_stands_before_the_death_it_causes(disk: Disk) -> None:
    def child() -> Steps:
        yield sleep(100)

    def parent() -> Steps:
        pid = yield fork(child)
        yield sleep(1)
        yield kill(pid, "TERM")
        statuses.append((yield wait(pid)))

    statuses: list[int] = []
    m = play(disk, parent)
    assert [(one.pid, one.verb) for one in m.trace][-4:] == [(1, "kill"), (2, "killed"), (1, "wait"), (1, "exit")]
    assert statuses == [-15]


def test_a_program_that_kills_itself_makes_no_further_call(disk: Disk) -> None:
    def program() -> Steps:
        yield kill((yield getpid()), "KILL")
        yield create("mess/1")

    m = play(disk, program)
    assert story(m) == ["program getpid", "program kill program", "program killed"]
    assert m.disk.files() == {}


def test_a_failing_call_raises_in_the_program_and_is_on_record(disk: Disk) -> None:
    def program() -> Steps:
        try:
            yield open_("mess/1")
        except FileNotFoundError:
            yield create("mess/1")

    assert story(play(disk, program)) == ["program open mess/1 ENOENT", "program create mess/1", "program exit"]


def test_an_uncaught_oserror_ends_that_program_on_record_and_no_other(disk: Disk) -> None:
    def parent() -> Steps:
        child = yield fork(unlucky)
        statuses.append((yield wait(child)))

    def unlucky() -> Steps:
        yield open_("mess/1")
        yield create("mess/2")

    statuses: list[int] = []
    m = play(disk, parent)
    assert story(m)[1:3] == ["parent open mess/1 ENOENT", "parent exit ENOENT"]
    assert statuses == [111]
    assert m.disk.files() == {}


def test_any_other_exception_is_our_bug_and_surfaces(disk: Disk) -> None:
    def program() -> Steps:
        yield getpid()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        play(disk, program)


def test_a_call_that_does_not_exist_surfaces(disk: Disk) -> None:
    def program() -> Steps:
        yield ("fly",)

    with pytest.raises(KeyError, match="fly"):
        play(disk, program)


def test_a_loop_without_time_is_stopped_with_the_program_and_its_call(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy() -> Steps:
        while True:
            yield getpid()

    monkeypatch.setattr(kernel, "CALLS_PER_INSTANT", 1000)
    with pytest.raises(
        RuntimeError, match=r"mail: 1000 calls at 0\.0 s and no end; busy \(pid 1\) would call .*getpid"
    ):
        play(disk, busy)


@pytest.mark.parametrize("watched", [False, True])
def test_a_chain_of_short_programs_without_time_is_stopped_too(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, watched: bool
) -> None:
    def bomb(*_: object) -> Steps:
        yield fork(bomb)

    monkeypatch.setattr(kernel, "CALLS_PER_INSTANT", 1000)
    m = Machine("mail", Trace(), disk, {"bomb": bomb})
    m.watch = (lambda *_: None) if watched else None
    m.spawn("bomb", ())
    with pytest.raises(RuntimeError, match="1000 calls at"):
        run_alone(m, 10.0)


def test_the_cap_counts_an_instant_and_not_a_run(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    def patient() -> Steps:
        for _ in range(30):
            yield sleep(1)

    monkeypatch.setattr(kernel, "CALLS_PER_INSTANT", 10)
    assert len(play(disk, patient).trace) == 1 + 30 + 1


def test_run_alone_acts_at_the_times_it_is_given_and_stops_on_time(disk: Disk) -> None:
    def program() -> Steps:
        yield time()

    m = machine(disk, program, epoch_s=1000.0)
    times: list[tuple[float, bool]] = []

    def look(now: float) -> tuple[float, Callable[[], object]]:
        return now, lambda: times.append((m.now, m.spawn("program", ()).pid > 0))

    run_alone(m, 10.5, [look(0.0), look(2.5), look(2.5), look(11.0)])
    assert times == [(0.0, True), (2.5, True), (2.5, True)]
    assert [one.result for one in m.trace.filter(verb="time")] == [1000, 1002, 1002]
    assert m.now == 10.5


def test_run_says_when_the_next_timer_is_due(disk: Disk) -> None:
    def program() -> Steps:
        yield sleep(3)

    m = machine(disk, program)
    m.spawn("program", ())
    assert m.run(1.0) == 4.0
    assert m.run(4.0) == math.inf
