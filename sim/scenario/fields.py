"""The kinds of value that the keys of a scenario take: each checks one thing and says what is wanted."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from ..notation import durations, moments
from ..notation.errors import NotationError, quoted
from .errors import MisfitError

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_USER = re.compile(r"[a-z0-9_](?:[a-z0-9_+=-]|\.(?!\.)){0,31}")
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_ADDRESS = 900  # qmail-smtpd takes no longer one
_LONGEST_HOST = 253
_YEARS = range(1970, 2200)


class Part(BaseModel):
    """A mapping of the scenario: no unknown keys, nothing changes later, a key with nothing after it is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, data: object) -> object:
        if isinstance(data, Mapping):
            return {key: value for key, value in data.items() if value is not None}
        return data


def host_name(text: str) -> str:
    """A name as RFC 1035 has it, in lower case; it becomes the name of a folder."""
    if len(text) > _LONGEST_HOST or not _HOST.fullmatch(text) or text.rpartition(".")[2].isdigit():
        hint = "letters, digits, hyphens, and dots between labels of at most 63, as in students.itb.ac.id"
        raise MisfitError(f"{quoted(text)} is not a host name", hint)
    return text.lower()


def user_name(text: str) -> str:
    """A Unix account; qmail-getpw passes over names with capitals, and the name becomes that of a folder."""
    if not _USER.fullmatch(text):
        raise MisfitError(
            f"{quoted(text)} is not a user name", "at most 32 small letters, digits and - _ . +, as in wahid"
        )
    return text


def mail_address(text: str) -> str:
    """A mailbox, with or without a host; the empty one is the sender of bounces."""
    one_line(text)
    if len(text) > _LONGEST_ADDRESS:
        raise MisfitError(f"the address {quoted(text)} has more than {_LONGEST_ADDRESS} characters")
    if not text.startswith('"') and re.search(r"[\s<>,]", text):
        raise MisfitError(
            f"{quoted(text)} is not one address", "as in wahid@students.itb.ac.id; several are a list: [a, b]"
        )
    return text


def recipient(text: str) -> str:
    if not text:
        raise MisfitError("the address is empty", "as in wahid@students.itb.ac.id")
    return mail_address(text)


def one_line(text: str) -> str:
    """Refuse what would break out of its line in a header, in SMTP or in a log."""
    found = _CONTROL.search(text)
    if found:
        raise MisfitError(f"{quoted(text)} holds the control character {quoted(found.group())}", "write it in one line")
    return text


def program_name(text: str) -> str:
    if not _PROGRAM.fullmatch(text):
        raise MisfitError(f"{quoted(text)} is not the name of a program", "as in qmail-send")
    return text


def ipv4_address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise MisfitError(f"{quoted(text)} is not an IPv4 address", "four numbers, as in 167.205.22.114") from None


def moment(text: object) -> moments.Moment:
    if not isinstance(text, str):
        raise MisfitError(f"{quoted(text)} is not a moment", "[program] verb [path], as in: link todo/*")
    return moments.parse(text)


def date_and_time(text: object) -> datetime:
    """An instant with its offset from UTC: without one, nobody knows what a Date field would say."""
    hint = "as in 2011-11-22T08:00:00+07:00"
    try:
        when = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
    except ValueError:
        raise MisfitError(f"{quoted(text)} is not a date and time", hint) from None
    if when.tzinfo is None:
        raise MisfitError(f"{quoted(text)} has no time zone", hint)
    if when.year not in _YEARS:
        raise MisfitError(f"the year {when.year} is out of range", f"{_YEARS.start} to {_YEARS.stop - 1}")
    return when


def somebody(recipients: tuple[str, ...]) -> tuple[str, ...]:
    if not recipients:
        raise MisfitError("nobody is there to get it", "as in to: wahid@students.itb.ac.id")
    return recipients


def in_a_list(value: object) -> object:
    """One address stands for a list of one."""
    return [value] if isinstance(value, str) else value


def number_as_text(value: object) -> object:
    """YAML reads 550 as a number where a text that begins so is meant."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def file_text(value: object) -> str:
    r"""The text of a control file: a value is one line, a list one line each, nothing an empty file.

    >>> file_text(["students.itb.ac.id", "localhost"])
    'students.itb.ac.id\nlocalhost\n'
    """
    lines = value if isinstance(value, list | tuple) else [] if value is None else [value]
    for line in lines:
        if isinstance(line, bool) or not isinstance(line, str | int):
            raise MisfitError(f"{quoted(line)} is not a line of a file", "a word, a number, or a list of them")
    text = "\n".join(str(line) for line in lines)
    if "\0" in text:
        raise NotationError("a control file holds no NUL character")
    return text if not text or text.endswith("\n") else text + "\n"


_DURATION: dict[str, Any] = {
    "anyOf": [{"type": "string", "pattern": durations.PATTERN}, {"const": 0}],
    "examples": list(durations.EXAMPLES),
}
_MOMENT: dict[str, Any] = {"type": "string", "examples": ["link todo/*", "qmail-send unlink info/*", "mark local/*"]}
_ADDRESSES: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_LINES: dict[str, Any] = {
    "anyOf": [
        {"type": ["string", "integer", "null"]},
        {"type": "array", "items": {"type": ["string", "integer"]}},
    ]
}

HostName = Annotated[str, AfterValidator(host_name)]
UserName = Annotated[str, AfterValidator(user_name)]
Sender = Annotated[str, AfterValidator(mail_address)]
Recipient = Annotated[str, AfterValidator(recipient)]
Recipients = Annotated[
    tuple[Recipient, ...], AfterValidator(somebody), BeforeValidator(in_a_list), WithJsonSchema(_ADDRESSES)
]
OneLine = Annotated[str, AfterValidator(one_line)]
Program = Annotated[str, AfterValidator(program_name)]
IPv4 = Annotated[str, AfterValidator(ipv4_address)]
FileText = Annotated[str, BeforeValidator(file_text), WithJsonSchema(_LINES)]
Instant = Annotated[
    datetime,
    PlainValidator(date_and_time),
    PlainSerializer(datetime.isoformat, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Seconds = Annotated[
    float, PlainValidator(durations.parse), PlainSerializer(durations.text, when_used="json"), WithJsonSchema(_DURATION)
]
AMoment = Annotated[
    moments.Moment, PlainValidator(moment), PlainSerializer(str, when_used="json"), WithJsonSchema(_MOMENT)
]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Ordinal = Annotated[int, Field(ge=1, le=1_000_000)]
