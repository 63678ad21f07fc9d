r"""Address fields as qmail-inject reads and prints them: tokens, the addresses among them, and a line again.

Theory (token822.c; qmail-header(5)). A field is a row of words, comments and single characters. The addresses in it
are found from right to left, where RFC 822 is easy: an address is what stands in brackets, or a run of words with @ and
dots between them, and two words side by side have lost a comma. The field is printed anew from its tokens, with one
blank where two would run together, and lines end after a comma, at 80 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

ATOM, QUOTE, LITERAL, COMMENT = "atom", "quote", "literal", "comment"
WORDS = frozenset((ATOM, QUOTE, LITERAL))
BLANKS = " \t\r\n"
SPECIAL = ".,@<>:;"
LINE_LENGTH, BREAK = 80, 2  # a break that may be taken back still counts while the line is measured
ENDS = {QUOTE: '""', LITERAL: "[]", COMMENT: "()"}
UNLAWFUL = re.compile(r"[^ -~]|[)\]\\]")  # in a word that came without quotes, and gets them
ESCAPED = '"[]()\\\r\n'


class Unparsable(Exception):  # noqa: N818 - what qmail-inject says of a line
    """A field that is no row of tokens, or whose brackets do not fit."""


class Token(NamedTuple):
    """A word or a comment with its text, without quotes and backslashes; or one of the special characters."""

    kind: str
    text: str


Rewrite: TypeAlias = Callable[[list[Token]], list[Token]]


def tokens(field: str) -> list[Token]:
    r"""
    >>> [one.text for one in tokens('To: "a b"@c.d (x\\)y), <e>')]
    ['To', ':', 'a b', '@', 'c', '.', 'd', 'x)y', ',', '<', 'e', '>']
    >>> [one.kind for one in tokens("Jörg a]b (c)")]
    ['quote', 'quote', 'comment']
    """
    found: list[Token] = []
    at = 0
    while at < len(field):
        char = field[at]
        if char in SPECIAL:
            found.append(Token(char, char))
            at += 1
        elif char in BLANKS:
            at += 1
        elif char in ")]":
            raise Unparsable
        elif char in '"[(':
            kind = {'"': QUOTE, "[": LITERAL, "(": COMMENT}[char]
            text, at = _enclosed(field, at + 1, kind)
            found.append(Token(kind, text))
        else:
            text, at = _atom(field, at)
            found.append(Token(QUOTE if UNLAWFUL.search(text) else ATOM, text))
    return found


def _enclosed(field: str, at: int, kind: str) -> tuple[str, int]:
    """What a quoted string, a literal or a comment holds, and where it ends; inner comments lose their brackets."""
    opening, closing = ENDS[kind][0], ENDS[kind][1]
    text, level = "", 1
    while at < len(field):
        char = field[at]
        at += 1
        if char == "\\" and at < len(field):
            char = field[at]
            at += 1
        elif char == closing:
            level -= 1
            if not level:
                return text, at
            continue
        elif char == opening and kind == COMMENT:
            level += 1
            continue
        text += char
    raise Unparsable


def _atom(field: str, at: int) -> tuple[str, int]:
    text = ""
    while at < len(field) and field[at] not in SPECIAL + BLANKS + '"([':
        at += field[at] == "\\"
        text += field[at : at + 1]
        at += 1
    return text, at


def rewritten(field: list[Token], rewrite: Rewrite) -> tuple[list[Token], list[list[Token]]]:
    """A field with each of its addresses rewritten, and these addresses, the last one first.

    The field's name and colon stay; raises Unparsable.
    """
    walk = _Walk(field, rewrite)
    while walk.left():
        walk.step()
    walk.flush()
    return [*field[:2], *reversed(walk.out)], walk.addresses


class _Walk:
    """From right to left through a field: ``out`` and ``address`` grow backwards."""

    def __init__(self, field: list[Token], rewrite: Rewrite) -> None:
        self.tokens = field[2:]
        self.rewrite = rewrite
        self.out: list[Token] = []
        self.address: list[Token] = []
        self.addresses: list[list[Token]] = []
        self.in_group = False
        self.word_ok = True

    def left(self) -> bool:
        return bool(self.tokens)

    def step(self) -> None:
        kind = self.tokens[-1].kind
        if kind == ">":
            self._bracket()
        elif kind in WORDS:
            if not self.word_ok:
                self.flush(comma=True)
            self.word_ok = False
            self.address.append(self.tokens.pop())
        elif kind == COMMENT:
            self.out.append(self.tokens.pop())
        elif kind == ",":
            self.flush()
            self.out.append(self.tokens.pop())
            self.word_ok = True
        elif kind == ";":
            self.flush(comma=True)
            self._group(ends=True)
            self.out.append(self.tokens.pop())
        elif kind == ":":
            self.flush()
            self._group(ends=False)
            while self.tokens and self.tokens[-1].kind != ",":
                self.out.append(self.tokens.pop())
            if self.tokens:
                self.out.append(self.tokens.pop())
        else:
            self.word_ok = True
            self.address.append(self.tokens.pop())

    def _group(self, *, ends: bool) -> None:
        if self.in_group is ends:
            raise Unparsable
        self.in_group = ends
        self.word_ok = True

    def _bracket(self) -> None:
        """An address in brackets, be it none at all, and the phrase in front of it."""
        self.flush(comma=True)
        self.out.append(self.tokens.pop())
        while self.tokens and self.tokens[-1].kind != "<":
            self.address.append(self.tokens.pop())
        self._got()
        if not self.tokens:
            raise Unparsable
        self.out.append(self.tokens.pop())
        while self.tokens and self.tokens[-1].kind in (COMMENT, ATOM, QUOTE, "@", "."):
            self.out.append(self.tokens.pop())
        self.word_ok = False

    def flush(self, *, comma: bool = False) -> None:
        """The address that has been gathered, if any, is complete; it may have lost the comma behind it."""
        if self.address:
            self._got()
            if comma:
                self.out.append(Token(",", ","))

    def _got(self) -> None:
        found = self.rewrite(self.address[::-1])
        self.addresses.append(found)
        self.out += found[::-1]
        self.address = []


def unquoted(address: list[Token]) -> str:
    """An address as the envelope has it."""
    return "".join(f"[{one.text}]" if one.kind == LITERAL else one.text for one in address if one.kind != COMMENT)


def printed(field: list[Token]) -> str:
    r"""The field as lines of at most 80 characters where its commas allow it.

    >>> printed(tokens('To: a,"b c"  <d.e @f>(x)'))
    'To: a, "b c" <d.e@f>(x)'
    """
    pieces = [""]
    last = ""
    for kind, text in field:
        pieces[-1] += (" " if _apart(last, kind) else "") + shown(kind, text)
        last = kind
        if kind == ",":
            pieces.append("")
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(lines[-1]) + BREAK + len(piece) <= LINE_LENGTH:
            lines[-1] += piece
        else:
            lines.append(f" {piece}")
    return "\n".join(lines)


def _apart(last: str, kind: str) -> bool:
    """Whether a blank stands between two tokens."""
    wordy = WORDS | {COMMENT}
    return bool(last) and (last in ":," or kind == "<" or (last in wordy and kind in wordy))


def shown(kind: str, text: str) -> str:
    """A token as it is written: a word in quotes or brackets with backslashes before what would end it."""
    if kind in SPECIAL:
        return kind
    escaped = "".join(f"\\{char}" if char in ESCAPED else char for char in text)
    return escaped if kind == ATOM else f"{ENDS[kind][0]}{escaped}{ENDS[kind][1]}"
