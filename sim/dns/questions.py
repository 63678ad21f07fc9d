"""What people and mail systems want to know of a zone: who takes mail, where a host is, what host(1) prints."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .records import ADDRESS, MX, Mention
from .zone import Zone


def exchangers(records: Iterable[MX]) -> list[MX]:
    """In the order in which qmail tries them: by preference, and of equal ones the first of those that are left.

    The last of the list takes the place of each that is taken out of it (dns.c); that is no shuffle, for on 64 bits the
    random number is never small enough for one.

    >>> [mx.exchanger for mx in exchangers(MX(10, name) for name in "abcd")]
    ['a', 'd', 'c', 'b']
    """
    left, ordered = list(records), []
    while left:
        best = min(range(len(left)), key=lambda place: left[place].preference)
        ordered.append(left[best])
        left[best] = left[-1]
        left.pop()
    return ordered


def mail_hosts(zone: Zone, domain: str) -> list[MX]:
    """The hosts a sender tries: MX, or without any the domain itself if it has an address (RFC 5321, section 5.1).

    Empty for a null MX (RFC 7505) as for a name that does not resolve: `Zone.lookup` tells them apart.
    """
    if records := zone.lookup(domain, "MX").records:
        return [mx for mx in exchangers(records) if mx.exchanger != "."]
    return [MX(0, domain.lower().removesuffix("."))] if zone.lookup(domain, "A").records else []


def own_address(zone: Zone, name: str, others: Iterable[str]) -> str:
    """Where a host is: its first address, but of several one that is not another host's only one; "" without any."""
    mine = zone.lookup(name, "A").records
    if len(mine) < 2:
        return mine[0] if mine else ""
    taken = {records for other in others if other != name and len(records := zone.lookup(other, "A").records) == 1}
    return next((address for address in mine if (address,) not in taken), mine[0])


def host_lines(zone: Zone, name: str) -> list[str]:
    """What the old ``host NAME`` prints (section 4); "not found" is worded as BIND's ``host`` words it today."""
    here = name.lower().removesuffix(".") or "."
    nicknames: dict[str, str] = {}
    while here not in nicknames and (alias := zone.lookup(here, "CNAME").records):
        nicknames[here] = alias[0]
        here = alias[0]
    found = [f"{here} has address {address}" for address in zone.lookup(name, "A").records]
    found += [f"{here} has IPv6 address {address}" for address in zone.lookup(name, "AAAA").records]
    mail = sorted(zone.lookup(name, "MX").records, key=lambda mx: mx.preference)
    found += [f"{here} mail is handled (pri={mx.preference}) by {mx.exchanger}" for mx in mail]
    nothing = {
        "noerror": f"{here} has no address and no MX record",
        "nxdomain": f"Host {here} not found: 3(NXDOMAIN)",
        "servfail": f"Host {here} not found: 2(SERVFAIL)",
    }
    lines = [f"{nickname} is a nickname for {target}" for nickname, target in nicknames.items()]
    return lines + (found or [nothing[zone.lookup(name, "A").rcode]])


def suspicions(zone: Zone, hosts: Collection[str] = ()) -> list[tuple[int | None, str]]:
    """Names that are legal but hardly meant, each with its line and a hint: a final dot forgotten under $ORIGIN, an MX
    to an address, an MX to a name without one that is no host of the scenario either."""
    hints: dict[str, int | None] = {}
    for mention in zone.mentions:
        hint = _hint(zone, mention) or _nowhere(zone, mention, hosts)
        if hint is not None:
            hints.setdefault(hint, mention.line)
    return [(line, hint) for hint, line in hints.items()]


def _nowhere(zone: Zone, mention: Mention, hosts: Collection[str]) -> str | None:
    name = mention.absolute
    if not mention.place.endswith(" MX") or name in hosts or zone.lookup(name, "A").records:
        return None
    return f"{mention.place} {mention.written}: {name} has no address, so mail is never sent there; give it an A record"


def _hint(zone: Zone, mention: Mention) -> str | None:
    place, written, absolute, origin, _ = mention
    if place and ADDRESS.fullmatch(written.removesuffix(".")):
        kind = place.rpartition(" ")[2]
        return f"{place} {written}: {kind} names a host, not an address; give that host an A record and name it here"
    if written.endswith(".") or not origin:
        return None
    doubled = f".{written}".lower().endswith(f".{origin}")
    missing = zone.lookup(absolute, "CNAME").rcode == "nxdomain"
    if (doubled and not place) or (missing and (doubled or zone.lookup(written, "CNAME").rcode == "noerror")):
        return f"{place} {written}: without a final dot this means {absolute}; write {written}.".lstrip()
    return None
