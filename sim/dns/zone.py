"""The names of the world and the answers about them, as a resolver gives them."""

from __future__ import annotations

from typing import Any, Literal, overload

from .records import LONGEST_NAME, MX, NICKNAME, Answer, Mention, Node
from .zonefile import Reader

LONGEST_CHAIN = 16  # names in a row that may be nicknames before a resolver gives up, as BIND does


class Zone:
    """The names of the world, never changed after reading; names are lower-case without the final dot, the root is ".".

    >>> zone = Zone.parse("Students.itb.ac.id IN A 167.205.22.114")
    >>> zone.lookup("students.ITB.ac.id.", "A").records
    ('167.205.22.114',)
    """

    def __init__(self, nodes: dict[str, Node], mentions: tuple[Mention, ...] = ()) -> None:
        self._nodes = nodes  # every name that exists, with {} for those that only have names below them
        self.mentions = mentions

    @classmethod
    def parse(cls, text: str) -> Zone:
        """Read a zone text, with origin "." until it says otherwise; raises ZoneError."""
        reader = Reader()
        reader.read(text)
        nodes = {name: {rrtype: tuple(seen) for rrtype, seen in node.items()} for name, node in reader.nodes.items()}
        for name in tuple(nodes):
            _add_parents(nodes, name)
        return cls(nodes, tuple(reader.mentions))

    def add_address(self, name: str, address: str) -> Zone:
        """A new zone with one more A record: hosts need not be written twice. Raises ZoneError without a line."""
        reader = Reader()
        owner, quad = reader.name(name), reader.a([address])
        node = self._nodes.get(owner, {})
        if "CNAME" in node:
            raise reader.error(NICKNAME.format(name=owner))
        nodes = {**self._nodes, owner: {**node, "A": tuple(dict.fromkeys((*node.get("A", ()), quad)))}}
        _add_parents(nodes, owner)
        return Zone(nodes, self.mentions)

    def line_of(self, name: str) -> int | None:
        """The line on which a name's records begin, counted from 1; None when the text has none of it."""
        return next((one.line for one in self.mentions if not one.place and one.absolute == name), None)

    @overload
    def lookup(self, name: str, rrtype: Literal["MX"]) -> Answer[MX]: ...
    @overload
    def lookup(self, name: str, rrtype: Literal["A", "AAAA", "CNAME", "NS", "TXT", "PTR", "SOA"]) -> Answer[str]: ...
    @overload
    def lookup(self, name: str, rrtype: str) -> Answer[Any]: ...

    def lookup(self, name: str, rrtype: str) -> Answer[Any]:
        """Answer as a resolver does: nicknames are followed (unless asked for), a circle of them is a servfail.

        A name with nothing of the type asked for, or with only names below it, is "noerror" without records.
        """
        here = name.lower().removesuffix(".") or "."
        for _ in range(LONGEST_CHAIN + 1):
            node = self._nodes.get(here)
            if node is None:
                node = self._wildcard(here)
            if node is None:
                return Answer("nxdomain", (), here)
            if "CNAME" not in node or rrtype == "CNAME":
                return Answer("noerror", node.get(rrtype, ()), here)
            here = node["CNAME"][0]
        return Answer("servfail", (), here)

    def _wildcard(self, name: str) -> Node | None:
        """What ``*`` says for a name that does not exist, under its closest existing parent only (RFC 4592)."""
        if len(name) > LONGEST_NAME:
            return None
        _, dot, parent = name.partition(".")
        while dot and parent not in self._nodes:
            _, dot, parent = parent.partition(".")
        return self._nodes.get(f"*.{parent}" if parent else "*")

    def names(self) -> tuple[str, ...]:
        """Every name that has records, in the order of the text."""
        return tuple(name for name, node in self._nodes.items() if node)


def _add_parents(nodes: dict[str, Node], name: str) -> None:
    """Let every name above this one exist: an empty non-terminal is no NXDOMAIN (RFC 8020)."""
    nodes.setdefault(".", {})
    _, dot, parent = name.partition(".")
    while parent and dot and parent not in nodes:
        nodes[parent] = {}
        _, dot, parent = parent.partition(".")
