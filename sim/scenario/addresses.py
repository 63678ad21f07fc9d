"""Where the hosts of a scenario are: every one has an address, and the zone knows them all."""

from __future__ import annotations

from sim.dns import Zone

from .model import Scenario

FIRST_ADDRESS = "192.0.2."


def addresses(play: Scenario, zone: Zone) -> tuple[Zone, dict[str, str]]:
    """An address for every host: from the zone, from ``address:``, or made up; and the zone that knows them all."""
    found: dict[str, str] = {}
    for name, host in play.hosts.items():
        records = zone.lookup(name, "A").records
        address = records[0] if records else str(host.address) if host.address else ""
        if not address:
            taken = {*found.values(), *(str(other.address) for other in play.hosts.values() if other.address)}
            numbers = (f"{FIRST_ADDRESS}{number}" for number in range(1, 255))
            address = next((one for one in numbers if one not in taken), f"198.18.0.{len(found) + 1}")
        if not records:
            zone = zone.add_address(name, address)
        found[name] = address
    return zone, found
