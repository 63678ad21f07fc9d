"""The mail program of people: what it adds to their letters, and where it hands them in."""

from __future__ import annotations

from pydantic import Field

from .fields import HostName, OneLine, Part, Recipient


class Mua(Part):
    """The mail program that the people of a host write with, configured for its MTA (the course text's section 1)."""

    reply_to: Recipient | None = Field(None, description="the address in Reply-To")
    x_phone: OneLine | None = Field(None, description="the telephone number in X-Phone")
    x_mailer: OneLine | None = Field(None, description="the program's name in X-Mailer, as in Pine 4.21")
    relay: HostName | None = Field(
        None, description="the relay agent it submits to when a letter has no `via`; left out: the host's own MTA"
    )

    @property
    def header(self) -> list[tuple[str, str]]:
        """The fields it adds, in the order of the course text's section 3."""
        fields = (("Reply-To", self.reply_to), ("X-Phone", self.x_phone), ("X-Mailer", self.x_mailer))
        return [(name, value) for name, value in fields if value is not None]
