"""Text from letters, peers and disks, made safe to look at: what a terminal would obey is shown, not sent."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = frozenset(map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10))))
_ODD_BYTES = range(0xDC80, 0xDD00)  # bytes that are no UTF-8, as Python reads them from a terminal (PEP 383)
_OBEYED = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_PLAIN = re.compile(r"[ -~]*")
_ASCII = str.maketrans({"✓": "+", "✗": "x", "→": "->", "…": "...", "·": "*", "—": "-", "’": "'", "“": '"', "”": '"'})


def visible(text: str) -> str:
    r"""Control, bidirectional and zero-width characters as Python writes them; everything else as it is.

    >>> visible("a\x1b[31mb\r\u202e!")
    'a\\x1b[31mb\\x0d\\u202e!'
    """
    return text if _PLAIN.fullmatch(text) else "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char not in _HIDDEN and unicodedata.category(char) not in _OBEYED:
        return char
    code = ord(char)
    if code in _ODD_BYTES:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def readable(text: str) -> str:
    r"""The text of bytes that were kept one character a byte: UTF-8 if it is that, else what it looks like.

    >>> readable("surat\xc3\xa9"), readable("caf\xe9")
    ('suraté', 'café')
    """
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def plain(text: str, encoding: str | None) -> str:
    """The text in an encoding that may lack its signs: near ASCII for ours, escapes for others; None lacks nothing."""
    try:
        text.encode(encoding or "utf-8")
        return text
    except (UnicodeError, LookupError):
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def cells(text: str) -> int:
    """How many columns of a terminal a visible text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.category(char) in ("Mn", "Me") for char in text)


def fitted(text: str, width: int) -> str:
    """Exactly ``width`` columns: cut with an ellipsis, or filled with spaces.

    >>> fitted("salman", 8), fitted("students", 4)
    ('salman  ', 'stu…')
    """
    text = visible(text)
    if cells(text) > width:
        while cells(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - cells(text))
