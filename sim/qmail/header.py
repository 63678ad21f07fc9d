"""The header of a letter as qmail-inject works on it: fields, the addresses in them, and their completion.

A field with addresses is printed anew, with each of them completed (qmail-header(5)); any other stays as it was typed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from sim.qmail.addresses import quoted
from sim.qmail.tokens import ATOM, LITERAL, Token, printed, rewritten, tokens, unquoted

ADDRESS_FIELDS = frozenset(
    prefix + name for prefix in ("", "resent-") for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
) | {"apparently-to", "return-receipt-to", "errors-to", "return-path"}


FIELD = re.compile(r"[!-9;-~]+[ \t]*:")


class Hosts(NamedTuple):
    """The names that complete an address: without a host, without a dot, with a plus at its end."""

    defaulthost: str
    defaultdomain: str
    plusdomain: str
    idhost: str


def split_message(text: str) -> tuple[list[str], str]:
    r"""Header fields, each with its continuation lines, and what comes after them, from the empty line on.

    A line that is no field ends the header too, and gets an empty line in front; a mailbox's ``From `` line becomes a
    field; the last line gets its end. Of a letter that is all header nothing is left (headerbody.c).

    >>> split_message("To: a,\n b\nSubject: x\n\nhi"), split_message("To: a\n")
    ((['To: a,\n b', 'Subject: x'], '\nhi\n'), (['To: a'], ''))
    """
    fields: list[str] = []
    lines = (text if text.endswith("\n") or not text else text + "\n").split("\n")[:-1]
    for index, line in enumerate(lines):
        if line[:1] in (" ", "\t") and fields:
            fields[-1] += "\n" + line
        elif line.startswith("From "):
            fields.append(f"MBOX-Line: {line}")
        elif FIELD.match(line):
            fields.append(line)
        else:
            rest = lines[index:] if not line else ["", *lines[index:]]
            return fields, "\n".join(rest) + "\n"
    return fields, ""


class Field(NamedTuple):
    """A field of the header: its name in small letters, all of it, and its addresses as the envelope has them."""

    name: str
    text: str
    addresses: tuple[str, ...]


@lru_cache(maxsize=1024)
def completed(field: str, hosts: Hosts) -> Field:
    """An address field printed anew with its addresses completed, which are told from the last to the first.

    Any other field stays as it was typed, and has none. Raises Unparsable.

    >>> hosts = Hosts("a.example", "example", "example", "id")
    >>> completed('To: bob,"X Y" <x@host>  carl', hosts)[1:]
    ('To: bob@a.example, "X Y" <x@host.example>, carl@a.example', ('carl@a.example', 'x@host.example', 'bob@a.example'))
    """
    name = field.partition(":")[0].strip().lower()
    if name not in ADDRESS_FIELDS:
        return Field(name, field, ())
    row, addresses = rewritten(tokens(field), lambda address: _complete(address, hosts))
    return Field(name, printed(row), tuple(unquoted(one) for one in addresses))


@lru_cache(maxsize=256)
def complete(address: str, hosts: Hosts) -> str:
    """An address that stands alone, on the command line or in the environment; raises Unparsable.

    >>> hosts = Hosts("dh.example", "dd.example", "pd.example", "id")
    >>> [complete(a, hosts) for a in ("a", "b@host", "c@sub+", "d@full.example.com", "")]
    ['a@dh.example', 'b@host.dd.example', 'c@sub.pd.example', 'd@full.example.com', '']
    """
    return unquoted(_complete(tokens(quoted(address)), hosts))


def _complete(address: list[Token], hosts: Hosts) -> list[Token]:
    """Without its route, a dot and an at sign at its end, and with a full name of a host; ``x@[]`` stays."""
    if len(address) > 1 and address[-2].kind == "@" and address[-1] == Token(LITERAL, ""):
        return address
    if address[:1] and address[0].kind == "@":
        kinds = [one.kind for one in address]
        address = address[kinds.index(":") + 1 :] if ":" in kinds else []
    for end in (".", "@"):
        if address and address[-1].kind == end:
            address = address[:-1]
    if not address:
        return address
    kinds = [one.kind for one in address]
    if "@" not in kinds:
        address = [*address, Token("@", "@"), *tokens(hosts.defaulthost)]
    host = address[max(place for place, one in enumerate(address) if one.kind == "@") + 1 :]
    if host and host[-1].kind == ATOM and host[-1].text.endswith("+"):
        return [*address[:-1], Token(ATOM, host[-1].text[:-1]), Token(".", "."), *tokens(hosts.plusdomain)]
    if any(one.kind in (".", LITERAL) for one in host):
        return address
    return [*address, Token(".", "."), *tokens(hosts.defaultdomain)]
