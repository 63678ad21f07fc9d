"""The observed crash matrix of the daemons and of the programs that deliver, and what one program's death does.

Each row is looked up in a sweep of the same situation, by program, call and kind of target; where a call comes more
than once, by its place among the calls that change files.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from qmail_lab import Numbers, load

from sim import scenario
from sim.folds.log import LogLine, said_lines
from sim.lab.crash_test import Case, crash_test
from sim.lab.plan import HOST, KILL, PROCESS
from sim.scenario import Scenario
from sim.trace import Trace
from sim.world.simulate import simulate

ME, PEER = "mail.example.org", "remote.example"
BODIES = {False: "x" * 240, True: ("x" * 60 + "\\n") * 50 + "x" * 36}
PLAY = """
title: an observed situation
until: 10m
network: {latency: 0ms}
dns: "mail.example.org. IN A 192.0.2.1\\nremote.example. IN A 192.0.2.2"
hosts:
  mail.example.org:
    control: {concurrencylocal: %s}
    users:
      alice: "./Maildir/\\n%s"
      bob: ./Mailbox
      carol: {.qmail-md: ./Maildir/, .qmail-slow: "|sleep 1; echo done"}
      alias: {.qmail-postmaster: ./pm/}
%s
mail: [{at: 1s, on: mail.example.org, from: "%s", to: [%s], raw: "%s\\n"}]
"""
REPLIES = "{dot: 250 queued as 12345, RCPT: {'perm*': 550 no such user here, '*': 250 ok}}"
SINK = f"  remote.example: {{mta: scripted, replies: {REPLIES}}}"
VERBS = {
    "create_excl": "create", "open_trigger_w": "open", "write_trigger": "trigger", "unlink_noent": "unlink",
    "open_write": "open", "open_append_create": "open", "smtp": "read",
}  # fmt: skip
COUNTED = frozenset(("create", "write", "fsync", "link", "unlink", "ftruncate", "utime", "mark", "trigger"))
BOXES = {"remote_sink": PEER, "carol_md": "carol", "postmaster": "alias"}
ROWS: list[dict[str, Any]] = load("E_crash_sample.json")["rows"]
ORDERS = ("local first", "remote first", "at once")
PARALLEL = ("x5-local-and-remote", "x7-remote-fail-and-local-ok")


def play(name: str, sender: str, recipients: tuple[str, ...], order: str = "local first") -> Scenario:
    """``order`` of the reports of two deliveries; the local one is made at once, even if its report takes a second."""
    sink = SINK if any(one.endswith(PEER) for one in recipients) else ""
    if order == "at once":
        sink = sink.replace("dot: 250", "dot: after 1s 250")
    limit = 1 if "concurrency1" in name else 10
    body = BODIES["large" in name]
    words = (limit, "" if order == "local first" else "|sleep 1", sink, sender, ", ".join(recipients), body)
    return scenario.loads(PLAY % words)


@cache
def swept(name: str, sender: str, recipients: tuple[str, ...], order: str) -> list[Case]:
    report = crash_test(play(name, sender, recipients, order), hosts=(ME,))
    return [case for case in report.cases if case.fault == KILL]


def pattern(row: dict[str, Any]) -> str:
    """A row's target as a pattern of ours: a link by its new name, a delivery's file by its directory."""
    if row["syscall"] == "smtp":
        return r"tcp/\d+/client"
    if "already unlinked" in row["target"]:
        return r"mess/M2"
    name = row["target"].partition(" [")[0]
    name = name.partition(" -> ")[2] or name
    if "TIME.PID.HOST" in name:
        return rf"~\w+/\w+/{name.split('/')[-2]}/.*"
    return re.escape(name)


def counted(case: Case) -> bool:
    """Whether the observers counted such a call: one that changes a file (not all that open one for it)."""
    verb, target = case.point.verb, case.point.target
    if verb == "open":
        return target == "lock/trigger" or target.endswith("Mailbox")
    return verb in COUNTED and target.partition("/")[0] not in ("pipe", "tcp", "")


def matching(row: dict[str, Any], cases: list[Case]) -> Case:
    """The case of a row's moment; of several, the one whose place in the run is nearest to the row's."""
    verb = (
        "mark" if row["target"].startswith(("local/", "remote/")) and "[1 bytes]" in row["target"] else row["syscall"]
    )
    verb = VERBS.get(verb, verb)
    scope = PROCESS if row["kill"] == "only this process" else HOST
    moment = re.compile(f"before {verb} (?:{pattern(row)})")
    mine = [one for one in cases if one.scope == scope and one.point.program == row["program"]]
    if row["program"] == "qmail-queue":
        mine = [one for one in mine if one.point.pid == mine[-1].point.pid]
    found = [one for one in mine if moment.fullmatch(one.moment)]
    if row["syscall"] == "smtp":
        return found[row["step_index"] - 1]
    if row["target"].startswith(("info/", "local/", "remote/")) and row["syscall"].startswith("unlink"):
        found = [one for one in found if (row["target"] in one.files) == (row["syscall"] == "unlink")]
    if row["syscall"] == "open_write":
        marks = [at for at, one in enumerate(mine) if one.moment == f"before mark {row['target']}"]
        found = [[one for one in found if mine.index(one) < at][-1] for at in marks]
    return min(found, key=lambda one: abs(sum(map(counted, mine[: mine.index(one)])) + 1 - row["step_index"]))


def told(text: str) -> str:
    """Mailboxes by their owner, as ours are named."""
    for box, owner in BOXES.items():
        text = text.replace(f"{box}:", f"{owner}:")
    return text


def ours(case: Case) -> tuple[Any, ...]:
    copies = {told(name): count for name, count in case.outcome.copies.items()}
    return case.files, case.state_after, told(case.outcome.text), copies, case.outcome.leftovers


def observed(row: dict[str, Any]) -> tuple[Any, ...]:
    copies = {told(name): count for name, count in row["copies_delivered"].items()}
    text = told(row["outcome_after_restart"])
    return row["files_present_after"], row["state_after"], text, copies, row["leftovers"]


def situation(row: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    known = next(one for one in ROWS if "sender" in one and one["scenario"] == row["scenario"])
    return row["scenario"], known["sender"], tuple(known["recipients"])


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["program"] != "(no crash)"],
    ids=lambda row: f"{row['program']} {row['scenario']} {row['kill'][:4]} {row['step_index']}",
)  # fmt: skip
def test_a_kill_ends_as_observed(row: dict[str, Any]) -> None:
    """Of two deliveries at the same time either may end first, or both at once; the observers saw each of these."""
    orders = ORDERS if row["scenario"] in PARALLEL else ORDERS[:1]
    assert observed(row) in [ours(matching(row, swept(*situation(row), order))) for order in orders]


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["program"] == "(no crash)"], ids=lambda row: row["scenario"]
)
def test_without_a_crash_all_is_delivered_as_observed(row: dict[str, Any]) -> None:
    name = {"x3-two-local": "x3-two-local-concurrency1", "x7-remote-fail-bounce": PARALLEL[1]}.get(row["scenario"])
    like = situation({"scenario": name or row["scenario"]})
    assert ours(swept(*like, ORDERS[0])[-1])[3] == observed(row)[3]


# One program of the running system killed alone

ALONE: dict[str, dict[str, Any]] = {case["case"]: case for case in load("E_single_process_kills.json")["cases"]}


def with_faults(recipient: str, faults: str) -> Trace:
    text = PLAY % (10, "", SINK, f"bob@{ME}", recipient, BODIES[False])
    return simulate(scenario.loads(f"{text}faults: [{faults}]")).trace


def told_log(trace: Trace) -> list[str]:
    """What qmail-send said, in normal form and without the lines that the observations leave out."""
    names = Numbers(())
    lines = []
    for row in trace.rows:
        names.see(row)
        lines += [names.normal(line.text) for line in said(row)]
    return [plain(line) for line in lines if not re.match(r"status: (?!exiting)", line)]


def said(row: Any) -> list[LogLine]:
    return said_lines(Trace([row]))


def expected_log(case: str) -> list[str]:
    return [plain(line) for _, line in ALONE[case]["log"]]


def plain(line: str) -> str:
    """A line without what our sink and our letter have otherwise."""
    return re.sub(r"bytes \d+|(?<=success: )[\d.]+_acc", "…", line)


def test_a_delivery_outlives_qmail_send_and_is_made_again() -> None:
    kill = f"{{kill: {ME}, program: qmail-send, before: qmail-remote read tcp/*, nth: 4, back_after: 0s}}"
    trace = with_faults(f"ok@{PEER}", kill)
    assert told_log(trace) == expected_log("send-killed-alone-remote-rcpt")
    took = [row for row in trace.rows if row[1][1] == "scripted" and row[2][0] == "write" and b"12345" in row[2][2]]
    assert len(took) == ALONE["send-killed-alone-remote-rcpt"]["copies"]["remote_sink"]


def test_without_qmail_lspawn_qmail_send_leaves_and_the_program_runs_on() -> None:
    kill = f"{{kill: {ME}, program: qmail-lspawn, at: 1500ms, back_after: 200ms}}"
    trace = with_faults(f"carol-slow@{ME}", kill)
    assert told_log(trace) == expected_log("lspawn-killed-during-delivery")
    done = [row for row in trace.rows if row[1][1] == "qmail-local" and row[2] == ("write", 1, b"done\n")]
    assert len(done) == ALONE["lspawn-killed-during-delivery"]["copies"]["local_program"]


def test_todo_is_preprocessed_as_the_directory_lists_it() -> None:
    """Ours lists names in the order in which they were made; the observed file system did so in none."""
    seen = ALONE["preprocessing-order"]["new_msg_order"]
    letters = "\n".join(f"  - {{at: {at}s, from: bob@{ME}, to: alice@{ME}}}" for at in range(10, 16))
    text = PLAY.partition("mail:")[0] % (10, "", "")
    faults = f"faults: [{{kill: {ME}, program: qmail-send, at: 5s, back_after: 60s}}]"
    lines = told_log(simulate(scenario.loads(f"{text}mail:\n{letters}\n{faults}")).trace)
    assert sorted(line for line in lines if line.startswith("new msg")) == sorted(seen)


@pytest.mark.parametrize(
    "program", ["qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean", "splogger", "tcpserver"]
)
def test_an_operator_has_everything_run_again(program: str) -> None:
    text = PLAY % (10, "", "", f"bob@{ME}", f"alice@{ME}", BODIES[False])
    kill = f"faults: [{{kill: {ME}, program: {program}, at: 30s, back_after: 30s}}]"
    assert running(text + kill) == running(text)


def running(text: str) -> list[str]:
    machine = simulate(scenario.loads(text)).hosts[ME].machine
    return sorted(one.program for one in machine.processes.values())
