"""Whole scenarios of qmail 1.03: what qmail-send logged and when, what arrived where, what stayed in the queue."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from qmail_lab import HOST, Lab, cases
from qmail_peers import Sink, normal, sent

from sim.machine.process import Process

Case = dict[str, Any]
CASES: dict[str, Case] = cases("B_logs.json")
NOT_PLAYED: dict[str, str] = {}
SECOND = "Subject: test\nFrom: x\n\nHello.\n"


# How each scenario is played: by default every message is injected when the one before it is through


def play(name: str) -> Lab:
    case = CASES[name]
    lab = Lab(case["control_changes"])
    if name in SCRIPTS:
        SCRIPTS[name](lab, case)
        return lab
    lab.start()
    for mail in case["injected"]:
        inject(lab, mail)
    lab.run(case["log"][-1]["t"] + 1)
    return lab


def inject(lab: Lab, mail: dict[str, Any]) -> None:
    if "smtp_client_input" in mail:
        lab.smtp(mail["smtp_client_input"].encode())
        lab.run()
    else:
        lab.inject(mail["sender"], mail["recipients"], mail["message"], mail["invoking_user"])


def _alarm_after_a_deferral(lab: Lab, case: Case) -> None:
    lab.start()
    inject(lab, case["injected"][0])
    lab.signal("qmail-send", "ALRM")
    lab.run(102)


def _hang_up_with_new_locals(lab: Lab, case: Case) -> None:
    lab.start()
    inject(lab, case["injected"][0])
    lab.disk.unlink("control/locals")
    lab.disk.put("control/locals", f"{HOST}\nnewlocal.example\n".encode())
    lab.signal("qmail-send", "HUP")
    lab.inject("alice@mail.example.org", ["bob@newlocal.example", "carol-x@virt2.example"], SECOND)


def _terminate_during_a_delivery(lab: Lab, case: Case) -> None:
    lab.network.servers["127.0.0.1", 2526] = lambda: slow
    lab.start()
    inject(lab, case["injected"][0])
    lab.signal("qmail-send", "TERM")
    lab.run(1)


def _terminate_and_go_on_injecting(lab: Lab, case: Case) -> None:
    """The signal finds qmail-send waiting for qmail-clean; it ends preprocessing the second message and no more."""
    lab.network.servers["127.0.0.1", 2526] = lambda: slow
    lab.start()
    inject(lab, case["injected"][0])
    lab.machine.watch = _terminate_before(lab, "qmail-clean", "todo/")
    for _ in range(2):
        lab.inject("alice@mail.example.org", ["bob@mail.example.org"], SECOND)
    lab.run(1)


def _terminate_before(lab: Lab, program: str, path: str) -> Callable[[str, Process, str | None], None]:
    def watch(when: str, process: Process, target: str | None) -> None:
        there = when == "before" and process.program == program and (target or "").startswith(path)
        if there and process.pending[0] == "unlink":
            lab.machine.watch = None
            lab.preempt("qmail-send", "TERM")

    return watch


def _terminate(lab: Lab, _case: Case) -> None:
    lab.start()
    lab.run()
    lab.signal("qmail-send", "TERM")


def _start_twice(lab: Lab, case: Case) -> None:
    lab.start()
    lab.run()
    process = lab.start_without_logger()
    lab.run()
    assert process.status == case["second_instance"]["exit_code"]
    said = [row[2][2] for row in lab.trace.rows if row[1][2] == process.pid and row[2][:2] == ("write", 0)]
    assert b"".join(said).decode() == case["second_instance"]["output"]
    lab.trace.rows[:] = [row for row in lab.trace.rows if row[1][2] != process.pid]


def _kill_lspawn(lab: Lab, _case: Case) -> None:
    lab.start()
    lab.run()
    lab.signal("qmail-lspawn", "KILL")


def slow(stage: str, line: str) -> Any:
    """A sink that takes its time after the final dot."""
    reply = Sink()(stage, line)
    return (0.4, reply) if stage == "dot" else reply


SCRIPTS: dict[str, Callable[[Lab, Case], None]] = {
    "sigalrm": _alarm_after_a_deferral,
    "sighup": _hang_up_with_new_locals,
    "sigterm-during-delivery": _terminate_during_a_delivery,
    "sigterm-new-mail-waits": _terminate_and_go_on_injecting,
    "sigterm-idle": _terminate,
    "already-running": _start_twice,
    "lspawn-dies": _kill_lspawn,
}


# What is compared

DELIVERY = re.compile(r"(starting )?delivery (\d+): ")


def by_delivery(log: list[tuple[float, str]]) -> dict[str, list[tuple[float, str]]]:
    """Lines of one delivery under its message, recipient and attempt, since parallel ones end in any order."""
    names: dict[str, str] = {}
    attempts: Counter[str] = Counter()
    found: dict[str, list[tuple[float, str]]] = {"other": []}
    for t, line in log:
        delivery = DELIVERY.match(line)
        if line.startswith("status: local"):
            continue
        if delivery is None:
            found["other"].append((t, line))
            continue
        if delivery[1]:
            what = line[delivery.end() :]
            attempts[what] += 1
            names[delivery[2]] = f"{what}, attempt {attempts[what]}"
        found.setdefault(names[delivery[2]], []).append((t, line[delivery.end() :]))
    return found


def assert_close(ours: list[tuple[float, str]], expected: list[tuple[float, str]]) -> None:
    assert [line for _, line in ours] == [line for _, line in expected]
    assert all(abs(one - other) <= 1 for (one, _), (other, _) in zip(ours, expected, strict=True))


def boxes(lab: Lab) -> dict[str, str]:
    """Each box that has mail, as text: a Maildir's messages sorted, since their names do not tell their order."""
    found = {
        "alice": "".join(sorted(lab.maildir("~alice/Maildir"))),
        "bob": lab.mbox("~bob/Mailbox"),
        "postmaster": "".join(sorted(lab.maildir("~alias/pm"))),
    }
    return {name: normal(text) for name, text in found.items() if text}


def expected_boxes(case: dict[str, Any]) -> dict[str, str]:
    texts: dict[str, list[str]] = {}
    for mail in case["mailboxes"]:
        texts.setdefault(mail["box"], []).append(mail["text"])
    return {name: "".join(found if name == "bob" else sorted(found)) for name, found in texts.items()}


@pytest.mark.parametrize("name", sorted(CASES.keys() - NOT_PLAYED.keys()))
def test_a_scenario_is_logged_and_ends_as_observed(name: str) -> None:
    case, lab = CASES[name], play(name)
    ours, expected = lab.log(), [(line["t"], line["line"]) for line in case["log"]]
    if case["varies_between_two_runs"]:
        mine, theirs = by_delivery(ours), by_delivery(expected)
        assert mine.keys() == theirs.keys()
        for what in theirs:
            assert_close(mine[what], theirs[what])
    else:
        assert_close(ours, expected)
    assert lab.queue() == sorted(case["queue_left"])
    if not case["stopped_by_harness"]:
        exits = [row[2][1] for row in lab.trace.rows if row[1][1] == "qmail-send" and row[2][0] == "exit"]
        assert exits == [case["qmail_send_exit"]]


@pytest.mark.parametrize("name", sorted(CASES.keys() - NOT_PLAYED.keys()))
def test_every_mailbox_and_the_sink_get_what_they_got(name: str) -> None:
    case, lab = CASES[name], play(name)
    mine, theirs = boxes(lab), expected_boxes(case)
    if "order of paragraphs in the bounce" in case["varies_between_two_runs"]:
        mine, theirs = ({box: sorted(text.split("\n\n")) for box, text in all.items()} for all in (mine, theirs))
    assert mine == theirs
    messages = [message for peer in lab.network.peers if (message := sent(peer))]
    assert sorted(messages, key=repr) == sorted((ordered(one) for one in case["sink_messages"]), key=repr)
    assert lab.most_connections == case["sink_max_concurrent_connections"]


def ordered(message: dict[str, Any]) -> dict[str, Any]:
    return {key: message[key] for key in ("mail", "rcpts", "data")}


def test_every_scenario_is_played_or_has_a_reason_not_to_be() -> None:
    assert NOT_PLAYED.keys() | SCRIPTS.keys() <= CASES.keys()
    assert all(NOT_PLAYED.values())
