"""A scenario: who is there, who writes to whom, what goes wrong, and what ought to come about.

Every key is described here or in `host`, `faults`, `expect` and `ask`, once; the JSON Schema and the reference
are made from these descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ..dns import Zone, ZoneError, own_address
from ..letter import Address
from ..notation.errors import quoted
from .ask import Question
from .errors import MisfitError
from .expect import Expectation
from .faults import Fault
from .fields import HostName, Instant, OneLine, Part, Recipients, Seconds, Sender
from .host import Host
from .laboratory import Laboratory
from .steps import Step

_START = datetime(2011, 11, 22, 8, tzinfo=timezone(timedelta(hours=7)))
_LONGEST_RUN = 10 * 365 * 86_400.0
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")  # RFC 5322, section 2.2


def _field_name(name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise MisfitError(
            f"{quoted(name)} is not the name of a header field", "printable, no space or colon, as in Reply-To"
        )
    return name


def _named(mail: object) -> object:
    """Give every letter that has no name one by its position: mail-1, mail-2, …"""
    if not isinstance(mail, list | tuple):
        return mail
    return [
        {**item, "name": f"mail-{position}"} if isinstance(item, Mapping) and item.get("name") is None else item
        for position, item in enumerate(mail, 1)
    ]


class Link(Part):
    """Two hosts that are nearer to each other, or farther apart, than the rest."""

    between: tuple[HostName, HostName] = Field(description="the two hosts")
    latency: Seconds = Field(description="how long a packet takes, one way")

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.between[0] == self.between[1]:
            raise MisfitError(f"a link from {self.between[0]} to itself", "name two hosts", "between")
        return self


class Network(Part):
    """How long packets take."""

    latency: Seconds = Field(
        "20ms", validate_default=True, description="how long a packet takes between two hosts, one way"
    )
    links: tuple[Link, ...] = Field((), description="the pairs of hosts for which it is different")


class Mail(Part):
    """A letter that a person writes; or so many of them."""

    name: OneLine = Field(
        "", min_length=1, max_length=64, description="what other keys call it; left out: mail-1, mail-2, …"
    )
    at: Seconds = Field("0s", validate_default=True, description="when it is written, counted from the start")
    sender: Sender = Field(alias="from", description="the sender's address; written on that host unless `on` says so")
    to: Recipients = Field(description="the recipients; one without a host is completed by qmail-inject")
    subject: OneLine = Field("", description="the Subject field")
    body: str = Field("", description="the text")
    header: dict[Annotated[str, AfterValidator(_field_name)], OneLine] = Field(
        {}, description="more header fields, in order"
    )
    raw: str | None = Field(None, description="the whole message as it is, handed on untouched")
    on: HostName | None = Field(None, description="the host it is written on")
    via: HostName | None = Field(
        None, description="submitted by SMTP to this host; left out: to the `relay` of the MUA, or else by qmail-inject"
    )
    session: OneLine | None = Field(
        None,
        max_length=64,
        description="letters of one host to one relay agent with the same word go over one connection, "
        "when the last of them is written",
    )
    copies: int = Field(1, ge=1, le=100_000, description="the same letter so many times")
    every: Seconds = Field("0s", validate_default=True, description="how far apart the copies are")

    @property
    def host(self) -> str:
        """Where it is written: `on`, or else the domain of the sender."""
        return self.on or Address.parse(self.sender).domain.lower()

    @model_validator(mode="after")
    def _raw_alone(self) -> Self:
        for key, value in (("subject", self.subject), ("body", self.body), ("header", self.header)):
            if self.raw is not None and value:
                raise MisfitError(f"both raw and {key}: raw is the whole message", f"write the {key} into raw", key)
        return self

    @model_validator(mode="after")
    def _one_in_a_session(self) -> Self:
        if self.session is not None and self.copies > 1:
            raise MisfitError("a letter of a session is written once", "write several letters", "copies")
        return self


class Telnet(Part):
    """A dialogue that a person types into a server, a line a second."""

    on: HostName = Field(description="the host where the person sits")
    to: HostName = Field(description="the host whose port 25 is called")
    at: Seconds = Field(0.0, description="when the call is made, counted from the start")
    lines: str = Field(description="what is typed, line by line")


class Scenario(Part):
    """A lesson: hosts, letters, faults, and what ought to come about."""

    title: OneLine = Field(min_length=1, description="the lesson in one line")
    lesson: str = Field("", description="what is to be learned")
    start: Instant = Field(_START, description="where the simulated clock begins, with its time zone")
    until: Seconds = Field("2h", validate_default=True, description="how long the run lasts")
    seed: int = Field(1, ge=0, lt=2**63, description="where chance begins")
    dns: str = Field("", description='a zone file; $TTL 1h and origin "." unless it says otherwise')
    network: Network = Field(default_factory=Network, description="how long packets take")
    hosts: dict[HostName, Host] = Field(description="the computers by their names")
    mail: Annotated[tuple[Mail, ...], BeforeValidator(_named)] = Field((), description="the letters that people write")
    telnet: tuple[Telnet, ...] = Field((), description="the dialogues that people type by hand")
    steps: tuple[Step, ...] = Field((), description="the commands that people type, each at its time")
    faults: tuple[Fault, ...] = Field(
        (),
        description="what goes wrong: kill, power_cut, signal and preempt strike once, the others last from: to until:",
    )
    expect: tuple[Expectation, ...] = Field((), description="what ought to have come about at the end")
    ask: tuple[Question, ...] = Field((), description="what a class is asked to predict, at moments of the run")
    laboratory: Laboratory = Field(
        default_factory=Laboratory, description="what crash-test does with it, and ought to find"
    )

    @field_validator("until")
    @classmethod
    def _some_time(cls, until: float) -> float:
        if not 0 < until <= _LONGEST_RUN:
            raise MisfitError("a run lasts longer than 0 and at most ten years", "as in 2h or 8d")
        return until

    @field_validator("dns")
    @classmethod
    def _zone(cls, text: str) -> str:
        try:
            Zone.parse(text)
        except ZoneError as error:
            raise MisfitError(error.message, line=error.line) from None
        return text

    @field_validator("hosts")
    @classmethod
    def _some_host(cls, hosts: dict[str, Host]) -> dict[str, Host]:
        if not hosts:
            raise MisfitError("a scenario has at least one host", "as in students.itb.ac.id: {}")
        return hosts

    @field_validator("hosts", mode="before")
    @classmethod
    def _bare_hosts(cls, hosts: object) -> object:
        """A host with nothing after its name has the defaults."""
        if isinstance(hosts, Mapping):
            return {name: {} if host is None else host for name, host in hosts.items()}
        return hosts

    @model_validator(mode="after")
    def _one_address_each(self) -> Self:
        """Two hosts with one address would get each other's connections."""
        zone = Zone.parse(self.dns)
        named = {name: own_address(zone, name, self.hosts) for name in self.hosts}
        seen: dict[str, str] = {}
        for name, host in sorted(self.hosts.items(), key=lambda one: not named[one[0]]):
            address = named[name] or str(host.address or "")
            line = zone.line_of(name)
            key = "dns" if line else ""
            if not named[name] and zone.lookup(name, "CNAME").records:
                message = f"{name} is a host, but here only a nickname that leads to no address"
                raise MisfitError(message, "give it an A record in place of the CNAME", key, line)
            if address.startswith("127."):
                message = f"{name} has the address {address}, where every host finds itself"
                raise MisfitError(message, "choose another", key, line)
            if address and seen.setdefault(address, name) != name and named[seen[address]]:
                message = f"{seen[address]} and {name} have one address, {address}"
                raise MisfitError(message, "give each its own", key, line)
        return self
