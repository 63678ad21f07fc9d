"""The disk: names and inodes, and what a power cut leaves of them."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sim.machine.disk import WRITE_BACK_S, Disk, Inode, Loss


def _write(disk: Disk, path: str, data: bytes, now: float = 0.0) -> Inode:
    inode = disk.create(path, now)
    disk.write(inode, 0, data, now)
    return inode


# Names and inodes


def test_a_file_with_two_names_is_one_file(disk: Disk) -> None:
    inode = _write(disk, "intd/9", b"x")
    disk.link("intd/9", "todo/9")
    assert disk.find("todo/9") is disk.find("intd/9") is inode
    assert (inode.links, inode.name) == (2, "todo/9")


def test_the_other_name_stays_when_one_goes(disk: Disk) -> None:
    inode = _write(disk, "intd/9", b"x")
    disk.link("intd/9", "todo/9")
    disk.unlink("intd/9")
    assert disk.files("todo") == {"todo/9": inode}
    assert disk.files("intd") == {}


def test_a_rename_replaces_what_had_the_name_before(disk: Disk) -> None:
    new, old = _write(disk, "info/new", b"new"), _write(disk, "info/1", b"old")
    disk.rename("info/new", "info/1")
    assert disk.files("info") == {"info/1": new}
    assert (new.links, new.name) == (1, "info/1")
    assert old.number not in disk.inodes


def test_a_rename_between_two_names_of_one_file_does_nothing(disk: Disk) -> None:
    _write(disk, "intd/9", b"x")
    disk.link("intd/9", "todo/9")
    disk.rename("intd/9", "todo/9")
    assert set(disk.files()) == {"intd/9", "todo/9"}


def test_the_lowest_free_inode_number_is_used_again(disk: Disk) -> None:
    numbers = [disk.create(f"mess/{name}", 0).number for name in "abcd"]
    disk.unlink("mess/c")
    disk.unlink("mess/b")
    assert disk.create("mess/e", 0).number == numbers[1]
    assert disk.create("mess/f", 0).number == numbers[2]
    assert disk.create("mess/g", 0).number == numbers[3] + 1


def test_an_open_file_keeps_its_number_without_a_name(disk: Disk) -> None:
    inode = disk.create("mess/a", 0)
    inode.opens = 1
    disk.unlink("mess/a")
    assert disk.create("mess/b", 0).number != inode.number
    inode.opens = 0
    disk.release(inode)
    assert disk.create("mess/c", 0).number == inode.number


def test_a_directory_lists_its_names_in_the_order_of_their_entry(disk: Disk) -> None:
    for name in ("b", "a", "c"):
        disk.create(f"todo/{name}", 0)
    disk.unlink("todo/b")
    disk.link("todo/a", "todo/b")
    assert list(disk.directories["todo"]) == ["a", "c", "b"]


def test_files_below_a_prefix_are_sorted_by_name(disk: Disk) -> None:
    for path in ("todo/2", "mess/1", "todo/1"):
        disk.create(path, 0)
    assert list(disk.files()) == ["mess/1", "todo/1", "todo/2"]
    assert list(disk.files("todo")) == ["todo/1", "todo/2"]


@pytest.mark.parametrize(
    ("operation", "paths", "error"),
    [
        ("find", ("mess/none",), errno.ENOENT),
        ("find", ("none/a",), errno.ENOENT),
        ("find", ("mess",), errno.EISDIR),
        ("create", ("mess/a", 0), errno.EEXIST),
        ("create", ("none/a", 0), errno.ENOENT),
        ("create", ("mess", 0), errno.EEXIST),
        ("link", ("mess/none", "mess/b"), errno.ENOENT),
        ("link", ("mess/a", "none/b"), errno.ENOENT),
        ("link", ("mess/a", "todo/a"), errno.EEXIST),
        ("link", ("mess/a", "mess"), errno.EEXIST),
        ("link", ("mess", "pid/b"), errno.EISDIR),
        ("rename", ("mess/none", "mess/b"), errno.ENOENT),
        ("rename", ("mess/a", "none/b"), errno.ENOENT),
        ("rename", ("mess/a", "mess"), errno.EISDIR),
        ("unlink", ("mess/none",), errno.ENOENT),
        ("unlink", ("none/a",), errno.ENOENT),
        ("unlink", ("mess",), errno.EISDIR),
        ("mkdir", ("mess",), errno.EEXIST),
        ("mkdir", ("mess/a",), errno.EEXIST),
        ("mkdir", ("none/a",), errno.ENOENT),
    ],
)
def test_what_cannot_be_done_has_its_errno_and_changes_nothing(
    disk: Disk, operation: str, paths: tuple[Any, ...], error: int
) -> None:
    disk.create("mess/a", 0)
    disk.create("todo/a", 0)
    before = disk.files()
    with pytest.raises(OSError, match=os.strerror(error)) as caught:
        getattr(disk, operation)(*paths)
    assert caught.value.errno == error
    assert disk.files() == before


def test_a_prepared_file_brings_its_directories_and_is_durable() -> None:
    disk = Disk()
    disk.put("control/me", b"mail.example.org\n")
    assert disk.power_cut(0) == ()
    assert disk.find("control/me").data == b"mail.example.org\n"


# Contents


def test_a_write_in_the_middle_keeps_what_is_around_it(disk: Disk) -> None:
    inode = _write(disk, "local/1", b"Ta@b\0Tc@d\0")
    disk.write(inode, 5, b"D", 0)
    assert inode.data == b"Ta@b\0Dc@d\0"


def test_a_write_beyond_the_end_leaves_zeros_in_the_gap(disk: Disk) -> None:
    inode = _write(disk, "local/1", b"ab")
    disk.write(inode, 4, b"c", 0)
    assert inode.data == b"ab\0\0c"


@pytest.mark.parametrize(("size", "data"), [(1, b"a"), (2, b"ab"), (4, b"ab\0\0"), (0, b"")])
def test_a_truncation_cuts_or_fills_with_zeros(disk: Disk, size: int, data: bytes) -> None:
    inode = _write(disk, "mess/1", b"ab")
    disk.truncate(inode, size, 0)
    assert inode.data == data


# A power cut


def test_what_was_not_synced_is_gone_and_reported(disk: Disk) -> None:
    _write(disk, "mess/1", b"all of it")
    assert disk.power_cut(1) == (Loss("mess/1", 9, 0),)
    assert disk.find("mess/1").data == b""


def test_what_was_synced_survives_and_what_came_after_does_not(disk: Disk) -> None:
    inode = _write(disk, "mess/1", b"one")
    disk.fsync(inode)
    disk.write(inode, 3, b"two", 1)
    assert disk.power_cut(2) == (Loss("mess/1", 6, 3),)
    assert inode.data == b"one"


def test_an_unsynced_truncation_comes_undone(disk: Disk) -> None:
    inode = _write(disk, "mess/1", b"one")
    disk.fsync(inode)
    disk.truncate(inode, 0, 1)
    assert disk.power_cut(2) == (Loss("mess/1", 0, 3),)
    assert inode.data == b"one"


def test_names_survive_without_any_fsync_on_ffs(disk: Disk) -> None:
    """qmail's queue relies on it: create, link, unlink and rename are on the disk when they return."""
    for name in ("a", "b", "c"):
        disk.create(f"mess/{name}", 0)
    disk.link("mess/a", "todo/a")
    disk.rename("mess/b", "mess/d")
    disk.unlink("mess/c")
    disk.mkdir("new")
    disk.power_cut(0)
    assert list(disk.files()) == ["mess/a", "mess/d", "todo/a"]
    assert "new" in disk.directories


@pytest.mark.parametrize(("age_s", "left"), [(WRITE_BACK_S - 0.5, b""), (WRITE_BACK_S, b"x")])
def test_the_cache_is_written_back_at_a_certain_age(disk: Disk, age_s: float, left: bytes) -> None:
    inode = _write(disk, "mess/1", b"x", now=5)
    disk.power_cut(5 + age_s)
    assert inode.data == left


def test_write_back_counts_from_the_first_unsaved_change(disk: Disk) -> None:
    inode = _write(disk, "mess/1", b"one")
    disk.write(inode, 3, b"two", 20)
    disk.power_cut(31)
    assert inode.data == b"onetwo"


@pytest.mark.parametrize("change", ["write", "truncate"])
def test_a_change_after_the_write_back_is_as_young_as_it_is(disk: Disk, change: str) -> None:
    inode = _write(disk, "mess/1", b"one")
    if change == "write":
        disk.write(inode, 3, b"two", 31)
    else:
        disk.truncate(inode, 0, 31)
    disk.power_cut(32)
    assert inode.data == b"one"


def test_losses_come_in_the_order_of_inode_numbers_and_only_of_files_with_a_name(disk: Disk) -> None:
    _write(disk, "mess/b", b"1")
    nameless = _write(disk, "mess/gone", b"2")
    _write(disk, "mess/a", b"3")
    nameless.opens = 1
    disk.unlink("mess/gone")
    assert [loss.name for loss in disk.power_cut(0)] == ["mess/b", "mess/a"]


def test_a_nameless_open_file_gives_its_number_back_at_a_power_cut(disk: Disk) -> None:
    inode = _write(disk, "mess/1", b"x")
    inode.opens = 1
    disk.unlink("mess/1")
    disk.power_cut(0)
    assert disk.create("mess/2", 0).number == inode.number


# The disk against a model

NAMES = st.sampled_from(["mess/1", "mess/2", "todo/1", "intd/1", "info/1"])


class File:
    """The model of a file: contents, what the platters hold, and since when they differ."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.data = b""
        self.durable = b""
        self.dirty_since: float | None = None


class DiskAgainstModel(RuleBasedStateMachine):
    """Names are a dict; the model writes back at the very moment it is due, the disk when it must know."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        for directory in ("mess", "todo", "intd", "info"):
            self.disk.mkdir(directory)
        self.names: dict[str, File] = {}
        self.open: list[tuple[Inode, File]] = []
        self.now = 0.0
        self.written = 0

    def held(self) -> set[File]:
        return {*self.names.values(), *(file for _, file in self.open)}

    def change(self, file: File, data: bytes) -> None:
        if data == file.data:
            return
        file.data = data
        if file.dirty_since is None:
            file.dirty_since = self.now
        if not file.data and not file.durable:
            file.dirty_since = None

    def expect(self, error: int, operation: Any, *arguments: Any) -> None:
        with pytest.raises(OSError, match=os.strerror(error)) as caught:
            operation(*arguments)
        assert caught.value.errno == error

    @rule(path=NAMES)
    def create(self, path: str) -> None:
        if path in self.names:
            self.expect(errno.EEXIST, self.disk.create, path, self.now)
            return
        taken = {file.number for file in self.held()}
        self.names[path] = File(next(number for number in range(2, 99) if number not in taken))
        self.disk.create(path, self.now)

    @rule(old=NAMES, new=NAMES)
    def link(self, old: str, new: str) -> None:
        if old not in self.names:
            self.expect(errno.ENOENT, self.disk.link, old, new)
        elif new in self.names:
            self.expect(errno.EEXIST, self.disk.link, old, new)
        else:
            self.disk.link(old, new)
            self.names[new] = self.names[old]

    @rule(path=NAMES)
    def unlink(self, path: str) -> None:
        if path not in self.names:
            self.expect(errno.ENOENT, self.disk.unlink, path)
        else:
            self.disk.unlink(path)
            del self.names[path]

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        if old not in self.names:
            self.expect(errno.ENOENT, self.disk.rename, old, new)
            return
        self.disk.rename(old, new)
        if self.names[old] is not self.names.get(new):
            self.names[new] = self.names.pop(old)

    @rule(path=NAMES, position=st.sampled_from([0, 2, 5, 9]), size=st.integers(2, 4))
    def write(self, path: str, position: int, size: int) -> None:
        """Every write has bytes of its own, so that equal contents are never an accident."""
        if path in self.names:
            file = self.names[path]
            self.written += 1
            data = bytes([self.written]) * size
            self.disk.write(self.disk.find(path), position, data, self.now)
            start = file.data[:position].ljust(position, b"\0")
            self.change(file, start + data + file.data[position + len(data) :])

    @rule(path=NAMES, size=st.sampled_from([0, 3, 6]))
    def truncate(self, path: str, size: int) -> None:
        if path in self.names:
            file = self.names[path]
            self.disk.truncate(self.disk.find(path), size, self.now)
            self.change(file, file.data[:size].ljust(size, b"\0"))

    @rule(path=NAMES)
    def fsync(self, path: str) -> None:
        if path in self.names:
            file = self.names[path]
            self.disk.fsync(self.disk.find(path))
            file.durable, file.dirty_since = file.data, None

    @rule(path=NAMES)
    def open_file(self, path: str) -> None:
        if path in self.names:
            inode = self.disk.find(path)
            inode.opens += 1
            self.open.append((inode, self.names[path]))

    @precondition(lambda self: self.open)
    @rule()
    def close_file(self) -> None:
        inode, _ = self.open.pop(0)
        inode.opens -= 1
        self.disk.release(inode)

    @rule(seconds=st.sampled_from([1.0, 10.0, 29.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for file in self.held():
            if file.dirty_since is not None and self.now - file.dirty_since >= WRITE_BACK_S:
                file.durable, file.dirty_since = file.data, None

    @rule()
    def power_cut(self) -> None:
        self.open = []
        lost = {file for file in self.names.values() if file.data != file.durable}
        losses = self.disk.power_cut(self.now)
        assert [(loss.before, loss.after) for loss in losses] == [
            (len(file.data), len(file.durable)) for file in sorted(lost, key=lambda file: file.number)
        ]
        for file in self.held():
            file.data, file.dirty_since = file.durable, None

    @invariant()
    def programs_see_the_same(self) -> None:
        seen = {path: (inode.number, inode.data, inode.links) for path, inode in self.disk.files().items()}
        linked = list(self.names.values())
        assert seen == {path: (file.number, file.data, linked.count(file)) for path, file in self.names.items()}

    @invariant()
    def a_path_leads_where_its_directory_does(self) -> None:
        assert self.disk.paths == self.disk.files()

    @invariant()
    def no_inode_lives_longer_than_its_names_and_descriptors(self) -> None:
        assert set(self.disk.inodes) == {file.number for file in self.held()}


TestDiskAgainstModel = DiskAgainstModel.TestCase
TestDiskAgainstModel.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
