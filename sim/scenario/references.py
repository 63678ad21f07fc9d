"""Names that refer to other parts of the scenario, checked on the plain data.

So a name that nobody declared is reported beside the values that are wrong, not after they are mended.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

from ..letter import Address
from ..notation.errors import quoted
from .errors import MisfitError
from .faults import FAULTS
from .findings import Finding
from .marks import Path

_HOSTS: tuple[Path, ...] = (
    ("network", "links", "*", "between", "*"),
    ("hosts", "*", "mua", "relay"),
    ("mail", "*", "on"),
    ("mail", "*", "via"),
    ("telnet", "*", "on"),
    ("telnet", "*", "to"),
    ("steps", "*", "on"),
    *(("faults", "*", kind) for kind in FAULTS if kind != "dns"),
    ("expect", "*", "on"),
    ("expect", "*", "queued"),
    ("ask", "*", "on"),
    ("laboratory", "hosts", "*"),
)


def check(data: dict[str, Any]) -> list[Finding]:
    """Every reference that leads nowhere; values of a wrong type are passed over, the models report them."""
    hosts = data.get("hosts")
    found = [*_links(data), *_mails(data)]
    if isinstance(hosts, dict):
        found += [*_hosts(data, hosts), *_senders(data, hosts), *_twins(data, hosts)]
    return found


def _find(data: Any, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The words at the places of a pattern, in which * stands for every item of a list or mapping."""
    if not pattern:
        if isinstance(data, str):
            yield path, data
    elif pattern[0] == "*":
        items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list | tuple) else ()
        for step, item in items:
            yield from _find(item, pattern[1:], (*path, step))
    elif isinstance(data, dict):
        yield from _find(data.get(pattern[0]), pattern[1:], (*path, pattern[0]))


def _repeated(found: Iterable[tuple[Path, Hashable]]) -> Iterator[tuple[Path, Path]]:
    """The later places of a thing, each with its first."""
    first: dict[Hashable, Path] = {}
    for path, thing in found:
        if first.setdefault(thing, path) != path:
            yield path, first[thing]


def _listing(what: str, known: Sequence[str]) -> str:
    return f"{what}: {', '.join(known[:8])}{', …' if len(known) > 8 else ''}"


def _hosts(data: dict[str, Any], hosts: dict[str, Any]) -> Iterator[Finding]:
    declared = {host.lower() for host in hosts}
    known = sorted(declared)
    listing = _listing("hosts", known)
    for pattern in _HOSTS:
        for path, host in _find(data, pattern):
            if host.lower() not in declared:
                error = MisfitError(f"unknown host {quoted(host)}", listing, word=host.lower(), known=known)
                yield Finding(path, error, path)


def _senders(data: dict[str, Any], hosts: dict[str, Any]) -> Iterator[Finding]:
    """Every letter needs a host to be written on, and that host a way to hand it on."""
    by_name = {host.lower(): keys for host, keys in hosts.items()}
    known = sorted(by_name)
    for path, sender in _find(data, ("mail", "*", "from")):
        mail = data["mail"][path[1]]
        domain = Address.parse(sender).domain.lower()
        keys = by_name.get(str(mail.get("on") or domain).lower())
        if mail.get("on") is None and domain not in by_name:
            message = f"nobody knows on which host {quoted(sender)} writes"
            hint = f"add on: HOST; {_listing('hosts', known)}"
            yield Finding(path, MisfitError(message, hint, word=domain, known=known), path)
        elif mail.get("via") is None and not _relay(keys):
            mta = keys.get("mta") if isinstance(keys, dict) else None
            if mta in ("none", "scripted"):
                message = f"the host it is written on has no mail system that takes letters (mta: {mta})"
                yield Finding(path, MisfitError(message, "add via: HOST to submit it by SMTP"), path)
            elif mail.get("session") is not None:
                place = ("mail", path[1], "session")
                message = "a session is an SMTP connection, and this letter is handed to the MTA of its own host"
                yield Finding(place, MisfitError(message, "add via: HOST, or a relay to the host's mua"), place)


def _relay(keys: Any) -> bool:
    """Whether the mail program of a host has a relay agent."""
    mua = keys.get("mua") if isinstance(keys, dict) else None
    return isinstance(mua, dict) and mua.get("relay") is not None


def _mails(data: dict[str, Any]) -> Iterator[Finding]:
    """Names of letters: each once, and those that expectations mention."""
    mails = data.get("mail") if isinstance(data.get("mail"), list | tuple) else ()
    names: dict[Path, str] = {}
    for index, mail in enumerate(mails or ()):
        name = mail.get("name") if isinstance(mail, dict) else None
        if name is None or isinstance(name, str):
            names["mail", index, "name"] = f"mail-{index + 1}" if name is None else name
    for path, first in _repeated(names.items()):
        message = f"the name {quoted(names[path])} is already that of mail#{int(first[1]) + 1}"
        yield Finding(path, MisfitError(message, "each name once"), path)
    declared = set(names.values())
    known = list(names.values())
    for path, name in _find(data, ("expect", "*", "mail")):
        if name not in declared:
            error = MisfitError(f"unknown mail {quoted(name)}", _listing("mail", known), word=name, known=known)
            yield Finding(path, error, path)


def _twins(data: dict[str, Any], hosts: dict[str, Any]) -> Iterator[Finding]:
    """Hosts that differ only in capitals, and hosts that share an address."""
    for path, _ in _repeated((("hosts", host), host.lower()) for host in hosts):
        error = MisfitError(f"the host {quoted(path[1])} is here twice", "capitals make no difference in host names")
        yield Finding(path, error, path, on_key=True)
    for path, first in _repeated(_find(data, ("hosts", "*", "address"))):
        yield Finding(path, MisfitError(f"{first[1]} has this address already"), path)


def _links(data: dict[str, Any]) -> Iterator[Finding]:
    """Two hosts have one link, in whichever order they are named."""
    ends: dict[Path, frozenset[str]] = {}
    for path, host in _find(data, ("network", "links", "*", "between", "*")):
        ends[path[:4]] = ends.get(path[:4], frozenset()) | {host.lower()}
    for path, first in _repeated(ends.items()):
        error = MisfitError("these two hosts have a link already", f"it is network.links#{int(first[2]) + 1}")
        yield Finding(path, error, path)
