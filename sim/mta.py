"""What every mail system must offer a machine: its programs, its files, its users, and how it boots.

A mail system is data and programs; it has no other way into the simulation. ``sim.world`` decides by a
scenario's ``mta:`` word which one a host gets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sim.machine.calls import Program
from sim.machine.disk import Disk
from sim.machine.kernel import Machine


class MailSystem(Protocol):
    """qmail is one (``sim.qmail.system``); a machine with people only has ``NoMailSystem``."""

    programs: Mapping[str, Program]
    setuid_programs: Mapping[str, str]

    def uids(self, people: tuple[str, ...]) -> dict[str, int]:
        """User names to numbers, for the system's own users and for people."""
        ...

    def install(
        self,
        disk: Disk,
        name: str,
        control: Mapping[str, str],
        rules: str,
        users: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Lay the system's files, its configuration and the users' homes on a new disk."""
        ...

    def boot(self, machine: Machine) -> None:
        """Start the daemons; this is recovery as well."""
        ...

    def restart(self, machine: Machine) -> None:
        """What an operator does who finds a daemon dead: have the whole system run again, and kill no delivery."""
        ...

    def submission(self, sender: str, recipients: tuple[str, ...], raw: bool) -> tuple[str, tuple[str, ...]]:
        """The program and its argv that takes a letter from a person of this machine, on descriptor 0.

        A ``raw`` message is queued as it is; any other is completed first.
        """
        ...


class NoMailSystem:
    """A machine with people only: it has mail user agents and no MTA, so every letter goes ``via`` another."""

    programs: Mapping[str, Program] = {}
    setuid_programs: Mapping[str, str] = {}

    def uids(self, people: tuple[str, ...]) -> dict[str, int]:
        return {"root": 0} | {name: 1000 + index for index, name in enumerate(sorted(set(people)))}

    def install(
        self,
        disk: Disk,
        name: str,
        control: Mapping[str, str],
        rules: str,
        users: Mapping[str, Mapping[str, str]],
    ) -> None:
        for user in users:
            disk.make_directories(f"~{user}")

    def boot(self, machine: Machine) -> None:
        return

    def restart(self, machine: Machine) -> None:
        return

    def submission(self, sender: str, recipients: tuple[str, ...], raw: bool) -> tuple[str, tuple[str, ...]]:
        raise LookupError("a machine without a mail system takes no letters")
