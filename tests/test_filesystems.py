"""What each file system promises, held against a small model: a list of operations, and what of it may be left."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.machine.filesystems import COMMIT_S, new_disk
from sim.machine.images import Image, become, seen
from sim.machine.survivors import BLOCK, survivors

NAMES = ("mess/1", "mess/2", "todo/1")
KINDS = [("ffs", False), ("journaled", False), ("journaled", True), ("async", False), ("async", True)]
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["create", "write", "fsync", "link", "unlink"]), *[st.sampled_from(NAMES)] * 2),
    max_size=12,
)


def prepared(kind: str, syncdir: bool) -> Any:
    disk = new_disk(kind, syncdir)
    for directory in ("mess", "todo"):
        disk.make_directories(directory)
    disk.put("control/me", b"here\n")
    disk.sync()
    return disk


def play(disk: Any, operations: list[tuple[str, str, str]], now: float = 0.0) -> list[Image]:
    """Do what can be done; the disk as programs saw it at the start and after each operation."""
    pictures = [seen(disk)]
    for number, (verb, one, other) in enumerate(operations):
        try:
            if verb == "create":
                disk.create(one, now)
            elif verb == "write":
                inode = disk.find(one)
                disk.write(inode, len(inode.data), b"%d" % number, now)
            elif verb == "fsync":
                disk.fsync(disk.find(one))
            elif verb == "link":
                disk.link(one, other, now)
            else:
                disk.unlink(one, now)
        except OSError:
            continue
        pictures.append(seen(disk))
    return pictures


def contents(image: Image) -> dict[str, bytes]:
    files = dict(image.files)
    return {path: files[number].data for path, number in image.names}


@pytest.mark.parametrize(("kind", "syncdir"), KINDS)
@given(OPERATIONS)
def test_what_was_seen_may_survive_and_the_worst_is_what_a_power_cut_leaves(
    kind: str, syncdir: bool, operations: list[tuple[str, str, str]]
) -> None:
    disk = prepared(kind, syncdir)
    pictures = play(disk, operations)
    left = survivors(disk, 0.0)
    assert not left.sampled
    assert len(set(left.images)) == len(left.images)
    assert sorted(contents(pictures[-1]).items()) in [sorted(contents(one).items()) for one in left.images]
    assert all(contents(one)["control/me"] == b"here\n" for one in left.images)
    disk.power_cut(0.0)
    assert contents(seen(disk)) == contents(left.images[0])


@given(OPERATIONS)
def test_a_journal_leaves_a_prefix(operations: list[tuple[str, str, str]]) -> None:
    disk = prepared("journaled", False)
    pictures = [contents(one) for one in play(disk, operations)]
    assert all(contents(one) in pictures for one in survivors(disk, 0.0).images)


@pytest.mark.parametrize(("kind", "syncdir"), [("ffs", False), ("journaled", True), ("async", True)])
@given(OPERATIONS)
def test_directory_operations_are_durable_where_that_is_promised(
    kind: str, syncdir: bool, operations: list[tuple[str, str, str]]
) -> None:
    disk = prepared(kind, syncdir)
    names = dict(play(disk, operations)[-1].names)
    assert all(dict(one.names) == names for one in survivors(disk, 0.0).images)


@pytest.mark.parametrize(("kind", "syncdir"), KINDS)
@given(OPERATIONS)
def test_after_the_write_back_there_is_one_disk(
    kind: str, syncdir: bool, operations: list[tuple[str, str, str]]
) -> None:
    disk = prepared(kind, syncdir)
    last = play(disk, operations)[-1]
    (left,) = survivors(disk, 30.0).images
    assert sorted(contents(left).items()) == sorted(contents(last).items())


@pytest.mark.parametrize(("kind", "syncdir"), KINDS)
def test_a_synced_file_keeps_its_contents_under_whatever_name_it_has(kind: str, syncdir: bool) -> None:
    disk = prepared(kind, syncdir)
    play(
        disk, [("create", "mess/1", ""), ("write", "mess/1", ""), ("fsync", "mess/1", ""), ("link", "mess/1", "todo/1")]
    )
    for image in survivors(disk, 0.0).images:
        found = contents(image)
        assert {found[name] for name in NAMES if name in found} <= {b"1"}


def test_async_keeps_no_order_and_a_journal_does() -> None:
    """``todo`` without ``mess`` can be found on async only."""
    operations = [("create", "mess/1", ""), ("fsync", "mess/1", ""), ("link", "mess/1", "todo/1")]
    for kind, wanted in (("async", True), ("journaled", False), ("ffs", False)):
        disk = prepared(kind, False)
        play(disk, operations)
        found = [contents(one).keys() for one in survivors(disk, 0.0).images]
        assert any("todo/1" in names and "mess/1" not in names for names in found) == wanted


def test_an_unsynced_name_comes_back() -> None:
    disk = prepared("async", False)
    disk.put("mess/1", b"old")
    disk.sync()
    disk.unlink("mess/1", 1.0)
    (loss,) = [*disk.power_cut(2.0), None]
    assert loss is None
    assert disk.find("mess/1").data == b"old"


def test_async_tears_at_blocks_and_leaves_zeros() -> None:
    disk = prepared("async", True)
    inode = disk.create("mess/1", 0.0)
    disk.write(inode, 0, b"x" * (2 * BLOCK), 0.0)
    found = {contents(one)["mess/1"] for one in survivors(disk, 0.0).images}
    assert found == {
        b"",
        b"\0" * 2 * BLOCK,
        b"x" * BLOCK + b"\0" * BLOCK,
        b"\0" * BLOCK + b"x" * BLOCK,
        b"x" * 2 * BLOCK,
    }


def test_a_commit_comes_after_five_seconds_and_takes_what_was_there_by_then() -> None:
    disk = prepared("journaled", False)
    disk.create("mess/1", 0.0)
    disk.create("mess/2", COMMIT_S - 1)
    assert len(survivors(disk, COMMIT_S - 0.5).images) == 3
    assert len(survivors(disk, COMMIT_S).images) == 1


def test_beyond_the_bound_disks_are_sampled_the_same_way_every_time() -> None:
    disk = prepared("async", False)
    for number in range(10):
        disk.create(f"todo/{number}", 0.0)
    left = survivors(disk, 0.0, bound=50, seed="s")
    assert left == survivors(disk, 0.0, bound=50, seed="s")
    assert (left.sampled, left.choices) == (True, 1024)
    assert 10 < len(left.images) <= 50


def test_a_disk_can_become_any_image_and_is_that_image_then() -> None:
    disk = prepared("async", False)
    play(disk, [("create", "mess/1", ""), ("write", "mess/1", ""), ("link", "mess/1", "todo/1")])
    for image in survivors(disk, 0.0).images:
        other = new_disk("async", False)
        become(other, image)
        assert seen(other) == image
        assert survivors(other, 0.0).images == (image,)


@pytest.mark.parametrize("kind", ["ffs", "journaled", "async"])
def test_a_symbolic_link_is_found_with_its_target_or_not_at_all(kind: str) -> None:
    """The target lies in the inode, so that an empty link is none of the disks that a power cut may leave."""
    disk = new_disk(kind, False)
    disk.symlink("target", "name", 1.0)
    for now in (1.0, 100.0):
        for image in survivors(disk, now).images:
            assert [file.data for _, file in image.files] == [b"target"] * len(image.names)
    assert image.names


@pytest.mark.parametrize("kind", ["ffs", "journaled", "async"])
def test_a_mode_and_times_reach_the_disk_in_the_end(kind: str) -> None:
    disk = new_disk(kind, False)
    disk.create("name", 1.0)
    disk.sync()
    disk.chmod("name", 0o600, 2.0)
    disk.utime("name", 7.0, 2.0)
    (left,) = survivors(disk, 100.0).images
    assert [(file.mode, file.mtime) for _, file in left.files] == [(0o600, 7.0)]


def test_an_inode_with_two_names_is_called_the_same_however_its_disk_came_about() -> None:
    disk = new_disk("async", False)
    for directory in ("todo", "home"):
        disk.make_directories(directory)
    disk.create("home/box", 1.0)
    disk.sync()
    disk.link("home/box", "todo/1", 2.0)
    image = seen(disk)
    names = []
    for one in (image, image._replace(names=image.names[::-1])):
        become(disk, one)
        names.append(disk.find("todo/1").name)
    assert names[0] == names[1]
