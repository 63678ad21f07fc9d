r"""The words of SMTP: command lines, address arguments, replies, and the transparency of the dot.

All functions are pure. Sources: RFC 5321, sections 4.1.1 (commands), 4.2.1 (replies of several lines) and
4.5.2 (transparency).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

CRLF = b"\r\n"
FINAL_DOT = b"\r\n.\r\n"
STRAY_LINE_FEED = re.compile(rb"(?<!\r)\n")
LEADING_DOT = re.compile(rb"\r\n\.(?!\r)")  # before a CR it may be the final dot, and then is no longer dropped
ADDRESS_LIMIT = 900
UNSIGNED = 2**64
REMEMBERED = 256  # lines of a dialogue that need no second reading: the same few come again in every session


class Reply(NamedTuple):
    """A server's reply: its code and its lines as they came, without line ends."""

    code: int
    lines: tuple[str, ...]

    def text(self) -> str:
        return "\n".join(self.lines)


def split_command(line: bytes) -> tuple[str, str]:
    """The verb in capitals and the argument of a command line, with the blanks after it.

    >>> split_command(b"mail  from:<x@y> ")
    ('MAIL', 'from:<x@y> ')
    """
    verb, _, argument = line.decode("latin-1").partition(" ")
    return verb.upper(), argument.lstrip(" ")


@lru_cache(maxsize=REMEMBERED)
def address_argument(argument: str) -> str | None:
    """The address in ``FROM:<x@y> SIZE=9``; None when it is too long to be one.

    Brackets may be missing, a source route is dropped, quotes and backslashes are taken off, and an
    argument with neither bracket nor colon is the empty address: what qmail-smtpd accepts, which is more
    than RFC 5321 asks for.

    >>> address_argument("FROM:<@a.example,@b.example:x@client.example> SIZE=1000")
    'x@client.example'
    >>> address_argument("")
    ''
    """
    start = argument.find("<")
    if start >= 0:
        text, stop = argument[start + 1 :], ">"
    else:
        text, stop = argument.partition(":")[2].lstrip(" "), " "
    if text.startswith("@"):
        text = text.partition(":")[2]
    address = _unquoted(text, stop) if '"' in text or "\\" in text else text.partition(stop)[0]
    return None if len(address) >= ADDRESS_LIMIT else address


def _unquoted(text: str, stop: str) -> str:
    """Up to ``stop`` where it is not quoted, without quotes and backslashes."""
    address: list[str] = []
    quoted = escaped = False
    for char in text:
        if escaped:
            address.append(char)
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == stop and not quoted:
            break
        else:
            address.append(char)
    return "".join(address)


def reply_bytes(text: str) -> bytes:
    r"""A reply as it goes over the wire; lines are separated by ``\n`` in the text.

    >>> reply_bytes("250-mail.example.org\n250 8BITMIME")
    b'250-mail.example.org\r\n250 8BITMIME\r\n'
    """
    return text.replace("\n", "\r\n").encode("latin-1", "replace") + CRLF


class ReplyReader:
    r"""Bytes from a server back into replies, piece by piece; a bare LF ends a line as well.

    The code is the first line's, and of a long reply only the first ``KEPT`` characters are remembered, however much
    the server says: that is what qmail-remote does.

    >>> ReplyReader().feed(b"220-hello\r\n220 ready\r\n250")
    Reply(code=220, lines=('220-hello', '220 ready'))
    """

    KEPT = 5000

    def __init__(self) -> None:
        self.rest = b""
        self._lines: list[str] = []
        self._left = self.KEPT

    def feed(self, data: bytes) -> Reply | None:
        """Take bytes; the first reply that is whole, while ``rest`` is what came behind it or has no end yet."""
        if not self._lines and not self.rest and (reply := one_line_reply(data)) is not None:
            return reply
        buffer, start = self.rest + data, 0
        while (end := buffer.find(b"\n", start)) >= 0:
            line = buffer[start:end].replace(b"\r", b"").decode("latin-1")
            start = end + 1
            if self._left > 0:
                self._lines.append(line[: self._left])
                self._left -= len(line) + 1
            if line[3:4] != "-":
                self.rest = buffer[start:]
                lines, self._lines, self._left = tuple(self._lines), [], self.KEPT
                return Reply(code_of(lines[0]), lines)
        self.rest = buffer[start : start + self.KEPT]
        return None


@lru_cache(maxsize=REMEMBERED)
def one_line_reply(data: bytes) -> Reply | None:
    """What nearly every reply is: one whole line that came alone; None for anything else."""
    if data.find(b"\n") != len(data) - 1 or not data or data[3:4] == b"-" or len(data) > ReplyReader.KEPT:
        return None
    line = data[:-1].replace(b"\r", b"").decode("latin-1")
    return Reply(code_of(line), (line,))


def code_of(line: str) -> int:
    """The number that a reply's first line begins with; of anything else, what qmail-remote's arithmetic makes of it.

    >>> code_of("250 ok"), code_of("hello") >= 500
    (250, True)
    """
    first, second, third = (ord(char) - ord("0") for char in line[:3].ljust(3, "\r"))
    return (100 * first + 10 * second + third) % UNSIGNED


def stuff(text: bytes) -> bytes:
    r"""Message text with ``\n`` line ends as DATA sends it: CRLF, and a dot before each leading dot.

    >>> stuff(b"one\n.two\n")
    b'one\r\n..two\r\n'
    """
    stuffed = text.replace(b"\n.", b"\n..").replace(b"\n", CRLF)
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


class Unstuffer:
    r"""DATA bytes back into message text, piece by piece; memory stays bounded by one piece.

    ``feed`` gives the text it could decode; ``ended`` is set after the final dot, ``rest`` is what came
    behind it (pipelined commands), ``stray`` is set by a line feed without its carriage return.
    """

    FLUSH_AT = 65536

    def __init__(self) -> None:
        self.rest = b""
        self.ended = False
        self.stray = False
        self._at_line_start = True

    def feed(self, data: bytes) -> bytes:
        """All lines at once: the line end that comes before the first of them shows its dot like any other's."""
        before = CRLF if self._at_line_start else b""
        lines, dot, rest = (before + self.rest + data).partition(FINAL_DOT)
        if lines.count(b"\n") != lines.count(CRLF):
            self.stray = True
            lines, dot = STRAY_LINE_FEED.split(lines, 1)[0], b""
        newline = CRLF
        if not dot:
            lines, newline, rest = lines.rpartition(CRLF)
        lines += newline
        lines = LEADING_DOT.sub(CRLF, lines) if b"\r\n.\r" in lines else lines.replace(b"\r\n.", CRLF)
        text = lines[len(before) :].replace(CRLF, b"\n")
        self._at_line_start = self._at_line_start or newline == CRLF
        self.ended, self.rest = bool(dot), rest
        if len(rest) > self.FLUSH_AT and not self.ended and not self.stray:
            text += self._flush()
        return text

    def _flush(self) -> bytes:
        """Let go of most of an endless line, but not of a CR that may belong to its end."""
        piece, self.rest = self.rest[:-1], self.rest[-1:]
        if self._at_line_start:
            piece = piece if piece.startswith(b".\r") else piece.removeprefix(b".")
            self._at_line_start = False
        return piece


def hops(header: bytes) -> int:
    """How many Received and Delivered-To fields a header has: each is one hop of a possible loop."""
    lines = b"\n" + header.lower()
    return lines.count(b"\nreceived") + lines.count(b"\ndelivered")
