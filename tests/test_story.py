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


ONE = """
title: t
until: 2h
hosts:
  a.example: {{users: {{{users}}}, filesystem: {filesystem}}}
mail:
  - {{from: ani@a.example, to: [{to}], subject: x, name: x, at: 2s}}
faults: [{faults}]
"""


def lines(to: str, users: str = "ani: ./Maildir/", faults: str = "", filesystem: str = "ffs") -> list[str]:
    run = sim.run(loads(ONE.format(to=to, users=users, faults=faults, filesystem=filesystem)))
    return [event.text for event in run.story]


def test_failures_of_one_moment_are_told_of_whom_they_struck() -> None:
    failed = [line for line in lines("x, y, z") if "no mailbox here" in line]
    assert [re.findall(r"message \d+ to (\w)@", line) for line in failed] == [["z"], ["y"], ["x"]]


def test_a_bounce_that_fails_as_well_is_not_told_in_its_letter_s_place() -> None:
    told_ = lines("x", "postmaster: ./Maildir/")
    failed = [line.partition(":")[0] for line in told_ if "no mailbox here" in line]
    assert [line.rpartition(" ")[2] for line in failed] == ["x@a.example", "ani@a.example"]
    assert any("(double bounce of x) is in the mailbox ~postmaster/Maildir" in line for line in told_)


def test_what_cannot_even_be_told_to_the_postmaster_is_given_up() -> None:
    run = sim.run(loads(ONE.format(to="x", users="", faults="", filesystem="ffs")))
    assert any(one.text.endswith("which is about a bounce, failed as well: it is given up") for one in run.story)
    assert run.verdict.lines[0].endswith("2 bounced, 1 given up, about a bounce that bounced.")


def test_a_copy_that_the_power_cut_took_was_there_before() -> None:
    for mailbox in ("./Mailbox", "./Maildir/"):
        cut = "{power_cut: a.example, at: 3s, back_after: 1m}"
        told_ = lines("ani", f"ani: {mailbox}", cut, "async")
        there = next(place for place, line in enumerate(told_) if "is in the mailbox" in line)
        cut_at = next(place for place, line in enumerate(told_) if line.startswith("the power fails"))
        gone = next(place for place, line in enumerate(told_) if "is gone from the mailbox" in line)
        assert there < cut_at < gone
        assert "bytes of ~ani/Mail" in told_[cut_at]


def test_a_forwarded_bounce_stays_a_bounce() -> None:
    told_ = lines("x", "ani: '&budi', budi: ./Maildir/")
    assert any(line.endswith("(bounce of x) is in the mailbox ~budi/Maildir") for line in told_)


def test_a_report_of_several_lines_has_none_of_the_log_s_slashes() -> None:
    told_ = told(to="x@[10.0.0.1]", until="5m")
    (failed,) = [line for line in told_ if "best-preference" in line]
    assert "for that host, it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)" in failed


def test_faults_that_nobody_meets_are_told() -> None:
    faults = [
        "{dns: nix.example, answer: servfail}",
        "{down: a.example, from: 1s, until: 30m}",
        "{refuse: a.example, stage: MAIL, code: 451}",
        "{down: b.example, how: silent, from: 0s, until: 30m}",
        "{refuse: b.example, stage: MAIL, code: 451, first: 1}",
        "{refuse: b.example, stage: DATA, code: 451, from: 1h}",  # of the same code as the one before
        '{refuse: b.example, stage: RCPT, to: "tmp*"}',
        "{refuse: b.example, stage: RCPT, rate: 0.0}",
        "{drop: a.example, stage: dot}",
        "{drop: b.example, stage: RCPT, first: 1}",
    ]
    never = [line for line in told(faults=", ".join(faults), until="3h30m") if "never happened" in line]
    assert [re.findall(r"fault (\d) never happened: (.*)", line)[0] for line in never] == [
        ("1", "nobody asked for nix.example then"),
        ("2", "nobody tried to connect to a.example then"),
        ("3", "no client came to MAIL then"),
        ("6", "no client came to DATA then"),
        ("7", "no client came to RCPT then for tmp*"),
        ("8", "no client came to RCPT then, or chance let them pass"),
        ("9", "no client came to dot then"),
    ]


def test_a_fault_that_lasts_goes_on_record_when_it_is_first_met() -> None:
    faults = "{down: b.example, how: refused, until: 30m}"
    text = TWO.format(to="citra@b.example", faults=faults, logger="splogger", until="2h", body="")
    run = sim.run(loads(text))
    met = [(round(row.t, 2), row.host, row.call[1]) for row in run.trace if row.call[0] == "fault"]
    assert met == [(0.14, "b.example", 1)]


def test_a_client_that_still_tries_at_the_end_has_met_the_fault() -> None:
    told_ = told(faults="{down: b.example, how: silent}", until="30s")
    assert not any("never happened" in line for line in told_)


def test_a_fault_that_only_held_somebody_up_has_happened() -> None:
    for faults in ("{dns: b.example, answer: silent, until: 1s}", "{down: b.example, how: silent, until: 1s}"):
        assert not any("never happened" in line for line in told(faults=faults))
    cut = "{dns: b.example, answer: silent}, {power_cut: a.example, at: 2s}"
    assert not any("never happened" in line for line in told(faults=cut))
