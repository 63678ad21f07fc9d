"""What a scenario expects, held against what was found: each kind of ``expect:`` is one small question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.folds.dialogues import Refusal
from sim.folds.lineage import Mail, told_of
from sim.folds.log import Attempt
from sim.folds.message import Message
from sim.notation import durations
from sim.qmail.send.state import safe
from sim.scenario.expect import Attempts, Bounced, Delivered, Queued, Refused, State

Expected = Delivered | Queued | Bounced | Refused | Attempts | State


@dataclass(slots=True)
class Judged:
    """An expectation in words, whether it holds, and what was found instead or as well."""

    text: str
    holds: bool
    found: str


@dataclass(slots=True)
class Found:
    """All that expectations can ask about; ``until`` is the end of the run in seconds."""

    messages: list[Message]
    mail: Mail
    attempts: list[Attempt]
    refusals: list[Refusal]
    until: float


def judge(expected: Expected, found: Found) -> Judged:
    """One expectation; what was to be seen after the end of the run was never looked at, so it does not hold."""
    if expected.at is not None and expected.at > found.until:
        return Judged(_words(expected), False, "the run ended before")
    match expected:
        case Delivered():
            times = _delivered(expected, found)
            wanted: int | None = expected.copies
        case Bounced():
            times, wanted = _bounced(expected, found), expected.count
        case Refused():
            times, wanted = _refused(expected, found), expected.count
        case Attempts():
            times, wanted = _attempts(expected, found), expected.count
        case Queued():
            times, wanted = _in_state(found, ("S4", "S5"), expected.host, expected.mail, expected.at), expected.count
        case State():
            times, wanted = _in_state(found, (expected.state,), expected.on, expected.mail, expected.at), expected.count
    holds = len(times) == wanted if wanted is not None else bool(times)
    return Judged(_words(expected), holds, _what_was_found(times))


def _in_time(t: float, expected: Delivered | Bounced | Refused | Attempts) -> bool:
    limits = [limit for limit in (expected.at, expected.by) if limit is not None]
    return all(t <= limit for limit in limits)


def _same(one: str, expected: str) -> bool:
    """Addresses are kept as programs see them, one character a byte; a scenario's are what a person typed."""
    return one.lower() == _as_bytes(expected)


def _as_bytes(address: str) -> str:
    return address.encode("utf-8", "surrogateescape").decode("latin-1").lower()


def _delivered(expected: Delivered, found: Found) -> list[float]:
    """Copies in the address's own mailboxes, or, where it has none, in those that its mail was forwarded to."""
    address = _as_bytes(expected.address)
    copies = [
        copy
        for copy in found.mail.copies
        if copy.intact
        and address in (copy.recipient.lower(), *found.mail.chain(copy.message))
        and expected.on in (None, copy.host)
        and (expected.mail is None or _original(copy.message, expected.mail, found))
    ]
    own = [copy for copy in copies if copy.recipient.lower() == address]
    return [copy.t for copy in own or copies if _in_time(copy.t, expected)]


def _original(message: Message, letter: str, found: Found) -> bool:
    """Whether a message is the letter itself, handed on as often as it may be, and not a bounce of it."""
    return found.mail.letter(message) == letter and not found.mail.is_bounce(message)


def _bounced(expected: Bounced, found: Found) -> list[float]:
    """Bounce messages that were promised and speak of the address; several recipients may share one."""
    times = []
    for message in found.messages:
        origin = found.mail.origin(message)
        if origin.kind != "bounce" or origin.parent is None or message.promised is None:
            continue
        named = any(_same(name, expected.address) for name in told_of(message, origin.parent))
        if named and expected.on in (None, message.host) and expected.mail in (None, origin.letter):
            times.append(message.promised)
    return [t for t in times if _in_time(t, expected)]


def _refused(expected: Refused, found: Found) -> list[float]:
    return [
        one.t
        for one in found.refusals
        if _same(one.recipient, expected.address)
        and expected.on in (None, one.server)
        and expected.mail in (None, found.mail.letter_of((one.client, one.client_pid), one.t))
        and (expected.reply is None or one.reply.startswith(expected.reply))
        and _in_time(one.t, expected)
    ]


def _attempts(expected: Attempts, found: Found) -> list[float]:
    named: dict[tuple[str, int], list[Message]] = {}
    for message in found.messages:
        named.setdefault((message.host, message.number), []).append(message)
    return [
        one.start
        for one in found.attempts
        if one.recipient.lower() == safe(_as_bytes(expected.address))
        and expected.on in (None, one.host)
        and (expected.mail is None or _letter(found, one, named[one.host, one.message]) == expected.mail)
        and _in_time(one.start, expected)
    ]


def _letter(found: Found, attempt: Attempt, candidates: list[Message]) -> str | None:
    """The letter behind an attempt's message number, which may have named others before and after."""
    for message in candidates:
        if message.born <= attempt.start and (message.ended is None or attempt.start <= message.ended):
            return found.mail.letter(message)
    return None


def _in_state(
    found: Found, states: Sequence[str], host: str | None, letter: str | None, at: float | None
) -> list[float]:
    when = found.until if at is None else at
    return [
        message.born
        for message in found.messages
        if host in (None, message.host)
        and letter in (None, found.mail.letter(message))
        and message.state_at(when) in states
    ]


def _what_was_found(times: list[float]) -> str:
    if not times:
        return "none"
    shown = ", ".join(durations.text(t) for t in times[:3])
    return f"{len(times)}, at {shown}{' …' if len(times) > 3 else ''}"


def _words(expected: Expected) -> str:
    """An expectation as a sentence."""
    told = expected.model_dump(by_alias=True, exclude_defaults=True)
    kind = expected.kind
    parts = [f"{kind} {told.pop(kind)}"]
    for key, value in told.items():
        shown = durations.text(value) if key in ("at", "by") else str(value)
        parts.append(f"{key} {shown}")
    return ", ".join(parts)
