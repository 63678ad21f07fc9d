"""When qmail tries again and when it gives up, over the whole week, against the observed times."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qmail_lab import Lab, load

from sim.qmail.send.passes import next_retry_s
from sim.qmail.send.state import PriorityQueue

SCHEDULE: dict[str, Any] = load("D_schedule.json")
RECIPIENTS = {"local": "carol@mail.example.org", "remote": "tmp@remote.example"}
MESSAGE = "Subject: test\n\nHello.\n"


def waiting(recipient: str) -> Lab:
    """A lab with qmail-send running and a message that nobody will ever take."""
    lab = Lab()
    lab.start()
    lab.inject("alice@mail.example.org", [recipient], MESSAGE)
    return lab


def attempts(lab: Lab) -> list[float]:
    return [t for t, line in lab.log() if line.startswith("starting delivery") and "msg M1 " in line]


def assert_close(ours: list[float], observed: list[int]) -> None:
    """Within a second: qmail-send's sleeps end up to one late, on either side."""
    assert len(ours) == len(observed)
    assert all(abs(one - other) <= 1 for one, other in zip(ours, observed, strict=True)), (ours, observed)


@pytest.mark.parametrize("channel", RECIPIENTS)
def test_a_week_of_attempts(channel: str) -> None:
    lab, expected = waiting(RECIPIENTS[channel]), SCHEDULE["channels"][channel]
    lab.run(700_000)
    times = attempts(lab)
    assert_close(times[:10], [attempt["observed"] for attempt in expected["attempts"]])
    assert len(times) == expected["number_of_attempts_in_7_days"]
    assert abs(times[-1] - expected["last_attempt_computed"]) <= 1
    text = SCHEDULE["final_text"].replace(" ", "_")
    assert [line for _, line in lab.log() if line.endswith(f"{text}/")]
    assert SCHEDULE["final_text"] in lab.maildir("~alice/Maildir")[0]
    assert lab.queue() == []


@pytest.mark.parametrize("channel", RECIPIENTS)
def test_the_formula(channel: str) -> None:
    expected = SCHEDULE["channels"][channel]
    ages = [0]
    while len(ages) < expected["number_of_attempts_in_7_days"]:
        ages.append(next_retry_s(0, ages[-1], expected["chanskip"]))
    assert ages[:10] == [attempt["computed"] for attempt in expected["attempts"]]
    assert ages[-1] == expected["last_attempt_computed"]


@pytest.mark.parametrize("case", SCHEDULE["after_downtime_example"], ids=lambda case: case["case"])
def test_an_orderly_exit_keeps_the_schedule(case: dict[str, Any]) -> None:
    lab = waiting(case["channel"])
    lab.run(case["stopped_at"])
    lab.signal("qmail-send", "TERM")
    files = lab.disk.files("remote").values()
    assert [round(inode.mtime) for inode in files] == case["mtime_stored_in_channel_file_at_stop"]
    lab.run(case["restarted_at"])
    lab.start()
    lab.run(case["observed_attempts"][-1] + 1)
    assert_close(attempts(lab), case["observed_attempts"])


@pytest.mark.parametrize("case", SCHEDULE["killed_while_deferred"], ids=lambda case: case["recipient"])
def test_after_a_kill_deferred_mail_is_tried_at_once(case: dict[str, Any]) -> None:
    lab = waiting(RECIPIENTS[case["recipient"]])
    lab.run(case["killed_and_restarted_at"])
    assert_close(attempts(lab), case["attempts_before_kill"])
    lab.machine.kill_all()
    lab.start()
    lab.run(case["all_attempts"][-1] + 1)
    assert_close(attempts(lab), case["all_attempts"])


def test_slow_deliveries_hold_the_slots_and_everybody_else_waits() -> None:
    """The slots of a channel are all there is: a letter that could be delivered at once waits behind slow ones."""
    slow = {"carol": {".qmail": "|sleep 100\n"}, "alice": {".qmail": "./Maildir/\n"}}
    lab = Lab({"concurrencylocal": "2\n"}, users=slow)
    lab.start()
    for recipient in ("carol", "carol", "carol", "alice"):
        lab.inject("bob@mail.example.org", [f"{recipient}@mail.example.org"], "x\n")
    lab.run(500)
    starts = [(int(t), line.split()[-1].partition("@")[0]) for t, line in lab.log() if line.startswith("starting")]
    assert starts == [(0, "carol"), (0, "carol"), (100, "carol"), (100, "alice")]


def test_preprocessing_goes_on_while_no_slot_is_free() -> None:
    """All new letters are taken out of todo/ although nothing can be delivered: the queue itself never waits."""
    lab = Lab({"concurrencylocal": "1\n"}, users={"carol": {".qmail": "|sleep 1000\n"}})
    lab.start()
    for _ in range(5):
        lab.inject("bob@mail.example.org", ["carol@mail.example.org"], "x\n")
    lab.run(1)
    assert [name for name in lab.queue() if name.startswith("todo/")] == []
    assert len([name for name in lab.queue() if name.startswith("info/")]) == 5


# What is due at one time


@pytest.mark.parametrize(
    ("numbers", "taken"),
    [(2, [1, 2]), (3, [1, 3, 2]), (4, [1, 4, 3, 2]), (5, [1, 5, 4, 3, 2]), (6, [1, 6, 5, 4, 3, 2])],
)
def test_of_messages_due_at_once_the_heap_gives_the_last_after_the_first(numbers: int, taken: list[int]) -> None:
    queue = PriorityQueue()
    for number in range(1, numbers + 1):
        queue.insert(9, number)
    assert queue.earliest == 9
    assert [queue.take() for _ in taken] == taken
    assert queue.earliest == math.inf


@given(st.lists(st.integers(0, 5), max_size=20))
def test_a_priority_queue_loses_nothing_and_takes_the_earliest_first(times: list[int]) -> None:
    queue = PriorityQueue()
    for number, when in enumerate(times):
        queue.insert(when, number)
    drained = queue.drain()
    assert [when for when, _ in drained] == sorted(times)
    assert sorted(drained, key=lambda one: one[1]) == list(zip(times, range(len(times)), strict=True))


def test_preprocessing_says_which_file_it_cannot_have() -> None:
    lab = Lab()
    lab.disk.put("todo/77", b"u1000\0p5\0Falice@x\0Tbob\0", "qmailq", 0o644)
    lab.start()
    lab.run()
    assert "warning: unable to stat mess/77" in [text for _, text in lab.log()]
