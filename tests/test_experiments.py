"""What the shipped experiments say in their lessons, operation by operation."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim import scenario
from sim.lab.crash_test import as_told, crash_test
from sim.lab.outcome import DAMAGED
from sim.lab.report import Report
from sim.scenario import Scenario

SCENARIOS = Path(__file__).parent.parent / "scenarios"
SEVEN = ("create pid/*", "link mess/*", "unlink pid/*", "fsync mess/*", "create intd/*", "fsync intd/*", "link todo/*")
NOT_NEEDED = SEVEN[0::2][:3]
PROGRAMS = ("qmail-queue", "qmail-send", "qmail-clean", "qmail-local")


def unsynced(calls: tuple[str, ...], filesystem: str, syncdir: bool = False) -> Scenario:
    """A letter on a host where these calls do not wait for the disk."""
    data = scenario.to_data(sim.load(SCENARIOS / "16-three-of-seven.yaml"))
    data["hosts"]["salman.itb.ac.id"] |= {"unsynced": list(calls), "filesystem": filesystem, "syncdir": syncdir}
    return scenario.from_data(data)


def swept(calls: tuple[str, ...], filesystem: str, syncdir: bool = False) -> Report:
    report = crash_test(unsynced(calls, filesystem, syncdir), programs=PROGRAMS)
    assert not report.sampled
    return report


def test_three_of_the_seven_operations_need_not_be_synchronous() -> None:
    """Bruce Guenter's claim, with all three at once; the scenario has the same three."""
    assert swept(NOT_NEEDED, "async", syncdir=True).ok
    host = sim.load(SCENARIOS / "16-three-of-seven.yaml").hosts["salman.itb.ac.id"]
    assert tuple(str(call) for call in host.unsynced) == NOT_NEEDED


@pytest.mark.parametrize("operation", SEVEN)
def test_each_of_the_other_four_is_needed(operation: str) -> None:
    """Alone, and together with the three that are not: the claim is tight."""
    needed = operation not in NOT_NEEDED
    assert swept((operation,), "async", syncdir=True).ok != needed
    assert swept(tuple({*NOT_NEEDED, operation}), "async", syncdir=True).ok != needed


@pytest.mark.nightly
def test_the_claim_holds_on_every_schedule_with_one_forced_switch() -> None:
    report = crash_test(unsynced(NOT_NEEDED, "async", syncdir=True), programs=PROGRAMS, preemptions=1)
    assert report.ok
    assert not report.full


@pytest.mark.parametrize("call", ["fsync mess/*", "fsync intd/*", "fsync info/*", "fsync local/*", "fsync ~*"])
def test_every_fsync_of_qmail_is_needed_on_ffs(call: str) -> None:
    assert not swept((call,), "ffs").ok


def test_only_the_mbox_can_be_found_torn() -> None:
    play = sim.load(SCENARIOS / "18-maildir-or-mbox.yaml")
    report = as_told(play, play.laboratory)
    damaged = [case for case in report.cases if case.outcome.verdict == DAMAGED]
    assert damaged
    assert all("udin" in text and "aku" not in text for case in damaged for text in case.outcome.broken)
    assert {case.outcome.copies.get("aku:copy") for case in damaged} == {1}


def test_what_nobody_finished_goes_after_36_hours_and_not_before() -> None:
    play = sim.load(SCENARIOS / "20-waiting-36-hours.yaml")
    run = sim.run(play)
    found = run.trace.filter(program="qmail-clean", verb="unlink")
    (removed,) = [one for one in found if (one.target or "").startswith("mess/")]
    assert 36 * 3600 < removed.t < 72 * 3600
