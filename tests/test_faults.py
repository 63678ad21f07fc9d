"""Every broken program is caught: each fault that can lose or corrupt a message by the sweep, and none that cannot."""

from __future__ import annotations

import pytest
from broken import Broken
from faults import FAULTS, HARMLESS, Fault, later

from sim import scenario
from sim.lab.counterexample import as_scenario, smallest
from sim.lab.crash_test import crash_test
from sim.lab.outcome import LOST, PROMISES_BROKEN
from sim.lab.report import Report
from sim.verdict import judge
from sim.world.simulate import SYSTEMS, simulate

LETTER = """
title: one letter, written at the second in which qmail-send looks into todo/ of its own accord
until: 30m
hosts: {a.example: {users: {ann: ./Maildir/, box: ./Mailbox, joe: ./Maildir/}}}
mail: [{at: 1501s, from: ann@a.example, to: %s@a.example, body: Hello.}]
"""
TO = {"maildir": "ann", "mbox": "box", "bounce": "nobody", "joe": "joe"}
CAUGHT = {name: fault for name, fault in FAULTS.items() if fault.verdict}
PASSED = {name: fault for name, fault in FAULTS.items() if fault.verdict == HARMLESS}


def swept(fault: Fault, preemptions: int, *programs: str) -> Report:
    play, systems = scenario.loads(LETTER % TO[fault.letter]), {**SYSTEMS, "qmail": fault.system}
    return crash_test(play, filesystems=("ffs",), systems=systems, preemptions=preemptions, programs=programs)


def found(report: Report) -> set[str]:
    return {case.outcome.verdict for case in report.broken}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_fault_that_can_lose_or_corrupt_a_message_is_found(name: str) -> None:
    """On the undisturbed schedule where that is enough; the sweep with one forced switch contains that one."""
    programs = ("qmail-queue",) if CAUGHT[name].preemptions else ()
    assert CAUGHT[name].verdict in found(swept(CAUGHT[name], CAUGHT[name].preemptions, *programs))


@pytest.mark.parametrize("name", PASSED)
def test_a_fault_that_can_not_is_not(name: str) -> None:
    report = swept(PASSED[name], 0)
    assert report.ok, found(report)
    assert not report.sampled


@pytest.mark.nightly
@pytest.mark.parametrize("name", FAULTS)
def test_one_forced_switch_changes_no_verdict(name: str) -> None:
    fault = FAULTS[name]
    report = swept(fault, 1)
    assert fault.verdict or not report.full
    assert not fault.verdict or fault.verdict in found(report)
    assert fault.verdict or report.ok, found(report)


def test_there_are_enough_faults_and_each_is_argued() -> None:
    assert len(CAUGHT) >= 12
    assert {fault.verdict for fault in CAUGHT.values()} <= PROMISES_BROKEN
    assert all(fault.why for fault in FAULTS.values())


EARLY_LINK = "qmail-queue: link todo, then write and fsync intd"


def test_a_link_before_the_write_passes_every_crash_on_the_lucky_schedule() -> None:
    assert swept(FAULTS[EARLY_LINK], 0).ok


def test_a_link_before_the_write_is_found_with_one_switch_and_replays() -> None:
    report = swept(FAULTS[EARLY_LINK], 1, "qmail-queue")
    smallest_one = smallest(report)
    assert smallest_one is not None
    assert smallest_one.outcome.verdict == LOST
    assert [note.forced for note in smallest_one.job.life.notes].count(True) <= 1
    told = as_scenario(smallest_one)
    systems = {**SYSTEMS, "qmail": FAULTS[EARLY_LINK].system}
    assert judge(told, simulate(told, systems=systems).trace).broken
    assert not judge(told, simulate(told).trace).broken, "qmail itself passes the very same crash"


def test_an_edit_that_changes_nothing_changes_nothing() -> None:
    """The edits themselves are no fault."""
    same = Fault(Broken(qmail_queue=later("nothing", after="nothing")), HARMLESS, "")
    assert swept(same, 0).totals == crash_test(scenario.loads(LETTER % "ann"), filesystems=("ffs",)).totals
