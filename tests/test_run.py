"""A finished run in a notebook: its views, its mailboxes, and the same run from its trace alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim import scenario
from sim.machine.calls import ARGUMENTS
from sim.run import Run, run

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))
LETTERS = """
title: Two mailbox formats
until: 1m
hosts:
  a.example: {users: {ani: ./Maildir/, budi: ./Mailbox, cici: {}}}
mail:
  - {name: one, from: ani@a.example, to: [ani@a.example, budi@a.example], subject: one, body: "From here on\\nb"}
  - {name: two, at: 2s, from: ani@a.example, to: [ani@a.example, budi@a.example], subject: <script>, body: "b"}
"""


@pytest.fixture(scope="module")
def first() -> Run:
    return run(SCENARIOS[0])


@pytest.fixture(scope="module")
def letters() -> Run:
    return run(scenario.loads(LETTERS))


def test_the_package_offers_the_few_names_a_notebook_needs() -> None:
    assert len(sim.run(SCENARIOS[0]).trace) == len(sim.run(str(SCENARIOS[0])).trace)
    assert sim.Run is Run
    assert sim.load(SCENARIOS[0]).title
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        sim.walk  # type: ignore[attr-defined]  # noqa: B018
    assert dir(sim) == ["Run", "crash_test", "load", "run"]


def test_a_run_says_what_it_is_in_a_line(first: Run) -> None:
    assert repr(first) == (
        f"<Run of 'The first letter, from a person to a mailbox': {len(first.trace)} records, 2 hosts, 2 messages>"
    )


def test_transcripts_are_found_by_place_name_and_host(first: Run) -> None:
    assert str(first.transcript(0)) == str(first.transcript("tcp/1")) == str(first.transcript("ai3.itb.ac.id"))
    with pytest.raises(IndexError, match="this run has 1"):
        first.transcript(1)
    with pytest.raises(KeyError, match="neither a connection nor a host"):
        first.transcript("mars")


@pytest.mark.parametrize("ask", ["log", "queue", "ps", "plot_queue"])
def test_an_unknown_host_is_named_with_those_that_are_known(first: Run, ask: str) -> None:
    with pytest.raises(KeyError, match=r"'mars' is no host of this run; there are students.ee.itb.ac.id, ai3"):
        getattr(first, ask)("mars")


def test_maildir_letters_are_parsed(letters: Run) -> None:
    found = letters.mailbox("ani@a.example")
    assert [letter["Subject"] for letter in found] == ["one", "<script>"]
    assert found[0]["Delivered-To"] == "ani@a.example"
    assert found[0].get_content() == "From here on\nb\n"


def test_mbox_letters_are_parsed(letters: Run) -> None:
    found = letters.mailbox("budi@a.example")
    assert [letter["Subject"] for letter in found] == ["one", "<script>"]
    assert found[0].get_content() == ">From here on\nb\n"
    assert letters.mailbox("cici@a.example") == []
    with pytest.raises(KeyError, match="no user 'dudu'"):
        letters.mailbox("dudu@a.example")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem[:2])
def test_a_trace_alone_is_enough_for_every_view(path: Path, tmp_path: Path) -> None:
    finished = run(path)
    saved = tmp_path / "trace.jsonl"
    saved.write_bytes(finished.trace.to_jsonl(ARGUMENTS))
    again = Run.from_trace(saved)
    assert again.scenario == finished.scenario
    assert str(again.summary) == str(finished.summary)
    for host in finished.scenario.hosts:
        assert str(again.log(host)) == str(finished.log(host))
        assert str(again.queue(host)) == str(finished.queue(host))
        assert str(again.ps(host)) == str(finished.ps(host))
    if finished.dialogues:
        assert str(again.transcript()) == str(finished.transcript())
    with pytest.raises(LookupError, match="has no disks"):
        again.mailbox("a@b")


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    for text in ("", "nonsense\n", '{"t":0,"host":"","program":"","pid":0,"call":"boot"}\n'):
        (tmp_path / "trace.jsonl").write_text(text)
        with pytest.raises(ValueError, match=r"trace\.jsonl:1: .* \(a trace is what mailsim run --out DIR leaves"):
            Run.from_trace(tmp_path / "trace.jsonl")


def test_pictures_come_as_figures_that_jupyter_shows(first: Run) -> None:
    for figure in (first.plot_timeline(), first.plot_queue(), first.plot_queue("ai3.itb.ac.id"), first.plot_map()):
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_a_run_shows_itself_to_rich_and_to_jupyter(first: Run) -> None:
    from rich.console import Console

    console = Console(record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(first)
    assert "verdict" in console.export_text()
    assert "verdict" in first._repr_html_()
    console.file.close()


def test_a_fault_that_never_happened_is_no_failure() -> None:
    never = run(scenario.loads(f"{LETTERS}faults: [{{power_cut: a.example, at: 99d}}]\n"))
    assert "! fault 1 never happened" in str(never.summary)
    assert never.verdict.ok
