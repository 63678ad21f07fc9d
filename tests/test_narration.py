"""The narration: a sentence for every row there is, and every sentence in every language."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Formatter

import polib
import pytest

import sim
from sim import scenario
from sim.lab.places import Shared
from sim.lab.plan import chosen, undisturbed
from sim.lab.sweep import prepare
from sim.machine.calls import ARGUMENTS
from sim.show.narration import GENERAL, LANGUAGES, PAGE_TEXTS, SENTENCES, catalogue, key, messages, sentence
from sim.show.narration.fields import FIELDS
from sim.trace import EVENTS, Row, Trace
from sim.world.simulate import SYSTEMS

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))
OTHERS = [language for language in LANGUAGES if language != "en"]


def fields(message: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(message) if name)


def row(
    program: str, call: tuple[object, ...], target: str | None, result: object = None, error: str | None = None
) -> Row:
    return (1.0, ("salman.itb.ac.id", program, 8), call, target, result, error)


def told(one: Row, language: str = "en") -> str:
    message, values = sentence(one)
    return catalogue(language)[message].format(**values)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_row_of_every_scenario_has_a_sentence_of_its_own(path: Path) -> None:
    rows = sim.run(sim.load(path)).trace.rows
    assert {key(one) for one in rows} & GENERAL.keys() == set()
    for one in rows:
        message, values = sentence(one)
        assert sorted(values) == sorted(set(fields(message)))
        assert message.format(**values).isprintable()


@pytest.mark.parametrize("filesystem", ["ffs", "async"])
def test_what_happens_after_a_crash_has_sentences_too(filesystem: str) -> None:
    """Only what goes wrong inside a program, on a disk that lost a file or two, is told in general words."""
    sweep, _ = prepare(undisturbed(sim.load(SCENARIOS[1]), filesystem), SYSTEMS, chosen((), ()), Shared(8, 1))
    found = {key(one) for job in sweep.plan.jobs[::7] for one in sweep.bench.execute(job).rows[job.point.row - 1 :]}
    assert found & GENERAL.keys() <= {"* !EBADF"}
    assert {"kill_all", "killed", "boot queue"} <= found


ROUGH = """
title: All that a network can do to a letter
hosts:
  a.example: {users: {ani: ./Maildir/}}
  b.example: {users: {budi: ./Maildir/}}
  c.example: {mta: scripted, replies: {greeting: 220 hi, RCPT: {"tmp*": 451 later, "*": 250 ok}, dot: close}}
mail:
  - {at: 1s, from: ani@a.example, to: [budi@b.example, tmpx@c.example, y@c.example]}
  - {at: 100s, from: ani@a.example, to: budi@b.example}
  - {at: 200s, from: ani@a.example, to: budi@b.example}
faults:
  - {refuse: b.example, stage: RCPT, code: 451, first: 1}
  - {drop: b.example, stage: dot, first: 1}
  - {down: b.example, how: silent, from: 150s}
  - {dns: b.example, answer: servfail, from: 190s, until: 1h}
  - {dns: b.example, answer: nxdomain, from: 1h}
"""


def test_a_rough_network_is_told_too_and_from_a_saved_trace_in_the_same_words(tmp_path: Path) -> None:
    run = sim.run(scenario.loads(ROUGH))
    found = {key(one) for one in run.trace.rows}
    assert found & GENERAL.keys() == set()
    assert {"say", "write server 4", "read client !ECONNRESET", "query servfail", "query nxdomain"} <= found
    saved = tmp_path / "trace.jsonl"
    saved.write_bytes(run.trace.to_jsonl(ARGUMENTS))
    again = Trace.from_jsonl(saved, ARGUMENTS).rows
    assert [sentence(one) for one in again] == [sentence(one) for one in run.trace.rows]


TOLD = [
    (row("qmail-queue", ("link", "intd/53", "todo/53"), "todo/53"),
     "qmail-queue links the message into todo/53: S4, from now on it will be delivered, whatever happens"),
    (row("qmail-queue", ("fsync", 2), "mess/53"),
     "qmail-queue asks the disk to keep mess/53: it now survives a power cut"),
    (row("qmail-send", ("stat", "bounce/53"), "bounce/53", None, "ENOENT"),
     "qmail-send looks for bounce/53: there is no bounce/53, so nothing failed for good"),
    (row("qmail-send", ("write", 9, b"D"), "local/53", 1),
     "qmail-send marks a recipient in local/53 as DONE: this one will not be tried again"),
    (row("qmail-smtpd", ("write", 1, b"250 ok 1321923601 qp 8\r\n"), "tcp/1/server", 24),
     "qmail-smtpd promises: 250 ok 1321923601 qp 8. From now on this host is responsible for the message"),
    (row("qmail-send", ("read", 2, 2048), "pipe", b"\x00Kdid 1+0+0\n\x00"),
     "qmail-send hears from qmail-lspawn how a delivery went: did 1+0+0"),
    (row("qmail-rspawn", ("write", 1, b"\x00Zhost unknown.\nOK?\n\x00\x01Kdone\x00"), "pipe", 30),
     "qmail-rspawn reports to qmail-send: host unknown. OK? done"),
    (row("qmail-remote", ("write", 1, b"hsorry, no\nuser\x00Kit is gone.\n\x00"), "pipe", 30),
     "qmail-remote says how it went: sorry, no user it is gone."),
    (row("", ("power_cut",), None, (("mess/53", 243, 0),)),
     "The power of salman.itb.ac.id fails. Every program is gone, and so is what the disk did not hold yet: "
     "mess/53 243 → 0"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "words"), TOLD)
def test_what_is_said(one: Row, words: str) -> None:
    assert told(one) == words


def test_it_is_said_in_indonesian_too() -> None:
    assert told(TOLD[0][0], "id") == (
        "qmail-queue membuat link todo/53: keadaan S4, mulai sekarang pesan pasti diantarkan, apa pun yang terjadi"
    )


@pytest.mark.parametrize("call", sorted(ARGUMENTS))
def test_a_call_that_fails_is_told_whatever_it_is(call: str) -> None:
    arguments = tuple({"fds": (), "argv": (), "text": ""}.get(name, 0) for name in ARGUMENTS[call])
    failed = row("some-program", (call, *arguments), None, None, "EIO")
    assert "some-program" in told(failed)
    assert "EIO" in told(failed)


def test_every_call_and_event_is_told() -> None:
    """``*`` is for calls that nobody has thought of yet."""
    verbs = {word for entry in SENTENCES for word in entry.split()[:2]}
    assert ARGUMENTS.keys() | EVENTS.keys() <= verbs


def test_nobody_can_steer_a_page_or_a_terminal() -> None:
    bad = row("mua", ("write", 1, b"MAIL FROM:<\x1b[31m\xe2\x80\xae@x>\r\n"), "tcp/1/client", 20)
    assert told(bad).isprintable()
    assert "\\x1b" in told(bad)


def test_every_field_is_used_and_known() -> None:
    used = {name for message in SENTENCES.values() for name in fields(message)}
    assert used == FIELDS.keys()


def test_no_two_tables_have_the_same_entry() -> None:
    from sim.show.narration import mailboxes, processes, queue, wires

    tables = (GENERAL, queue.QUEUE, mailboxes.MAILBOXES, wires.WIRES, processes.PROCESSES)
    assert sum(map(len, tables)) == len(SENTENCES)


# The catalogues


def entries(language: str) -> polib.POFile:
    return polib.pofile(str(files("sim.show") / "locale" / language / "LC_MESSAGES" / "mailsim.po"))


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_has_exactly_our_messages_translated_with_their_fields(language: str) -> None:
    found = entries(language)
    assert [entry.msgid for entry in found if entry.fuzzy or entry.obsolete or not entry.msgstr] == []
    assert [entry.msgid for entry in found] == list(dict.fromkeys(entry.msgid for entry in found))
    assert {entry.msgid for entry in found} == set(messages())
    for entry in found:
        assert fields(entry.msgid) == fields(entry.msgstr), entry.msgid


def test_the_page_is_translated() -> None:
    words = catalogue("id")
    assert set(PAGE_TEXTS.values()) <= words.keys()
    assert words[PAGE_TEXTS["ledger.lost"]] == "hilang"
    assert catalogue("en")[PAGE_TEXTS["ledger.lost"]] == "lost"


def test_a_language_that_nobody_wrote() -> None:
    with pytest.raises(LookupError, match="there are en, id"):
        catalogue("../../etc")
