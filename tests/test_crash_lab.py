"""The crash laboratory: nothing promised is lost where qmail's assumptions hold, and every fault is found elsewhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import broken
import pytest
from broken import Broken
from qmail_lab import load

import sim
from sim import scenario
from sim.lab.alone import Alone
from sim.lab.benches import bench_for
from sim.lab.counterexample import as_scenario, smallest
from sim.lab.crash_test import crash_test
from sim.lab.out import write_out
from sim.lab.outcome import BOUNCED, INCOMPLETE, LOST, PROMISES_BROKEN
from sim.lab.places import HOST, KILL, POWER_CUT, PROCESS, Shared
from sim.lab.plan import chosen, undisturbed
from sim.lab.report import Case, Report
from sim.lab.story import story
from sim.lab.sweep import prepare
from sim.lab.table import table
from sim.lab.whole import Whole
from sim.scenario import Scenario, loads
from sim.world.simulate import SYSTEMS

LOCAL, BOUNCE, REMOTE = "02-local-delivery", "03-no-such-user", "01-first-letter"


def play(name: str) -> Scenario:
    return scenario.load(f"scenarios/{name}.yaml")


@pytest.fixture(scope="module")
def local() -> Report:
    return crash_test(play(LOCAL), filesystems=("ffs",))


@pytest.mark.parametrize("name", [LOCAL, BOUNCE, REMOTE])
def test_on_ffs_no_promise_is_broken_and_every_state_is_seen(name: str) -> None:
    report = crash_test(play(name), filesystems=("ffs",), workers=2)
    assert report.ok, [case.outcome.broken for case in report.cases if case.outcome.verdict in PROMISES_BROKEN]
    assert report.states_seen >= {"S1", "S2", "S3", "S4", "S5"}
    assert not report.sampled
    assert report.totals["once"] + report.totals["bounced"] > 0


def test_without_syncdir_async_loses_promised_mail_and_with_it_none() -> None:
    without = crash_test(play(LOCAL), filesystems=("async",), programs=("qmail-clean",), bound=32)
    assert without.totals[LOST]
    assert without.sampled
    assert crash_test(play(LOCAL), filesystems=("async+syncdir",)).ok


def test_a_journal_alone_does_not_keep_the_promise() -> None:
    """Nothing is synced after ``link todo/N``, so the 0 that qmail-queue exits with may be ahead of the journal."""
    report = crash_test(play(LOCAL), filesystems=("journaled",), programs=("qmail-queue", "qmail-send"))
    assert {case.moment for case in report.cases if case.outcome.verdict == LOST} >= {"after exit"}
    assert crash_test(play(LOCAL), filesystems=("journaled+syncdir",)).ok


CAUGHT = {
    "qmail-queue without fsync": Broken(qmail_queue=broken.without_fsync),
    "qmail-send without fsync": Broken(qmail_send=broken.without_fsync),
    "qmail-send that marks DONE too early": Broken(qmail_send=broken.done_before_delivery),
    "qmail-queue that removes mess": Broken(qmail_queue=broken.mess_removed_too_early),
    "qmail-queue with a number of its own": Broken(qmail_queue=broken.wrong_number),
    "qmail-clean that never cleans": Broken(qmail_clean=broken.never_cleans),
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_broken_program_is_caught(name: str) -> None:
    report = crash_test(play(LOCAL), filesystems=("ffs",), systems={**SYSTEMS, "qmail": CAUGHT[name]})
    assert not report.ok


def test_two_workers_find_what_one_does(local: Report) -> None:
    assert crash_test(play(LOCAL), filesystems=("ffs",), workers=2).to_data() == local.to_data()


def test_the_quick_bench_says_what_the_whole_world_says(local: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def whole(play: Scenario, systems: Any) -> Whole:
        quick = bench_for(play, systems)
        assert isinstance(quick, Alone)
        return Whole(play, systems, quick.needed)

    monkeypatch.setattr("sim.lab.sweep.bench_for", whole)
    slow = crash_test(play(LOCAL), filesystems=("ffs",))
    assert [case.to_data() for case in slow.cases] == [case.to_data() for case in local.cases]


@pytest.mark.parametrize(("filesystem", "program"), [("async", "qmail-send"), ("ffs", "qmail-queue")])
def test_a_life_that_ends_when_it_is_settled_comes_to_what_the_whole_of_it_does(filesystem: str, program: str) -> None:
    """On async what qmail-send tries in vain; on ffs what waits in S2 and S3 for the sweep."""
    sweep, _ = prepare(undisturbed(play(LOCAL), filesystem), SYSTEMS, chosen((), (program,)), Shared(16, 1))
    sooner = 0
    for job in sweep.plan.jobs:
        briefly, patiently = sweep.bench.settle(job), sweep.bench.execute(job)
        assert sweep.judge(briefly, job.life) == sweep.judge(patiently, job.life)
        sooner += len(briefly.rows) < len(patiently.rows)
    assert sooner


def test_a_bounce_that_the_disk_has_forgotten_before_its_promise_is_not_a_second_one() -> None:
    """It was in S4, but only in memory; what is sent instead of it is the first that anybody gets."""
    report = crash_test(play(BOUNCE), filesystems=("journaled",), programs=("qmail-queue",))
    as_usual = [case.outcome for case in report.cases if case.outcome.text.startswith("same final deliveries")]
    assert len(as_usual) > 100
    assert not [outcome for outcome in as_usual if outcome.verdict == "twice"]


AT_ONE_INSTANT = """
title: two letters at one instant
hosts: {a.example: {users: {u: ./Maildir/, v: ./Mailbox}}}
mail:
  - {at: %s, from: u@a.example, to: u@a.example, body: one}
  - {at: %s, from: v@a.example, to: v@a.example, body: two}
"""


@pytest.mark.parametrize("at", ["0s", "5s"])
def test_who_had_yet_to_write_at_the_instant_of_a_crash_writes_after_it(at: str) -> None:
    """No crash may take a letter that nobody had begun: before the first call of the first, the second is to come."""
    told = undisturbed(loads(AT_ONE_INSTANT % (at, at)), "ffs")
    sweep, _ = prepare(told, SYSTEMS, chosen((), ()), Shared(8, 1))
    quick = sweep.bench
    assert isinstance(quick, Alone)
    whole = Whole(told, SYSTEMS, quick.needed)
    for job in sweep.plan.jobs[:120]:
        found, expected = (sweep.judge(one.execute(job))._replace(files_after=None) for one in (quick, whole))
        assert found == expected, job.point.moment


TYPED = """
title: a letter typed into a shell
hosts: {a.example: {users: {u: ./Maildir/}}}
steps: [{at: 1s, on: a.example, user: u, run: "echo to: u | /var/qmail/bin/qmail-inject"}]
"""


def test_what_is_typed_into_a_shell_is_crashed_as_well() -> None:
    report = crash_test(loads(TYPED), programs=("qmail-queue",))
    assert report.ok
    assert report.totals["once"] > 0


LINKED = """
title: a link and a mode
until: 10s
hosts: {a.example: {users: {u: ./Maildir/}}}
steps:
  - {at: 1s, on: a.example, run: ln -s /var/qmail/bin/sendmail /usr/sbin/sendmail}
  - {at: 2s, on: a.example, run: chmod 600 ~u/.qmail}
"""


def test_the_disk_at_a_point_has_the_link_and_the_mode_that_were_just_made() -> None:
    sweep, _ = prepare(undisturbed(loads(LINKED), "ffs"), SYSTEMS, chosen((), ()), Shared(8, 1))
    ends = {point.program: point for point in sweep.plan.points if point.verb == "exit"}
    assert "usr/sbin/sendmail" in dict(ends["ln"].left.cut.images[0].names)
    image = ends["chmod"].left.cut.images[0]
    assert dict(image.files)[dict(image.names)["~u/.qmail"]].mode == 0o600


def test_crashes_that_count_as_one_have_one_verdict_where_the_disk_forgets_a_failure() -> None:
    """A failure that was said before the power failed is in the ledger, though no disk that is left tells of it."""
    told = undisturbed(play(BOUNCE), "async")
    sweep, _ = prepare(told, SYSTEMS, chosen((), ("qmail-send", "qmail-queue")), Shared(1, 1))
    plan = sweep.plan
    for crash in plan.cases:
        job = plan.jobs[crash.job]
        if crash.fault == POWER_CUT and job.point is not crash.point:
            own = job._replace(point=crash.point, image=crash.point.left.cut.images[crash.disk - 1])
            alike = (sweep.judge(sweep.bench.execute(one)).verdict for one in (own, job))
            assert len(set(alike)) == 1, crash.point.moment


def test_the_table_names_calls_states_and_totals(local: Report) -> None:
    text = str(table(local))
    assert "salman.itb.ac.id qmail-queue\n" in text
    assert "\n  link todo/M1 " in text
    assert max(map(len, text.splitlines())) <= 80
    assert "No promise was broken." in text
    assert f"{local.executed} carried out" in text
    assert local.executed < len(local.cases)


def test_a_promise_broken_by_the_second_crash_replays_as_well() -> None:
    programs = ("qmail-queue", "qmail-start")
    report = crash_test(play(LOCAL), filesystems=("journaled",), programs=programs, crashes=2)
    report.cases = [case for case in report.cases if case.outcome.verdict not in PROMISES_BROKEN]
    found = smallest(report)
    assert found is not None
    told = as_scenario(found)
    assert len(told.faults) == 2
    assert "a first crash came at" in str(story(found))
    assert sim.run(told).verdict.lost == 1


def test_everything_can_be_left_in_a_folder(tmp_path: Path) -> None:
    report = crash_test(play(LOCAL), filesystems=("journaled",), programs=("qmail-queue",))
    write_out(report, play(LOCAL), tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {
        "summary.json", "crashes.json", "crashes.txt", "crashes.png", "crashes.svg", "counterexample.txt",
        "counterexample.yaml",
    }  # fmt: skip
    assert sim.run(tmp_path / "new" / "counterexample.yaml").verdict.lost == 1
    write_out(crash_test(play(LOCAL), programs=("qmail-queue",)), play(LOCAL), tmp_path / "new")
    assert not (tmp_path / "new" / "counterexample.yaml").exists()
    (tmp_path / "new" / "mine.txt").write_text("do not touch")
    with pytest.raises(FileExistsError, match="did not make"):
        write_out(report, play(LOCAL), tmp_path / "new")


# The observed crash matrix of qmail-queue

OBSERVED = """
title: the observed letter
until: 10s
hosts: {mail.example.org: {users: {alice: ./Maildir/, bob: ./Mailbox}}}
mail: [{at: 1s, from: bob@mail.example.org, to: alice@mail.example.org, raw: "%s"}]
""" % ("x" * 240)
VERBS = {"create_excl": "create", "open_trigger_w": "open", "write_trigger": "trigger"}
MATRIX: list[dict[str, Any]] = load("E_crash_qmail_queue.json")["rows"]


@pytest.fixture(scope="module")
def killed() -> Report:
    return crash_test(scenario.loads(OBSERVED), programs=("qmail-queue",))


def place(row: dict[str, Any]) -> str:
    """A row's call as a moment: a link by its new name, a write to the unlinked pid/ file by the file's name."""
    target = "mess/M1" if "already unlinked" in row["target"] else row["target"].partition(" -> ")[2] or row["target"]
    return f"before {VERBS.get(row['syscall'], row['syscall'])} {target.partition(' [')[0]}"


def cases(report: Report, row: dict[str, Any]) -> list[Case]:
    """send-up: qmail-queue alone is killed; send-down: nothing runs after the kill until qmail-send starts."""
    scope = PROCESS if row["scenario"] == "queue/send-up" else HOST
    return [one for one in report.cases if (one.fault, one.scope, one.moment) == (KILL, scope, place(row))]


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row['scenario']} {row['step_index']} {row['syscall']}")
def test_a_kill_ends_as_observed(row: dict[str, Any], killed: Report) -> None:
    assert row["same_in_two_runs"]
    found = cases(killed, row)
    assert found
    wanted = (row["files_present_after"], row["state_after"], row["outcome_after_restart"], row["leftovers"])
    ours = Counter(
        (tuple(one.files), str(one.state_after), one.outcome.text, tuple(one.outcome.leftovers)) for one in found
    )
    assert list(ours) == [(tuple(wanted[0]), str(wanted[1]), wanted[2], tuple(wanted[3]))]
    assert {str(one.outcome.copies) for one in found} == {str(row["copies_delivered"])}


def test_a_bounce_counts_for_whom_it_names_and_not_for_whom_its_notes_did_before_the_crash() -> None:
    """Notes are not synced: a power cut while the bounce is being written leaves one that names nobody."""
    report = crash_test(play(BOUNCE), filesystems=("ffs",))
    sweep = report.sweeps["ffs"]
    verdicts = {crash.job: case.outcome.verdict for case, crash in zip(report.cases, sweep.plan.cases, strict=True)}
    assert Counter(verdicts.values())[INCOMPLETE] > 10
    for number, verdict in verdicts.items():
        if verdict in (BOUNCED, INCOMPLETE):
            job = sweep.plan.jobs[number]
            (disk,) = sweep.bench.execute(job).disks.values()
            notices = [inode.data for path, inode in disk.files("~wahid").items() if "/new/" in path]
            assert any(b"\n<nama_user@" in one for one in notices) == (verdict == BOUNCED), job.point.moment
