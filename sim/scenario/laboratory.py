"""What a scenario says about its crashes: where ``mailsim crash-test`` looks, how far, and what it ought to find."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from .errors import MisfitError
from .fields import HostName, Part, Program

FileSystem: TypeAlias = Literal["ffs", "journaled", "journaled+syncdir", "async", "async+syncdir"]
Found: TypeAlias = Literal[
    "lost", "damaged", "rule broken", "bounce incomplete (documented)", "twice", "still queued", "bounced",
    "discarded by instruction", "once", "cleaned up", "never promised",
]  # fmt: skip
MOST = 1_000_000_000


def _how_many(value: object) -> object:
    """``none``, ``some`` or a number; YAML words are texts, so a number may come as one."""
    if value in ("none", "some"):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return value
    if isinstance(value, str) and value.isdecimal() and value.isascii() and len(value) < 10:
        return int(value)
    raise MisfitError("it is not said how many", "none, some, or a number of crashes, as in 74")


HowMany = Annotated[
    Literal["none", "some"] | int,
    BeforeValidator(_how_many),
    WithJsonSchema({"anyOf": [{"enum": ["none", "some"]}, {"type": "integer", "minimum": 0}], "default": "some"}),
]


class Promise(Part):
    """How many crashes end with a verdict; second crashes count as well."""

    verdict: Found = Field(description="what becomes of the message, in crash-test's words")
    count: HowMany = Field("some", description="how many crashes end so: none, some, or a number")
    filesystem: FileSystem | None = Field(None, description="on this file system only; left out: on all of them")


class Laboratory(Part):
    """What ``mailsim crash-test`` does with the scenario unless its options say otherwise."""

    filesystems: tuple[FileSystem, ...] = Field(
        (), description="a column for each; left out: the hosts' own file systems"
    )
    hosts: tuple[HostName, ...] = Field((), description="crash these only; left out: all")
    programs: tuple[Program, ...] = Field((), description="at the calls of these programs only; left out: of all")
    crashes: int = Field(1, ge=1, le=2, description="2: a second crash as well, during each recovery")
    preemptions: int = Field(0, ge=0, le=9, description="other schedules too, with so many forced switches at most")
    disks: int | None = Field(
        None, ge=1, le=1_000_000, description="at most so many disks at a point, the others by lot; left out: 4096"
    )
    expect: tuple[Promise, ...] = Field((), description="what the sweep ought to find")
