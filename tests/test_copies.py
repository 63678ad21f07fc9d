"""A copy of a machine goes on as the machine itself does, wherever it was made; what cannot be copied says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from machines import World, machine

from sim import scenario
from sim.lab.alone import Alone, Walker
from sim.lab.crash_test import crash_test
from sim.lab.places import Shared
from sim.lab.plan import chosen, undisturbed
from sim.lab.sweep import prepare
from sim.machine.alone import run_alone
from sim.machine.calls import Handled, connect, create, fork, pipe, read, sigaction, sleep, time, write
from sim.machine.copies import CannotBeCopied, Histories, copied
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.scenario import Scenario
from sim.trace import Row, Trace
from sim.world.simulate import SYSTEMS

Steps = Iterator[Any]

LOCAL, BOUNCE, MBOX = "02-local-delivery", "03-no-such-user", "18-maildir-or-mbox"


def play(name: str) -> Scenario:
    return scenario.load(f"scenarios/{name}.yaml")


def copy_of(m: Machine) -> Machine:
    histories = Histories(m.name)
    histories.look(m.trace.rows)
    return copied(m, Trace(m.trace.rows), histories)


def as_named(rows: list[Row]) -> list[Row]:
    """Rows with functions by their names: a program makes some of them anew each time it runs."""
    return [
        (*row[:2], (*row[2][:1], row[2][1].__name__, *row[2][2:]), *row[3:]) if row[2][0] == "fork" else row
        for row in rows
    ]


@pytest.mark.parametrize("name", [LOCAL, BOUNCE, MBOX])
def test_a_copy_made_between_any_two_calls_goes_on_as_the_machine_does(name: str) -> None:
    sweep, _ = prepare(undisturbed(play(name), "ffs"), SYSTEMS, chosen((), ()), Shared(1, 1))
    (life,) = sweep.plan.lives
    assert isinstance(sweep.bench, Alone)
    walker = Walker(sweep.bench, life)
    whole = as_named(life.rows)
    assert len(life.points) > 200
    for point in life.points:
        solo = walker.copy_at(point)
        solo.do_all()
        solo.play()
        assert as_named(solo.trace.rows) == whole
        assert life.ended is not None
        assert solo.machine.disk.files().keys() == life.ended.disks[solo.machine.name].files().keys()


@pytest.mark.parametrize("crashes", [1, 2])
def test_where_nothing_can_be_copied_the_crashes_come_to_the_same(
    crashes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"filesystems": ("ffs",), "crashes": crashes, "one_in": 40 if crashes == 2 else 1}
    quick = crash_test(play(LOCAL), **asked)

    def refused(*_: object) -> Machine:
        raise CannotBeCopied

    monkeypatch.setattr("sim.lab.alone.copied", refused)
    assert crash_test(play(LOCAL), **asked).to_data() == quick.to_data()


def parent() -> Steps:
    out, into = yield pipe()
    yield fork(child, ("one",), {1: into})
    heard = yield read(out)
    file = yield create("box")
    yield write(file, heard + str((yield time())).encode())


def child(word: str) -> Steps:
    yield sleep(5.0)
    yield write(1, word.encode())


def test_programs_descriptors_and_timers_of_a_copy_are_its_own(disk: Disk) -> None:
    m = machine(disk, parent)
    m.spawn("parent", ())
    run_alone(m, 1.0)
    copy = copy_of(m)
    run_alone(copy, 10.0)
    assert copy.disk.find("box").data == b"one5"
    assert "box" not in m.disk.paths
    assert len(m.trace) < len(copy.trace)
    run_alone(m, 10.0)
    assert m.trace.rows == copy.trace.rows


def test_a_copy_of_a_copy_is_as_good(disk: Disk) -> None:
    m = machine(disk, parent)
    m.spawn("parent", ())
    run_alone(m, 1.0)
    copy = copy_of(copy_of(m))
    run_alone(copy, 10.0)
    run_alone(m, 10.0)
    assert m.trace.rows == copy.trace.rows


def test_a_failure_that_a_program_was_told_of_is_told_again(disk: Disk) -> None:
    def stubborn() -> Steps:
        try:
            yield create("here")
            yield create("here")
        except FileExistsError as problem:
            yield sleep(1.0)
            yield create(f"not-{problem.filename}")

    m = machine(disk, stubborn)
    m.spawn("stubborn", ())
    run_alone(m, 0.5)
    copy = copy_of(m)
    run_alone(copy, 2.0)
    assert "not-here" in copy.disk.paths


def test_a_signal_handler_of_a_copy_belongs_to_the_copy(disk: Disk) -> None:
    told: list[str] = []

    def patient() -> Steps:
        mine: list[str] = []
        yield sigaction(catch=Handled(("HUP",), mine.append))
        yield sleep(5.0)
        told.extend(mine)

    m = machine(disk, patient)
    process = m.spawn("patient", ())
    run_alone(m, 1.0)
    copy = copy_of(m)
    copy.signal(copy.processes[process.pid], "HUP")
    run_alone(copy, 10.0)
    assert told == ["HUP"]
    run_alone(m, 10.0)
    assert told == ["HUP"]


def test_a_trace_does_not_say_which_signal_a_handler_was_told_of(disk: Disk) -> None:
    def patient() -> Steps:
        yield sigaction(catch=Handled(("HUP",), len))
        yield sleep(5.0)

    m = machine(disk, patient)
    process = m.spawn("patient", ())
    run_alone(m, 1.0)
    m.signal(process, "HUP")
    run_alone(m, 2.0)
    with pytest.raises(CannotBeCopied, match="patient was told of a signal"):
        copy_of(m)


def test_a_machine_that_the_world_outside_remembers_is_not_copied(disk: Disk) -> None:
    def caller() -> Steps:
        yield connect("192.0.2.1", 25, 60.0)

    m = machine(disk, caller, network=World())
    m.spawn("caller", ())
    run_alone(m, 1.0)
    with pytest.raises(CannotBeCopied, match="caller waits for an answer from outside"):
        copy_of(m)


def test_a_program_that_knows_something_not_from_its_calls_is_found_out(disk: Disk) -> None:
    runs: list[int] = []

    def forgetful() -> Steps:
        runs.append(1)
        yield create(f"run-{len(runs)}")
        yield sleep(1.0)

    m = machine(disk, forgetful)
    m.spawn("forgetful", ())
    run_alone(m, 0.5)
    copy = copy_of(m)
    with pytest.raises(AssertionError, match=r"forgetful calls .*run-2.*, and called .*run-1.* before"):
        run_alone(copy, 2.0)
