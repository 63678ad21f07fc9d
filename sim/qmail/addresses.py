"""What becomes of addresses on their way: quoting, a sender of its own for each recipient, hosts that are numbers."""

from __future__ import annotations

import re
from functools import lru_cache

EACH_ITS_OWN = "-@[]"
BYTE = 255
ADDRESS = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20}){3}")
PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@lru_cache(maxsize=256)
def quoted(address: str) -> str:
    r"""An address as a header or an SMTP command may hold it: what is not plain in front of the ``@`` goes in quotes.

    Without an ``@`` all of it does (quote2); qmail-remote leaves such an address as it is.

    >>> quoted("we ird@remote.example"), quoted("#@[]"), quoted("")
    ('"we ird"@remote.example', '#@[]', '')
    """
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = address, ""
    if not address or PLAIN.fullmatch(local):
        return address
    escaped = re.sub(r'([\r\n"\\])', r"\\\1", local)
    return f'"{escaped}"{at}{domain}'


def sender_for(sender: str, recipient: str) -> str:
    """The envelope sender that one recipient sees: ``list-@host-@[]`` names the recipient in it (VERP, addresses(5)).

    >>> sender_for("list-@a.example-@[]", "bob@b.example")
    'list-bob=b.example@a.example'
    """
    if not sender.endswith(EACH_ITS_OWN) or "@" not in recipient:
        return sender
    prefix, at, host = sender.removesuffix(EACH_ITS_OWN).rpartition("@")
    return f"{prefix}{'='.join(recipient.rsplit('@', 1))}@{host}" if at else sender


def bounce_recipient(sender: str) -> str:
    """Where the bounce of a message goes, that is to say without the mark for a sender of each one's own."""
    return sender.removesuffix(EACH_ITS_OWN)


def literal_address(name: str) -> str:
    """The address that a name is, with or without brackets; nothing for any other name.

    A number above 255 loses what does not fit into a byte, as in ip_scan.

    >>> literal_address("[192.0.2.1]"), literal_address("999.0.2.1"), literal_address("1..2.3")
    ('192.0.2.1', '231.0.2.1', '')
    """
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    return ".".join(str(int(number) & BYTE) for number in bare.split(".")) if ADDRESS.fullmatch(bare) else ""
