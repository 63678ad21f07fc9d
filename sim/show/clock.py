"""Simulated seconds as people read them: the date of the scenario's clock, and how long something took."""

from __future__ import annotations

from datetime import datetime, timedelta

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def syslog_date(start: datetime, t: float) -> str:
    """The date as syslogd writes it, in the scenario's time zone.

    >>> syslog_date(datetime(2011, 11, 22, 8), 61.4)
    'Nov 22 08:01:01'
    """
    at = start + timedelta(seconds=t)
    return f"{_MONTHS[at.month - 1]} {at.day:2} {at:%H:%M:%S}"


def full_date(start: datetime, t: float) -> str:
    """
    >>> full_date(datetime(2011, 11, 22, 8), 61.4)
    '22 Nov 2011 08:01:01'
    """
    at = start + timedelta(seconds=t)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S}"


def seconds(t: float) -> str:
    """Seconds since the start, to the millisecond.

    >>> seconds(1.38), seconds(90)
    ('1.380 s', '90.000 s')
    """
    return f"{t:.3f} s"


def span(t: float) -> str:
    """A length of time in its two largest units.

    >>> [span(t) for t in (0.02, 1.38, 60, 5400, 183600)]
    ['20 ms', '1.38 s', '1 min', '1 h 30 min', '2 d 3 h']
    """
    if t < 1:
        return f"{1000 * t:.0f} ms"
    if t < 60:
        return f"{t:.2f}".rstrip("0").rstrip(".") + " s"
    whole = round(t)
    for unit, size, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
