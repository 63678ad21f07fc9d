"""Scenarios: what the keys mean, what their defaults are, and that a saved one comes back the same."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from sim import scenario
from sim.notation.moments import Moment
from sim.scenario import expect, faults
from sim.scenario.ask import Question
from sim.scenario.host import Host
from sim.scenario.model import Mail, Scenario, Telnet
from sim.scenario.mua import Mua
from sim.scenario.steps import Step

FULL = """\
title: Power fails after the message is queued, before the 250
lesson: >-
  The message is safe in the queue, but nobody told the sender.
start: 2011-11-22T08:00:00+07:00   # where the simulated clock begins (has a default)
until: 2h                          # durations: 250ms, 30s, 5m, 2h, 8d
seed: 1

dns: |                             # a zone file, as name servers read it
  $ORIGIN itb.ac.id.
  students  IN A  167.205.22.114
            IN MX 10  students
            IN MX 50  mx2
            IN MX 100 mx1
  ai3       IN A  167.205.22.1

network:
  latency: 20ms
  links:
    - {between: [students.itb.ac.id, ai3.itb.ac.id], latency: 120ms}

hosts:
  students.itb.ac.id:
    mta: qmail
    filesystem: ffs
    control: {concurrencylocal: 10}
    tcprules: |
      167.205.22.:allow,RELAYCLIENT=""
      :allow
    users:
      wahid: ./Maildir/
      carol: {.qmail: ./Mailbox, .qmail-list: "&wahid"}
  ai3.itb.ac.id: {mta: qmail, users: {riza: ./Maildir/}}

mail:
  - name: tes
    at: 0s
    from: riza@ai3.itb.ac.id
    to: [wahid@students.itb.ac.id]
    subject: tes
    body: Ini cuma tes.

faults:
  - {power_cut: students.itb.ac.id, after: link todo/*, back_after: 60s}
  - {kill: students.itb.ac.id, program: qmail-send, at: 5s}
  - {down: students.itb.ac.id, how: refused, from: 0s, until: 3h}
  - {refuse: students.itb.ac.id, stage: RCPT, code: 451, first: 3}
  - {drop: students.itb.ac.id, stage: dot}
  - {signal: students.itb.ac.id, program: qmail-send, name: ALRM, at: 33m}
  - {dns: students.itb.ac.id, answer: servfail, from: 0s, until: 1h}

expect:
  - {delivered: wahid@students.itb.ac.id, copies: 2}

ask:
  - after: link todo/*
    question: The power fails now. How many copies will arrive?
    choices: [0, 1, 2]
    answer: 2
    why: Both hosts keep the letter.
"""
SMALL = "title: tes\nhosts: {a.example: {users: {ani: ./Maildir/}}, b.example: {}}\n"


def one(kind: str, text: str) -> Any:
    """The only item of `mail`, `faults` or `expect`."""
    return getattr(scenario.loads(f"{SMALL}{kind}: [{text}]"), kind)[0]


def test_the_example_of_the_format_loads(tmp_path: Path) -> None:
    path = tmp_path / "full.yaml"
    path.write_text(FULL)
    read = scenario.load(path)
    assert read.until == 7200
    assert read.network.links[0].latency == 0.12
    assert read.hosts["students.itb.ac.id"].control == {"concurrencylocal": "10\n"}
    assert read.hosts["students.itb.ac.id"].users["carol"] == {".qmail": "./Mailbox\n", ".qmail-list": "&wahid\n"}
    assert read.mail[0].host == "ai3.itb.ac.id"
    assert [fault.kind for fault in read.faults] == ["power_cut", "kill", "down", "refuse", "drop", "signal", "dns"]
    assert read.faults[0] == one("faults", "{power_cut: a.example, after: link todo/*, back_after: 60s}").model_copy(
        update={"host": "students.itb.ac.id"}
    )


def test_what_is_left_out_has_a_default() -> None:
    read = scenario.loads("title: tes\nhosts:\n  a.example:\nmail:\nfaults:\n# - {kill: a.example, at: 5s}\n")
    assert read.hosts == {"a.example": Host()}
    assert read.hosts["a.example"].tcprules == ":allow\n"
    assert (read.start, read.until, read.seed) == (datetime.fromisoformat("2011-11-22T08:00+07:00"), 7200, 1)
    assert (read.lesson, read.dns, read.network.latency, read.mail, read.faults) == ("", "", 0.02, (), ())


def test_a_letter_and_its_defaults() -> None:
    mail: Mail = one("mail", "{from: ani@A.example, to: budi}")
    assert (mail.name, mail.at, mail.to, mail.host) == ("mail-1", 0, ("budi",), "a.example")
    assert (mail.subject, mail.body, mail.header, mail.raw, mail.via) == ("", "", {}, None, None)
    assert (mail.copies, mail.every) == (1, 0)


def test_letters_are_named_by_their_position() -> None:
    second = "{name: tes, from: ani, on: B.EXAMPLE, to: x}, {from: '', on: b.example, to: x}"
    mail = scenario.loads(f"{SMALL}mail: [{{from: ani@a.example, to: x}}, {second}]").mail
    assert [item.name for item in mail] == ["mail-1", "tes", "mail-3"]
    assert [item.host for item in mail] == ["a.example", "b.example", "b.example"]


def test_words_are_kept_as_they_were_typed() -> None:
    mail = one("mail", "{from: ani@a.example, to: x, subject: no, body: 1.10, header: {X-Day: 2011-11-22, X-Z: 007}}")
    assert (mail.subject, mail.body) == ("no", "1.10")
    assert list(mail.header.items()) == [("X-Day", "2011-11-22"), ("X-Z", "007")]


def test_control_files_and_users() -> None:
    text = "title: t\nhosts:\n  X.Example:\n    control: {locals: [x, localhost], me: x, databytes: 5, rcpthosts: }\n"
    host = scenario.loads(text + "    users: {ani: , budi: {.qmail-default: '&ani'}, alias: {.qmail-root: ani}}").hosts
    assert host["x.example"].control == {"locals": "x\nlocalhost\n", "me": "x\n", "databytes": "5\n", "rcpthosts": ""}
    assert host["x.example"].users == {
        "ani": {},
        "budi": {".qmail-default": "&ani\n"},
        "alias": {".qmail-root": "ani\n"},
    }


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{kill: A.example, at: 5s}", {"host": "a.example", "program": None, "at": 5, "nth": 1, "back_after": None}),
        ("{kill: a.example, program: qmail-send, before: exit, nth: 2}", {"before": Moment("", "exit"), "nth": 2}),
        ("{power_cut: a.example, after: link todo/*, back_after: 60s}", {"after": Moment("", "link", "todo/*")}),
        ("{down: a.example}", {"how": "silent", "since": 0, "until": None}),
        ("{down: a.example, how: refused, from: 1s, until: 3h}", {"how": "refused", "since": 1, "until": 10800}),
        ("{refuse: a.example, stage: RCPT}", {"code": 451, "text": None, "first": None, "to": None, "rate": None}),
        ("{refuse: a.example, stage: RCPT, code: 550, to: tmp*, rate: 0.3}", {"code": 550, "to": "tmp*", "rate": 0.3}),
        ("{drop: a.example, stage: greeting, first: 1}", {"stage": "greeting", "first": 1}),
        ("{signal: a.example, name: ALRM, at: 33m}", {"program": "qmail-send", "name": "ALRM", "at": 1980}),
        ("{dns: Elsewhere.example, answer: rotate}", {"name": "elsewhere.example", "answer": "rotate"}),
    ],
)
def test_faults(text: str, values: dict[str, object]) -> None:
    fault = one("faults", text)
    assert {key: getattr(fault, key) for key in values} == values
    assert fault.kind == text[1:].split(":")[0]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{delivered: ani@a.example}", {"address": "ani@a.example", "copies": 1, "mail": None, "on": None}),
        ("{delivered: ani, copies: 0, by: 5m, on: A.example}", {"copies": 0, "by": 300, "on": "a.example"}),
        ("{queued: A.example, at: 3s}", {"host": "a.example", "count": None, "at": 3}),
        ("{bounced: x@y, count: 2, mail: mail-1}", {"address": "x@y", "count": 2, "mail": "mail-1"}),
        ("{refused: x@y, reply: 550}", {"address": "x@y", "reply": "550"}),
        ("{attempts: x@y, count: 3}", {"address": "x@y", "count": 3}),
        ("{state: S4, at: 2s, count: 1, on: b.example}", {"state": "S4", "at": 2, "on": "b.example"}),
    ],
)
def test_expectations(text: str, values: dict[str, object]) -> None:
    read = scenario.loads(f"{SMALL}mail: [{{from: ani@a.example, to: x}}]\nexpect: [{text}]").expect[0]
    assert {key: getattr(read, key) for key in values} == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{at: 5s, question: how many?, choices: [0, 1], answer: 1}", {"at": 5, "choices": ("0", "1"), "answer": "1"}),
        (
            "{before: mark local/*, on: A.example, nth: 2, question: q, choices: [a, b], answer: b, why: so}",
            {"before": Moment("", "mark", "local/*"), "on": "a.example", "nth": 2, "why": "so"},
        ),
        ("{after: qmail-queue exit, question: q, choices: [a, b], answer: a}", {"why": "", "on": None, "nth": 1}),
    ],
)
def test_questions(text: str, values: dict[str, object]) -> None:
    question = one("ask", text)
    assert {key: getattr(question, key) for key in values} == values


def test_aliases_stand_for_whole_values() -> None:
    read = scenario.loads("title: t\nhosts: {a: &h {users: &u {x: ./Maildir/}}, b: *h, c: {users: *u}}")
    assert read.hosts["a"] == read.hosts["b"] == read.hosts["c"]


def test_nothing_changes_later() -> None:
    read = scenario.loads(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        read.seed = 2  # type: ignore[misc]


def models() -> list[type[BaseModel]]:
    return [*faults.FAULTS.values(), *expect.EXPECTATIONS.values(), Host, Mua, Mail, Telnet, Step, Question, Scenario]


@pytest.mark.parametrize("model", models(), ids=lambda model: model.__name__)
def test_every_key_is_described(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


def test_the_schema_has_the_words_of_the_format() -> None:
    schema = scenario.schema()
    mail = schema["$defs"]["Mail"]["properties"]
    assert "from" in mail
    assert "sender" not in mail
    assert schema["$defs"]["Kill"]["required"] == ["kill"]
    assert schema["properties"]["until"]["anyOf"][0]["type"] == "string"
    assert schema["properties"]["until"]["default"] == "2h"
    assert schema["properties"]["title"]["description"]
    assert json.loads(json.dumps(schema)) == schema


def test_a_saved_scenario_is_a_scenario() -> None:
    read = scenario.loads(FULL)
    data = json.loads(json.dumps(scenario.to_data(read)))
    assert scenario.from_data(data) == read
    assert scenario.loads(json.dumps(data)) == read
    assert scenario.to_data(scenario.from_data(data)) == data


ADDRESSES = st.from_regex(r"[a-z]{1,5}@(a|b)\.example", fullmatch=True)
DURATIONS = st.integers(0, 10**12).map(lambda microseconds: f"{microseconds}us")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
MAILS = st.fixed_dictionaries(
    {"from": ADDRESSES, "to": st.lists(ADDRESSES, min_size=1, max_size=3)},
    optional={"at": DURATIONS, "subject": TEXTS, "body": TEXTS, "copies": st.integers(1, 100), "every": DURATIONS},
)
FAULTS = st.fixed_dictionaries(
    {"kill": st.sampled_from(["a.example", "B.example"]), "after": st.sampled_from(["link todo/*", "qmail-send exit"])},
    optional={"nth": st.integers(1, 9), "back_after": DURATIONS, "program": st.just("qmail-send")},
)


@given(st.lists(MAILS, max_size=3), st.lists(FAULTS, max_size=3), TEXTS.filter(bool), st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_to_data_and_back(mail: list[Any], faults: list[Any], title: str, seed: int) -> None:
    hosts = {"a.example": {"users": {"ani": "./Maildir/"}}, "b.example": None}
    read = scenario.from_data({"title": title, "hosts": hosts, "mail": mail, "faults": faults, "seed": seed})
    data = json.loads(json.dumps(scenario.to_data(read)))
    assert scenario.from_data(data) == read
    assert scenario.loads(json.dumps(data)) == read


@pytest.mark.parametrize(
    "lesson",
    ["word " * 60, "# hash " + "word " * 60, "word: " * 60, "a" * 200, "- " * 80, "two  " * 40, "tab\t" * 60],
    ids=lambda lesson: lesson[:6],
)
def test_a_long_line_is_folded_and_read_as_it_was(lesson: str) -> None:
    lesson = lesson.strip()
    plain = scenario.loads("title: t\nhosts: {a.example: {users: {u: ./Maildir/}}}\n")
    text = scenario.to_yaml(plain.model_copy(update={"lesson": lesson}))
    assert scenario.loads(text).lesson == lesson
    if lesson.isprintable() and " " in lesson and "  " not in lesson:
        assert max(map(len, text.splitlines())) <= 115


WORDS = st.sampled_from(
    ["a", "word", "#", "-", ":", "? x", "'", '"', "{", "[", "|", ">", "&a", "*b", "!t", "%", "@", "`", "…", "\\",
     "x: y", "  ", "a" * 130, "null", "yes", "1.5", "2011-11-22", "~"]
)  # fmt: skip


@example("a" * 125 + "\x1f0 0", "", False)
@example('"\x85', "a\u2028b", True)
@example("a", "\x1f\ufeff", True)
@given(st.lists(WORDS, min_size=1, max_size=60).map(" ".join), st.text(max_size=200), st.booleans())
def test_any_text_of_a_scenario_is_written_so_that_it_is_read_again(lesson: str, text: str, lines: bool) -> None:
    plain = scenario.loads(
        "title: t\nhosts: {a.example: {users: {u: {}}}}\nmail: [{from: u@a.example, to: u@a.example}]\n"
    )
    data = scenario.to_data(plain)
    data["lesson"] = lesson.strip()
    data["mail"][0]["body"] = f"{lesson}{chr(10) * lines}{text}"
    try:
        told = scenario.from_data(data)
    except scenario.ScenarioError:
        reject()
    assert scenario.loads(scenario.to_yaml(told)) == told
