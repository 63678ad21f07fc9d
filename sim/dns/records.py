"""What a zone holds and what a resolver says of it: types of records, names, answers, and how a mistake is told."""

from __future__ import annotations

import re
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar

LONGEST_NAME = 253  # characters of a name without its final dot (RFC 1035, section 2.3.4: 255 octets on the wire)
TYPES = ("A", "AAAA", "MX", "CNAME", "NS", "TXT", "PTR", "SOA")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
ADDRESS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
NICKNAME = "{name} has a CNAME, so it is only a nickname: no second CNAME and no other record may stand beside it"

Rcode: TypeAlias = Literal["noerror", "nxdomain", "servfail", "silent"]
Record = TypeVar("Record")
Node: TypeAlias = dict[str, tuple[Any, ...]]  # record type → its records, at one name


class ZoneError(ValueError):
    """A zone that cannot be read, in words for its author; `line` counts from 1 within the text, or is None."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message, line)
        self.message = message
        self.line = line

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


class MX(NamedTuple):
    """A host that takes mail for a domain; the lowest preference is tried first (RFC 5321, section 5.1)."""

    preference: int
    exchanger: str


class Answer(NamedTuple, Generic[Record]):
    """What a resolver tells a program; "silent" (no answer at all) is only ever said by a fault.

    `records` are in the zone's order: MX for that type, else text. `canonical` is the name at the end of the nicknames.
    """

    rcode: Rcode
    records: tuple[Record, ...] = ()
    canonical: str = ""


class Mention(NamedTuple):
    """A name as written and as read, and the line of the entry that holds it.

    `place` is where it stands: "students.itb.ac.id MX", or "" for an owner.
    """

    place: str
    written: str
    absolute: str
    origin: str
    line: int | None = None
