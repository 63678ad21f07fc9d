"""Where qmail-remote goes, in cases that nobody recorded: half an answer, addresses in brackets, odd routes."""

from __future__ import annotations

import sim
from sim.dns import MX, exchangers
from sim.scenario import loads

THREE = """
title: t
until: 5m
dns: |
  a.example. IN A 10.0.0.1
  b.example. IN A 10.0.0.2
  c.example. IN A 10.0.0.3
  d.example. IN MX 10 gone.example.
             IN MX 20 c.example.
  e.example. IN MX 10 10.0.0.3.
  nick.example. IN CNAME b.example.
  mine.example. IN CNAME a.example.
  empty.example. IN CNAME text.example.
  text.example. IN TXT "x"
  low.example. IN MX 10 a.example.
               IN MX 20 10.0.0.3.
  own.example. IN MX 10 c.example.
               IN MX 20 10.0.0.1.
hosts:
  a.example: {{users: {{ann: ./Maildir/}}, control: {{{control}}}}}
  b.example: {{users: {{bob: ./Maildir/}}}}
  c.example:
    users: {{cid: ./Maildir/}}
    control: {{locals: "c.example\\nd.example\\ne.example", rcpthosts: "c.example\\nd.example\\ne.example"}}
mail:
  - {{from: ann@a.example, to: "{to}", subject: x}}
faults: [{faults}]
"""


def reports(to: str, *, control: str = "", faults: str = "") -> list[str]:
    run = sim.run(loads(THREE.format(to=to, control=control, faults=faults)))
    lines = str(run.log("a.example")).splitlines()
    return [line for line in lines if " delivery 1: " in line and "starting" not in line]


def test_one_exchanger_that_cannot_be_looked_up_is_passed_over() -> None:
    (report,) = reports("cid@d.example", faults="{dns: gone.example, answer: servfail}")
    assert "success: 10.0.0.3_accepted_message." in report


def test_with_no_exchanger_left_it_waits() -> None:
    gone, there = "{dns: gone.example, answer: servfail}", "{dns: c.example, answer: servfail}"
    (report,) = reports("cid@d.example", faults=f"{gone}, {there}")
    assert "deferral: Sorry,_I_couldn't_find_any_host_by_that_name._(#4.1.2)/" in report


def test_an_exchanger_may_be_an_address() -> None:
    assert "success: 10.0.0.3_accepted" in reports("cid@e.example")[0]


def test_the_own_address_in_brackets_is_no_way_out() -> None:
    (report,) = reports("ann@[10.0.0.1]")
    assert "failure: Sorry._Although_I'm_listed_as_a_best-preference_MX_or_A" in report
    assert "success: 10.0.0.2_accepted" in reports("bob@[10.0.0.2]")[0]


def test_of_two_routes_the_last_counts_and_a_line_without_a_colon_none() -> None:
    routes = 'smtproutes: "d.example:b.example\\nd.example:[10.0.0.3]\\nc.example\\n"'
    assert "success: 10.0.0.3_accepted" in reports("cid@d.example", control=routes)[0]
    assert "success: 10.0.0.3_accepted" in reports("cid@c.example", control=routes)[0]


def test_a_nickname_stays_in_the_envelope() -> None:
    (report,) = reports("bob@nick.example")
    assert "failure: 10.0.0.2_does_not_like_recipient./Remote_host_said:_553_sorry,_that_domain_isn't_in_my" in report
    assert "failure: Sorry._Although_I'm_listed_as_a_best-preference_MX_or_A" in reports("ann@mine.example")[0]


def test_the_names_that_a_nickname_leads_to_are_looked_up_as_well() -> None:
    (report,) = reports("bob@nick.example", faults="{dns: b.example, answer: servfail, until: 1m}")
    assert "deferral: CNAME_lookup_failed_temporarily._(#4.4.3)/" in report


def test_a_nickname_of_a_name_without_an_address() -> None:
    nothing = "failure: Sorry,_I_couldn't_find_a_mail_exchanger_or_IP_address._(#5.4.4)/"
    assert nothing in reports("x@empty.example")[0]
    assert "failure: Sorry,_I_couldn't_find_any_host_named_text.example._(#5.1.2)/" in reports("x@text.example")[0]


def test_an_exchanger_that_is_an_address_comes_first_whatever_its_preference() -> None:
    assert "10.0.0.3_does_not_like_recipient." in reports("x@low.example")[0]
    assert "Although_I'm_listed_as_a_best-preference_MX_or_A" in reports("x@own.example")[0]


def test_of_equal_exchangers_the_last_takes_the_place_of_the_one_that_was_tried() -> None:
    assert exchangers(MX(10, name) for name in "abcd") == [MX(10, name) for name in "adcb"]
    assert exchangers([MX(5, "a"), MX(10, "b"), MX(10, "c")]) == [MX(5, "a"), MX(10, "c"), MX(10, "b")]
