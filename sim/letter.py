"""Envelope, header and body: the three components of a letter (the course text's section 3).

The envelope is for MTAs, the header for user agents, the body for people. An MTA never looks into
header or body to decide where a letter goes; that is why the three are kept apart here too.
"""

from __future__ import annotations

from typing import NamedTuple


class Address(NamedTuple):
    """A mailbox name and the domain it lives in (RFC 5321, section 2.3.11).

    >>> Address.parse("riza@ai3.itb.ac.id")
    Address(user='riza', domain='ai3.itb.ac.id')
    >>> str(Address.parse("riza"))
    'riza'
    """

    user: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Split at the last ``@``; a text without one is a user of the host that reads it."""
        user, at, domain = text.rpartition("@")
        return cls(user, domain) if at else cls(text, "")

    def __str__(self) -> str:
        return f"{self.user}@{self.domain}" if self.domain else self.user


class Envelope(NamedTuple):
    """Who sent it and who gets it: MAIL and RCPT, `F` and `T` records; an empty sender is ``<>``."""

    sender: str
    recipients: tuple[str, ...]


class Letter(NamedTuple):
    """What a person hands in: an envelope, header fields in order, and the body's lines."""

    envelope: Envelope
    header: tuple[tuple[str, str], ...]
    body: str

    def text(self) -> bytes:
        r"""The message as RFC 5322 has it, with ``\n`` line ends as on a Unix disk.

        >>> Letter(Envelope("a@x", ("b@y",)), (("Subject", "tes"),), "Ini cuma tes.").text()
        b'Subject: tes\n\nIni cuma tes.\n'
        """
        lines = [f"{name}: {value}" for name, value in self.header]
        body = self.body if self.body.endswith("\n") or not self.body else self.body + "\n"
        return ("\n".join(lines) + "\n\n" + body).encode("utf-8", "surrogateescape")
