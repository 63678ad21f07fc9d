"""What is legal, but hardly meant: warnings about a scenario that can be played all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..dns import Zone, own_address, suspicions
from ..letter import Address
from ..notation import dotqmail, durations
from ..notation.errors import NotationError, quoted
from .expect import Attempts, Bounced, Delivered, Refused
from .findings import Finding
from .marks import Marks, Path
from .model import Scenario
from .unheard import unheard

NUMBERS = frozenset((
    "concurrencyincoming", "concurrencylocal", "concurrencyremote", "databytes", "queuelifetime", "timeoutconnect",
    "timeoutremote", "timeoutsmtpd",
))  # fmt: skip
_MAILBOXES = ("mailbox", "maildir", "mbox", "inbox")


def slips(play: Scenario, data: dict[str, Any], marks: Marks) -> list[Finding]:
    """All of them; ``data`` and ``marks`` are the file that ``play`` was read from."""
    keys = {host.lower(): host for host in data["hosts"]}
    found = [*_comments(data, marks), *_zone(play), *_numbers(play, keys), *_unread(play, keys), *_forwards(play, keys)]
    found += [*_strangers(play), *_nobody(play)]
    return [*found, *_misspelt(play, keys), *_late(play), *unheard(play)]


def _finding(path: Path, message: str, hint: str, line: int | None = None) -> Finding:
    return Finding(path, NotationError(message, hint), path, line=line)


def _comments(data: Any, marks: Marks, path: Path = ()) -> Iterator[Finding]:
    """``subject: #1`` has no value: in YAML a # after a space begins a comment."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in items:
        here = (*path, step)
        comment = marks.comment_after(here) if value is None else ""
        if comment[1:2].strip():
            message = f"{quoted(comment)} is a comment in YAML, so there is no value here"
            hint = f"put it in quotes: {quoted(comment)}"
            yield Finding(here, NotationError(message, hint), here, on_key=True)
        yield from _comments(value, marks, here)


def _zone(play: Scenario) -> Iterator[Finding]:
    """Names in the zone that lead nowhere; a host of the scenario has an address though the zone may not say so."""
    zone = Zone.parse(play.dns)
    for line, message in suspicions(zone, play.hosts):
        yield Finding(("dns",), NotationError(message), ("dns",), line=line)
    if not any(own_address(zone, name, play.hosts) for name in play.hosts):
        for name in play.hosts:
            short, _, domain = name.partition(".")
            if short in zone.names():
                message = f"no host has its name in this zone: {short} is {short}. here, and not {name}"
                yield Finding(("dns",), NotationError(message, f"begin with $ORIGIN {domain}."), ("dns",), line=1)
                return


def _unread(play: Scenario, keys: dict[str, str]) -> Iterator[Finding]:
    """Files that qmail never looks at: a .qmail name with a capital or a dot, and another project's control file."""
    for name, host in play.hosts.items():
        where: Path = ("hosts", keys.get(name, name))
        for user, files in host.users.items():
            for file in files:
                sought = f".{file[1:].lower().replace('.', ':')}"
                if file != sought:
                    message = f"qmail-local never looks for {file}: it asks in small letters, and with : for a dot"
                    yield _finding((*where, "users", user, file), message, f"write {sought}")
        if "defaultdelivery" in host.control:
            message = "qmail reads no defaultdelivery: its start script says where mail goes"
            yield _finding((*where, "control", "defaultdelivery"), message, "as in boot: maildir")


def _numbers(play: Scenario, keys: dict[str, str]) -> Iterator[Finding]:
    """A control file that is a number: qmail takes the digits at its beginning, and its default when there is none."""
    for name, host in play.hosts.items():
        for file in NUMBERS & host.control.keys():
            line = host.control[file].partition("\n")[0].strip()
            if not (line.isascii() and line.isdigit()):
                message = f"{quoted(line)} is no number: qmail reads only the digits at its beginning, if any"
                yield _finding(("hosts", keys.get(name, name), "control", file), message, "as in 20")


def _forwards(play: Scenario, keys: dict[str, str]) -> Iterator[Finding]:
    """``Mailbox`` without ``./`` is a person's address to qmail-local; and nobody can forward to himself."""
    for name, user, file, word, line in _forwarded(play):
        path = ("hosts", keys.get(name, name), "users", user, file)
        if "@" not in word and word.rstrip("/").lower() in _MAILBOXES:
            message = f"{quoted(word)} forwards to a person called so, it is no mailbox"
            yield _finding(path, message, f"write ./{word}", line)
        elif file == ".qmail" and word.lower() in (user, f"{user}@{name}"):
            message = f"{user} forwards to {user}: qmail-local will see its own Delivered-To line, and bounce"
            yield _finding(path, message, "./Maildir/ keeps the mail here", line)


def _forwarded(play: Scenario) -> Iterator[tuple[str, str, str, str, int]]:
    """Each forward line of a .qmail file: host, user, file, the address, the number of the line."""
    for name, host in play.hosts.items():
        for user, files in host.users.items():
            for file, text in files.items():
                for line in dotqmail.parse(text):
                    if line.kind == "forward":
                        yield name, user, file, line.text, line.number


def _strangers(play: Scenario) -> Iterator[Finding]:
    """A sender that has no account on the host it names will never see a bounce."""
    for number, mail in enumerate(play.mail):
        address = Address.parse(mail.sender)
        if address.user and (hint := _no_account(play, address)):
            message = f"{address.domain} has no account {_user(address)}, so an answer or a bounce will find nobody"
            yield _finding(("mail", number, "from"), message, hint)


def _nobody(play: Scenario) -> Iterator[Finding]:
    """A delivery that is expected to somebody who has no account there, and whom nobody makes one."""
    for number, one in enumerate(() if play.steps else play.expect):
        address = Address.parse(one.address) if isinstance(one, Delivered) and one.copies else Address("", "")
        host = play.hosts.get(address.domain.lower())
        if host is None or host.control.keys() & {"virtualdomains", "percenthack"}:
            continue
        if hint := _no_account(play, address):
            message = f"{address.domain} has no account {_user(address)}, so nothing will be delivered to it"
            yield _finding(("expect", number, "delivered"), message, hint)


def _user(address: Address) -> str:
    """Whose address it is, without an extension."""
    return address.user.lower().partition("-")[0]


def _no_account(play: Scenario, address: Address) -> str:
    """A hint where the host of an address is known, and neither a user nor an alias of it is meant; else nothing."""
    host = play.hosts.get(address.domain.lower())
    if host is None or host.mta != "qmail" or not host.users:
        return ""
    aliases = host.users.get("alias", {})
    name = address.user.lower().replace(".", ":")
    parts = name.split("-")
    defaults = {f".qmail-{'-'.join([*parts[:count], 'default'])}" for count in range(len(parts))}
    if _user(address) in host.users or {f".qmail-{name}", *defaults} & aliases.keys():
        return ""
    known = f"there are {', '.join(sorted(host.users)[:8])}"
    return known if "-" in address.user else f"add it to users of {address.domain}; {known}"


def _misspelt(play: Scenario, keys: dict[str, str]) -> Iterator[Finding]:
    """An address at a name that nobody has, and that is a host's but for a letter; no mail will find it."""
    zone = Zone.parse(play.dns)
    told = {word.lower() for host in play.hosts.values() for text in host.control.values() for word in text.split()}
    places: list[tuple[Path, str, int | None]] = [
        (("mail", number, "to", index), to, None)
        for number, mail in enumerate(play.mail)
        for index, to in enumerate(mail.to)
    ]
    places += [
        (("expect", number, one.kind), one.address, None)
        for number, one in enumerate(play.expect)
        if isinstance(one, Delivered | Bounced | Refused | Attempts)
    ]
    places += [
        (("hosts", keys.get(host, host), "users", user, file), word, line)
        for host, user, file, word, line in _forwarded(play)
        if "@" in word
    ]
    for path, text, line in places:
        name = Address.parse(text).domain.lower()
        if not name or name in play.hosts or name in told or zone.lookup(name, "A").rcode != "nxdomain":
            continue
        meant = next((host for host in play.hosts if _a_letter_off(name, host)), None)
        if meant is not None:
            yield _finding(path, f"nobody has the name {quoted(name)}", f"did you mean {meant!r}?", line)


def _a_letter_off(word: str, other: str) -> bool:
    """Whether two letters have changed places, or one is missing or too many."""
    if sorted(word) == sorted(other):
        return sum(a != b for a, b in zip(word, other, strict=True)) == 2
    short, long = sorted((word, other), key=len)
    return any(short == long[:place] + long[place + 1 :] for place in range(len(long)))


def _late(play: Scenario) -> Iterator[Finding]:
    """What is told of a time after the end of the run never comes."""
    sections: dict[str, tuple[object, ...]] = {
        "mail": play.mail, "telnet": play.telnet, "steps": play.steps, "faults": play.faults, "ask": play.ask,
        "expect": play.expect,
    }  # fmt: skip
    for section, parts in sections.items():
        for number, part in enumerate(parts):
            for name, key in (("at", "at"), ("by", "by"), ("since", "from")):
                when = getattr(part, name, None)
                if when is not None and when > play.until:
                    message = f"the run ends before {durations.text(when)}"
                    place = (section, number, key)
                    yield _finding(place, message, f"until: {durations.text(play.until)}")
    for number, fault in enumerate(play.faults):
        back_after = getattr(fault, "back_after", None)
        if back_after is not None and (getattr(fault, "at", None) or 0) + back_after > play.until:
            message = "the run ends before anything is started again"
            yield _finding(("faults", number, "back_after"), message, f"until: {durations.text(play.until)}")
    for number, mail in enumerate(play.mail):
        last = mail.at + (mail.copies - 1) * mail.every
        if mail.at <= play.until < last:
            place = ("mail", number, "every")
            message = f"the run ends before the last copy, at {durations.text(last)}"
            yield _finding(place, message, f"until: {durations.text(play.until)}")
