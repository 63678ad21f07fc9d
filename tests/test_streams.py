"""Pipes and fifos block, end and break as on a real system, and select tells which descriptors are ready."""

from __future__ import annotations

from typing import Any

from machines import Steps, failing, machine, play

from sim.machine.calls import (
    close,
    create,
    fork,
    getpid,
    kill,
    open_,
    pipe,
    read,
    select,
    sigaction,
    sleep,
    time,
    write,
)
from sim.machine.disk import Disk
from sim.machine.streams import PIPE_CAPACITY

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


def test_select_tells_when_there_is_room_to_write(disk: Disk) -> None:
    def child(r: int) -> Steps:
        yield sleep(2)
        yield read(r, 10)
        yield sleep(1)

    def program() -> Steps:
        r, w = yield pipe()
        yield fork(child, (r,), {r: r})
        yield close(r)
        seen.append((yield select((w,), 0, to_write=True)) == (w,))
        yield write(w, b"x" * PIPE_CAPACITY)
        seen.append((yield select((w,), 1, to_write=True)))
        seen.append((yield select((w,), 60, to_write=True)) == (w,))
        seen.append((yield time()))
        yield write(w, b"x" * 10)
        seen.append((yield select((w,), 60, to_write=True)) == (w,))  # nobody reads any more
        seen.append((yield time()))
        seen.append((yield from failing(write(w, b"x"))))

    seen: list[Any] = []
    play(disk, program)
    assert seen == [True, (), True, 2, True, 3, "EPIPE"]


def test_a_file_is_always_ready(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield create("mess/1")
        seen.extend([(yield select((fd,))), (yield select((fd,), to_write=True))])

    seen: list[Any] = []
    play(disk, program)
    assert seen == [(0,), (0,)]


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
