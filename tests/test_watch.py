"""The end of everything: kills and power cuts from outside, before or after any call, and what is left."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from machines import Steps, World, failing, machine, play, story

from sim.machine.calls import (
    connect,
    create,
    execve,
    flock,
    fsync,
    getpid,
    kill,
    listen,
    open_,
    sleep,
    time,
    unlink,
    write,
)
from sim.machine.disk import Disk, Loss
from sim.machine.kernel import Machine
from sim.machine.process import DEAD, Process


def crashing() -> Steps:
    """Holds a lock, a connection, a port, an open file without a name, and two files of which one is synced."""
    yield flock((yield create("lock/sendmutex")))
    yield connect("10.0.0.1", 25, 60)
    yield listen(25)
    yield create("pid/nameless")
    yield unlink("pid/nameless")
    for path in ("mess/synced", "mess/cached"):
        fd = yield create(path)
        yield write(fd, b"letter")
        if path == "mess/synced":
            yield fsync(fd)
    yield sleep(100)


def crashed(disk: Disk) -> tuple[Machine, World]:
    world = World()
    m = machine(disk, crashing, network=world)
    m.spawn("crashing", ())
    m.run(0)
    world.attempts[0].finish(world.socket(m))
    m.run(1)
    return m, world


def test_kill_all_ends_every_program_and_connection_but_the_cache_lives(disk: Disk) -> None:
    m, world = crashed(disk)
    m.kill_all()
    assert (m.processes, m.listeners, m.powered) == ({}, {}, True)
    assert world.heard == ["end"]
    assert {path: inode.data for path, inode in disk.files("mess").items()} == {
        "mess/cached": b"letter",
        "mess/synced": b"letter",
    }
    assert disk.find("lock/sendmutex").holder is None
    assert [inode.links for inode in disk.inodes.values()] == [1, 1, 1]
    assert m.run(200) == math.inf
    assert m.trace[-1].verb == "write"


def test_a_power_cut_ends_everything_and_tells_nobody(disk: Disk) -> None:
    m, world = crashed(disk)
    m.watch = lambda *_: None
    assert m.power_cut() == (Loss("mess/cached", 6, 0),)
    assert m.watch is None
    assert (m.processes, m.listeners, m.powered) == ({}, {}, False)
    assert world.heard == []
    assert disk.find("mess/synced").data == b"letter"
    assert disk.find("mess/cached").data == b""
    assert [inode.links for inode in disk.inodes.values()] == [1, 1, 1]
    assert m.run(200) == math.inf


def test_no_lock_and_no_fifo_outlives_the_power(trigger: Disk) -> None:
    def holder() -> Steps:
        yield open_("lock/trigger")
        yield flock((yield create("lock/sendmutex")))
        yield sleep(100)

    def after_boot() -> Steps:
        seen.append((yield from failing(open_("lock/trigger", "w"))))
        seen.append((yield from failing(flock((yield open_("lock/sendmutex", "w")), False))))

    seen: list[str] = []
    m = machine(trigger, holder)
    m.spawn("holder", ())
    m.run(0)
    m.power_cut()
    play(trigger, after_boot)
    assert seen == ["ENXIO", "no error"]


def two_files() -> Steps:
    yield create("mess/1")
    yield create("mess/2")
    yield create("mess/3")


def kill_it(m: Machine, process: Process) -> None:
    m.signal(process, "KILL")


def cut_power(m: Machine, _: Process) -> None:
    m.power_cut()


@pytest.mark.parametrize("fault", [kill_it, cut_power])
@pytest.mark.parametrize(("when", "exits"), [("before", False), ("after", True)])
def test_a_fault_can_strike_before_or_after_an_exit(
    disk: Disk, fault: Callable[[Machine, Process], None], when: str, exits: bool
) -> None:
    m = machine(disk, two_files)

    def watch(moment: str, process: Process, _: str | None) -> None:
        if (moment, process.pending[0]) == (when, "exit"):
            fault(m, process)

    m.watch = watch
    m.spawn("two_files", ())
    m.run(0)
    assert bool(m.trace.filter(verb="exit")) is exits
    assert m.processes == {}


@pytest.mark.parametrize("fault", [kill_it, cut_power])
@pytest.mark.parametrize(("when", "left"), [("before", ["mess/1"]), ("after", ["mess/1", "mess/2"])])
def test_a_fault_can_strike_before_or_after_any_call(
    disk: Disk, fault: Callable[[Machine, Process], None], when: str, left: list[str]
) -> None:
    m = machine(disk, two_files)

    def watch(moment: str, process: Process, target: str | None) -> None:
        if (moment, target) == (when, "mess/2"):
            fault(m, process)

    m.watch = watch
    m.spawn("two_files", ())
    m.run(0)
    assert list(disk.files()) == left
    assert [one.target for one in m.trace.filter(verb="create")] == left
    assert m.processes == {}
    assert story(m)[-1] == ("two_files killed" if fault is kill_it else f"two_files create {left[-1]}")


@pytest.mark.parametrize("watched_from_s", [0, 3])
def test_a_call_that_is_made_again_is_another_call_even_if_it_is_the_same_object(
    disk: Disk, watched_from_s: int
) -> None:
    def program() -> Steps:
        same = sleep(2)
        for _ in range(3):
            yield same
            yield time()
            yield same

    m = machine(disk, program)
    heard: list[tuple[float, str]] = []

    def look(when: str, process: Process, _: str | None) -> None:
        if process.pending[0] == "sleep":
            heard.append((m.now, when))

    process = m.spawn("program", ())
    for now in range(13):
        if now == watched_from_s:
            m.watch = look
        m.run(now)
        assert process.tried is process.pending or process.state == DEAD
    begun = [(float(at), "before") for at in range(0, 12, 2) if at >= watched_from_s]
    done = [(float(at), "after") for at in range(2, 14, 2) if at >= watched_from_s]
    assert sorted(heard) == sorted(begun + done)


def test_a_watcher_hears_of_failed_calls_and_of_execve_as_well(disk: Disk) -> None:
    def program() -> Steps:
        yield from failing(open_("mess/none"))
        yield kill((yield getpid()), "HUP")
        yield execve("two_files", ())

    m = machine(disk, program, two_files)
    heard: list[tuple[str, str | None]] = []
    m.watch = lambda when, _, target: heard.append((when, target))
    m.spawn("program", ())
    m.run(0)
    assert heard[:2] == [("before", "mess/none"), ("after", "mess/none")]
    assert heard.count(("after", "program")) == 1  # the kill
    assert m.trace[-1].verb == "killed"

    heard.clear()
    m.spawn("two_files", ())
    m.run(1)
    moments = [(when, f"mess/{name}") for name in "123" for when in ("before", "after")]
    assert heard == [*moments, ("before", None), ("after", None)]  # its exit


def test_a_fault_after_a_failed_call_or_an_execve_stops_the_program_there(disk: Disk) -> None:
    def program() -> Steps:
        yield from failing(open_("mess/none"))
        yield execve("two_files", ())

    for target in ("mess/none", "two_files"):
        m = machine(disk, program, two_files)

        def watch(when: str, process: Process, about: str | None, m: Machine = m, target: str = target) -> None:
            if (when, about) == ("after", target):
                m.signal(process, "KILL")

        m.watch = watch
        m.spawn("program", ())
        m.run(0)
        assert m.trace[-2].target == target
        assert m.trace[-1].verb == "killed"
        assert disk.files() == {}


def test_the_dead_tidy_nothing(disk: Disk) -> None:
    """A program that would clean up at its end does not get the chance."""

    def tidy() -> Steps:
        yield create("mess/1")
        try:
            yield sleep(100)
        except OSError:
            yield unlink("mess/1")

    m = machine(disk, tidy)
    process = m.spawn("tidy", ())
    m.run(0)
    m.signal(process, "KILL")
    m.run(200)
    assert list(disk.files()) == ["mess/1"]


def test_a_process_shows_what_it_is_about_to_do(disk: Disk) -> None:
    def program() -> Steps:
        yield sleep(5)

    m = machine(disk, program)
    process = m.spawn("program", ())
    m.run(0)
    assert repr(process) == "<program pid 1 blocked, about to call ('sleep', 5)>"
