"""qmail-smtpd as a whole program, against dialogues of qmail 1.03: policy, hops, sizes, time-outs, what got queued."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import pytest
from qmail_lab import Lab, cases
from qmail_peers import normal

CASES: dict[str, dict[str, Any]] = cases("C_smtpd.json")


class Session(NamedTuple):
    """What came of a dialogue: who said what, the exit status, the files it left and the messages it queued."""

    transcript: list[tuple[str, str]]
    status: int
    files: list[str]
    queued: list[dict[str, Any]]


def play(case: dict[str, Any]) -> Session:
    lab = Lab({name: text for name, text in case["control_changes"].items() if name != "__pid"}, users={}, people=())
    if "__pid" in case["control_changes"]:
        del lab.disk.directories["pid"]
    process, out = lab.smtp(b"", case["env_extra"])
    mouth = lab.mouth(process)
    files: list[str] = []

    def watch(when: str, one: Any, target: str | None) -> None:  # noqa: ARG001
        if when == "before" and one is process and one.pending[0] == "exit":
            files.extend(name.partition("/")[0] for name in lab.queue())

    lab.machine.watch = watch
    lab.run()
    transcript = [("S", _taken(out))]
    for text in [entry["text"] for entry in case["transcript"] if entry["dir"] == "C"]:
        if process.state != "dead":
            mouth.put(text.encode("latin-1"))
        lab.run()
        transcript += [("C", text), ("S", _taken(out))]
    lab.run(2)
    mouth.drop()
    lab.run()
    transcript.append(("S", _taken(out)))
    return Session(_joined(transcript), process.status, sorted(files), lab.queued())


def _taken(out: Any) -> str:
    data, out.data = out.data, b""
    return normal(data.decode("latin-1"))


def _joined(entries: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """All that one side says until the other one speaks, in one."""
    spoken = [entry for entry in entries if entry[1]]
    return [(who, "".join(text for _, text in group)) for who, group in groupby(spoken, lambda entry: entry[0])]


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_dialogue_goes_and_ends_as_observed(name: str) -> None:
    case, ours = CASES[name], play(CASES[name])
    assert ours.transcript == _joined([(entry["dir"], entry["text"]) for entry in case["transcript"]])
    assert ours.status == case["exit_code"]
    assert ours.files == sorted(case["queue_files_left"])
    assert ours.queued == case["queued_messages"]
