"""The calls on files: descriptors, offsets, names, times, locks, and the errno of what cannot be done."""

from __future__ import annotations

from typing import Any

import pytest
from machines import Steps, failing, play, story

from sim.machine.calls import (
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
    kill,
    link,
    lseek,
    mkdir,
    open_,
    pipe,
    query,
    read,
    rename,
    scandir,
    select,
    sigaction,
    sleep,
    stat,
    time,
    unlink,
    utime,
    wait,
    write,
)
from sim.machine.disk import Disk


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
        (read(3), "EBADF"),  # open for writing only
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
        yield open_("mess/1", "w")
        seen.append((yield from failing(call)))

    seen: list[str] = []
    disk.put("mess/1", b"")
    m = play(disk, program)
    assert seen == [error]
    assert [one.error for one in m.trace][-2:] == [error, None]


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
