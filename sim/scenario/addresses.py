"""Where the hosts of a scenario are: every one has an address, and the zone knows them all."""

from __future__ import annotations

from collections.abc import Iterator

from sim.dns import Zone, own_address

from .model import Scenario


def addresses(play: Scenario, zone: Zone) -> tuple[Zone, dict[str, str]]:
    """An address for every host: from the zone, from ``address:``, or made up; and the zone that knows them all."""
    taken = {address for name in zone.names() for address in zone.lookup(name, "A").records}
    taken |= {str(host.address) for host in play.hosts.values() if host.address}
    free = (address for address in _made_up() if address not in taken)
    found: dict[str, str] = {}
    for name, host in play.hosts.items():
        named = own_address(zone, name, play.hosts)
        address = named or (str(host.address) if host.address else next(free))
        if not named:
            zone = zone.add_address(name, address)
        found[name] = address
    return zone, found


def _made_up() -> Iterator[str]:
    """TEST-NET-1, and when that is used up the block that is kept for benchmarks (RFC 5737, RFC 2544)."""
    yield from (f"192.0.2.{last}" for last in range(1, 255))
    yield from (f"198.18.{third}.{last}" for third in range(256) for last in range(1, 255))
