"""What ``refused:`` sees: a 4xx or 5xx at any stage, for whom it counts, and what is no refusal."""

from __future__ import annotations

import pytest

import sim
from sim import scenario
from sim.folds.dialogues import Dialogue, Line, refusals

PLAY = """
title: refused
until: 1m
hosts:
  here.example: {users: {ann: ./Maildir/}}
  peer.example: {mta: scripted, replies: {%s}}
mail: [{name: tes, at: 1s, from: ann@here.example, to: [bob@peer.example, eva@peer.example]%s}]
expect:
  - {refused: bob@peer.example, mail: tes, reply: %s, on: peer.example}
"""
ORDERS = {
    "greeting": ("greeting: 554 go away", 554),
    "HELO": ("HELO: 504 who, EHLO: 502 no", 504),
    "MAIL": ("MAIL: 550 not you", 550),
    "RCPT": ("RCPT: {'bob*': 550 nobody, '*': 250 ok}", 550),
    "DATA": ("DATA: 451 later", 451),
    "dot": ("dot: 554 no spam", 554),
}


@pytest.mark.parametrize("stage", ORDERS)
@pytest.mark.parametrize("via", ["", ", via: peer.example"], ids=["qmail-remote", "mua"])
def test_a_refusal_is_seen_at_every_stage(stage: str, via: str) -> None:
    replies, code = ORDERS[stage]
    run = sim.run(scenario.loads(PLAY % (replies, via, code)))
    assert [judged.holds for judged in run.verdict.expectations] == [True]


def heard(*said: str) -> list[tuple[str, str]]:
    """The stages and recipients that are refused in a dialogue of ``C: …`` and ``S: …``."""
    dialogue = Dialogue("tcp/1", "a", "telnet", 7, "192.0.2.1", 0.0, "b")
    dialogue.lines = [Line(0.0, line[0], line[3:]) for line in said]
    return [(one.stage, one.recipient) for one in refusals([dialogue])]


def test_the_dot_counts_for_those_who_were_accepted() -> None:
    talk = (
        "S: 220 b", "C: MAIL FROM:<x@a>", "S: 250 ok", "C: RCPT TO:<p@b>", "S: 550 no", "C: RCPT TO:<q@b>", "S: 250 ok",
        "C: DATA", "S: 354 go", "C: RCPT is but a word here", "C: .", "S: 554-no", "S: 554 spam",
    )  # fmt: skip
    assert heard(*talk) == [("RCPT", "p@b"), ("dot", "q@b")]


def test_commands_sent_ahead_get_their_replies_in_turn() -> None:
    talk = (
        "S: 220 b",
        "C: MAIL FROM:<x@a>",
        "C: RCPT TO:<p@b>",
        "C: RCPT TO:<q@b>",
        "S: 250 ok",
        "S: 250 ok",
        "S: 451 q",
    )
    assert heard(*talk) == [("RCPT", "q@b")]


def test_after_all_were_refused_data_refuses_nobody_more() -> None:
    talk = (
        "S: 220 b",
        "C: MAIL FROM:<x@a>",
        "S: 250 ok",
        "C: RCPT TO:<p@b>",
        "S: 550 no",
        "C: DATA",
        "S: 503 RCPT first",
    )
    assert heard(*talk) == [("RCPT", "p@b")]


def test_an_unknown_command_refuses_no_letter() -> None:
    assert heard("S: 220 b", "C: VRFY x", "S: 502 no", "C: EHLO a", "S: 502 no") == []
