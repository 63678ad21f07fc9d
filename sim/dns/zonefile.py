"""A zone text, entry by entry, into records: the master file format of RFC 1035, section 5.

dnspython's tokenizer splits the text into words; the records are read here, because dnspython's own readers insist on
SOA and NS, know no hints for beginners, and blame the line after the mistake. TTLs are read and forgotten: nobody in
this world caches.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from .records import ADDRESS, LONGEST_NAME, MX, NICKNAME, TYPES, Mention, ZoneError

if TYPE_CHECKING:
    import dns.tokenizer  # loaded in Reader.read: it takes a tenth of a second, and `mailsim --help` reads no zone

_NAME = re.compile(r"(?:[a-z0-9_*/-]{1,63}\.)*[a-z0-9_*/-]{1,63}")
_TTL = re.compile(r"[0-9]+|(?:[0-9]+[wdhms])+", re.IGNORECASE)
_IN = re.compile("IN", re.IGNORECASE)


def absolute(name: str) -> str:
    """A name as zones keep it, in small letters and without the final dot; raises ZoneError for what is none."""
    return Reader().name(name)


class Reader:
    """A zone text on its way into records; origin, owner and line are what the entry being read inherits."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, dict[str | MX, None]]] = {}  # name → type → records: a dict as an ordered set
        self.mentions: list[Mention] = []
        self.origin = ""
        self.owner: str | None = None
        self.line: int | None = None

    def error(self, message: str) -> ZoneError:
        return ZoneError(message, self.line)

    def read(self, text: str) -> None:
        """Read entry by entry; a no-break space, which comes with copying from a web page, is a space."""
        import dns.exception
        import dns.tokenizer

        tokens = dns.tokenizer.Tokenizer(text.removeprefix("\ufeff").replace("\xa0", " "))
        more = True
        while more:
            self.line = tokens.line_number
            try:
                words, inherits, more = _entry(tokens)
            except dns.exception.DNSException:
                raise self.error(_unfinished(tokens)) from None
            if words and words[0].startswith("$"):
                self.directive(words)
            elif words:
                self.record(words, inherits)

    def directive(self, words: list[str]) -> None:
        what = words[0].upper()
        if what == "$ORIGIN" and len(words) == 2:
            self.origin = self.name(words[1]).removesuffix(".")
        elif what in ("$ORIGIN", "$TTL"):
            if len(words) != 2 or not _TTL.fullmatch(words[1]):
                raise self.error(f"{what} takes one word, as in $ORIGIN itb.ac.id. or $TTL 1h")
        elif what == "$INCLUDE":
            raise self.error("$INCLUDE is not read here: copy the records of that file into this text")
        elif what == "$GENERATE":
            raise self.error("$GENERATE is not read here: write the records one by one")
        else:
            raise self.error(f"unknown directive {_short(words[0])}: there are $ORIGIN and $TTL")

    def record(self, words: list[str], inherits: bool) -> None:
        """``[name] [ttl] [IN] type data``; an entry that starts with white space goes on with the name above."""
        if not inherits:
            if _lacks_space(words):
                raise self.error(f"{words[0]} stands where the name belongs; a space before it repeats the name above")
            self.owner = self.mention("", words.pop(0))
        if self.owner is None:
            raise self.error("a line that starts with a space goes on with the name above, but there is none yet")
        for optional in (_TTL, _IN, _TTL):
            if words and optional.fullmatch(words[0]):
                words.pop(0)
        if not words:
            raise self.error("the record ends too early: name, IN, type, data, as in: students IN A 167.205.22.114")
        word = words.pop(0)
        rrtype = word.upper()
        if rrtype not in TYPES:
            raise self.error(_why_no_type(word))
        self.add(self.owner, rrtype, _DATA[rrtype](self, words))

    def add(self, owner: str, rrtype: str, data: str | MX) -> None:
        node = self.nodes.setdefault(owner, {})
        repeated = data in node.get(rrtype, ())
        if node and not repeated and (rrtype == "CNAME" or "CNAME" in node):
            raise self.error(NICKNAME.format(name=owner))
        node.setdefault(rrtype, {})[data] = None

    def name(self, written: str) -> str:
        """The full name: lower-case, completed with the origin unless it ends in a dot, and then without that dot."""
        if written == ".":
            return "."
        if written == "@":
            return self.origin or "."
        full = written if written.endswith(".") or not self.origin else f"{written}.{self.origin}"
        full = full.lower().removesuffix(".")
        if len(full) > LONGEST_NAME or not written.isascii() or not _NAME.fullmatch(full):
            raise self.error(_why_no_name(written))
        return full

    def mention(self, place: str, written: str) -> str:
        full = self.name(written)
        if written not in (".", "@"):
            self.mentions.append(Mention(place, written, full, self.origin, self.line))
        return full

    def a(self, words: list[str]) -> str:
        address = self.one("A", words, "167.205.22.114")
        if not ADDRESS.fullmatch(address):
            raise self.error(_why_no_address(address))
        return address

    def aaaa(self, words: list[str]) -> str:
        address = self.one("AAAA", words, "2001:db8::25")
        try:
            return str(ipaddress.IPv6Address(address))
        except ValueError:
            raise self.error(f"AAAA takes an IPv6 address such as 2001:db8::25, not {_short(address)}") from None

    def mx(self, words: list[str]) -> MX:
        numbers = [word.isascii() and word.isdigit() for word in words]
        if numbers == [False]:
            raise self.error(f"MX lacks its preference, a number before the name: MX 10 {_short(words[0])}")
        if numbers == [False, True]:
            raise self.error(f"in MX the preference comes first: MX {_short(words[1])} {_short(words[0])}")
        if len(words) != 2:
            raise self.error("MX takes a preference and one name, as in MX 10 mx1.itb.ac.id. (a line for each name)")
        if not numbers[0] or len(words[0]) > 5 or int(words[0]) > 65535:
            raise self.error(f"the preference of an MX is a number from 0 to 65535, not {_short(words[0])}")
        return MX(int(words[0]), self.mention(f"{self.owner} MX", words[1]))

    def cname(self, words: list[str]) -> str:
        return self.mention(f"{self.owner} CNAME", self.one("CNAME", words, "students.itb.ac.id."))

    def ns_or_ptr(self, words: list[str]) -> str:
        return self.name(self.one("this record", words, "NS ns1.itb.ac.id. or PTR students.itb.ac.id."))

    def txt(self, words: list[str]) -> str:
        if not words:
            raise self.error('TXT takes text, as in TXT "v=spf1 mx -all"')
        return "".join(words)

    def soa(self, words: list[str]) -> str:
        if len(words) != 7 or not all(map(_TTL.fullmatch, words[2:])):
            raise self.error("SOA takes two names and five numbers: name server, person, serial and four times")
        return " ".join((self.name(words[0]), *words[1:]))

    def one(self, rrtype: str, words: list[str], example: str) -> str:
        if len(words) != 1:
            said = f"{len(words)} words" if words else "nothing"
            raise self.error(f"{rrtype} takes one word, such as {example}, but here it has {said}")
        return words[0]


_DATA: dict[str, Callable[[Reader, list[str]], str | MX]] = {
    "A": Reader.a,
    "AAAA": Reader.aaaa,
    "MX": Reader.mx,
    "CNAME": Reader.cname,
    "NS": Reader.ns_or_ptr,
    "TXT": Reader.txt,
    "PTR": Reader.ns_or_ptr,
    "SOA": Reader.soa,
}


def _entry(tokens: dns.tokenizer.Tokenizer) -> tuple[list[str], bool, bool]:
    """The words of the next entry, whether it starts with white space, and whether the text goes on after it."""
    token = tokens.get(want_leading=True)
    inherits = token.is_whitespace()
    if inherits:
        token = tokens.get()
    words = []
    while not token.is_eol_or_eof():
        words.append(token.unescape().value if token.is_quoted_string() else token.value)
        token = tokens.get()
    return words, inherits, not token.is_eof()


def _unfinished(tokens: dns.tokenizer.Tokenizer) -> str:
    if tokens.quoting:
        return 'a " in this line is not closed in it, or a backslash after it protects nothing'
    if tokens.multiline:
        return "a ( is opened in this line and never closed"
    return "a ) without its (, or a backslash with nothing to protect"


def _lacks_space(words: list[str]) -> bool:
    """Whether the name is really the start of ``IN MX 10 mx1`` or ``MX 10 mx1``, written at the left margin."""
    typed = any(word.upper() in TYPES for word in words[1:4])
    return words[0] == "IN" or (words[0] in TYPES and not typed)


def _why_no_type(word: str) -> str:
    if ADDRESS.fullmatch(word):
        return f"the record type is missing: write A before {word}"
    close = difflib.get_close_matches(_short(word).upper(), TYPES, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"this world knows {', '.join(TYPES)}"
    return f"unknown record type {_short(word)}: {hint}"


def _why_no_name(written: str) -> str:
    odd = re.search(r"[^A-Za-z0-9_*/.-]", written)
    if odd and odd[0] == "@":
        return f"{_short(written)} is a person's address; DNS knows only the part after the @"
    if odd:
        return f"{_short(written)} cannot be a name: it has {odd[0]!r}, and names have letters, digits, - and ."
    if written.startswith(".") or ".." in written or not written:
        shown = _short(written) or "nothing"
        return f"{shown} cannot be a name: a part of it is empty (two dots in a row, or one in front)"
    return f"{_short(written)} is too long: 63 characters between dots, {LONGEST_NAME} in all (with the origin)"


def _why_no_address(word: str) -> str:
    if ":" in word:
        return f"{_short(word)} is not an IPv4 address; the record type for IPv6 is AAAA"
    if ADDRESS.fullmatch(word.rstrip(".")):
        return f"an address has no final dot: {word.rstrip('.')}"
    if re.search("[A-Za-z]", word):
        return f"A takes an address such as 167.205.22.114, not {_short(word)}; for a second name of a host use CNAME"
    return f"{_short(word)} is not an address: four numbers from 0 to 255, as in 167.205.22.114"


def _short(word: str) -> str:
    return word if len(word) <= 60 else f"{word[:60]}…"
