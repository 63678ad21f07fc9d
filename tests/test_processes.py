"""Parents and children: what fork and execve hand on, what wait reaps, and as whom a program acts."""

from __future__ import annotations

from typing import Any

from machines import Steps, failing, machine, play, story

from sim.machine.alone import run_alone
from sim.machine.calls import (
    ANY_CHILD,
    close,
    create,
    execve,
    fork,
    getpid,
    getuid,
    ioctl,
    kill,
    open_,
    read,
    select,
    setuid,
    sigaction,
    sleep,
    syslog,
    time,
    uname,
    wait,
)
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.trace import Trace


def test_wait_gives_the_exit_status_whether_the_child_ends_before_or_after(disk: Disk) -> None:
    def child(seconds: float, status: int) -> Steps:
        yield sleep(seconds)
        return status

    def parent() -> Steps:
        early = yield fork(child, (1, 11))
        late = yield fork(child, (3, 33))
        yield sleep(2)
        for pid in (early, late, late):
            try:
                statuses.append((yield wait(pid)))
            except ChildProcessError:
                statuses.append("ECHILD")

    statuses: list[Any] = []
    m = play(disk, parent)
    assert statuses == [11, 33, "ECHILD"]
    assert m.processes == {}


def test_a_child_s_end_can_be_caught_as_a_signal_and_any_ended_child_be_reaped(disk: Disk) -> None:
    def child(seconds: float) -> Steps:
        yield sleep(seconds)

    def parent() -> Steps:
        yield sigaction(catch=("CHLD",))
        late = yield fork(child, (5,))
        early = yield fork(child, (2,))
        for expected in (early, late):
            seen.append(((yield select((), 60)), (yield time())))
            seen.append((yield wait(ANY_CHILD)) == expected)
            seen.append((yield wait(ANY_CHILD)))

    seen: list[Any] = []
    m = play(disk, parent)
    assert seen == [(("CHLD",), 2), True, 0, (("CHLD",), 5), True, 0]
    assert m.processes == {}


def test_only_a_parent_can_wait(disk: Disk) -> None:
    def stranger() -> Steps:
        seen.append((yield from failing(wait(1))))

    def program() -> Steps:
        yield sleep(1)

    seen: list[str] = []
    play(disk, program, stranger)
    assert seen == ["ECHILD"]


def test_orphans_live_on_and_leave_nothing_behind(disk: Disk) -> None:
    def child(seconds: float) -> Steps:
        yield sleep(seconds)
        yield create(f"mess/{seconds}")

    def parent() -> Steps:
        yield fork(child, (1,))
        yield fork(child, (3,))
        yield sleep(2)

    m = play(disk, parent)
    assert list(m.disk.files()) == ["mess/1", "mess/3"]
    assert m.processes == {}


def test_forked_descriptors_share_one_offset_and_the_rest_is_closed(disk: Disk) -> None:
    def child() -> Steps:
        got.append((yield read(5, 2)))
        got.append((yield from failing(read(0))))

    def parent() -> Steps:
        fd = yield open_("mess/1")
        yield wait((yield fork(child, (), {5: fd})))
        got.append((yield read(fd, 2)))

    got: list[Any] = []
    disk.put("mess/1", b"abcd")
    play(disk, parent)
    assert got == [b"ab", "EBADF", b"cd"]


def test_a_fork_without_a_map_keeps_every_descriptor_and_a_close_is_one_s_own(disk: Disk) -> None:
    def child() -> Steps:
        got.append((yield read(0, 2)))
        yield close(0)

    def parent() -> Steps:
        yield open_("mess/1")
        yield wait((yield fork(child)))
        got.append((yield read(0, 2)))

    got: list[Any] = []
    disk.put("mess/1", b"abcd")
    play(disk, parent)
    assert got == [b"ab", b"cd"]


def test_a_child_catches_and_ignores_what_its_parent_did_at_the_fork(disk: Disk) -> None:
    def child() -> Steps:
        pid = yield getpid()
        yield kill(pid, "HUP")
        yield kill(pid, "TERM")
        seen.append((yield select((), 60)))

    def parent() -> Steps:
        yield sigaction(catch=("TERM",), ignore=("HUP",))
        yield fork(child)

    seen: list[Any] = []
    play(disk, parent)
    assert seen == [("TERM",)]


def test_a_signal_caught_before_an_execve_does_not_interrupt_the_new_program(disk: Disk) -> None:
    def after() -> Steps:
        seen.append((yield from failing(sleep(1))))

    def before() -> Steps:
        yield sigaction(catch=("TERM",))
        yield kill((yield getpid()), "TERM")
        yield execve("after", ())

    seen: list[str] = []
    m = machine(disk, before, after)
    m.spawn("before", ())
    run_alone(m, 10)
    assert seen == ["no error"]


def test_execve_keeps_pid_descriptors_and_ignored_signals_and_forgets_caught_ones(disk: Disk) -> None:
    def after() -> Steps:
        seen.append((yield getpid()))
        seen.append((yield read(0)))
        yield kill(1, "HUP")
        yield kill(1, "TERM")

    def before() -> Steps:
        yield open_("mess/1")
        yield sigaction(catch=("TERM",), ignore=("HUP",))
        yield execve("after", ("after",))
        seen.append("back from execve")

    seen: list[Any] = []
    disk.put("mess/1", b"abcd")
    m = machine(disk, before, after)
    m.spawn("before", ())
    m.run(0)
    assert seen == [1, b"abcd"]
    assert story(m)[2:] == [
        "before execve after",
        "after getpid",
        "after read mess/1",
        "after kill after",
        "after kill after",
        "after killed",
    ]


def test_execve_with_a_map_renumbers_descriptors_and_closes_the_rest(disk: Disk) -> None:
    def after() -> Steps:
        got.append((yield read(0)))
        got.append((yield from failing(read(1))))

    def before() -> Steps:
        yield open_("mess/1")
        yield open_("mess/2")
        yield execve("after", (), None, {0: 1})

    got: list[Any] = []
    disk.put("mess/1", b"one")
    disk.put("mess/2", b"two")
    m = machine(disk, before, after)
    m.spawn("before", ())
    m.run(0)
    assert got == [b"two", "EBADF"]
    assert disk.find("mess/1").opens == 0


def test_a_program_gets_its_arguments_and_the_environment_it_was_given_or_inherits(disk: Disk) -> None:
    def record(argv: Any, env: Any) -> Steps:
        seen.append((argv, dict(env)))
        if len(argv) == 1:
            yield execve("record", ("two", "words"))
        elif len(argv) == 2:
            yield execve("record", ("and", "now", "three"), {"B": "2"})

    seen: list[Any] = []
    m = Machine("mail", Trace(), disk, {"record": record})
    m.spawn("record", ("one",), env={"A": "1"})
    m.run(0)
    assert seen == [(("one",), {"A": "1"}), (("two", "words"), {"A": "1"}), (("and", "now", "three"), {"B": "2"})]


def test_a_set_user_id_program_acts_as_its_owner_for_another_user(disk: Disk) -> None:
    def qmail_queue() -> Steps:
        yield create("mess/1")
        seen.append((yield getuid()))

    def person() -> Steps:
        yield create("mess/0")
        yield execve("qmail_queue", ())

    seen: list[int] = []
    m = machine(disk, person, qmail_queue, setuid_programs={"qmail_queue": "qmailq"}, uids={"wahid": 1000, "qmailq": 7})
    m.spawn("person", (), user="wahid")
    m.run(0)
    assert [disk.find(path).owner for path in ("mess/0", "mess/1")] == ["wahid", "qmailq"]
    assert seen == [1000]


def test_setuid_is_for_good(disk: Disk) -> None:
    def program() -> Steps:
        yield setuid("alice")
        yield create("mess/1")
        seen.append((yield getuid()))

    seen: list[int] = []
    play(disk, program, uids={"root": 0, "alice": 1001})
    assert (seen, disk.find("mess/1").owner) == ([1001], "alice")


def test_the_small_questions_are_answered(disk: Disk) -> None:
    def program() -> Steps:
        yield sleep(1.9)
        seen.extend([(yield uname()), (yield ioctl()), (yield time())])
        yield syslog("qmail", "status: local 0/10")

    seen: list[Any] = []
    m = play(disk, program, epoch_s=100.0, addresses=("10.0.0.1",))
    assert seen == ["mail", ("10.0.0.1",), 101]
    assert story(m)[-2] == "program syslog qmail"
