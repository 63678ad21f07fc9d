"""The lines of a .qmail file: one instruction each, told apart by the first character (dot-qmail(5))."""

from __future__ import annotations

import shlex
from typing import Literal, NamedTuple, TypeAlias

from .errors import NotationError, quoted

Kind: TypeAlias = Literal["comment", "mbox", "maildir", "forward", "program", "reserved"]
Command: TypeAlias = tuple[str, ...]

SIGNALS = ("ALRM", "HUP", "INT", "KILL", "PIPE", "QUIT", "TERM", "USR1", "USR2")
BINMAIL = ["-r", "${SENDER:-MAILER-DAEMON}", "-d", "$USER"]
_LINES = "a line is ./Maildir/, ./Mailbox, &address, |command or # comment"
_ALLOWED = (
    "programs are simulated, no shell runs; allowed: exit N, echo WORDS, sleep N, cat, cat >/dev/null, "
    "kill -SIGNAL $$, forward ADDRESS"
)
_LONGEST_PROGRAM = 4096  # shlex needs time with the square of a word's length


class Line(NamedTuple):
    """One instruction; its text without the character that tells its kind, except that a path keeps its dot."""

    kind: Kind
    text: str
    number: int


def parse(text: str) -> tuple[Line, ...]:
    r"""Read a .qmail file; raises NotationError with the line that says nothing to qmail-local.

    Blanks at the end of a line are dropped and empty lines passed over, save for the first one: qmail-local
    refuses to deliver when that is blank. An empty file is legal, and then the default delivery applies.

    >>> parse("./Maildir/\n&riza@ai3.itb.ac.id")[1]
    Line(kind='forward', text='riza@ai3.itb.ac.id', number=2)
    """
    stripped = [line.rstrip(" \t\r") for line in text.split("\n")]
    if text and not stripped[0]:
        raise NotationError("the first line of a .qmail file is blank", "qmail-local then puts off every delivery", 1)
    return tuple(_line(line, number) for number, line in enumerate(stripped, 1) if line)


def heed(text: str) -> tuple[Line, ...]:
    r"""What qmail-local makes of a file, whatever it holds: a line that begins with nothing it knows is an address.

    >>> [line.kind for line in heed("+list\n(x\n& a@b\r\n")]
    ['reserved', 'forward', 'forward']
    """
    stripped = [line.rstrip(" \t") for line in text.split("\n")]
    return tuple(_heeded(line, number) for number, line in enumerate(stripped, 1) if line)


def _heeded(line: str, number: int) -> Line:
    first, rest = line[0], line[1:]
    if first == "#":
        return Line("comment", rest, number)
    if first == "|":
        return Line("program", rest, number)
    if first == "+":
        return Line("reserved", rest, number)
    if first in "./":
        return Line("maildir" if line.endswith("/") else "mbox", line, number)
    return Line("forward", rest if first == "&" else line, number)


def _line(line: str, number: int) -> Line:
    """A line that somebody can have meant."""
    found = _heeded(line, number)
    address = found.text[:1]
    if found.kind == "forward" and line[0] == "&" and address in (" ", "\t"):
        raise NotationError("a blank stands between & and the address, and would be part of it", _LINES, number)
    if found.kind == "forward" and not (address.isascii() and (address.isalnum() or address in ("_", '"'))):
        raise NotationError(f"{quoted(line)} is no instruction of a .qmail file", _LINES, number)
    return found


def program(text: str, line: int | None = None) -> tuple[Command, ...]:
    """The commands of a program line, apart at `;`, each as its words; raises NotationError, with `line` in it.

    >>> program(" echo tes; exit 100")
    (('echo', 'tes'), ('exit', '100'))
    """
    if len(text) > _LONGEST_PROGRAM:
        raise NotationError(f"a program line has at most {_LONGEST_PROGRAM:,} characters", _ALLOWED, line)
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";<>|&()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        raise NotationError(f"{quoted(text)} has a quote that does not end", _ALLOWED, line) from None
    commands: list[list[str]] = [[]]
    for word in words:
        if word == ";":
            commands.append([])
        else:
            commands[-1].append(word)
    if commands[-1] == [] and len(commands) > 1:
        commands.pop()
    return tuple(_command(words, line) for words in commands)


def _command(words: list[str], line: int | None) -> Command:
    match words:
        case ["exit", status] if status.isascii() and status.isdigit() and len(status) <= 3 and int(status) <= 255:
            return "exit", status
        case ["echo", *said] if not any(set(word) & set("$`") or set(word) <= set(";<>|&()") for word in said):
            return "echo", *said
        case ["sleep", seconds] if seconds.isascii() and seconds.isdigit() and len(seconds) <= 5:
            return "sleep", seconds
        case ["cat"]:
            return ("cat",)
        case ["cat", ">", "/dev/null"]:
            return "cat", ">/dev/null"
        case ["kill", "$$"]:
            return "kill", "-TERM", "$$"
        case ["kill", signal, "$$"] if signal.removeprefix("-").removeprefix("SIG") in (*SIGNALS, "9", "15"):
            return "kill", signal, "$$"
        case ["forward", *addresses] if addresses and not any(set(word) & set("$`;<>|&()") for word in addresses):
            return "forward", *addresses
        case ["preline", "-f", "/usr/libexec/mail.local", *rest] if rest == BINMAIL:
            return "preline", "-f", "mail.local", *rest
    raise NotationError(f"cannot play {quoted(' '.join(words))}: {_offence(words)}", _ALLOWED, line)


def _offence(words: list[str]) -> str:
    """Name the word that no simulated command understands."""
    if not words:
        return "a command is missing"
    if words[0] not in ("exit", "echo", "sleep", "cat", "kill", "forward", "preline"):
        return f"unknown command {quoted(words[0])}"
    for word in words[1:]:
        if set(word) & set("$`<>|&()") and word not in ("$$", "/dev/null"):
            return f"{quoted(word)} is the business of a shell"
    return f"{quoted(words[0])} is not written so"
