"""The little languages: what each line means, and which line is to blame."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.notation import dotqmail, durations, moments, tcprules
from sim.notation.errors import NotationError, did_you_mean
from sim.notation.moments import Moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("link todo/*", Moment("", "link", "todo/*")),
        ("qmail-send unlink info/*", Moment("qmail-send", "unlink", "info/*")),
        ("mark local/*", Moment("", "mark", "local/*")),
        ("qmail-queue fsync mess/*", Moment("qmail-queue", "fsync", "mess/*")),
        ("exit", Moment("", "exit", "*")),
        ("qmail-queue exit", Moment("qmail-queue", "exit", "*")),
        ("  link   todo/*  ", Moment("", "link", "todo/*")),
    ],
)
def test_a_moment_is_program_verb_path(text: str, moment: Moment) -> None:
    assert moments.parse(text) == moment
    assert moments.parse(str(moment)) == moment


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lnik todo/*", "did you mean 'link'"),
        ("qmail-send unlnik info/*", "did you mean 'unlink'"),
        ("qmail-send fsycn", "did you mean 'fsync'"),
        ("fsycn", "did you mean 'fsync'"),
        ("", "is not a moment"),
        ("a b c d", "is not a moment"),
        ("../x link todo/*", "not the name of a program"),
        ("link " + "*" * 5000, "is not a moment"),
    ],
)
def test_a_mistyped_moment_gets_a_hint(text: str, said: str) -> None:
    with pytest.raises(NotationError, match=said.replace("*", r"\*")):
        moments.parse(text)


@pytest.mark.parametrize(
    ("text", "call", "fits"),
    [
        ("link todo/*", ("qmail-queue", "link", "todo/7"), True),
        ("link todo/*", ("qmail-queue", "link", "intd/7"), False),
        ("link todo/*", ("qmail-queue", "unlink", "todo/7"), False),
        ("link TODO/*", ("qmail-queue", "link", "todo/7"), False),
        ("qmail-send unlink *", ("qmail-clean", "unlink", "todo/7"), False),
        ("exit", ("qmail-queue", "exit", ""), True),
        ("link todo/[78]", ("qmail-queue", "link", "todo/8"), True),
    ],
)
def test_a_moment_fits_calls(text: str, call: tuple[str, str, str], fits: bool) -> None:
    assert moments.matches(moments.parse(text), *call) is fits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("30s", 30),
        ("5m", 300),
        ("2h", 7200),
        ("8d", 691200),
        ("1h30m", 5400),
        ("0.5s", 0.5),
        ("0", 0),
        (0, 0),
        ("0s", 0),
        ("1w", 604800),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert durations.parse(text) == seconds


NO_DURATIONS: tuple[object, ...] = (
    *("", " ", "-1s", "-5", "5", "nan", "inf", "1e9s", "1..2s", ".5s", "5 s", "5x", "1mm", "s", "101y", "36501d", "٣s"),
    *(5, 1.5, True, False, None, [], float("nan"), float("inf"), "9" * 100_000 + "s", "9" * 40 + "s"),
)


@pytest.mark.parametrize("text", NO_DURATIONS, ids=lambda text: repr(text)[:12])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(NotationError, match="250ms"):
        durations.parse(text)


@given(st.integers(0, 3_000_000_000_000_000))
def test_a_duration_said_is_read_back(microseconds: int) -> None:
    seconds = microseconds / 1_000_000
    assert durations.parse(durations.text(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(401, "6m41s"), (0.25, "250ms"), (0, "0s"), (86400, "1d"), (1.5, "1.5s"), (-2, "-2s"), (0.00002, "20us")],
)
def test_durations_on_a_screen(seconds: float, text: str) -> None:
    assert durations.text(seconds) == text


RULES = """\
# the campus relays, the others do not
167.205.22.:allow,RELAYCLIENT=""
167.205.22.9:deny

10.0.0.1-7:allow,A="1",B='two words'
10.1-2.:deny
=mail.example.org:allow,WHO="host"
=.example.org:allow,WHO="suffix"
=:allow,WHO="named"
:deny
10.0.0.3:deny
"""


@pytest.mark.parametrize(
    ("ip", "host", "allow", "env"),
    [
        ("167.205.22.114", "", True, {"RELAYCLIENT": ""}),
        ("167.205.22.9", "", False, {}),
        ("10.0.0.7", "", True, {"A": "1", "B": "two words"}),
        ("10.0.0.8", "", False, {}),
        ("10.0.0.3", "", True, {"A": "1", "B": "two words"}),
        ("10.2.9.9", "", False, {}),
        ("9.9.9.9", "mail.example.org", True, {"WHO": "host"}),
        ("9.9.9.9", "MAIL.example.org", True, {"WHO": "host"}),
        ("9.9.9.9", "x.y.example.org", True, {"WHO": "suffix"}),
        ("9.9.9.9", "example.org", True, {"WHO": "named"}),
        ("9.9.9.9", "", False, {}),
        ("167.205.22.114", "mail.example.org", True, {"WHO": "host"}),
        ("167.205.22.114", "x.example.org", True, {"RELAYCLIENT": ""}),
    ],
)
def test_tcpserver_looks_rules_up_in_its_order(ip: str, host: str, allow: bool, env: dict[str, str]) -> None:
    assert tcprules.parse(RULES).lookup(ip, host) == (allow, env)


def test_what_no_rule_names_is_allowed() -> None:
    assert tcprules.parse("").lookup("1.2.3.4") == (True, {})
    assert tcprules.parse("1.2.3.:deny").lookup("1.2.4.4") == (True, {})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\n10.0.0.1", 2, "has no colon"),
        (":allow\n:alow", 2, "did you mean 'allow'"),
        (':allow,RELAYCLIENT=""x', 1, "is not ,VARIABLE"),
        (":allow,RELAYCLIENT", 1, "is not ,VARIABLE"),
        ("10.0.0:allow", 1, "prefix that ends in a dot"),
        ("10.0.0.256:allow", 1, "0 to 255"),
        ("10.0.0.9-3:allow", 1, "range upwards"),
        ("joe@10.0.0.1:allow", 1, "user name"),
        ("mail.example.org:allow", 1, "=host.name"),
        ("# fine\n\n\nx:deny", 4, "is not an address"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named_by_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(NotationError, match=said) as caught:
        tcprules.parse(text)
    assert caught.value.line == line


def test_lines_of_a_qmail_file() -> None:
    text = "# people\n./Maildir/\n\n./Mailbox \t\n&wahid@students.itb.ac.id\nriza\n8ball@x\n| exit 99\n"
    assert [tuple(line) for line in dotqmail.parse(text)] == [
        ("comment", " people", 1),
        ("maildir", "./Maildir/", 2),
        ("mbox", "./Mailbox", 4),
        ("forward", "wahid@students.itb.ac.id", 5),
        ("forward", "riza", 6),
        ("forward", "8ball@x", 7),
        ("program", " exit 99", 8),
    ]
    assert dotqmail.parse("") == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\n./Maildir/", 1, "first line .* is blank"),
        ("  \n./Maildir/", 1, "first line .* is blank"),
        ("./Maildir/\n~/Mailbox", 2, "no instruction"),
        (" ./Maildir/", 1, "no instruction"),
        ("#\n&", 2, "no instruction"),
        ("& riza@x", 1, "a blank stands between & and the address"),
    ],
)
def test_a_line_that_says_nothing_to_qmail_local(text: str, line: int, said: str) -> None:
    with pytest.raises(NotationError, match=said) as caught:
        dotqmail.parse(text)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("exit 100", (("exit", "100"),)),
        ("echo tes 'dua kata'; exit 0", (("echo", "tes", "dua kata"), ("exit", "0"))),
        ("cat", (("cat",),)),
        ("cat >/dev/null; exit 111;", (("cat", ">/dev/null"), ("exit", "111"))),
        ("kill -ALRM $$", (("kill", "-ALRM", "$$"),)),
        ("kill -9 $$", (("kill", "-9", "$$"),)),
        ("kill $$", (("kill", "-TERM", "$$"),)),
    ],
)
def test_simulated_programs(text: str, commands: tuple[tuple[str, ...], ...]) -> None:
    assert dotqmail.program(text) == commands


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("rm -rf /", "'rm'"),
        ("/usr/bin/procmail", "'/usr/bin/procmail'"),
        ("echo `id`", "'`id`'"),
        ("echo $HOME", r"'\$HOME'"),
        ("echo a | sh", r"'\|'"),
        ("echo a && exit 1", "'&&'"),
        ("cat > /etc/passwd", "'>'"),
        ("exit", "exit"),
        ("exit 256", "exit"),
        ("exit -1", "exit"),
        ("kill -ALRM 1", "kill"),
        ("kill -NONSENSE $$", "kill"),
        ("", "missing"),
        ("exit 0;;exit 1", "';;'|exit"),
        ("echo 'open", "quote"),
        ("echo " + "e " * 500_000, "4,096"),
    ],
)
def test_other_programs_are_refused_and_the_word_is_named(text: str, word: str) -> None:
    with pytest.raises(NotationError, match=word) as caught:
        dotqmail.program(text, 7)
    assert caught.value.line == 7
    assert "exit N" in caught.value.hint


def test_hints_are_bounded() -> None:
    assert did_you_mean("x" * 100_000, ["x" * 100_000]) == ""
    assert did_you_mean("fsycn", sorted(moments.VERBS)) == "did you mean 'fsync'?"


@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (moments.parse, tcprules.parse, dotqmail.parse, dotqmail.program, durations.parse):
        with contextlib.suppress(NotationError):
            parse(text)
