"""Time-outs, alarms and signals: what interrupts a call, what kills, and what is caught."""

from __future__ import annotations

from typing import Any

import pytest
from machines import Steps, failing, machine, play, story

from sim.machine.alone import run_alone
from sim.machine.calls import (
    ARGUMENTS,
    Handled,
    alarm,
    create,
    fork,
    getpid,
    kill,
    pipe,
    read,
    select,
    sigaction,
    sleep,
    time,
    wait,
    write,
)
from sim.machine.disk import Disk


def test_a_select_with_a_time_out_gives_up_and_the_next_one_has_its_full_time(disk: Disk) -> None:
    def program() -> Steps:
        r, _ = yield pipe()
        for _ in range(2):
            seen.append((yield select((r,), 5.0)))
            seen.append((yield time()))

    seen: list[Any] = []
    play(disk, program)
    assert seen == [(), 5, (), 10]


def test_an_alarm_rings_once_and_interrupts_a_blocked_call(disk: Disk) -> None:
    def program() -> Steps:
        r, _ = yield pipe()
        yield sigaction(catch=("ALRM",))
        yield alarm(30)
        seen.append((yield from failing(read(r))))
        seen.append((yield time()))
        seen.append((yield from failing(sleep(100))))

    seen: list[Any] = []
    play(disk, program)
    assert seen == ["EINTR", 30, "no error"]


@pytest.mark.parametrize("watched", [False, True])
def test_a_handler_hears_of_a_signal_and_the_call_is_made_again(disk: Disk, watched: bool) -> None:
    def program() -> Steps:
        r, w = yield pipe()
        yield sigaction(catch=Handled(("ALRM",), heard.append))
        yield alarm(30)
        yield fork(writer, (), {1: w})
        seen.append((yield read(r)))
        seen.append((yield time()))

    def writer() -> Steps:
        seen.append((yield from failing(sleep(100))))
        yield write(1, b"late")

    heard: list[str] = []
    seen: list[Any] = []
    moments: list[tuple[str, str]] = []
    m = machine(disk, program)
    if watched:
        m.watch = lambda when, process, _: moments.append((when, process.pending[0]))
    m.spawn("program", ())
    run_alone(m, 1000)
    assert heard == ["ALRM"]
    assert seen == ["no error", b"late", 100]
    rows = [row for row in m.trace if row.verb in ("sigaction", "read")]
    assert [(row.call, row.error) for row in rows] == [
        (("sigaction", ("ALRM",), ()), None),
        (("read", 0, 65536), "EINTR"),
        (("read", 0, 65536), None),
    ]
    lines = m.trace.to_jsonl(ARGUMENTS).splitlines()
    assert next(line for line in lines if b"sigaction" in line).endswith(b'"catch":["ALRM"],"ignore":[]}')
    assert moments.count(("after", "read")) == (2 if watched else 0)


@pytest.mark.parametrize(("second", "rings_at"), [(5, 5), (50, 50), (0, 100)])
def test_a_second_alarm_takes_the_place_of_the_first(disk: Disk, second: int, rings_at: int) -> None:
    def program() -> Steps:
        yield sigaction(catch=("ALRM",))
        yield alarm(30)
        yield alarm(second)
        yield from failing(sleep(100))
        seen.append((yield time()))

    seen: list[int] = []
    play(disk, program)
    assert seen == [rings_at]


def test_an_alarm_that_nobody_catches_is_the_end(disk: Disk) -> None:
    def program() -> Steps:
        yield alarm(86400)
        yield sleep(100_000)

    m = play(disk, program, until_s=200_000)
    assert (m.trace[-1].t, m.trace[-1].call) == (86400, ("killed", "ALRM"))


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM", "ALRM", "PIPE", "KILL"])
def test_a_signal_neither_caught_nor_ignored_kills(disk: Disk, name: str) -> None:
    def child() -> Steps:
        yield sleep(100)

    def parent() -> Steps:
        pid = yield fork(child)
        yield kill(pid, name)
        statuses.append((yield wait(pid)))

    statuses: list[int] = []
    m = play(disk, parent)
    assert statuses == [-{"HUP": 1, "INT": 2, "TERM": 15, "ALRM": 14, "PIPE": 13, "KILL": 9}[name]]
    assert len(m.trace.filter(verb="killed")) == 1


@pytest.mark.parametrize(("name", "lives"), [("TERM", True), ("KILL", False)])
def test_an_ignored_signal_does_nothing_unless_it_is_kill(disk: Disk, name: str, lives: bool) -> None:
    def program() -> Steps:
        yield sigaction(ignore=("TERM", "KILL"))
        yield kill((yield getpid()), name)
        yield create("mess/alive")

    assert bool(play(disk, program).disk.files()) is lives


def test_kill_cannot_be_caught(disk: Disk) -> None:
    def program() -> Steps:
        yield sigaction(catch=("KILL",))
        yield kill((yield getpid()), "KILL")

    assert story(play(disk, program))[-1] == "program killed"


def test_a_pid_that_ended_but_was_not_waited_for_takes_signals_in_silence(disk: Disk) -> None:
    def child() -> Steps:
        yield getpid()

    def parent() -> Steps:
        pid = yield fork(child)
        yield sleep(1)
        yield kill(pid, "TERM")
        statuses.append((yield wait(pid)))
        statuses.append((yield from failing(kill(pid, "TERM"))))

    statuses: list[Any] = []
    play(disk, parent)
    assert statuses == [0, "ESRCH"]
