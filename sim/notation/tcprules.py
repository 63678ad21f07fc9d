"""Who may connect and who may relay: the rules that tcpserver looks up, in the text that tcprules (ucspi-tcp) reads.

Forms with TCPREMOTEINFO (`user@address`) are left out: no simulated peer answers ident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .errors import NotationError, quoted

_EXAMPLE = 'a rule is ADDRESS:allow or ADDRESS:deny, as in: 167.205.22.:allow,RELAYCLIENT=""'
_NUMBERS = r"[0-9]{1,3}(?:-[0-9]{1,3})?"
_ADDRESS = re.compile(rf"(?:{_NUMBERS}\.){{1,3}}(?:{_NUMBERS})?")
_HOST = re.compile(r"=(?:\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)?")
_VARIABLE = re.compile(r",(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<quote>[^\s,])(?P<value>.*?)(?P=quote)")


class Verdict(NamedTuple):
    """Whether tcpserver lets a peer in, and the variables its program then finds in the environment."""

    allow: bool
    env: dict[str, str]


class Rules(NamedTuple):
    """The rules in the order of the text; of two for one address the first counts, as in tcprules' own file."""

    rules: tuple[tuple[str, Verdict], ...]

    def lookup(self, ip: str, host: str = "") -> Verdict:
        """The verdict of the first key found, in tcpserver's order; what no rule names is allowed.

        >>> parse("10.0.0.:allow,RELAYCLIENT=''\\n:deny").lookup("10.0.0.7")
        Verdict(allow=True, env={'RELAYCLIENT': ''})
        """
        for key in _keys(ip, host.lower()):
            for address, verdict in self.rules:
                if _covers(address, key):
                    return verdict
        return Verdict(True, {})


def _keys(ip: str, host: str) -> Iterator[str]:
    yield ip
    if host:
        yield "=" + host
    yield from (ip[: end + 1] for end in reversed(range(len(ip))) if ip[end] == ".")
    if host:
        yield from ("=" + host[start:] for start, letter in enumerate(host) if letter == ".")
        yield "="
    yield ""


def _covers(address: str, key: str) -> bool:
    if address == key or address.startswith("=") or "-" not in address:
        return address == key
    numbers, wanted = address.split("."), key.split(".")
    return len(numbers) == len(wanted) and all(map(_within, numbers, wanted))


def _within(part: str, number: str) -> bool:
    low, dash, high = part.partition("-")
    return int(low) <= int(number) <= int(high) if dash and number.isdigit() else part == number


def parse(text: str) -> Rules:
    """Read the rules; raises NotationError with the line of the first that cannot be read."""
    rules: list[tuple[str, Verdict]] = []
    for number, line in enumerate(text.split("\n"), 1):
        rule = line.strip(" \t\r")
        if rule and not rule.startswith("#"):
            rules.append(_rule(rule, number))
    return Rules(tuple(rules))


def _rule(rule: str, number: int) -> tuple[str, Verdict]:
    """Split a rule into its address and what it orders; source: tcprules(1)."""
    address, colon, order = rule.partition(":")
    if not colon:
        raise NotationError(f"{quoted(rule)} has no colon", _EXAMPLE, number)
    word = re.match(r"[^,]*", order)
    instruction = word.group() if word else ""
    if instruction not in ("allow", "deny"):
        message = f"unknown instruction {quoted(instruction)}"
        raise NotationError(message, _EXAMPLE, number, instruction, ("allow", "deny"))
    env: dict[str, str] = {}
    place = len(instruction)
    while place < len(order):
        variable = _VARIABLE.match(order, place)
        if variable is None:
            raise NotationError(f'{quoted(order[place:])} is not ,VARIABLE="value"', _EXAMPLE, number)
        env[variable["name"]] = variable["value"]
        place = variable.end()
    return _address(address, number), Verdict(instruction == "allow", env)


def _address(address: str, number: int) -> str:
    """Check that some peer can have this address, so that a rule is not passed over in silence."""
    if not address or _HOST.fullmatch(address):
        return address.lower()
    if "@" in address:
        message = f"{quoted(address)} asks for the peer's user name, which is not simulated"
        raise NotationError(message, _EXAMPLE, number)
    if not _ADDRESS.fullmatch(address) or (address.count(".") < 3 and not address.endswith(".")):
        hint = (
            "an address is 1.2.3.4, 1.2.3.4-7, a prefix that ends in a dot (1.2.3.), =host.name, =.suffix, or nothing"
        )
        raise NotationError(f"{quoted(address)} is not an address", hint, number)
    for part in filter(None, address.split(".")):
        low, _, high = part.partition("-")
        if not int(low) <= int(high or low) <= 255:
            hint = "the numbers of an IP address go from 0 to 255, and a range upwards"
            raise NotationError(f"{quoted(address)} is not an address", hint, number)
    return address
