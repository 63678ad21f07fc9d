"""What several of qmail's programs do alike: control files, whole writes, dates, becoming another program."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping
from functools import lru_cache
from time import gmtime
from typing import Any, TypeVar

from sim.machine.calls import Call, Steps, close, execve, open_if_there, read, setgid, setgroups, setuid, write
from sim.qmail.users import group_of

NUL = 0  # the byte that ends a record
DIGITS = re.compile("[0-9]{1,19}")  # of more, int() need not make anything: no number here is so large
T = TypeVar("T")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def control_line(name: str, default: str | None = "") -> Steps:
    """The first line of ``control/NAME``, trailing white space off; ``default`` when there is no file."""
    return _control(name, _first_line, default)


def control_number(name: str, default: int) -> Steps:
    """A number from ``control/NAME``: the digits at its beginning; without any it counts as absent, as in qmail."""

    def meaning(text: str) -> int:
        number = leading_number(text)
        return default if number is None else number

    return _control(name, meaning, default)


def control_lines(name: str) -> Steps:
    """The lines of ``control/NAME`` without blanks and comments, or None when there is no file."""
    return _control(name, _lines, None)


def _control(name: str, meaning: Callable[[str], T], default: T) -> Generator[Call, Any, T]:
    fd = yield _asked(name)
    if fd is None:
        return default
    data, more = b"", read(fd)
    while piece := (yield more):
        data += piece
    yield close(fd)
    return meaning(data.decode("latin-1"))


@lru_cache(maxsize=64)
def _asked(name: str) -> Call:
    return open_if_there(f"control/{name}")


def _first_line(text: str) -> str:
    return text.partition("\n")[0].rstrip(" \t")


def _lines(text: str) -> list[str] | None:
    lines = (line.rstrip(" \t") for line in text.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1024)
def leading_number(text: str) -> int | None:
    """The number that a text begins with, as qmail's scan_ulong reads it; None when there is no digit.

    >>> leading_number("50 bytes"), leading_number("lots")
    (50, None)
    """
    digits = DIGITS.match(text)
    return int(digits[0]) if digits else None


def message_number(name: str) -> int | None:
    """The number that a file of the queue is called by; None for any other name.

    >>> message_number("53"), message_number("53.tmp"), message_number("²")
    (53, None, None)
    """
    return int(name) if name.isascii() and name.isdecimal() else None


def read_all(fd: int) -> Steps:
    """Everything up to the end of file."""
    data = b""
    while piece := (yield read(fd)):
        data += piece
    return data


def write_all(fd: int, data: bytes) -> Steps:
    """All of ``data``, however little a pipe takes at a time."""
    while data:
        data = data[(yield write(fd, data)) :]


def become_user(user: str) -> Steps:
    """Give up all that root may, the groups first, as long as that is allowed (prot.c)."""
    group = group_of(user)
    yield setgroups(group)
    yield setgid(group)
    yield setuid(user)


def become(program: str, argv: tuple[str, ...], user: str = "", env: Mapping[str, str] | None = None) -> Steps:
    """What a forked child does to turn into another program, as another user where one is named."""
    if user:
        yield from become_user(user)
    try:
        yield execve(program, argv, env)
    except FileNotFoundError:
        return 120


@lru_cache(maxsize=16)
def date822(time_s: int) -> str:
    """A date as qmail writes it, always in UTC.

    >>> date822(1321923600)
    '22 Nov 2011 01:00:00 -0000'
    """
    year, month, day, hour, minute, second, *_ = gmtime(time_s)
    return f"{day} {MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} -0000"


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain, split at the last ``@``; no domain when there is none."""
    local, at, domain = address.rpartition("@")
    return (local, domain) if at else (address, "")
