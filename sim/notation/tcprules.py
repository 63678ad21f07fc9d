"""Who may connect and who may relay: the rules that tcpserver looks up, in the text that tcprules (ucspi-tcp) reads.

Forms with TCPREMOTEINFO (`user@address`) are left out: no simulated peer answers ident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .errors import NotationError, quoted

_EXAMPLE = 'a rule is ADDRESS:allow or ADDRESS:deny, as in: 167.205.22.:allow,RELAYCLIENT=""'
_NUMBERS = r"\d{1,3}(?:-\d{1,3})?"
_ADDRESS = re.compile(rf"(?:{_NUMBERS}\.){{1,3}}(?:{_NUMBERS})?")
_HOST = re.compile(r"=(?:\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)?")
_VARIABLE = re.compile(r",(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<quote>[^\s,])(?P<value>.*?)(?P=quote)")
_MOST_KEYS = 100_000  # a range in every number of an address is four thousand million keys


class Verdict(NamedTuple):
    """Whether tcpserver lets a peer in, and the variables its program then finds in the environment."""

    allow: bool
    env: dict[str, str]


class Rules(NamedTuple):
    """The first rule for each key, ranges written out, as in the file that tcprules makes."""

    verdicts: dict[str, Verdict]

    def lookup(self, ip: str, host: str = "") -> Verdict:
        """The verdict of the first key found, in tcpserver's order; what no rule names is allowed.

        >>> parse("10.0.0.:allow,RELAYCLIENT=''\\n:deny").lookup("10.0.0.7")
        Verdict(allow=True, env={'RELAYCLIENT': ''})
        """
        for key in _keys(ip, host.lower()):
            if key in self.verdicts:
                return self.verdicts[key]
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


def parse(text: str) -> Rules:
    """Read the rules; raises NotationError with the line of the first that cannot be read."""
    verdicts: dict[str, Verdict] = {}
    for number, line in enumerate(text.split("\n"), 1):
        rule = line.rstrip(" \t\r")
        if rule and not rule.startswith("#"):
            address, verdict = _rule(rule, number)
            for key in _written_out(address, number):
                verdicts.setdefault(key, verdict)
            if len(verdicts) > _MOST_KEYS:
                raise NotationError(f"more than {_MOST_KEYS} addresses", "use a prefix, as in 167.205.", number)
    return Rules(verdicts)


def _rule(rule: str, number: int) -> tuple[str, Verdict]:
    """Split a rule into its address and what it orders; source: tcprules(1)."""
    address, colon, order = rule.strip().partition(":")
    if not colon:
        raise NotationError(f"{quoted(rule)} has no colon", _EXAMPLE, number)
    word = re.match(r"[^,]*", order)
    instruction = word.group() if word else ""
    if instruction not in ("allow", "deny"):
        message = f"unknown instruction {quoted(instruction)}"
        raise NotationError(message, _EXAMPLE, number, instruction, ("allow", "deny"))
    env: dict[str, str] = {}
    rest = order[len(instruction) :]
    while rest:
        variable = _VARIABLE.match(rest)
        if variable is None:
            raise NotationError(f'{quoted(rest)} is not ,VARIABLE="value"', _EXAMPLE, number)
        env[variable["name"]] = variable["value"]
        rest = rest[variable.end() :]
    return address, Verdict(instruction == "allow", env)


def _written_out(address: str, number: int) -> list[str]:
    """The keys that an address stands for: one, or one for each number of its ranges."""
    if not address:
        return [""]
    if _HOST.fullmatch(address):
        return [address.lower()]
    if "@" in address:
        raise NotationError(
            f"{quoted(address)} asks for the peer's user name, which is not simulated", _EXAMPLE, number
        )
    if not _ADDRESS.fullmatch(address) or (address.count(".") < 3 and not address.endswith(".")):
        hint = (
            "an address is 1.2.3.4, 1.2.3.4-7, a prefix that ends in a dot (1.2.3.), =host.name, =.suffix, or nothing"
        )
        raise NotationError(f"{quoted(address)} is not an address", hint, number)
    keys = [""]
    for place, part in enumerate(address.split(".")):
        numbers = _numbers(part, number)
        if len(keys) * len(numbers) > _MOST_KEYS:
            raise NotationError(f"{quoted(address)} is too many addresses", "use a prefix, as in 167.205.", number)
        keys = [f"{key}.{value}" if place else value for key in keys for value in numbers]
    return keys


def _numbers(part: str, number: int) -> list[str]:
    if not part:
        return [""]
    low, _, high = part.partition("-")
    first, last = int(low), int(high or low)
    if first > last or last > 255:
        raise NotationError(f"{quoted(part)} is not a number of an IP address", "they go from 0 to 255", number)
    return [str(value) for value in range(first, last + 1)]
