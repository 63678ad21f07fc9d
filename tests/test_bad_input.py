"""Whatever a file holds: an error at its line, in words, soon, and never a traceback."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim import scenario
from sim.scenario import ScenarioError

SOON = 5.0  # seconds of the processor, on a slow one
HEAD = "title: tes\nhosts: {a.example: {}, b.example: {}}\n"  # two lines
LETTER = HEAD + "mail:\n- {from: ani@a.example, to: budi@b.example"  # the fourth line goes on
FAULT = HEAD + "faults:\n- "
EXPECT = HEAD + "expect:\n- "
ASK = HEAD + "ask:\n- {question: q, choices: [a, bee]"  # the fourth line goes on
USERS = "title: tes\nhosts:\n  a.example:\n    users:\n"  # four lines


def problems(text: str) -> list[scenario.Problem]:
    with soon(), pytest.raises(ScenarioError) as caught:
        scenario.loads(text, "s.yaml")
    return list(caught.value.problems)


@contextmanager
def soon() -> Iterator[None]:
    begun = time.process_time()
    yield
    assert time.process_time() - begun < SOON


# what the file says, the place of the first problem, part of its message or hint
BROKEN_YAML = [
    ("title Power\nhosts: {a.b: {}}", 1, "no colon after its key"),
    (
        "title: x\nhosts:\n  a.b:\n    users:\n      wahid ./Maildir/\n      ani: ./Mailbox\n",
        5,
        "no colon after its key",
    ),
    ("title: x\nlesson: 'not closed\nhosts:\n  a.b:\n", 2, "quote that opens here is not closed"),
    ("title: [a", 1, "bracket is not closed"),
    ("title: 'a", 1, "not closed"),
    ("title: a\nhosts\nmail: []", 2, "needs a colon and a space"),
    ("title: a\nhosts\n  a.example: {}\n", 2, "needs a colon and a space"),
    ("title:a\nhosts: {a: {}}", 1, "space is missing after the colon"),
    ("title: a\nuntil:1h\nhosts: {a: {}}", 2, "space is missing after the colon"),
    ("title: a\nhosts:\n  a:\n    users:\n      u:./Mailbox\n      v: ./x", 5, "space is missing after the colon"),
    (HEAD + "mail:\n  -at: 1s\n   from: u", 4, "space is missing after the dash"),
    (HEAD + "mail:\n  - at: 1s\n    from: u\n     to: v", 6, "indented like its neighbours"),
    ("title: 'don't'\nhosts: {a: {}}", 1, "written twice"),
    ('title: "say "hi" now"', 1, 'a " is written'),
    ("title: a: b", 1, "needs quotes"),
    ("title: a\n\thosts: {}", 2, "tab|colon"),
    ("title: a\nhosts:\n\ta: {}", 3, "indent with spaces"),
    ("title: a\n  hosts: {}", 2, "colon does not belong"),
    ("hosts:\n  - a\n b: c", 3, "indented like its neighbours"),
    ("title: @a", 1, "begins with @"),
    ("title: *a", 1, "undefined alias"),
    ("title: !!python/object/apply:os.system [id]", 1, "tags"),
    ("title: !x y", 1, "tags"),
    ("a: &a [*a]", 1, "part of"),
    ("<<: {title: x}", 1, "merge key"),
    ("", 1, "empty"),
    ("# nothing", 1, "empty"),
    ("~", 1, "is a mapping"),
    ("- a", 1, "is a mapping"),
    ("just text", 1, "is a mapping"),
    ("title: a\n---\ntitle: b", 2, "second document"),
    ("title: a\ntitle: b", 2, "twice .also on line 1"),
    ("title: a\nhosts:\n  a: {}\n  b: {}\n  a: {}", 5, "twice .also on line 3"),
    ("? [a]\n: b", 1, "a key is a word"),
    ("{{ title }}: b", 1, "a key is a word"),
    ("~: b", 1, "missing before the colon"),
    ("title: a\x00b", 1, r"x00"),
    ("title: a\nlesson: \x1b[31mred", 2, r"x1b"),
    ("title: a\nlesson: x\x85y", 2, r"x85"),
    ('title: "\\ud800"', 1, "surrogate"),
    ('title: "\\UFFFFFFFF"', 1, "not YAML"),
    ("title: tes", 1, "'hosts' is missing"),
    (HEAD + "titel: x", 3, "unknown key 'titel' .did you mean 'title'"),
]
WRONG_VALUES = [
    ("title: [a]\nhosts: {a: {}}", 1, "found a list, where a text"),
    ("title:\nhosts: {a: {}}", 1, "'title' is missing"),
    ("title: x\nhosts: {}", 2, "at least one host"),
    ("title: x\nhosts: [a, b]", 2, "found a list, where a mapping"),
    ("title: x\nhosts: a", 2, "found 'a', where a mapping"),
    (HEAD + "mail: tes", 3, "where a list"),
    (HEAD + "mail: {from: x}", 3, "where a list"),
    (HEAD + "mail: [tes]", 3, "where a mapping"),
    (HEAD + "mail: [~]", 3, "found nothing"),
    (HEAD + "faults: [kill]", 3, "where a mapping"),
    (HEAD + "seed: x", 3, "whole number"),
    (HEAD + "seed: 1.5", 3, "whole number"),
    (HEAD + "seed: -1", 3, "not less than 0"),
    (HEAD + "seed: " + "9" * 100_000, 3, "whole number"),
    (HEAD + "seed: 99999999999999999999999999", 3, "it is not more than 9223372036854775807"),
    (HEAD + "until: 5", 3, "without a unit"),
    (HEAD + "until: 0s", 3, "longer than 0"),
    (HEAD + "until: 11000d", 3, "ten years"),
    (HEAD + "until: 200y", 3, "not a length of time"),
    (HEAD + "until: 99999999d", 3, "hundred years"),
    (HEAD + "until: -2h", 3, "negative"),
    (HEAD + "until: .inf", 3, "not a length of time"),
    (HEAD + "until: [2h]", 3, "not a length of time"),
    (HEAD + "start: 2011-11-22", 3, "no time zone"),
    (HEAD + "start: 2011-11-22T08:00:00", 3, "no time zone"),
    (HEAD + "start: 2011-13-45T08:00:00+07:00", 3, "not a date"),
    (HEAD + "start: 1000-01-01T00:00:00Z", 3, "out of range"),
    (HEAD + "network: {latency: 5}", 3, "without a unit"),
    (HEAD + "network: {links: [{between: [a.example, a.example], latency: 1s}]}", 3, "to itself"),
    (HEAD + "network: {links: [{between: [a.example], latency: 1s}]}", 3, "missing"),
    (HEAD + "network: {links: [{between: [a.example, b.example, a.example], latency: 1s}]}", 3, "too long"),
    (HEAD + "network: {links: [{between: [a.example, b.exmple], latency: 1s}]}", 3, "did you mean 'b.example'"),
]
HOSTS = [
    ("title: x\nhosts:\n  a.example:\n    mat: qmail", 4, "hosts.a.example: unknown key 'mat' .did you mean 'mta'"),
    ("title: x\nhosts:\n  a.example:\n    mta: qmial", 4, "did you mean 'qmail'"),
    ("title: x\nhosts:\n  a.example:\n    mta: sendmail", 4, "does not play yet .use qmail, scripted or none"),
    ("title: x\nhosts:\n  a.example:\n    replies: {dot: close}", 4, "add mta: scripted"),
    ("title: x\nhosts:\n  a.example:\n    mta: scripted\n    replies: {RCPT: sure}", 5, "no reply of a server"),
    ("title: x\nhosts:\n  a.example:\n    mta: scripted\n    replies: {dot: [451 a, 45 b]}", 5, "no reply of a server"),
    ("title: x\nhosts:\n  a.example:\n    mta: scripted\n    replies: {HALO: close}", 5, "HELO"),
    ("title: x\nhosts:\n  a.example:\n    filesystem: asinc", 4, "did you mean 'async'"),
    ("title: x\nhosts:\n  a.example:\n    syncdir: perhaps", 4, "syncdir"),
    ("title: x\nhosts:\n  a.example: qmail", 3, "where a mapping"),
    ("title: x\nhosts:\n  A.example: {}\n  a.example: {}", 4, "twice .capitals"),
    ("title: x\nhosts:\n  a: {address: 1.2.3.4}\n  b: {address: 1.2.3.4}", 4, "a has this address"),
    ("title: x\nhosts:\n  a: {address: 1.2.3}", 3, "not an IPv4 address"),
    ("title: x\nhosts:\n  a: {control: {concurencylocal: 1}}", 3, "did you mean 'concurrencylocal'"),
    ("title: x\nhosts:\n  a: {control: {../me: 1}}", 3, "not a control file"),
    ("title: x\nhosts:\n  a: {control: {me: {x: y}}}", 3, "not a line of a file"),
    ("title: x\nhosts:\n  a:\n    tcprules: |\n      # campus\n      10.:alow\n", 6, "did you mean 'allow'"),
    (USERS + "      ani: '|rm -rf /'", 5, "unknown command 'rm'"),
    (USERS + "      ani: |\n        ./Maildir/\n        |exit 0\n        |procmail\n", 8, "unknown command 'procmail'"),
    (USERS + "      ani:\n        .qmail: |\n          ./Maildir/\n          ../x\n", 8, "outside the user's home"),
    (USERS + "      ani: /etc/passwd", 5, "outside the user's home"),
    (USERS + "      ani: ./../budi/Maildir/", 5, "outside the user's home"),
    (USERS + "      ani: ~/Maildir/", 5, "no instruction"),
    (USERS + "      ani: {qmail: ./Maildir/}", 5, "not a file that qmail-local reads"),
    (USERS + "      ani: {.qmail/../x: ./Maildir/}", 5, "not a file that qmail-local reads"),
    (USERS + "      ani: [./Maildir/]", 5, "found a list, where a mapping"),
]
ZONES = [
    (HEAD + "dns: |\n  $ORIGIN itb.ac.id.\n  students IN A 167.205.22.1141\n", 5, "1141"),
    (HEAD + "dns: |\n\n  ; nothing\n  x IN MX 10\n", 6, "preference"),
    (HEAD + "dns: [a]", 3, "where a text"),
    (HEAD + "dns: |\n  a.example. IN A 10.0.0.1\n  b.example. IN A 10.0.0.1\n", 5, "one address, 10.0.0.1"),
    (HEAD + "dns: |\n  a.example. IN A 10.0.0.1\n  b.example. IN A 127.0.0.1\n", 5, "every host finds itself"),
    (HEAD + "dns: |\n  a.example. IN A 10.0.0.1\n  b.example. IN CNAME b.example.\n", 5, "only a nickname"),
]
LETTERS = [
    (HEAD + "mail:\n- {from: ani@a.exmple, to: x}", 4, "did you mean 'a.example'. add on: HOST"),
    (HEAD + "mail:\n- {from: ani, to: x}", 4, "add on: HOST"),
    (HEAD + "mail:\n- {from: ani@a.example}", 4, "'to' is missing .the recipients"),
    (HEAD + "mail:\n- {from: ani@a.example, to: []}", 4, "nobody is there"),
    (HEAD + "mail:\n- {from: ani@a.example, to: [x, '']}", 4, "address is empty"),
    (HEAD + "mail:\n- {from: ani@a.example, to: 'x, y'}", 4, "several are a list"),
    (HEAD + "mail:\n- {from: 'Ani <ani@a.example>', to: x}", 4, "not one address"),
    (HEAD + 'mail:\n- {from: "ani@a.example\\nRCPT TO:<x>", to: x}', 4, "control character"),
    (HEAD + 'mail:\n- {from: ani@a.example, to: "x\\0"}', 4, "control character"),
    (HEAD + "mail:\n- {from: ani@a.example, to: " + "x" * 1000 + "}", 4, "900 characters"),
    (LETTER + ', subject: "a\\r\\nBcc: x"}', 4, "control character"),
    (LETTER + ', header: {X-A: "a\\nBcc: x"}}', 4, "control character"),
    (LETTER + ", header: {'X A': b}}", 4, "name of a header field"),
    (LETTER + ", header: {'X:': b}}", 4, "name of a header field"),
    (LETTER + ", raw: x, subject: y}", 4, "both raw and subject"),
    (LETTER + ", raw: x, body: y}", 4, "both raw and body"),
    (LETTER + ", via: c.example}", 4, "unknown host 'c.example'"),
    (LETTER + ", on: a.exmaple}", 4, "did you mean 'a.example'"),
    (LETTER + ", copies: 0}", 4, "not less than 1"),
    (LETTER + ", name: ''}", 4, "something is missing here"),
    (LETTER + ", copies: 100001}", 4, "not more than 100000"),
    (LETTER + ", at: 5}", 4, "mail#1.at: '5' is a number without a unit"),
    (LETTER + ", name: x}\n- {from: ani@a.example, to: x, name: x}", 5, "already that of mail#1"),
    (LETTER + ", name: mail-2}\n- {from: ani@a.example, to: x}", 5, "already that of mail#1"),
    ("title: x\nhosts: {a: {mta: none}}\nmail: [{from: x@a, to: y}]", 3, "add via: HOST"),
    ("title: x\nhosts: {a: {mta: scripted}}\nmail: [{from: x@a, to: y}]", 3, "add via: HOST"),
]
FAULTS = [
    (FAULT + "{kil: a.example, at: 5s}", 4, "did you mean 'kill'"),
    (FAULT + "{}", 4, "which kind of fault"),
    (FAULT + "{kill: a.example, down: a.example}", 4, "both kill and down"),
    (FAULT + "{kill: c.example, at: 5s}", 4, "unknown host 'c.example'"),
    (FAULT + "{kill: a.example}", 4, "not said when"),
    (FAULT + "{kill: a.example, at: 5s, after: exit}", 4, "both at and after"),
    (FAULT + "{kill: a.example, at: 5s, nth: 2}", 4, "nth counts calls"),
    (FAULT + "{kill: a.example, after: lnik todo/*}", 4, "did you mean 'link'"),
    (FAULT + "{kill: a.example, after: exit, nth: 0}", 4, "not less than 1"),
    (FAULT + "{kill: a.example, from: 5s}", 4, "unknown key 'from'"),
    (FAULT + "{kill: a.example, program: ../x, at: 1s}", 4, "name of a program"),
    (FAULT + "{down: a.example, from: 3h, until: 1h}", 4, "over before it begins"),
    (FAULT + "{down: a.example, how: quiet}", 4, "not one of refused, silent"),
    (FAULT + "{refuse: a.example}", 4, "'stage' is missing"),
    (FAULT + "{refuse: a.example, stage: RCTP}", 4, "did you mean 'RCPT'"),
    (FAULT + "{refuse: a.example, stage: RCPT, code: 250}", 4, "not less than 400"),
    (FAULT + "{refuse: a.example, stage: RCPT, code: abc}", 4, "whole number"),
    (FAULT + "{refuse: a.example, stage: RCPT, rate: .nan}", 4, "a number"),
    (FAULT + "{refuse: a.example, stage: RCPT, rate: nan}", 4, "a number"),
    (FAULT + "{refuse: a.example, stage: RCPT, rate: 2}", 4, "not more than 1"),
    (FAULT + "{refuse: a.example, stage: DATA, to: x}", 4, "stage: RCPT"),
    (FAULT + '{refuse: a.example, stage: DATA, text: "a\\r\\n250 ok"}', 4, "control character"),
    (FAULT + "{drop: a.example, stage: dot, code: 451}", 4, "unknown key 'code'"),
    (FAULT + "{signal: a.example, at: 1s}", 4, "'name' is missing"),
    (FAULT + "{signal: a.example, at: 1s, name: SIGALRM}", 4, "did you mean 'ALRM'"),
    (FAULT + "{dns: x.example, answer: nothing}", 4, "not one of servfail"),
    (FAULT + "{dns: ../x, answer: silent}", 4, "not a host name"),
]
EXPECTATIONS = [
    (EXPECT + "{deliverd: x}", 4, "did you mean 'delivered'"),
    (EXPECT + "{delivered: x, queued: a.example}", 4, "both delivered and queued"),
    (EXPECT + "{delivered: x, count: 2}", 4, "unknown key 'count'"),
    (EXPECT + "{queued: a.example, by: 2s}", 4, "unknown key 'by'"),
    (EXPECT + "{queued: c.example}", 4, "unknown host"),
    (EXPECT + "{delivered: x, on: c.example}", 4, "unknown host"),
    (EXPECT + "{delivered: x, mail: tes}", 4, "unknown mail 'tes'"),
    (EXPECT + "{delivered: x, copies: -1}", 4, "not less than 0"),
    (EXPECT + "{state: S6}", 4, "not one of S1"),
]
QUESTIONS = [
    (ASK + ", answer: bea, at: 5s}", 4, "'bea' is not among the choices .did you mean 'bee'. choices: a, bee"),
    (ASK + ", answer: a}", 4, "it is not said when"),
    (ASK + ", at: 5s}", 4, "'answer' is missing .the right one"),
    (ASK + ", answer: a, at: 5s, after: exit}", 4, "both at and after"),
    (ASK + ", answer: a, at: 5s, on: a.example}", 4, "`at` names a time"),
    (ASK + ", answer: a, after: exit, on: c.example}", 4, "unknown host 'c.example'"),
    (ASK + ", answer: a, after: lnik todo/*}", 4, "did you mean 'link'"),
    (ASK + ", anser: a, at: 5s}", 4, "did you mean 'answer'"),
    (HEAD + "ask:\n- question: q\n  at: 5s\n  choices: [a]\n  answer: a", 6, "at least 2 wanted"),
    (HEAD + "ask:\n- question: q\n  at: 5s\n  choices: [a, a]\n  answer: a", 6, "'a' is among the choices twice"),
    (HEAD + "ask:\n- question: q\n  at: 5s\n  choices: [a, b]\n  answer: c", 7, "ask#1.answer|ask#1: the answer 'c'"),
]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    BROKEN_YAML + WRONG_VALUES + HOSTS + ZONES + LETTERS + FAULTS + EXPECTATIONS + QUESTIONS,
    ids=lambda value: value[-40:] if isinstance(value, str) else str(value),
)
def test_every_error_stands_at_its_line(text: str, line: int, said: str) -> None:
    first = problems(text)[0]
    assert first.line == line
    blamed = [*text.split("\n"), ""][line - 1]
    assert 1 <= first.column <= len(blamed) + 1
    assert blamed[first.column - 1 : first.column] != " ", "the column is that of what is wrong"
    assert str(first).startswith(f"s.yaml:{line}:")
    with pytest.raises(ScenarioError, match=said):
        scenario.loads(text)
    assert "pydantic" not in str(first)
    assert len(str(first)) < 700


@pytest.mark.parametrize(
    "name",
    ["../../etc", "/etc/passwd", "..", ".hidden", "-rf", "a/b", "a b", "x" * 300, "1.2.3.4", "a..b", "é", '"\\0"'],
)
def test_names_that_become_folders_are_plain(name: str) -> None:
    word = name if name.startswith('"') else f"'{name}'"
    assert "not a host name" in str(problems(f"title: x\nhosts:\n  {word}: {{}}")[0])
    user = problems(f"{USERS}      {word}: ./Maildir/") if name != "1.2.3.4" else []
    assert all("not a user name" in str(problem) for problem in user)


def test_columns_and_words() -> None:
    text = "title: x\nhosts:\n  ai3.itb.ac.id:\n    mat: qmail\n    users: {riza: [x]}\n"
    assert [str(problem) for problem in problems(text)] == [
        "s.yaml:4:5: hosts.ai3.itb.ac.id: unknown key 'mat' (did you mean 'mta'? known keys: "
        "mta, replies, filesystem, syncdir, unsynced, address, control, without, tcprules, users, boot, installed, "
        "listener, logger, mua)",
        "s.yaml:5:19: hosts.ai3.itb.ac.id.users.riza: found a list, where a mapping is wanted "
        "(lines of key: value, indented under this key)",
    ]


def test_a_text_block_is_pointed_into() -> None:
    block = "title: x\nhosts:\n  a:\n    users:\n      ani: |   # comment\n\n".replace(
        "|   # comment\n\n", "|\n        # c\n"
    )
    first = problems(block + "\n        ./Maildir/\n        |  exit 0; halt\n")[0]
    assert (first.line, first.column) == (9, 9)


def test_all_problems_at_once_in_the_order_of_their_lines() -> None:
    text = "titel: x\nseed: y\nhosts: {a: {mta: x}}\nmail: [{from: x@b, to: 'a b'}]\nfaults: [{kill: b, at: 5}]\n"
    assert [problem.line for problem in problems(text)] == [1, 1, 2, 3, 4, 4, 5, 5]


def test_twenty_problems_are_shown_and_the_rest_counted() -> None:
    with soon(), pytest.raises(ScenarioError) as caught:
        scenario.loads(HEAD + "faults:\n" + "- {kill: c.example, at: 5}\n" * 2000)
    assert len(caught.value.problems) == 20
    assert str(caught.value).endswith("and 3980 more")


def test_messages_stay_printable_and_short() -> None:
    for text in ('title: x\nhosts: {"\\e[2J": {}}', f"title: x\nhosts: {{{'y' * 900}: {{}}}}", HEAD + '"\\a": x'):
        said = str(problems(text)[0])
        assert said.isprintable()
        assert len(said) < 400


BIG = 1 << 20
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
HEAVY = {
    "alias bomb": BOMB,
    "alias chain": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000)),
    "one long text many times": HEAD + f"x: &x {'y' * 900_000}\nmail: [" + "{from: *x, to: *x}, " * 2000 + "]",
    "brackets": "[" * 200_000,
    "braces": "{" * 200_000,
    "brackets in a line each": "[\n" * 200_000,
    "dashes": "- " * 200_000,
    "question marks": "? " * 200_000,
    "exclamation marks": "!" * BIG,
    "ever deeper": "".join(" " * i + "a:\n" for i in range(1400)),
    "line feeds": "\n" * BIG,
    "one line": "title: " + "x " * (BIG // 2 - 10),
    "many keys": "".join(f"k{i}: v\n" for i in range(80_000)),
    "doubled keys": "a: 1\n" * 200_000,
    "many unknown hosts": HEAD + "faults:\n" + "".join(f"- {{kil: h{i}, at: 5s}}\n" for i in range(3000)),
    "mistyped moments": HEAD + "faults:\n" + "".join(f"- {{kill: a.example, at: lnik{i}}}\n" for i in range(2000)),
    "an endless quote": USERS + "      ani: |\n        |echo '" + "e " * 500_000,
    "a long moment": FAULT + "{kill: a.example, after: 'link " + "*" * 900_000 + "'}",
    "a long key": "? " + "k" * 1_000_000 + "\n: 5",
    "a long zone": HEAD + "dns: |\n" + "  a b c\n" * 100_000,
}


@pytest.mark.parametrize("text", HEAVY.values(), ids=HEAVY.keys())
def test_a_monstrous_file_fails_soon(text: str) -> None:
    assert problems(text[:BIG])


def test_a_block_of_rules_is_read_soon() -> None:
    with soon():
        scenario.loads("title: x\nhosts:\n  a:\n    tcprules: |\n" + "      1.2.0-255.0-255:allow\n" * 20_000)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    with soon(), pytest.raises(ScenarioError, match="50,000,000 bytes; a scenario has at most 1,048,576"):
        scenario.load(path)


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        (b"title: x\nlesson: \xff\xfe", "2:9", "0xff at offset 17 is not UTF-8"),
        (b"\xff\xfet\x00i\x00", "1:1", "is not UTF-8"),
        (b"title: caf\xe9\n", "1:11", "is not UTF-8"),
        (b"title: \xed\xa0\x80", "1:8", "is not UTF-8"),
        (b"\x00" * 100, "1:1", "x00"),
        (b"", "1:1", "empty"),
    ],
)
def test_bytes_that_are_no_text(tmp_path: Path, content: bytes, place: str, said: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=f"s.yaml:{place}: .*{said}"):
        scenario.load(path)


def test_a_byte_order_mark_and_any_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbftitle: x\r\nhosts: {a: {}}\rlesson: |\r\n  a\r\n  b\r\n")
    assert scenario.load(path).lesson == "a\nb\n"
    path.write_bytes(b"title: x\r\nhosts: {a: {}}\rseed: x\r\n")
    with pytest.raises(ScenarioError, match=r"s\.yaml:3:7: "):
        scenario.load(path)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    for name in ("missing", "dangling", "loop", "pipe", "socket", "", "a\0b", "x" * 5000, "missing/x"):
        with soon(), pytest.raises(ScenarioError, match=":1:1: "):
            scenario.load(f"{tmp_path}/{name}")
    with pytest.raises(ScenarioError, match="not a file"):
        scenario.load("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(HEAD)
    path.chmod(0)
    with pytest.raises(ScenarioError, match="Permission denied"):
        scenario.load(path)


@pytest.mark.parametrize("data", [{}, {"title": 5}, {"title": "x", "hosts": {"a": {"users": 3}}}, {"hosts": None}])
def test_data_that_was_never_saved(data: dict[str, object]) -> None:
    with pytest.raises(ScenarioError, match="<data>:1:1: "):
        scenario.from_data(data)


FRAGMENTS = st.sampled_from(
    [*"[]{}:,-?|>'\"\\#%@!~é", "&a", "*a", "<<:", "title:", "hosts:", "\\ud800", "\\x", "---", "..."]
)
BLANKS = st.sampled_from([" ", "\n", "\t", "\r", "  ", ""])


@given(st.binary(max_size=200) | st.lists(FRAGMENTS | BLANKS, max_size=40).map(lambda parts: "".join(parts).encode()))
@example(b"title: x\nhosts: {a: {}}")
@settings(deadline=None, max_examples=400)
def test_any_bytes_are_a_scenario_or_an_error(content: bytes) -> None:
    with suppress(ScenarioError):
        scenario.reader.read_bytes(content, "s.yaml")
    with suppress(ScenarioError):
        scenario.loads(content.decode("utf-8", "replace"))


@given(
    st.text(max_size=60),
    st.sampled_from(["title", "seed", "until", "start", "dns", "hosts", "mail", "faults", "expect"]),
)
@settings(deadline=None, max_examples=300)
def test_any_value_of_a_key_is_taken_or_refused(value: str, key: str) -> None:
    with suppress(ScenarioError):
        scenario.loads(f"{HEAD}{key}: {value}")
    with suppress(ScenarioError):
        scenario.from_data({"title": "x", "hosts": {"a": {}}, key: value})
