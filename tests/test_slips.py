"""What never comes in a scenario is warned of before it is played, and never passes for a kept expectation."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim import mua, scripted, shell
from sim.qmail import system
from sim.scenario import load_warned, loads, reader
from sim.scenario.slips import slips
from sim.scenario.unheard import DIRECTORIES, PROGRAMS
from sim.verdict import judge
from sim.world.simulate import simulate

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))
HEAD = "title: t\nuntil: 1m\nhosts: {a.example: {users: {ann: ./Maildir/, bob: ./Maildir/}}}\n"  # three lines
LETTER = HEAD + "mail: [{from: ann@a.example, to: bob@a.example}]\n"

WARNED = [
    ("mail: [{from: ann@a.example, to: bob@a.example, at: 2m}]", "4:53: mail#1.at: the run ends before 2m"),
    ("mail: [{from: ann@a.example, to: bob@a.example, copies: 4, every: 30s}]", "4:67: mail#1.every: the run ends"),
    ("telnet: [{on: a.example, to: a.example, at: 3m, lines: quit}]", "4:45: telnet#1.at: the run ends before 3m"),
    ("steps: [{on: a.example, at: 4m, run: qmail-qread}]", "4:29: steps#1.at: the run ends before 4m"),
    ("faults: [{power_cut: a.example, at: 5m}]", "4:37: faults#1.at: the run ends before 5m"),
    ("faults: [{down: a.example, from: 6m, until: 7m}]", "4:34: faults#1.from: the run ends before 6m"),
    ("ask: [{question: q, choices: [a, b], answer: a, at: 8m}]", "4:53: ask#1.at: the run ends before 8m"),
    ("expect: [{queued: a.example, count: 0, at: 2h}]", "4:44: expect#1.at: the run ends before 2h"),
    ("expect: [{delivered: bob@a.example, by: 3h}]", "4:41: expect#1.by: the run ends before 3h"),
    ("faults: [{power_cut: a.example, after: qmail-snd exit}]", "4:40: faults#1.after: no host has a program"),
    ("faults: [{kill: a.example, before: exit, program: qmail-snd}]", "4:51: faults#1.program: no host has a program"),
    ("faults: [{signal: a.example, at: 1s, name: HUP, program: x}]", "4:58: faults#1.program: no host has a program"),
    ("faults: [{preempt: a.example, before: exit, to: qmail-snd}]", "4:49: faults#1.to: no host has a program"),
    ("faults: [{preempt: a.example, before: exit, to: other}]", "4:49: faults#1.to: no host has a program 'other'"),
    ("ask: [{question: q, choices: [a, b], answer: a, before: sned exit}]", "4:57: ask#1.before: no host has"),
    ("faults: [{power_cut: a.example, after: link toodo/*}]", "4:40: faults#1.after: no program touches a directory"),
    ("faults: [{power_cut: a.example, after: link /var/qmail/queue/todo/*}]", "4:40: faults#1.after: paths are"),
    ("expect: [{delivered: bop@a.example}]", "4:22: expect#1.delivered: a.example has no account bop, so nothing will"),
    ("mail: [{from: ann@a.example, to: bob@a.exmaple}]", "4:34: mail#1.to#1: nobody has the name 'a.exmaple'"),
    ("mail: [{from: ann@a.example, to: [bob, bob@a.exmple]}]", "4:40: mail#1.to#2: nobody has the name 'a.exmple'"),
    ("expect: [{delivered: bob@aa.example}]", "4:22: expect#1.delivered: nobody has the name 'aa.example'"),
    ("faults: [{kill: a.example, at: 5s, back_after: 1m}]", "4:48: faults#1.back_after: the run ends before anything"),
    ("hosts: {a.example: {users: {ann: '&ann'}}}", "4:34: hosts.a.example.users.ann.qmail: ann forwards to ann"),
    ("hosts: {a.example: {control: {defaultdelivery: x}}}", "4:48: hosts.a.example.control.defaultdelivery: qmail"),
    ("hosts: {a.example: {users: {ann: {.qmail-A.b: '&x'}}}}", "4:47: hosts.a.example.users.ann.qmail-A.b: qmail-"),
    ("hosts: {a.example: {control: {concurrencyremote: many}}}", "4:50: hosts.a.example.control.concurrencyremote: 'm"),
    ("hosts: {a.example: {}}\ndns: |\n  a IN A 10.0.0.1\n", "6:3: dns: no host has its name in this zone: a is a."),
    ("hosts: {a.example: {users: {ann: '&b@a.exmple'}}}", "4:34: hosts.a.example.users.ann.qmail: nobody has the name"),
]  # fmt: skip
HINTS = {
    WARNED[0][0]: "until: 1m",
    WARNED[9][0]: "did you mean 'qmail-send'?",
    WARNED[13][0]: "did you mean 'others'?",
    WARNED[15][0]: "did you mean 'todo'?",
    WARNED[16][0]: "did you mean 'todo/*'?",
}


@pytest.mark.parametrize(("text", "warning"), WARNED)
def test_what_never_comes_is_warned_of(text: str, warning: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    head = HEAD.rpartition("hosts:")[0] + "seed: 1\n" if text.startswith("hosts:") else HEAD
    path.write_text(head + text + "\n")
    _, (found,) = load_warned(path)
    assert f"{found.line}:{found.column}: {found.message}".startswith(warning)
    assert HINTS.get(text, "") in found.hint


QUIET = [
    "mail: [{from: ann@a.example, to: bob@a.example, at: 1m}]",
    "mail: [{from: ann@a.example, to: [bob@b.example, bob@nowhere.example]}]",
    "dns: aa.example A 10.9.9.9\nmail: [{from: ann@a.example, to: bob@aa.example}]",
    "expect: [{delivered: bop@a.example, copies: 0}, {delivered: ann-list@a.example}, {bounced: bop@a.example}]",
    "steps: [{on: a.example, run: touch /srv/x}]\nexpect: [{delivered: bop@a.example}]",
    "faults: [{preempt: a.example, before: exit, to: others}]",
    "faults: [{preempt: a.example, before: exit, to: 7}]",
    "faults: [{power_cut: a.example, after: 'mua connect'}, {kill: a.example, after: 'link ?odo/*'}]",
    "faults: [{kill: a.example, after: link ~bob/Maildir/new/*}, {kill: a.example, after: scandir todo}]",
    "faults: [{kill: a.example, after: link srv/x}]\nsteps: [{on: a.example, run: touch /srv/x}]",
]


@pytest.mark.parametrize("text", QUIET)
def test_what_may_come_is_not(text: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(HEAD + text + "\n")
    assert load_warned(path)[1] == ()


def test_aliases_with_a_default_and_with_dots_are_somebody() -> None:
    users = '{ann: ./Maildir/, alias: {.qmail-list-default: "&ann", ".qmail-first:last": "&ann"}}'
    text = f"title: t\nuntil: 1m\nhosts: {{a.example: {{users: {users}}}}}\n"
    text += (
        "expect: [{delivered: list-x-y@a.example}, {delivered: First.Last@a.example}, {delivered: lis-x@a.example}]\n"
    )
    data, marks = reader.read_text(text, "s.yaml")
    (found,) = slips(loads(text), data, marks)
    assert "no account lis," in found.error.message


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_scenarios_of_the_course_need_no_warning(path: Path) -> None:
    assert load_warned(path)[1] == ()


def test_every_program_is_known_and_no_other() -> None:
    assert set(PROGRAMS) == {*system.PROGRAMS, *mua.PROGRAMS, *shell.PROGRAMS, "scripted"}
    assert "scripted" in scripted.Scripted({}).programs


def test_every_directory_of_a_run_is_known() -> None:
    trace = sim.run(SCENARIOS[0]).trace
    touched = {record.target.partition("/")[0] for record in trace if record.target and "/" in record.target}
    assert {name for name in touched if not name.startswith("~")} <= set(DIRECTORIES)


@pytest.mark.parametrize("when", ["queued: a.example, count: 0", "state: S4, count: 0", "delivered: bob@a.example"])
def test_a_time_that_never_came_does_not_hold(when: str) -> None:
    for at, holds in (("1m", True), ("61s", False)):
        play = loads(f"{LETTER}expect: [{{{when}, at: {at}}}]\n")
        (judged,) = judge(play, simulate(play).trace).expectations
        assert judged.holds is holds
        assert (judged.found == "the run ended before") is not holds
