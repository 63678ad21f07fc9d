"""The header of a letter as qmail-inject works on it: fields, the addresses in them, and their completion.

A field keeps the text that the person typed; only an address without a full host name grows (qmail-header(5)).
"""

from __future__ import annotations

import re
from email.utils import getaddresses
from functools import lru_cache
from typing import NamedTuple

ADDRESS_FIELDS = frozenset(
    prefix + name for prefix in ("", "resent-") for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
) | {"apparently-to", "return-receipt-to", "errors-to"}

TOKEN = re.compile(
    r"""
    (?P<comment>\((?:\\.|[^()\\])*\))
    | (?P<bracket><[^<>]*>)
    | (?P<end>[,;:])
    | (?P<word>(?:"(?:\\.|[^"\\])*"|\[[^\]]*\]|[^\s,;:<>()"])+)
    | (?P<other>\s+|.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Hosts(NamedTuple):
    """The names that complete an address: without a host, without a dot, with a plus at its end."""

    defaulthost: str
    defaultdomain: str
    plusdomain: str
    idhost: str

    def complete(self, address: str) -> str:
        """
        >>> hosts = Hosts("dh.example", "dd.example", "pd.example", "id")
        >>> [hosts.complete(a) for a in ("a", "b@host", "c@sub+", "d@full.example.com")]
        ['a@dh.example', 'b@host.dd.example', 'c@sub.pd.example', 'd@full.example.com']
        """
        local, at, host = address.rpartition("@")
        if not at:
            local, host = address, self.defaulthost
        if host.endswith("+"):
            host = f"{host[:-1]}.{self.plusdomain}"
        elif "." not in host and not host.startswith("["):
            host = f"{host}.{self.defaultdomain}"
        return f"{local}@{host}"


def split_message(text: str) -> tuple[list[str], str]:
    r"""Header fields, each with its continuation lines, and the body.

    >>> split_message("To: a,\n b\nSubject: x\n\nhi\n")
    (['To: a,\n b', 'Subject: x'], 'hi\n')
    """
    fields: list[str] = []
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if not line:
            return fields, "\n".join(lines[index + 1 :])
        if line[0] in " \t" and fields:
            fields[-1] += "\n" + line
        elif ":" in line:
            fields.append(line)
        else:
            return fields, "\n".join(lines[index:])
    return fields, ""


@lru_cache(maxsize=1024)
def name_of(field: str) -> str:
    return field.partition(":")[0].strip().lower()


@lru_cache(maxsize=1024)
def addresses(field: str) -> tuple[str, ...]:
    """The addresses of an address field, without names and comments."""
    return tuple(one for _, one in getaddresses([field.partition(":")[2].replace("\n", " ")]) if one)


@lru_cache(maxsize=1024)
def completed(field: str, hosts: Hosts) -> str:
    """A field with its short addresses completed, everything else as it was typed.

    >>> hosts = Hosts("a.example", "example", "example", "id")
    >>> completed('To: bob, "X Y" <x@host>, group: c (comment);', hosts)
    'To: bob@a.example, "X Y" <x@host.example>, group: c@a.example (comment);'
    """
    name, _, text = field.partition(":")
    if name_of(field) not in ADDRESS_FIELDS:
        return field
    shown: list[str] = []
    mailbox: list[tuple[str, str]] = []
    for found in TOKEN.finditer(text + ","):
        mailbox.append((found.lastgroup or "", found[0]))
        if found.lastgroup == "end":
            shown += _mailbox(mailbox, hosts)
            mailbox = []
    return f"{name}:{''.join(shown)[:-1]}"


def _mailbox(tokens: list[tuple[str, str]], hosts: Hosts) -> list[str]:
    """One mailbox up to its comma: the address is what stands in brackets, or the only word; a group's name is none."""
    kinds = [kind for kind, _ in tokens]
    alone = kinds.count("word") == 1 and tokens[-1][1] != ":"
    shown = []
    for kind, text in tokens:
        if kind == "bracket" and len(text) > 2:
            shown.append(f"<{hosts.complete(text[1:-1])}>")
        elif kind == "word" and alone and "bracket" not in kinds:
            shown.append(hosts.complete(text))
        else:
            shown.append(text)
    return shown
