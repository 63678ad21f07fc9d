"""What ruamel.yaml says of a text that is no YAML, in words that point a student at the slip and not behind it."""

from __future__ import annotations

import re

from ruamel.yaml.error import MarkedYAMLError

from .marks import Mark

_COLON = "a colon does not belong here"
_MISFIT = "the line does not fit what stands above it"
_NO_COLON = "a key needs a colon and a space after it"
_KEY = r"[A-Za-z0-9_][A-Za-z0-9_.@-]*"
_BARE = re.compile(rf"{_KEY} +[^:\[\]{{}}]+")
_GLUED_COLON = re.compile(rf"(?:- +)*{_KEY}:(?!//)(?=[^\s:])")
_GLUED_DASH = re.compile(rf"-(?={_KEY}:(\s|$))")
_FIRST_KEY = re.compile(rf"\s*(?:- +)*{_KEY}")
_NEIGHBOURS = "is it indented like its neighbours?"
_QUOTES = {"'": "inside '…' a ' is written twice, as in 'it''s'", '"': 'inside "…" a " is written \\"'}
_WORDS = (  # part of what ruamel.yaml says, what is said instead, a hint
    ("mapping values are not allowed", _COLON, "a text with ': ' in it needs quotes"),
    ("could not find expected ':'", _NO_COLON, "as in seed: 1"),
    (r"'\t' that cannot start", "a tab cannot stand here", "indent with spaces"),
    ("cannot start any token", "", "a text that begins with @ ` or % needs quotes"),
    ("<block end>", _MISFIT, _NEIGHBOURS),
    ("<document start>", _MISFIT, _NEIGHBOURS),
    ("node content", "a value is missing here", "is there a comma or a bracket too many?"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing", "as in [a, b] and {key: value}"),
    ("end of stream", "a quote or a bracket is not closed", ""),
    (
        "undefined alias",
        "",
        "an alias (*name) needs an anchor (&name) above it; a text that begins with * needs quotes",
    ),
    ("another document", "a second document begins here", "one file is one scenario: take the line --- out"),
    ("alphabetic or numeric", "", "a text that begins with & * or % needs quotes"),
)
Explained = tuple[Mark, str, str]


def explained(text: str, error: MarkedYAMLError) -> Explained:
    """Where the slip is, what it is, and a hint."""
    found = str(error.problem or error.context or "this is not YAML")
    said, hint = next(((said, hint) for part, said, hint in _WORDS if part in found), ("", ""))
    where = error.problem_mark or error.context_mark
    mark = Mark(where.line + 1, where.column + 1) if where else Mark(1, 1)
    begun = Mark(error.context_mark.line + 1, error.context_mark.column + 1) if error.context_mark else mark
    lines = text.split("\n")
    if "quoted scalar" in str(error.context):
        return begun, "the quote that opens here is not closed", ""
    if said == _NO_COLON:
        return _spoiled(lines, begun.line) or (begun, said, hint)
    if said in (_COLON, _MISFIT):
        return _spoiled(lines, _above(lines, mark.line)) or _misplaced(lines, mark, said, hint)
    return mark, said or found, hint


def _above(lines: list[str], line: int) -> int:
    """The number of the nearest line above that says something; 0 when there is none."""
    return next((number for number in range(line - 1, 0, -1) if _code(lines, number)), 0)


def _code(lines: list[str], number: int) -> str:
    """A line without its indentation and its comment."""
    return lines[number - 1].split("#")[0].strip()


def _spoiled(lines: list[str], number: int) -> Explained | None:
    """The slip in a line that ruamel.yaml took for a text and stumbled over later, if it is one of the usual."""
    code = _code(lines, number) if number else ""
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip()) if number else 0
    if glued := _GLUED_COLON.match(code):
        return Mark(number, indent + glued.end() + 1), "a space is missing after the colon", "as in title: tes"
    if _GLUED_DASH.match(code):
        return Mark(number, indent + 2), "a space is missing after the dash", "as in - at: 1s"
    if _BARE.fullmatch(code):
        return Mark(number, indent + 1), "this line has no colon after its key", "as in title: tes"
    return None


def _misplaced(lines: list[str], mark: Mark, said: str, hint: str) -> Explained:
    """A line that is wrong where it stands: a quote that ended too soon, a key that is indented too far."""
    before = lines[mark.line - 1][: mark.column - 1] if mark.line <= len(lines) else ""
    if said == _MISFIT and before[-1:] in _QUOTES:
        return mark, "the quoted text has ended before this", _QUOTES[before[-1:]]
    if said == _COLON and _FIRST_KEY.fullmatch(before):
        return mark, said, f"{_NEIGHBOURS} {hint}"
    return mark, said, hint
