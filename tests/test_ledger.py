"""The ledger in cases where a careless one would be wrong: it neither overlooks a loss nor cries one."""

from __future__ import annotations

import pytest

from sim.scenario import loads
from sim.verdict import Verdict, judge
from sim.world.simulate import simulate

HOSTS = """\
hosts:
  a.example:
    users:
      ann: ./Maildir/
      box: ./Mailbox
      def: "|exit 111"
      fwd: "&ann@a.example"
      two: "./Maildir/\\n./Maildir/"
      half: "./Maildir/\\n|exit 111"
      both: "|forward ann@a.example\\n&box@a.example\\n|forward ann@a.example"
      drop: "# nothing"
      prog: "|cat >/dev/null"
  b.example: {users: {ben: ./Maildir/}}
"""


def judged(to: str, *faults: str, sender: str = "ann@a.example", until: str = "10m", more: str = "") -> Verdict:
    listed = "".join(f"  - {fault}\n" for fault in faults)
    play = loads(
        f"title: t\nuntil: {until}\n{HOSTS}{more}"
        f"mail:\n  - {{at: 1s, from: {sender}, to: {to}, subject: t, body: Hello.}}\n"
        + (f"faults:\n{listed}" if faults else "")
    )
    return judge(play, simulate(play).trace)


def outcomes(verdict: Verdict) -> dict[str, str]:
    return {account.recipient: account.outcome for account in reversed(verdict.accounts)}


CUT = "{power_cut: a.example, %s, back_after: 60s}"


def test_a_recipient_that_waits_through_a_power_cut_is_not_lost() -> None:
    """The cut takes the mark of the other recipient, not the letter."""
    verdict = judged("[ann@a.example, def@a.example]", CUT % "at: 5s")
    assert verdict.broken == []
    assert outcomes(verdict)["def@a.example"] == "queued"
    verdict = judged("def@a.example", CUT % "after: qmail-send write info/*")
    assert verdict.broken == []


@pytest.mark.parametrize(
    ("to", "outcome"),
    [
        ("ann@a.example", "delivered"),
        ("box@a.example", "delivered"),
        ("def@a.example", "queued"),
        ("fwd@a.example", "forwarded"),
        ("drop@a.example", "discarded by instruction"),
        ("prog@a.example", "given to a program"),
        ("nobody@a.example", "bounced"),
        ("ben@b.example", "handed over"),
        ("two@a.example", "delivered"),
    ],
)
def test_each_outcome_has_its_name(to: str, outcome: str) -> None:
    verdict = judged(to)
    assert outcomes(verdict)[to] == outcome
    assert verdict.broken == []
    assert verdict.duplicates == 0


def test_a_recipient_named_twice_gets_two_copies_and_that_is_no_duplicate() -> None:
    for to in ("[ann@a.example, ann@a.example]", "[ben@b.example, ben@b.example]"):
        verdict = judged(to)
        assert verdict.broken == []
        assert verdict.duplicates == 0


def test_a_later_line_that_fails_explains_the_copies_before_it() -> None:
    verdict = judged("half@a.example")
    assert verdict.broken == []
    assert "put the delivery off" in " ".join(verdict.notes)


def test_a_bounce_that_is_sent_twice_is_a_duplicate_with_a_reason() -> None:
    verdict = judged("nobody@a.example", CUT % "before: unlink bounce/*")
    assert verdict.duplicates == 1
    assert verdict.broken == []
    assert "explained by a power cut" in " ".join(verdict.notes)


def test_a_virtual_domain_s_prefix_is_not_in_its_bounce() -> None:
    more = "  v.example: {control: {virtualdomains: 'w.example:ann'}, users: {ann: ./Maildir/}}\n"
    verdict = judged("nix@w.example", sender="ann@v.example", more=more)
    assert outcomes(verdict)["ann-nix@w.example"] == "bounced"
    assert verdict.notes == []


def test_odd_addresses_are_the_same_in_envelope_and_log() -> None:
    more = "  s.example: {mta: scripted}\n"
    assert outcomes(judged("x%y@s.example", more=more)) == {"x%y@s.example": "handed over"}
    verdict = judged("b%b@b.example", "{drop: b.example, stage: dot, first: 1}", until="2h")
    assert verdict.broken == []


def test_a_machine_that_stays_off_is_not_blamed_for_its_queue() -> None:
    verdict = judged("def@a.example", "{power_cut: a.example, at: 5s}", until="20d")
    assert verdict.broken == []


def test_a_queue_lifetime_that_is_no_number_is_the_usual_one() -> None:
    play = loads(
        "title: t\nuntil: 1h\nhosts: {a.example: {control: {queuelifetime: abc}, users: {def: '|exit 111'}}}\n"
        "mail: [{from: def@a.example, to: def@a.example}]\n"
    )
    assert judge(play, simulate(play).trace).broken == []


def test_every_signal_of_the_format_can_be_sent() -> None:
    for name in ("ALRM", "HUP", "TERM", "INT", "QUIT", "KILL", "PIPE", "USR1", "USR2"):
        assert judged("ann@a.example", f"{{signal: a.example, name: {name}, at: 5s}}").broken == []


@pytest.mark.parametrize(
    "moment", ["create info/*", "create local/*", "fsync info/*", "write local/*", "fsync local/*"]
)
def test_a_crash_while_preprocessing_starts_it_afresh_and_delivers_once(moment: str) -> None:
    """What lies in info/ and local/ beside a todo/N is of an attempt that did not get to its end."""
    for fault in (
        CUT % f"after: qmail-send {moment}",
        f"{{kill: a.example, after: qmail-send {moment}, back_after: 9s}}",
    ):
        verdict = judged("ann@a.example", fault)
        assert verdict.duplicates == 0
        assert outcomes(verdict) == {"ann@a.example": "delivered"}


def test_a_report_that_looks_like_the_end_of_the_notes_hides_nobody() -> None:
    users = HOSTS.replace(
        'drop: "# nothing"',
        'mark: "|echo \'--- Below this line is a copy of the message.\'; exit 100"\n      slow: "|sleep 2; exit 100"',
    )
    play = loads(
        f"title: t\nuntil: 10m\n{users}"
        "mail: [{at: 1s, from: ann@a.example, to: [mark@a.example, slow@a.example], body: one}]\n"
        "expect: [{bounced: mark@a.example}, {bounced: slow@a.example}]\n"
    )
    verdict = judge(play, simulate(play).trace)
    assert verdict.ok
    assert {"mark@a.example": "bounced", "slow@a.example": "bounced"}.items() <= outcomes(verdict).items()


def without_fsync_of_an_mbox(to: str, cut: str) -> Verdict:
    """A letter to an mbox whose copies wait for no platter, and a power cut."""
    hosts = HOSTS.replace("  b.example", "    unsynced: [fsync ~box/*]\n  b.example")
    play = loads(
        f"title: t\nuntil: 10m\n{hosts}"
        f"mail: [{{at: 1s, from: ann@a.example, to: {to}, body: one}}]\n"
        f"faults: [{{power_cut: a.example, after: {cut}, back_after: 60s}}]\n"
    )
    return judge(play, simulate(play).trace)


def test_a_letter_that_was_delivered_once_more_is_not_lost_with_its_first_copy() -> None:
    verdict = without_fsync_of_an_mbox("box@a.example", "qmail-local exit")
    assert outcomes(verdict)["box@a.example"] == "delivered"
    assert verdict.broken == []


def test_of_two_copies_that_were_ordered_both_must_be_there() -> None:
    verdict = without_fsync_of_an_mbox("[box@a.example, box@a.example]", "qmail-send unlink info/*")
    assert outcomes(verdict)["box@a.example"] == "lost"


def test_what_instructions_forward_several_times_is_no_duplicate_unless_they_are_followed_again() -> None:
    assert (judged("both@a.example").broken, judged("both@a.example").duplicates) == ([], 0)
    again = judged("both@a.example", "{kill: a.example, before: mark local/*, back_after: 60s}")
    (account,) = [one for one in again.accounts if one.recipient == "both@a.example"]
    assert (len(account.forwards), account.duplicates, again.broken) == (6, 3, [])
