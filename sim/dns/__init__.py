"""What the world's name servers answer: addresses, mail exchangers, nicknames (the course text's section 4).

One zone text holds every domain of a scenario.
    records     types of records, names, answers
    zonefile    the text, entry by entry, with hints for beginners
    zone        lookups, as a resolver makes them
    questions   exchangers in order, what host(1) prints, names that are hardly meant
"""

from .questions import exchangers, host_lines, mail_hosts, own_address, suspicions
from .records import MX, Answer, ZoneError
from .zone import Zone
from .zonefile import absolute

__all__ = [
    "MX",
    "Answer",
    "Zone",
    "ZoneError",
    "absolute",
    "exchangers",
    "host_lines",
    "mail_hosts",
    "own_address",
    "suspicions",
]
