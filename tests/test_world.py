"""Hosts, the wire and faults: what a machine learns of the others, and when."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from sim import scenario
from sim.dns import Zone
from sim.folds.dialogues import dialogues, knocks, refusals
from sim.folds.faults import unfired
from sim.folds.log import attempts, log_lines
from sim.scenario import Scenario, loads
from sim.scenario.addresses import addresses
from sim.trace import Trace
from sim.verdict import Verdict, judge
from sim.world.simulate import World, simulate

WORLD = """\
title: two exchangers
until: {until}
dns: |
  $ORIGIN example.
  a  IN A  10.0.0.1
  b  IN A  10.0.0.2
     IN MX 10 b
     IN MX 20 c
  c  IN A  10.0.0.3
network: {{latency: 20ms, links: [{{between: [a.example, c.example], latency: 300ms}}]}}
hosts:
  a.example: {{users: {{ann: ./Maildir/}}}}
  b.example: {{users: {{ben: ./Maildir/}}}}
  c.example: {{control: {{rcpthosts: [c.example, b.example]}}}}
mail:
  - {{name: one, at: 1s, from: ann@a.example, to: ben@b.example, subject: t, body: Hello.}}
"""


def told(*faults: str, until: str = "2h") -> Scenario:
    listed = "".join(f"  - {fault}\n" for fault in faults)
    return loads(WORLD.format(until=until) + (f"faults:\n{listed}" if faults else ""))


def played(*faults: str, until: str = "2h") -> tuple[Trace, Verdict]:
    play = told(*faults, until=until)
    trace = simulate(play).trace
    return trace, judge(play, trace)


def delivered_at(verdict: Verdict) -> list[float]:
    return [copy.t for account in verdict.accounts for copy in account.copies]


def reports(trace: Trace, host: str = "a.example") -> list[tuple[float, str | None, str]]:
    return [(one.start, one.result, one.report) for one in attempts(trace) if one.host == host]


def test_a_line_takes_one_latency_each_way() -> None:
    trace, _ = played()
    (talk,) = dialogues(trace)
    times = [line.t for line in talk.lines]
    gaps = [round(later - earlier, 6) for earlier, later in pairwise(times)]
    assert set(gaps) <= {0.0, 0.02}
    assert times == sorted(times)


def test_a_link_can_be_longer_than_the_rest() -> None:
    trace, _ = played("{down: b.example, how: refused}")
    (talk,) = [one for one in dialogues(trace) if one.client == "a.example"]
    assert talk.server == "c.example"
    assert round(talk.lines[1].t - talk.lines[0].t, 6) == 0.3


def test_a_refused_connection_moves_on_to_the_next_exchanger_at_once() -> None:
    trace, _ = played("{down: b.example, how: refused}")
    first, second = [one for one in knocks(trace) if one.host == "a.example"]
    assert (first.address, first.error) == ("10.0.0.2", "ECONNREFUSED")
    assert (second.address, second.error) == ("10.0.0.3", None)
    assert second.t - first.t < 1


def test_a_silent_host_costs_the_caller_its_own_time_out() -> None:
    trace, _ = played("{down: b.example}")
    first, second = [one for one in knocks(trace) if one.host == "a.example"]
    assert first.error == "ETIMEDOUT"
    assert first.t > 60
    assert second.error is None


def test_a_host_that_is_silent_for_an_hour_gets_its_mail_afterwards() -> None:
    _, verdict = played("{down: b.example, until: 1h}")
    (at,) = delivered_at(verdict)
    assert 3600 < at < 7200


def test_after_a_kill_the_peer_sees_its_connection_close() -> None:
    trace, verdict = played("{kill: b.example, after: qmail-queue create intd/*, back_after: 10s}")
    ((start, result, report), *_) = reports(trace)
    assert (start, result) == (1.0, "deferral")
    assert report == "Connected_to_10.0.0.2_but_connection_died._Possible_duplicate!_(#4.4.2)/"
    first = attempts(trace)[0]
    assert first.end is not None
    assert first.end < 2
    assert verdict.duplicates == 0


def test_after_a_power_cut_the_peer_waits_for_its_own_time_out() -> None:
    trace, _ = played("{power_cut: b.example, after: qmail-queue create intd/*, back_after: 10s}")
    first = attempts(trace)[0]
    assert first.end is not None
    assert 1200 < first.end < 1203


def test_a_rebooted_host_answers_an_old_connection_with_a_reset() -> None:
    """The client has more to say when the server's machine is back and knows nothing of it."""
    trace, _ = played("{power_cut: b.example, after: qmail-smtpd write tcp/1/server, nth: 2, back_after: 10ms}")
    first = attempts(trace)[0]
    assert first.result == "deferral"
    errors = [row[5] for row in trace.rows if row[1][1] == "qmail-remote" and row[3] == "tcp/1/client"]
    assert [error for error in errors if error] == ["ECONNRESET"]


def test_a_line_that_breaks_before_the_reply_to_the_dot_delivers_twice() -> None:
    trace, verdict = played("{drop: b.example, stage: dot, first: 1}")
    assert "Possible_duplicate!" in reports(trace)[0][2]
    assert len(delivered_at(verdict)) == 2
    assert verdict.duplicates == 1
    assert "acknowledgement that was lost" in " ".join(verdict.notes)
    assert verdict.broken == []


@pytest.mark.parametrize(
    ("stage", "report"),
    [
        ("greeting", "Connected_to_10.0.0.2_but_greeting_failed./Remote_host_said:_451_try_again_later/"),
        ("HELO", "Connected_to_10.0.0.2_but_my_name_was_rejected./Remote_host_said:_451_try_again_later/"),
        ("MAIL", "Connected_to_10.0.0.2_but_sender_was_rejected./Remote_host_said:_451_try_again_later/"),
        (
            "RCPT",
            "10.0.0.2_does_not_like_recipient./Remote_host_said:_451_try_again_later/Giving_up_on_10.0.0.2./",
        ),
        ("DATA", "10.0.0.2_failed_on_DATA_command./Remote_host_said:_451_try_again_later/"),
        ("dot", "10.0.0.2_failed_after_I_sent_the_message./Remote_host_said:_451_try_again_later/"),
    ],
)
def test_a_server_that_refuses_at_a_stage_for_a_while(stage: str, report: str) -> None:
    trace, verdict = played(f"{{refuse: b.example, stage: {stage}, first: 2}}")
    assert [one[1:] for one in reports(trace)] == [("deferral", report)] * 2 + [("success", reports(trace)[2][2])]
    assert all(0 <= one[0] - wanted < 2 for one, wanted in zip(reports(trace), (1, 402, 1602), strict=True))
    assert verdict.duplicates == 0
    assert len(delivered_at(verdict)) == 1


def test_a_permanent_refusal_bounces() -> None:
    _, verdict = played("{refuse: b.example, stage: RCPT, code: 550, to: 'be*'}")
    assert verdict.count("bounced") == 1
    assert verdict.broken == []


def test_a_refusal_by_chance_is_the_same_chance_every_time() -> None:
    fault = "{refuse: b.example, stage: MAIL, rate: 0.5}"
    assert reports(played(fault)[0]) == reports(played(fault)[0])


def test_name_servers_that_fail_defer_and_unknown_names_bounce() -> None:
    trace, verdict = played("{dns: b.example, answer: servfail, until: 5m}")
    assert reports(trace)[0][1:] == ("deferral", "CNAME_lookup_failed_temporarily._(#4.4.3)/")
    assert len(delivered_at(verdict)) == 1
    trace, verdict = played("{dns: b.example, answer: nxdomain}")
    assert reports(trace)[0][2] == "Sorry,_I_couldn't_find_any_host_named_b.example._(#5.1.2)/"
    assert verdict.count("bounced") == 1


def test_a_silent_name_server_costs_four_seconds() -> None:
    trace, _ = played("{dns: b.example, answer: silent, until: 5m}")
    first = attempts(trace)[0]
    assert first.end == 5.0


def test_alarm_tries_everything_at_once() -> None:
    trace, verdict = played(
        "{down: b.example, how: refused, until: 2m}",
        "{down: c.example, how: refused, until: 2m}",
        "{signal: a.example, name: ALRM, at: 3m}",
    )
    assert [round(one[0]) for one in reports(trace)] == [1, 180]
    assert len(delivered_at(verdict)) == 1


def test_a_terminated_qmail_send_says_so_and_its_children_leave() -> None:
    trace, _ = played("{signal: a.example, name: TERM, at: 10s}")
    assert log_lines(trace, "a.example")[-1].text == "status: exiting"
    left = {row[1][1] for row in trace.rows if row[1][0] == "a.example" and row[2][0] == "exit" and row[0] == 10}
    assert left == {"qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean", "splogger"}


def test_a_moment_can_be_the_nth_of_its_kind() -> None:
    trace, _ = played("{kill: b.example, after: qmail-send unlink, nth: 2, back_after: 1s}", until="10m")
    at = next(index for index, row in enumerate(trace.rows) if row[2][0] == "kill_all")
    made = [row for row in trace.rows[:at] if row[1][:2] == ("b.example", "qmail-send") and row[5] is None]
    assert [row[3].partition("/")[0] for row in made if row[2][0] == "unlink"] == ["local", "info"]


def test_killing_one_program_leaves_the_others() -> None:
    trace, _ = played("{kill: a.example, program: qmail-clean, at: 5s}", until="10s")
    assert [row[1][1] for row in trace.rows if row[2][0] == "killed"] == ["qmail-clean"]


def test_a_host_without_power_stays_off_and_letters_wait_for_it() -> None:
    play = loads(
        "title: t\nuntil: 1h\nhosts: {a.example: {users: {ann: ./Maildir/}}}\n"
        "mail: [{at: 10s, from: ann@a.example, to: ann@a.example}]\n"
        "faults: [{power_cut: a.example, at: 5s, back_after: 10m}]\n"
    )
    verdict = judge(play, simulate(play).trace)
    assert delivered_at(verdict) == [605.0]


def test_a_host_talks_to_itself_without_a_wire() -> None:
    play = loads(
        "title: t\nuntil: 1m\nhosts: {a.example: {control: {smtproutes: 'b.example:127.0.0.1'}}}\n"
        "mail: [{at: 1s, from: ann@a.example, to: ben@b.example}]\n"
    )
    (talk,) = dialogues(simulate(play).trace)
    assert (talk.client, talk.server) == ("a.example", "a.example")
    assert talk.lines[-1].t - talk.lines[0].t == 0


def test_what_a_fault_says_stands_in_the_transcript() -> None:
    trace, verdict = played("{refuse: b.example, stage: RCPT, code: 550, text: go away}")
    (talk, *_) = dialogues(trace)
    said = [f"{line.side}: {line.text}" for line in talk.lines]
    place = said.index("C: RCPT TO:<ben@b.example>")
    assert said[place + 1] == "S: 550 go away"
    assert [one.reply for one in refusals(dialogues(trace))] == ["550 go away"]
    assert verdict.broken == []


def test_nothing_is_after_a_call_that_failed() -> None:
    """qmail-send tries to remove an info/N that is not there before it makes one; that is no moment."""
    trace, _ = played("{power_cut: b.example, after: qmail-send unlink info/*, back_after: 1s}")
    at = next(index for index, row in enumerate(trace.rows) if row[2][0] == "power_cut")
    before = [row for row in trace.rows[:at] if row[1][1] == "qmail-send" and row[2][0] == "unlink"]
    assert before[-1][5] is None


def test_three_hundred_hosts_without_addresses_get_one_each() -> None:
    play = loads("title: t\nhosts:\n" + "".join(f"  h{n}.example: {{mta: none}}\n" for n in range(300)))
    _, found = addresses(play, Zone.parse(play.dns))
    assert len(set(found.values())) == 300


def test_a_made_up_address_is_nobody_else_s() -> None:
    play = loads("title: t\ndns: 'b.example. IN A 192.0.2.1'\nhosts: {a.example: {}, b.example: {}}\n")
    _, found = addresses(play, Zone.parse(play.dns))
    assert found == {"a.example": "192.0.2.2", "b.example": "192.0.2.1"}


def test_a_fault_that_never_happens_is_told() -> None:
    play = told(
        "{power_cut: b.example, after: qmail-send unlink todo/*}", "{kill: b.example, program: qmail-sned, at: 5s}"
    )
    (first, second) = unfired(play, simulate(play).trace)
    assert first.why == "no call was qmail-send unlink todo/*; but there was qmail-clean unlink"
    assert second.why == "there was no qmail-sned to hit"
    assert unfired(told("{power_cut: b.example, at: 5s}"), played("{power_cut: b.example, at: 5s}")[0]) == []


@pytest.mark.parametrize(("disk", "cut"), [(1, True), (2, True), (99, False)])
def test_a_disk_that_could_not_be_left_is_not_found(disk: int, cut: bool) -> None:
    told = loads(f"""
title: which disk
until: 5m
hosts: {{a.example: {{filesystem: async, users: {{ann: ./Maildir/}}}}}}
mail: [{{at: 1s, from: ann@a.example, to: ann@a.example}}]
faults: [{{power_cut: a.example, after: qmail-queue link mess/*, back_after: 60s, disk: {disk}}}]
""")
    trace = simulate(told).trace
    assert any(row[2][0] == "power_cut" for row in trace.rows) == cut
    assert [one.why for one in unfired(told, trace)] == ([] if cut else ["fewer than 99 disks could be left there"])


def test_of_two_operators_one_after_the_other_the_second_leaves_it_to_the_first() -> None:
    """Both look after a dead logger; whoever comes while the other waits for qmail-send to leave has nothing to do."""
    world = World(scenario.load("scenarios/02-local-delivery.yaml"))
    world.start()
    world.run(30.0)
    ((_, host),) = world.hosts.items()
    machine = host.machine
    logger = next(one for one in machine.processes.values() if one.program == "splogger")
    machine.signal(logger, "KILL")
    host.restart(10.0)
    host.restart(10.5)
    world.run(100.0)
    made = [row for row in world.trace.rows if row[0] > 30.0]
    assert Counter(row[2][1] for row in made if row[2][0] == "start") == {"qmailctl": 1}
    assert Counter(one.program for one in machine.processes.values())["qmail-send"] == 1
    assert sum(row[2][0] == "sysctl" for row in made) < 5
