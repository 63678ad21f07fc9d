"""``mailsim crash-test`` as a person types it: what it refuses, what it prints and writes, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sim.cli import main
from sim.cli.common import INTERRUPTED
from sim.lab.expected import Held
from sim.lab.outcome import MEANINGS, VERDICTS
from sim.lab.places import HOST, KILL
from sim.lab.table import CELL, _cell
from sim.scenario.laboratory import Promise

ROOT = Path(__file__).parent.parent
LOCAL = str(ROOT / "scenarios/02-local-delivery.yaml")
REMOTE = str(ROOT / "scenarios/01-first-letter.yaml")
EXPERIMENT = str(ROOT / "scenarios/14-without-fsync-of-the-message.yaml")
QUICK = ("--program", "qmail-clean")
LOSES = ("--filesystem", "async", "--disks", "16", *QUICK)


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ("crash-test", *words), env={"COLUMNS": "80", "TERM": "dumb"})


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ((LOCAL, "--host", "salmon.itb.ac.id"), "did you mean 'salman.itb.ac.id'?"),
        ((LOCAL, "--program", "qmail-quee"), "did you mean 'qmail-queue'?"),
        ((LOCAL, "--filesystem", "ext9"), "'ext9' is not one of"),
        ((LOCAL, "--crashes", "3"), "--crashes"),
        ((LOCAL, "--preemptions", "-1"), "--preemptions"),
        ((LOCAL, "--disks", "0"), "--disks"),
        ((LOCAL, "--workers", "0"), "--workers"),
        (("/nonexistent.yaml",), "No such file"),
    ],
)
def test_a_wrong_call_is_refused_with_a_hint(words: tuple[str, ...], hint: str) -> None:
    done = typed(*words)
    assert done.exit_code == 2
    assert hint in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("option", ["--json", "--save-counterexample"])
def test_a_file_that_finds_no_place_is_said_before_the_work(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.lab.crash_test.crash_test", lambda *_, **__: pytest.fail("it worked in vain"))
    done = typed(LOCAL, option, str(tmp_path / "nowhere" / "file"))
    assert done.exit_code == 2
    assert option in done.stderr
    assert typed(LOCAL, option, str(tmp_path)).exit_code == 2


def test_exit_status_and_json_where_every_promise_is_kept(tmp_path: Path) -> None:
    written = tmp_path / "found.json"
    done = typed(LOCAL, *QUICK, "--json", str(written))
    assert done.exit_code == 0, done.output
    assert "No promise was broken." in done.output
    found = json.loads(written.read_text())
    assert len(found["points"]) == found["coverage"]["crashes"] == sum(found["totals"].values())
    assert found["coverage"]["complete"]
    assert found["expected"] == []


def test_json_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "found.json"
    written.write_text("what was there before")

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.replace", full)
    done = typed(LOCAL, *QUICK, "--json", str(written))
    assert done.exit_code == 2
    assert "No space left on device" in done.stderr
    assert written.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [written]


def test_two_workers_write_the_same_json_to_the_byte(tmp_path: Path) -> None:
    for workers in ("1", "2"):
        words = (*LOSES, "--workers", workers, "--json", str(tmp_path / workers))
        assert typed(LOCAL, *words).exit_code == 1
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_a_counterexample_that_is_saved_replays(tmp_path: Path) -> None:
    replay = tmp_path / "replay.yaml"
    done = typed(LOCAL, *LOSES, "--save-counterexample", str(replay))
    assert done.exit_code == 1
    assert str(replay) in done.output
    played = CliRunner().invoke(main, ("run", str(replay)), env={"COLUMNS": "80", "TERM": "dumb"})
    assert played.exit_code == 1
    assert "lost" in played.output
    assert CliRunner().invoke(main, ("check", str(replay))).exit_code == 0


def test_a_disk_of_a_bounded_sweep_is_found_again(tmp_path: Path) -> None:
    """Another bound draws other disks, so the number of one is no other's; a saved scenario names the right one."""
    replay = tmp_path / "replay.yaml"
    done = typed(LOCAL, "--filesystem", "async", "--disks", "6", "--save-counterexample", str(replay))
    assert done.exit_code == 1
    assert not done.stderr.strip()
    assert "disk:" in replay.read_text()
    assert CliRunner().invoke(main, ("run", str(replay))).exit_code == 1


def test_a_lesson_about_syncdir_may_be_swept_on_a_file_system_without_it() -> None:
    """What need not be synchronous there is not on a file system where nothing is, nor on one where all is."""
    lesson = str(ROOT / "scenarios/16-three-of-seven.yaml")
    done = typed(lesson, "--filesystem", "ffs", "--filesystem", "journaled", "--program", "qmail-clean")
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "journaled" in done.output


def test_nothing_is_saved_where_nothing_is_broken(tmp_path: Path) -> None:
    replay = tmp_path / "replay.yaml"
    done = typed(LOCAL, *QUICK, "--save-counterexample", str(replay))
    assert done.exit_code == 0
    assert "no promise was broken" in done.stderr
    assert not replay.exists()


def test_what_the_scenario_expects_is_judged_and_told() -> None:
    done = typed(EXPERIMENT)
    assert done.exit_code == 1, "a promise was broken, as expected"
    assert "✓ lost: 53, expected some" in done.output


def test_an_expectation_that_fails_is_exit_status_1(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    text = Path(LOCAL).read_text(encoding="utf-8")
    promise = "{verdict: twice, count: none}"
    path.write_text(f"{text}laboratory: {{programs: [qmail-send], expect: [{promise}]}}\n", encoding="utf-8")
    done = typed(str(path))
    assert done.exit_code == 1
    assert "✗ twice: " in done.output
    other = typed(str(path), "--program", "qmail-queue")
    assert other.exit_code == 0
    assert "was not judged" in other.output
    assert typed(str(path), "--filesystem", "ffs").exit_code == 1, "another file system is no other sweep"


@pytest.mark.parametrize(
    ("laboratory", "place"),
    [
        ("{disks: 0}", "laboratory.disks"),
        ("{crashes: 3}", "laboratory.crashes"),
        ("{hosts: [nobody.example]}", "laboratory.hosts"),
        ("{programs: ['']}", "laboratory.programs"),
        ("{filesystems: [fat]}", "laboratory.filesystems"),
        ("{disk: 5}", "unknown key 'disk'"),
        ("{expect: [{verdict: los}]}", "did you mean 'lost'?"),
        ("{expect: [{verdict: lost, count: many}]}", "none, some, or a number"),
        ("{expect: [{count: 3}]}", "'verdict' is missing"),
        ("{expect: {verdict: lost}}", "laboratory.expect"),
    ],
)
def test_what_is_wrong_in_laboratory_has_a_place_and_a_hint(laboratory: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{Path(LOCAL).read_text(encoding='utf-8')}laboratory: {laboratory}\n", encoding="utf-8")
    done = CliRunner().invoke(main, ("check", str(path)))
    assert done.exit_code == 2
    assert f"{path}:19:" in done.stderr
    assert place in done.stderr


def test_a_program_of_laboratory_that_nobody_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(f"{Path(LOCAL).read_text(encoding='utf-8')}laboratory: {{programs: [qmail-cleen]}}\n")
    assert "did you mean 'qmail-clean'?" in typed(str(path)).stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupt_prints_what_was_found_so_far(workers: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def impatient(*_: object) -> Iterator[Callable[..., None]]:
        def show(done: int, _planned: int, _things: str = "") -> None:
            if done == 9:
                raise KeyboardInterrupt

        yield show

    monkeypatch.setattr("sim.show.progress.counted", impatient)
    done = typed(LOCAL, "--workers", workers)
    assert done.exit_code == 130
    assert "Interrupted: 9 of " in done.output
    assert " once" in done.output
    assert "Traceback" not in done.output


def test_what_is_expected_and_the_help_fit_80_columns() -> None:
    told = [*typed(EXPERIMENT).output.partition("as expected")[2].split("\n\n")[0].splitlines()]
    told += typed("--help").output.splitlines()
    longest = Promise(verdict="bounce incomplete (documented)", count="none", filesystem="journaled+syncdir")
    told.append(f"  ✗ {Held(longest, 999_999, False).text}")
    assert max(len(line) for line in told) <= 80


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_polite_end_leaves_what_was_found_so_far(workers: str) -> None:
    words = [sys.executable, "-m", "sim.cli", "crash-test", str(ROOT / "scenarios/09-retries.yaml")]
    begun = subprocess.Popen([*words, "--workers", workers], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(4.0)
    begun.terminate()
    out, err = begun.communicate(timeout=60.0)
    assert "Interrupted" in out
    assert err == ""
    assert begun.returncode == INTERRUPTED


def test_a_share_of_very_many_fits_its_column() -> None:
    def cases(verdict: str, count: int) -> list[Any]:
        return [SimpleNamespace(fault=KILL, scope=HOST, outcome=SimpleNamespace(verdict=verdict))] * count

    for worst, shown in (("still queued", "queued 96%"), ("rule broken", "broken 96%"), ("lost", "lost 3968/4096")):
        text, _ = _cell(cases(worst, 3968) + cases("once", 128), "kill all")
        assert (text.strip(), len(text)) == (shown, CELL)


def test_the_table_says_what_its_words_mean() -> None:
    done = typed(str(ROOT / "scenarios/03-no-such-user.yaml"))
    assert "M1, M2: the messages, in the order in which they got their numbers.\n" in done.output
    for word, meaning in MEANINGS.items():
        shown = f"  {word:31}{meaning}\n"
        assert (shown in done.output) == (f"  {word} " in done.output.partition("\n\n")[2])
    assert MEANINGS.keys() == set(VERDICTS)
    assert max(map(len, done.output.splitlines())) <= 80
