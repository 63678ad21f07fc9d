"""A disk that is full while qmail-local appends to an mbox: the old mail stays whole, and the new mail comes later."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from qmail_lab import Lab, load

from sim.machine import kernel
from sim.machine.disk import failure
from sim.machine.process import Process

CASES: list[dict[str, Any]] = load("E_mbox_write_errors.json")["cases"]
CALLS = {"open_append_create": "open", "write": "write", "fsync": "fsync"}
OLD = b"From x\nold mail....\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['step_index']} {case['failing_call']}")
def test_a_full_disk_costs_a_deferral_and_no_mail(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many writes the real one needs for the text, ours needs one: each of theirs fails as ours does."""
    lab = Lab()
    lab.disk.put("~bob/Mailbox", OLD, "bob", 0o600)
    verb = CALLS[case["failing_call"]]
    handler, failures = kernel.HANDLERS[verb], []

    def failing(machine: Any, process: Process, *arguments: Any) -> Any:
        touched = arguments[0][1]
        ours = touched == "./Mailbox" if verb == "open" else process.fds[touched].name == "~bob/Mailbox"
        if ours and not failures:
            failures.append(len(lab.trace))
            raise failure(errno.ENOSPC, verb)
        return handler(machine, process, *arguments)

    monkeypatch.setitem(kernel.HANDLERS, verb, failing)
    lab.start()
    lab.inject("alice@mail.example.org", ["bob@mail.example.org"], f"Subject: x\n\n{'y' * 3000}\n")
    lab.run(110)
    log = [(t, line) for t, line in lab.log() if line.startswith("delivery")]
    assert log == [(t, line) for t, line in case["log"]]
    pid = lab.trace.rows[failures[0]][1][2]
    after = [row[2] for row in lab.trace.rows[failures[0] + 1 :] if row[1][2] == pid]
    assert [["ftruncate", f"~/Mailbox to {len(OLD)}"]] * len(case["next_calls"]) == [
        ["ftruncate", f"~/Mailbox to {call[2]}"] for call in after if call[0] == "ftruncate"
    ]
    assert lab.mbox("~bob/Mailbox").startswith(OLD.decode())
    assert lab.mbox("~bob/Mailbox").count("y" * 3000) == 1
