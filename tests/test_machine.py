"""The machine: what each system call does, and that the trace tells it in the order in which it happened."""

from __future__ import annotations

import errno
import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from sim.machine import calls, kernel
from sim.machine.alone import run_alone
from sim.machine.calls import (
    ANY_CHILD,
    ARGUMENTS,
    Handled,
    IfThere,
    accept,
    alarm,
    chdir,
    close,
    connect,
    create,
    execve,
    flock,
    fork,
    fstat,
    fsync,
    ftruncate,
    getpid,
    getuid,
    ioctl,
    kill,
    link,
    listen,
    lseek,
    mkdir,
    open_,
    pipe,
    query,
    read,
    rename,
    scandir,
    select,
    setuid,
    sigaction,
    sleep,
    stat,
    syslog,
    time,
    uname,
    unlink,
    utime,
    wait,
    write,
)
from sim.machine.disk import Disk, Loss
from sim.machine.kernel import HANDLERS, Machine
from sim.machine.process import Process
from sim.machine.streams import PIPE_CAPACITY, Attempt, Socket
from sim.notation.moments import VERBS
from sim.trace import EVENTS, Trace

Steps = Iterator[Any]


def machine(disk: Disk, *programs: Callable[..., Steps], **more: Any) -> Machine:
    """A machine whose programs are the given generator functions, by their names and without arguments."""
    table = {one.__name__: lambda _argv, _env, steps=one: steps() for one in programs}
    return Machine("mail", Trace(), disk, table, **more)


def play(disk: Disk, *programs: Callable[..., Steps], until_s: float = 1000.0, **more: Any) -> Machine:
    """Start all the programs at second 0 and let them run."""
    new = machine(disk, *programs, **more)
    for one in programs:
        new.spawn(one.__name__, ())
    run_alone(new, until_s)
    return new


def story(m: Machine) -> list[str]:
    """The trace in words: program, verb, target, error; the starts left out."""
    return [
        " ".join(word for word in (one.program, one.verb, one.target, one.error) if word)
        for one in m.trace
        if one.verb != "start"
    ]


def failing(call: Any) -> Iterator[Any]:
    """Make a call that fails, and give the errno's name."""
    try:
        yield call
    except OSError as problem:
        return errno.errorcode[problem.errno]
    return "no error"


# The table of calls


def test_every_call_has_a_handler_and_every_handler_a_call() -> None:
    assert HANDLERS.keys() == ARGUMENTS.keys()


def test_every_call_has_one_function_that_builds_it_with_the_arguments_the_trace_names() -> None:
    functions = {
        name.rstrip("_"): function
        for name, function in inspect.getmembers(calls, inspect.isfunction)
        if function.__module__ == calls.__name__
    }
    assert {name.removesuffix("_if_there") for name in functions} == ARGUMENTS.keys()
    for name, function in functions.items():
        built = function(*range(1, 1 + len(inspect.signature(function).parameters)))
        assert isinstance(built, IfThere) == name.endswith("_if_there")
        call = name.removesuffix("_if_there")
        assert built == (call, *range(1, 1 + len(ARGUMENTS[call])))


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


# Files and descriptors


def test_the_lowest_free_descriptor_is_used(disk: Disk) -> None:
    def program() -> Steps:
        for name in "abc":
            fds.append((yield create(f"mess/{name}")))
        yield close(1)
        fds.append((yield open_("mess/a")))

    fds: list[int] = []
    play(disk, program)
    assert fds == [0, 1, 2, 1]


def test_reads_and_writes_go_on_where_the_last_one_ended_and_lseek_moves(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield open_("local/1")
        got.append((yield read(fd, 2)))
        got.append((yield read(fd, 2)))
        yield lseek(fd, 1)
        got.append((yield read(fd)))
        got.append((yield read(fd)))
        out = yield open_("local/1", "w")
        yield lseek(out, 3)
        yield write(out, b"D")
        yield write(out, b"E")

    got: list[bytes] = []
    disk.put("local/1", b"abcdefg")
    play(disk, program)
    assert got == [b"ab", b"cd", b"bcdefg", b""]
    assert disk.find("local/1").data == b"abcDEfg"


def test_appending_goes_to_the_end_wherever_the_descriptor_stands(disk: Disk) -> None:
    def program() -> Steps:
        one = yield open_("~wahid/Mailbox", "a")
        other = yield open_("~wahid/Mailbox", "a")
        yield write(one, b"1")
        yield write(other, b"2")
        yield lseek(one, 0)
        yield write(one, b"3")

    play(disk, program)
    assert disk.find("~wahid/Mailbox").data == b"123"


def test_a_truncated_file_can_be_filled_again(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield open_("info/1", "w")
        yield ftruncate(fd, 0)
        yield write(fd, b"new")

    disk.put("info/1", b"older")
    play(disk, program)
    assert disk.find("info/1").data == b"new"


def test_a_file_lives_while_it_is_open_and_its_number_with_it(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield open_("mess/1")
        yield unlink("mess/1")
        yield create("mess/2")
        got.append((yield read(fd)))
        got.append((yield fstat(fd)).links)
        yield close(fd)
        yield create("mess/3")

    got: list[Any] = []
    number = disk.put("mess/1", b"still here").number
    play(disk, program)
    assert got == [b"still here", 0]
    assert disk.find("mess/2").number != number
    assert disk.find("mess/3").number == number


def test_the_end_of_a_process_closes_its_files(disk: Disk) -> None:
    def program() -> Steps:
        yield create("mess/1")
        yield unlink("mess/1")

    play(disk, program)
    assert disk.inodes == {}


def test_a_write_carries_the_file_s_latest_name_and_a_link_its_new_one(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield create("pid/x")
        yield link("pid/x", "mess/2")
        yield unlink("pid/x")
        yield write(fd, b"x")
        yield rename("mess/2", "todo/2")
        yield fsync(fd)

    assert story(play(disk, program))[:-1] == [
        "program create pid/x",
        "program link mess/2",
        "program unlink pid/x",
        "program write mess/2",
        "program rename todo/2",
        "program fsync todo/2",
    ]


def test_stat_tells_number_size_links_times_and_owner(disk: Disk) -> None:
    def program() -> Steps:
        yield sleep(5)
        fd = yield create("mess/1")
        yield write(fd, b"abc")
        yield link("mess/1", "todo/1")
        seen.append((yield stat("todo/1")))
        seen.append((yield fstat(fd)))
        seen.append((yield stat("mess")).kind)

    seen: list[Any] = []
    play(disk, program, epoch_s=1000.0)
    assert seen[0] == seen[1] == (disk.find("mess/1").number, "file", 3, 2, 1005, 1005, "root", 0o644)
    assert seen[2] == "directory"


def test_a_read_sets_the_access_time_a_write_the_modification_time_and_utime_both(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield create("info/1")
        yield sleep(10)
        yield write(fd, b"x")
        yield sleep(10)
        yield read((yield open_("info/1")))
        seen.append((yield fstat(fd))[4:6])
        yield utime("info/1", 7)
        seen.append((yield fstat(fd))[4:6])

    seen: list[Any] = []
    play(disk, program, epoch_s=1000.0)
    assert seen == [(1020, 1010), (7, 7)]


def test_a_relative_path_starts_at_the_current_directory_and_a_fork_inherits_it(disk: Disk) -> None:
    def child() -> Steps:
        yield create("tmp/1")
        yield chdir("/")
        yield create("mess/1")

    def program() -> Steps:
        yield chdir("~wahid")
        yield chdir("./Maildir/")
        yield wait((yield fork(child)))
        yield link("tmp/1", "new/1")
        seen.append((yield scandir("./new")))
        yield create("~wahid/here")
        yield mkdir("sent")

    seen: list[Any] = []
    m = play(disk, program)
    assert list(m.disk.files()) == ["mess/1", "~wahid/here", "~wahid/Maildir/new/1", "~wahid/Maildir/tmp/1"]
    assert "~wahid/Maildir/sent" in m.disk.directories
    assert seen == [("1",)]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (read(9), "EBADF"),
        (write(9, b""), "EBADF"),
        (close(9), "EBADF"),
        (lseek(9, 0), "EBADF"),
        (fsync(9), "EBADF"),
        (ftruncate(9, 0), "EBADF"),
        (fstat(9), "EBADF"),
        (flock(9), "EBADF"),
        (select((9,), 0), "EBADF"),
        (accept(9), "EBADF"),
        (fork(lambda: iter(()), (), {0: 9}), "EBADF"),
        (write(0, b"x"), "EBADF"),  # open for reading only
        (read(2), "EBADF"),  # the writing end of a pipe
        (write(1, b"x"), "EBADF"),  # the reading end
        (fsync(1), "EINVAL"),
        (accept(1), "EINVAL"),
        (open_("mess/none"), "ENOENT"),
        (open_("none/1", "a"), "ENOENT"),
        (open_("mess"), "EISDIR"),
        (create("mess/1"), "EEXIST"),
        (create("none/1"), "ENOENT"),
        (link("mess/1", "mess/1"), "EEXIST"),
        (rename("mess/none", "mess/2"), "ENOENT"),
        (unlink("mess/none"), "ENOENT"),
        (unlink("mess"), "EISDIR"),
        (mkdir("mess"), "EEXIST"),
        (stat("mess/none"), "ENOENT"),
        (utime("mess/none", 0), "ENOENT"),
        (scandir("none"), "ENOENT"),
        (chdir("none"), "ENOENT"),
        (execve("none", ()), "ENOENT"),
        (wait(99), "ECHILD"),
        (kill(99, "TERM"), "ESRCH"),
        (connect("10.0.0.1", 25, 60), "ENETUNREACH"),
        (query("itb.ac.id", "MX"), "ENETUNREACH"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[0]} {value[1:]}"[:30],
)
def test_a_call_that_cannot_be_done_fails_with_its_errno(disk: Disk, call: Any, error: str) -> None:
    def program() -> Steps:
        yield open_("mess/1")
        yield pipe()
        seen.append((yield from failing(call)))

    seen: list[str] = []
    disk.put("mess/1", b"")
    m = play(disk, program)
    assert seen == [error]
    assert [one.error for one in m.trace][-2:] == [error, None]


# Pipes


def test_the_death_of_the_last_writer_is_the_end_of_file(disk: Disk) -> None:
    def writer(fd: int, seconds: float) -> Steps:
        yield sleep(seconds)
        yield write(fd, b"%d" % seconds)

    def reader() -> Steps:
        r, w = yield pipe()
        yield fork(writer, (w, 1), {w: w})
        yield fork(writer, (w, 2), {w: w})
        yield close(w)
        while data := (yield read(r)):
            got.append(data)
        got.append((yield time()))

    got: list[Any] = []
    play(disk, reader)
    assert got == [b"1", b"2", 2]


def test_writing_where_nobody_reads_is_epipe(disk: Disk) -> None:
    def program() -> Steps:
        r, w = yield pipe()
        yield close(r)
        seen.append((yield from failing(write(w, b"x"))))

    seen: list[str] = []
    play(disk, program)
    assert seen == ["EPIPE"]


def test_a_full_pipe_blocks_its_writer_until_there_is_room_for_all_of_it(disk: Disk) -> None:
    def writer(fd: int) -> Steps:
        seen.append((yield write(fd, b"a" * PIPE_CAPACITY)))
        seen.append((yield write(fd, b"bb")))

    def reader() -> Steps:
        r, w = yield pipe()
        yield fork(writer, (w,), {w: w})
        yield close(w)
        yield sleep(1)
        yield read(r, 1)
        yield sleep(1)
        seen.append("one byte read")
        yield read(r, 1)
        yield sleep(1)

    seen: list[Any] = []
    play(disk, reader)
    assert seen == [PIPE_CAPACITY, "one byte read", 2]


def test_data_larger_than_a_pipe_is_taken_piece_by_piece(disk: Disk) -> None:
    def writer(fd: int, data: bytes) -> Steps:
        while data:
            took = yield write(fd, data)
            taken.append(took)
            data = data[took:]

    def reader() -> Steps:
        r, w = yield pipe()
        yield fork(writer, (w, b"a" * 100_000), {w: w})
        yield close(w)
        while data := (yield read(r)):
            got.append(len(data))

    taken: list[int] = []
    got: list[int] = []
    play(disk, reader)
    assert taken == [65536, 100_000 - 65536]
    assert sum(got) == 100_000


def test_a_blocked_writer_learns_of_the_last_reader_s_death(disk: Disk) -> None:
    def reader() -> Steps:
        yield sleep(1)

    def writer() -> Steps:
        r, w = yield pipe()
        yield fork(reader, (), {r: r})
        yield close(r)
        yield write(w, b"a" * PIPE_CAPACITY)
        seen.append((yield from failing(write(w, b"b"))))
        seen.append((yield time()))

    seen: list[Any] = []
    play(disk, writer)
    assert seen == ["EPIPE", 1]


def test_standard_input_given_from_outside_ends_with_its_last_byte(disk: Disk) -> None:
    def program() -> Steps:
        got.append((yield read(0)))
        got.append((yield read(0)))

    got: list[bytes] = []
    m = machine(disk, program)
    m.spawn("program", (), stdin=b"letter")
    m.run(0)
    assert got == [b"letter", b""]


# FIFOs: qmail's trigger


@pytest.fixture
def trigger(disk: Disk) -> Disk:
    disk.create("lock/trigger", 0, kind="fifo")
    return disk


def test_opening_a_fifo_for_writing_without_a_reader_is_enxio(trigger: Disk) -> None:
    def program() -> Steps:
        seen.append((yield from failing(open_("lock/trigger", "w"))))

    seen: list[str] = []
    play(trigger, program)
    assert seen == ["ENXIO"]


def test_a_fifo_is_ready_once_a_writer_came_even_if_it_only_went_again(trigger: Disk) -> None:
    def puller() -> Steps:
        yield sleep(3)
        fd = yield open_("lock/trigger", "w")
        yield close(fd)

    def waiter() -> Steps:
        fd = yield open_("lock/trigger")
        seen.append((yield select((fd,), 1)))
        seen.append((yield select((fd,), 60)))
        seen.append((yield time()))

    seen: list[Any] = []
    play(trigger, waiter, puller)
    assert seen == [(), (0,), 3]


def test_a_reader_that_opened_the_fifo_anew_is_not_ready_before_a_writer_came(trigger: Disk) -> None:
    def puller() -> Steps:
        for _ in range(2):
            yield sleep(3)
            fd = yield open_("lock/trigger", "w")
            yield write(fd, b"\0")
            yield close(fd)

    def waiter() -> Steps:
        fd = yield open_("lock/trigger")
        for _ in range(3):
            seen.append(((yield select((fd,), 60)), (yield time())))
            yield close(fd)
            fd = yield open_("lock/trigger")

    seen: list[Any] = []
    m = play(trigger, waiter, puller)
    assert seen == [((0,), 3), ((0,), 6), ((), 66)]
    assert len(m.trace.filter(program="puller", verb="trigger")) == 2


# select


def test_select_tells_which_of_its_sources_are_ready(disk: Disk) -> None:
    def child(fd: int) -> Steps:
        yield sleep(2)
        yield write(fd, b"x")
        yield sleep(10)

    def program() -> Steps:
        quiet, _ = yield pipe()
        r, w = yield pipe()
        yield fork(child, (w,), {w: w})
        yield close(w)
        ready = yield select((quiet, r), 60)
        seen.extend([ready == (r,), (yield time())])
        seen.append((yield read(r)))
        seen.append((yield select((quiet, r), 0)))
        seen.append((yield select((quiet, r), 5)))
        seen.append((yield time()))
        yield from failing(read(r))
        seen.append((yield select((quiet, r))) == (r,))  # the child's end is the end of file

    seen: list[Any] = []
    play(disk, program)
    assert seen == [True, 2, b"x", (), (), 7, True]


def test_a_file_is_always_ready(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield create("mess/1")
        seen.append((yield select((fd,))))

    seen: list[Any] = []
    play(disk, program)
    assert seen == [(0,)]


def test_a_caught_signal_is_a_source_of_select_even_if_it_came_earlier(disk: Disk) -> None:
    def child(parent: int) -> Steps:
        yield kill(parent, "HUP")
        yield sleep(2)
        yield kill(parent, "ALRM")

    def program() -> Steps:
        yield sigaction(catch=("HUP", "ALRM"))
        yield fork(child, ((yield getpid()),))
        seen.append((yield from failing(sleep(1))))
        seen.append((yield select((), 60)))
        seen.append((yield time()))
        seen.append((yield select((), 1)))

    seen: list[Any] = []
    play(disk, program)
    assert seen == ["EINTR", ("ALRM",), 2, ()]


# Time-outs, alarms and signals


def test_a_read_with_a_time_out_gives_up_and_the_next_one_has_its_full_time(disk: Disk) -> None:
    def program() -> Steps:
        r, _ = yield pipe()
        for _ in range(2):
            seen.append((yield from failing(read(r, 10, 5.0))))
            seen.append((yield time()))

    seen: list[Any] = []
    play(disk, program)
    assert seen == ["ETIMEDOUT", 5, "ETIMEDOUT", 10]


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


# Parents and children


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


# Locks


def test_a_lock_makes_others_wait_until_its_holder_is_gone(disk: Disk) -> None:
    def holder() -> Steps:
        yield flock((yield create("lock/sendmutex")))
        yield sleep(5)

    def other() -> Steps:
        fd = yield open_("lock/sendmutex", "w")
        seen.append((yield from failing(flock(fd, False))))
        yield flock(fd)
        seen.append((yield time()))

    seen: list[Any] = []
    play(disk, holder, other)
    assert seen == ["EAGAIN", 5]


def test_a_forked_child_shares_the_lock_so_it_outlives_the_parent(disk: Disk) -> None:
    def child() -> Steps:
        yield sleep(7)

    def holder() -> Steps:
        yield flock((yield create("lock/sendmutex")))
        yield fork(child)

    def other() -> Steps:
        yield flock((yield open_("lock/sendmutex", "w")))
        seen.append((yield time()))

    seen: list[Any] = []
    play(disk, holder, other)
    assert seen == [7]


def test_waiting_for_a_lock_can_be_interrupted(disk: Disk) -> None:
    def holder() -> Steps:
        yield flock((yield create("lock/sendmutex")))
        yield sleep(100)

    def other() -> Steps:
        fd = yield open_("lock/sendmutex", "w")
        yield sigaction(catch=("ALRM",))
        yield alarm(30)
        seen.append((yield from failing(flock(fd))))

    seen: list[Any] = []
    play(disk, holder, other)
    assert seen == ["EINTR"]


# The network, as far as a machine knows it


class World:
    """A network whose answers the test gives by hand; it writes down what sockets do."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.heard: list[Any] = []

    def connect(self, m: Machine, address: str, port: int) -> Attempt:
        return self.query(m, address, str(port))

    def query(self, m: Machine, _name: str, _rrtype: str) -> Attempt:
        self.attempts.append(Attempt(m.wake))
        return self.attempts[-1]

    def send(self, _socket: Socket, data: bytes) -> None:
        self.heard.append(data)

    def end(self, _socket: Socket) -> None:
        self.heard.append("end")

    def socket(self, m: Machine) -> Socket:
        return Socket("10.0.0.1", "10.0.0.1", self, m.wake)


def visit(disk: Disk, program: Callable[..., Steps], script: Iterable[Callable[[Machine, World], object]]) -> World:
    """Run a program; at second 1, 2, … the world does the next thing in the script."""
    world = World()
    m = machine(disk, program, network=world)
    m.spawn(program.__name__, ())
    run_alone(m, 1000, [(float(t), lambda act=act: act(m, world)) for t, act in enumerate(script, 1)])
    return world


def test_a_connection_is_there_when_the_world_says_so(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield connect("10.0.0.1", 25, 60)
        got.extend([(yield time()), (yield read(fd))])
        yield write(fd, b"QUIT\r\n")
        got.append((yield read(fd)))

    sockets: list[Socket] = []
    got: list[Any] = []

    def answer(m: Machine, world: World) -> None:
        sockets.append(world.socket(m))
        world.attempts[0].finish(sockets[0])

    world = visit(
        disk, program, [answer, lambda *_: sockets[0].deliver(b"220 hi\r\n"), lambda *_: sockets[0].deliver(b"")]
    )
    assert got == [1, b"220 hi\r\n", b""]
    assert world.heard == [b"QUIT\r\n", "end"]


def test_a_refused_connection_and_one_that_nobody_answers(disk: Disk) -> None:
    def program() -> Steps:
        for _ in range(2):
            seen.extend([(yield from failing(connect("10.0.0.1", 25, 60))), (yield time())])

    seen: list[Any] = []
    visit(disk, program, [lambda _, world: world.attempts[0].finish(error=errno.ECONNREFUSED)])
    assert seen == ["ECONNREFUSED", 1, "ETIMEDOUT", 61]


def test_a_look_up_ended_by_a_signal_does_not_answer_the_next_one(disk: Disk) -> None:
    def program() -> Steps:
        yield sigaction(catch=("ALRM",))
        yield alarm(1)
        seen.append((yield from failing(query("a.example", "MX"))))
        seen.append((yield query("b.example", "MX")))

    seen: list[Any] = []
    visit(
        disk,
        program,
        [
            lambda *_: None,
            lambda _, world: world.attempts[0].finish("a's answer"),
            lambda _, world: world.attempts[1].finish("b's answer"),
        ],
    )
    assert seen == ["EINTR", "b's answer"]


def test_a_connection_reset_is_an_error_and_leaves_no_time_out_to_the_next_call(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield connect("10.0.0.1", 25, 60)
        seen.append((yield from failing(read(fd, 10, 5.0))))
        r, _ = yield pipe()
        seen.append((yield from failing(read(r, 10, 20.0))))
        seen.append((yield time()))

    sockets: list[Socket] = []
    seen: list[Any] = []

    def answer(m: Machine, world: World) -> None:
        sockets.append(world.socket(m))
        world.attempts[0].finish(sockets[0])

    visit(disk, program, [answer, lambda *_: sockets[0].fail(errno.ECONNRESET)])
    assert seen == ["ECONNRESET", "ETIMEDOUT", 22]


def test_every_call_has_a_time_out_of_its_own(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield connect("10.0.0.1", 25, 60)
        seen.extend([(yield read(fd, 10, 70.0)), (yield time())])
        seen.extend([(yield from failing(read(fd, 10, 100.0))), (yield time())])

    sockets: list[Socket] = []
    seen: list[Any] = []

    def answer(m: Machine, world: World) -> None:
        sockets.append(world.socket(m))
        world.attempts[0].finish(sockets[0])

    nothing = [lambda *_: None] * 62
    visit(disk, program, [answer, *nothing, lambda *_: sockets[0].deliver(b"220 hi\r\n")])
    assert seen == [b"220 hi\r\n", 64, "ETIMEDOUT", 164]


def test_a_listener_hands_out_connections_in_order_and_owns_its_port(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield listen(25)
        seen.append((yield from failing(listen(25))))
        yield select((fd,))
        for _ in range(2):
            seen.append((yield accept(fd)))
        yield close(fd)
        yield listen(25)

    def arrive(m: Machine, world: World) -> None:
        for peer in ("10.0.0.2", "10.0.0.3"):
            m.listeners[25].arrive(Socket(peer, peer, world, m.wake))

    seen: list[Any] = []
    world = visit(disk, program, [arrive])
    assert seen == ["EADDRINUSE", (1, "10.0.0.2"), (2, "10.0.0.3")]
    assert world.heard == ["end", "end"]


def test_a_closed_listener_ends_the_connections_that_nobody_accepted(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield listen(25)
        yield sleep(5)
        yield close(fd)

    world = visit(disk, program, [lambda m, world: m.listeners[25].arrive(world.socket(m))])
    assert world.heard == ["end"]


# The end of everything


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
