"""The story of a run in plain words: what happens is told, once, when it has happened, and whoever keeps the log."""

from __future__ import annotations

import re

import sim
from sim.scenario import loads

TWO = """
title: t
until: {until}
dns: |
  a.example. IN A 10.0.0.1
  b.example. IN A 10.0.0.2
hosts:
  a.example: {{logger: {logger}, users: {{ani: ./Maildir/}}}}
  b.example: {{users: {{budi: {{.qmail: "&citra"}}, citra: ./Mailbox}}}}
mail:
  - {{from: ani@a.example, to: "{to}", subject: x, body: "{body}", name: x}}
faults: [{faults}]
"""


def told(
    *, to: str = "citra@b.example", faults: str = "", logger: str = "splogger", until: str = "1h", body: str = ""
) -> list[str]:
    run = sim.run(loads(TWO.format(to=to, faults=faults, logger=logger, until=until, body=body)))
    return [f"{event.t:.2f} {event.host} {event.text}" for event in run.story]


def _unnumbered(line: str) -> str:
    """Messages get other numbers where a log file has one, and programs other pids."""
    return re.sub(r"\b(message|qp) \d+", r"\1 N", line)


def test_an_mbox_copy_is_told_once_when_its_last_byte_is_there() -> None:
    long = told(body="word " * 2000)
    assert [line for line in long if "in the mailbox" in line] == [
        "0.38 b.example message 13 (x) is in the mailbox ~citra/Mailbox"
    ]


def test_the_story_is_the_same_whoever_keeps_the_log() -> None:
    for to, faults in (("citra@b.example", ""), ("nix@b.example", ""), ("citra@b.example", "{down: b.example}")):
        by_syslog, in_a_file = told(to=to, faults=faults), told(to=to, faults=faults, logger="multilog")
        assert [_unnumbered(line) for line in by_syslog] == [_unnumbered(line) for line in in_a_file]


def test_a_forward_says_what_it_comes_from() -> None:
    assert "is safe in the queue, from <ani@a.example>: message 13 to budi@b.example, forwarded" in "\n".join(
        told(to="budi@b.example")
    )


def test_a_signal_is_told_though_nobody_dies_of_it() -> None:
    lines = told(faults="{signal: a.example, name: ALRM, at: 5s}, {down: b.example, from: 0s, until: 4s}")
    assert "5.00 a.example somebody sends SIGALRM to qmail-send" in lines


def test_a_host_that_is_not_tried_because_of_its_past_is_explained() -> None:
    lines = told(faults="{down: b.example, how: silent}", until="3h")
    assert any("no answer within" in line for line in lines)
    why = "(qmail-remote did not try: lock/tcpto has it that nobody answered there lately)"
    assert any(line.endswith(why) for line in lines)


def test_a_message_that_a_crash_took_apart_is_cleaned_up_and_does_not_just_leave() -> None:
    text = TWO.format(
        to="ani@a.example", faults="{power_cut: a.example, after: exit, program: qmail-queue, back_after: 60s}",
        logger="splogger", until="3d", body="",
    )  # fmt: skip
    text = text.replace("logger: splogger", "logger: splogger, filesystem: journaled").replace(
        "after: exit, program: qmail-queue", "after: qmail-queue exit"
    )
    run = sim.run(loads(text))
    assert run.verdict.lost == 1
    assert any("not whole any more since the crash, is cleaned up" in event.text for event in run.story)
    assert not any("leaves the queue" in event.text for event in run.story)


def test_a_relay_that_falls_silent_was_reached() -> None:
    text = TWO.format(
        to="citra@b.example", faults="{power_cut: b.example, after: 'link todo/*'}", logger="splogger", until="1h",
        body="",
    ).replace("subject: x,", "subject: x, via: b.example,")  # fmt: skip
    lines = [event.text for event in sim.run(loads(text)).story]
    assert "the relay does not answer any more: the letter is back with its writer" in lines
