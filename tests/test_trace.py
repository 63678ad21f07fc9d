"""The trace: rows for folds, records for people, and JSON lines that come back as they went."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.machine.alone import run_alone
from sim.machine.calls import ARGUMENTS, create, fork, read, write
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.notation.moments import VERBS
from sim.trace import EVENTS, Record, Row, Trace, verb_of

SEND = ("mail", "qmail-send", 4)
ROWS: list[Row] = [
    (0.0, ("", "", 0), ("scenario", {"title": "tes", "mail": [{"to": ["riza"]}]}), None, None, None),
    (0.0, ("mail", "", 0), ("boot",), None, None, None),
    (0.0, ("mail", "qmail-inject", 3), ("start", "qmail-inject", ("-a",), "riza", "tes"), None, None, None),
    (0.25, SEND, ("link", "intd/9", "todo/9"), "todo/9", None, None),
    (0.25, SEND, ("read", 0, 10), "mess/9", b"a\r\n\0\xe9\xff", None),
    (0.25, SEND, ("connect", "10.0.0.1", 25, 60.0), "10.0.0.1", None, "ETIMEDOUT"),
    (0.25, SEND, ("write", 7, b"D"), "local/9", 1, None),
    (0.25, SEND, ("select", (0, 1), None), None, (1, "ALRM"), None),
    (0.25, SEND, ("execve", "qmail-local", ("--", "riza"), None, {0: 3}), "qmail-local", None, None),
    (1.5, SEND, ("exit", 111), None, None, "EIO"),
    (1.5, ("students", "", 0), ("say", b"451 later \xe9\r\n"), "tcp/1/server", None, None),
]


def saved(rows: list[Row], path: Path) -> Trace:
    path.write_bytes(Trace(rows).to_jsonl(ARGUMENTS))
    return Trace.from_jsonl(path, ARGUMENTS)


def test_a_record_reads_in_words_and_unpacks_as_a_row() -> None:
    record = Trace(ROWS)[6]
    assert (record.t, record.host, record.program, record.pid, record.verb, record.target) == (
        0.25, "mail", "qmail-send", 4, "mark", "local/9",
    )  # fmt: skip
    t, who, *_ = record
    assert (t, who) == (0.25, SEND)


def test_a_verb_that_no_call_has_is_refused() -> None:
    trace = Trace(ROWS)
    assert [len(trace.filter(verb=verb)) for verb in ("link", "mark", "boot", "fsync")] == [1, 1, 1, 0]
    with pytest.raises(ValueError, match=r"unknown verb 'lnk' \(did you mean 'link'\?\)"):
        trace.filter(verb="lnk")
    assert {*ARGUMENTS, *EVENTS} <= VERBS | EVENTS.keys()


@pytest.mark.parametrize(
    ("call", "target", "verb"),
    [
        (("write", 7, b"D"), "local/9", "mark"),
        (("write", 7, b"D"), "remote/9", "mark"),
        (("write", 7, b"D"), "mess/9", "write"),
        (("write", 7, b"DD"), "local/9", "write"),
        (("write", 7, b"\0"), "lock/trigger", "trigger"),
        (("write", 7, b"D"), None, "write"),
        (("open", "lock/trigger", "w"), "lock/trigger", "open"),
    ],
)
def test_two_telling_writes_have_verbs_of_their_own(call: tuple[object, ...], target: str | None, verb: str) -> None:
    assert verb_of(call, target) == verb


def test_a_trace_counts_iterates_slices_and_shows_its_size() -> None:
    trace = Trace(ROWS)
    assert len(trace) == len(ROWS)
    assert list(trace) == ROWS
    assert all(isinstance(record, Record) for record in trace)
    assert list(trace[2:4]) == ROWS[2:4]
    assert repr(trace[2:4]) == "<Trace of 2 records>"


def test_a_filter_joins_its_words_and_takes_the_start_of_a_target() -> None:
    trace = Trace(ROWS)
    assert trace.filter(program="qmail-send", verb="read", target="mess/") == [ROWS[4]]
    assert trace.filter(host="mail", verb="boot") == [ROWS[1]]
    assert trace.filter(host="elsewhere") == []


def test_an_event_belongs_to_a_host_and_to_no_program() -> None:
    trace = Trace()
    trace.event(3.0, "mail", ("power_cut",), (("mess/9", 6, 0),))
    assert trace.rows == [(3.0, ("mail", "", 0), ("power_cut",), None, (("mess/9", 6, 0),), None)]


def test_a_line_names_what_a_program_needs_to_read_it() -> None:
    lines = [json.loads(line) for line in Trace(ROWS).to_jsonl(ARGUMENTS).splitlines()]
    assert lines[3] == {
        "t": 0.25, "host": "mail", "program": "qmail-send", "pid": 4,
        "call": "link", "old": "intd/9", "new": "todo/9", "target": "todo/9",
    }  # fmt: skip
    assert lines[5]["error"] == "ETIMEDOUT"
    assert "result" not in lines[5]


def test_bytes_are_readable_and_come_back() -> None:
    line = json.loads(Trace([ROWS[4]]).to_jsonl(ARGUMENTS))
    assert line["result"] == "a\r\n\0éÿ"


def test_the_program_of_an_execve_is_the_one_that_called_it() -> None:
    line = json.loads(Trace([ROWS[8]]).to_jsonl(ARGUMENTS))
    assert (line["program"], line["path"]) == ("qmail-send", "qmail-local")


def test_a_saved_trace_comes_back_row_by_row(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row[2][0] != "execve"]  # a descriptor map comes back with text for its numbers
    assert saved(rows, tmp_path / "trace.jsonl").rows == rows


def test_an_empty_trace_is_an_empty_file(tmp_path: Path) -> None:
    assert Trace().to_jsonl(ARGUMENTS) == b""
    assert saved([], tmp_path / "trace.jsonl").rows == []


def test_what_was_read_is_written_again_to_the_byte(disk: Disk, tmp_path: Path) -> None:
    def child(letter: bytes) -> object:
        yield write(0, letter)

    def program(_argv: object, _env: object) -> object:
        fd = yield create("mess/1")
        yield fork(child, (b"\xe9\n",), {0: fd})
        yield read(fd, 0)

    trace = Trace(ROWS)
    machine = Machine("mail", trace, disk, {"program": program})
    machine.spawn("program", ())
    run_alone(machine, 1)
    assert trace.filter(verb="fork")[0].call[1] is child
    back = saved(trace.rows, tmp_path / "trace.jsonl")
    assert back.to_jsonl(ARGUMENTS) == trace.to_jsonl(ARGUMENTS)
    assert back.filter(verb="fork")[0].call[1] == "child"
    assert len(back) == len(trace)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"",
        b"3",
        b"[]",
        b'"boot"',
        b"\xff",
        b"{}",
        b'{"t":0,"host":"a","program":"","pid":0,"call":"fly"}',
        b'{"t":0,"host":"a","program":"","pid":0,"call":["boot"]}',
        b'{"host":"a","program":"","pid":0,"call":"boot"}',
        '{"t":0,"host":"a","program":"p","pid":1,"call":"write","fd":1,"data":"€"}'.encode(),
    ],
)
def test_a_line_that_is_not_a_record_is_named_with_its_file(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(Trace(ROWS[:2]).to_jsonl(ARGUMENTS) + line + b"\n")
    with pytest.raises(ValueError, match=r"trace\.jsonl:3: not a trace record: "):
        Trace.from_jsonl(path, ARGUMENTS)


def test_what_has_no_place_in_a_trace_is_said() -> None:
    with pytest.raises(TypeError, match="object has no place in a trace"):
        Trace([(0.0, SEND, ("syslog", "qmail", object()), None, None, None)]).to_jsonl(ARGUMENTS)


def test_no_event_has_the_name_of_a_call() -> None:
    assert EVENTS.keys().isdisjoint(ARGUMENTS)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(0, 1e9), st.binary(max_size=20), st.text(max_size=10))))
def test_any_bytes_names_and_times_survive(tmp_path_factory: pytest.TempPathFactory, parts: list[object]) -> None:
    rows: list[Row] = [
        row
        for t, data, name in parts
        for row in (
            (t, ("mail", name, 1), ("write", 0, data), name, len(data), None),
            (t, ("mail", name, 1), ("read", 0, 9), None, data, None),
        )
    ]
    assert saved(rows, tmp_path_factory.mktemp("saved") / "trace.jsonl").rows == rows
