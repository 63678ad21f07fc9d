"""qmail-inject against what qmail 1.03 made of a person's message: envelope, header fields, exit status."""

from __future__ import annotations

from typing import Any

import pytest
from qmail_lab import Lab, cases
from qmail_peers import normal

CASES: dict[str, dict[str, Any]] = cases("C_inject.json")


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_message_is_completed_and_queued_as_observed(name: str) -> None:
    case = CASES[name]
    lab = Lab(case["control_changes"])
    env = {"USER": "alice", **case["env"]}
    process, out = lab.program(("qmail-inject", *case["argv"]), case["input"].encode(), "alice", env)
    lab.attach(process, 2)
    lab.run()
    assert process.status == case["exit_code"]
    assert normal(out.data.decode()) == case["stdout"]
    assert lab.queued() == case["queued"]
