"""qmail-queue in trouble: calls that fail, envelopes that are none, signals, and the files that stay behind."""

from __future__ import annotations

import errno
import re
from typing import Any

import pytest
from qmail_lab import Lab, load

from sim.machine import kernel
from sim.machine.disk import failure
from sim.machine.process import Process
from sim.qmail.states import classify
from sim.trace import Row

OBSERVED: dict[str, Any] = load("E_crash_qmail_queue.json")
BODY = b"x" * 248
ENVELOPE = b"Fbob@mail.example.org\0Talice@mail.example.org\0\0"
VERBS = {"create": "create_excl", "open": "open_trigger_w"}
CHANGES = ("create", "open", "write", "fsync", "ftruncate", "link", "unlink")


def queue(lab: Lab, envelope: bytes, message: bytes | None = BODY) -> Process:
    """qmail-queue with both its pipes; without a message it waits for one."""
    process = lab.machine.spawn("qmail-queue", ("qmail-queue",), user="alice")
    process.euid = "qmailq"
    lab.attach(process, 1, envelope)
    if message is not None:
        lab.attach(process, 0, message)
    return process


def changes(lab: Lab) -> list[Row]:
    """qmail-queue's calls that change files, as the observations count them."""
    return [row for row in lab.trace.rows if row[1][1] == "qmail-queue" and row[2][0] in CHANGES]


def left(lab: Lab) -> list[str]:
    pids = ["pid/PID.TIME.1" for _ in lab.disk.files("pid")]
    return sorted(lab.queue() + pids)


def directories(lab: Lab) -> list[str]:
    return [name.partition("/")[0] for name in lab.queue()]


# Calls that fail


@pytest.mark.parametrize(
    "case", OBSERVED["call_failures"], ids=lambda case: f"{case['step_index']} {case['failing_call']}"
)
def test_a_call_that_fails(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    count = 0

    def failing(verb: str, handler: Any) -> Any:
        def call(machine: Any, process: Process, *arguments: Any) -> Any:
            nonlocal count
            count += 1
            if count == case["step_index"]:
                raise failure(errno.ENOSPC, verb)
            return handler(machine, process, *arguments)

        return call

    for verb in CHANGES:
        monkeypatch.setitem(kernel.HANDLERS, verb, failing(verb, kernel.HANDLERS[verb]))
    process = queue(lab, ENVELOPE)
    lab.run()
    rows = changes(lab)
    assert VERBS.get(rows[case["step_index"] - 1][2][0], rows[case["step_index"] - 1][2][0]) == case["failing_call"]
    assert rows[case["step_index"] - 1][5] == case["error"]
    assert process.status == case["exit_code"]
    assert left(lab) == case["files_left"]
    there = {name.partition("/")[0] for name in lab.queue()}
    assert case["state_after"].get("M1", "S1") == classify(there)
    ours = [(VERBS.get(row[2][0], row[2][0]), _name(lab, row)) for row in rows[case["step_index"] :]]
    assert ours == [(verb, _plain(target)) for verb, target in case["calls_after_failure"]]


def _plain(target: str) -> str:
    """The new name of a link, and the message's name for the file that was a pid/ file."""
    target = target.partition(" -> ")[2] or target
    return "mess/M1" if "already unlinked" in target else re.sub(r" (\[.*|to 0)$", "", target)


def _name(lab: Lab, row: Row) -> str:
    name = lab.numbers().path(row[3] or "")
    return re.sub(r"^pid/\d+\.\d+\.", "pid/PID.TIME.", name)


# Envelopes

LONG = {
    "sender 1003 bytes incl. zero": b"F" + b"a" * 1002 + b"\0Ta@mail.example.org\0\0",
    "sender too long (1003 chars + zero)": b"F" + b"a" * 1003 + b"\0Ta@mail.example.org\0\0",
    "recipient too long": b"Fx@y\0T" + b"a" * 1003 + b"\0\0",
}


@pytest.mark.parametrize("case", OBSERVED["bad_envelopes"], ids=lambda case: case["envelope"])
def test_an_envelope_that_is_none(case: dict[str, Any]) -> None:
    envelope = LONG.get(case["envelope"], case["raw"].encode())
    if case["envelope"] in LONG:
        assert case["raw"] == f"({len(envelope)} bytes)"
    lab = Lab()
    process = queue(lab, envelope)
    lab.run()
    assert process.status == case["exit_code"]
    assert directories(lab) == case["files_left"]


# Signals


@pytest.mark.parametrize("case", OBSERVED["signals"], ids=lambda case: case["signal"])
def test_a_signal_while_it_waits_for_the_message(case: dict[str, Any]) -> None:
    lab = Lab()
    process = queue(lab, ENVELOPE, None)
    mouth = lab.mouth(process)
    mouth.put(b"Subject: half\n")
    lab.run()
    lab.machine.signal(process, case["signal"].removeprefix("SIG"))
    lab.run()
    assert (process.state == "dead") == case["exited"]
    assert directories(lab) == case["files_left_just_after_signal"]
    mouth.drop()
    lab.run()
    killed_by = case["killed_by_signal"]
    assert process.status == (case["exit_code"] if killed_by is None else -killed_by)
    assert directories(lab) == case["files_left_at_end"]


# The file in pid/ that a crash left

STRAY: dict[str, Any] = OBSERVED["stray_pid_file"]


def with_stray(age_s: float) -> Lab:
    lab = Lab()
    lab.disk.put("pid/9999.0.1", b"").atime = -age_s
    return lab


@pytest.mark.parametrize("age_s", [129_500, 129_601])
def test_at_the_start_a_stray_pid_file_goes_when_it_is_older_than_36_hours(age_s: int) -> None:
    lab = with_stray(age_s)
    lab.start()
    lab.run()
    kept = (
        STRAY["kept_at_start_if_129500s_old"]
        if age_s == 129_500
        else not STRAY["removed_at_qmail_send_start_if_older_than_36h"]
    )
    assert bool(lab.disk.files("pid")) == kept


def test_a_stray_pid_file_goes_with_the_messages_not_with_time() -> None:
    lab = with_stray(0)
    lab.start()
    lab.run(6 * 86400)
    assert bool(lab.disk.files("pid")) == STRAY["pid_file_present_after_6_idle_days"]
    messages = 0
    while lab.disk.files("pid"):
        messages += 1
        lab.inject("bob@mail.example.org", ["alice@mail.example.org"], "Subject: x\n\n\n")
    assert messages == STRAY["messages_until_removed"]
