"""qmail-inject: make a person's text into a message, and queue it (qmail-inject(8)).

It reads the message on descriptor 0, completes what is missing in the header (Date, Message-ID, From, a Cc that
says there were no recipients), completes addresses with the control files' host names, removes Bcc, and hands
it to qmail-queue. Recipients come from the command line, else from To, Cc, Bcc and Apparently-To; within
one field they go into the envelope from right to left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import gmtime, strftime
from typing import NamedTuple

from sim.machine.calls import Steps, chdir, getpid, sigaction, time, write
from sim.qmail.addresses import EACH_ITS_OWN, PLAIN, quoted
from sim.qmail.common import control_line, date822, read_all, write_all
from sim.qmail.handover import close_queue, open_queue, put
from sim.qmail.header import Field, Hosts, complete, completed, split_message
from sim.qmail.tokens import ATOM, COMMENT, QUOTE, Unparsable, shown, tokens

RECIPIENT_FIELDS = ("to", "cc", "bcc", "apparently-to")
RESENT_RECIPIENT_FIELDS = ("resent-to", "resent-cc", "resent-bcc")
RESENT_FIELDS = frozenset(
    f"resent-{name}" for name in ("sender", "from", "reply-to", "to", "cc", "bcc", "date", "message-id")
)
DROPPED = frozenset(("bcc", "resent-bcc", "return-path", "content-length"))
DROPPED_BY = {"return-path": "s", "from": "f", "message-id": "i"}
NAMES = {"defaultdomain": ".", "defaulthost": "@", "plusdomain": ".", "idhost": None}  # and what stands before them
NOBODY = "Cc: recipient list not shown: ;"


class BadOption(Exception):  # noqa: N818 - in getopt's words
    """A command line that means nothing."""


class CannotParse(Exception):  # noqa: N818 - in qmail-inject's words
    """What it says of a field or an address that it cannot take apart."""


class Options(NamedTuple):
    """The command line: where recipients come from (``a`` arguments, ``h`` header, ``H`` both), the sender.

    ``queue`` is false if the message is only to be shown (``-n``); ``flags`` are the letters of $QMAILINJECT.
    """

    source: str
    sender: str | None
    recipients: tuple[str, ...]
    queue: bool
    flags: str

    def drops(self, field: str) -> bool:
        """Whether $QMAILINJECT says not to look at such a field, because it is to be made anew."""
        return bool(self.flags) and DROPPED_BY.get(field.partition(":")[0].rstrip().lower(), " ") in self.flags


def qmail_inject(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
    """Exit status 0 queued, 100 permanent and 111 temporary failure, with a text on descriptor 2."""
    yield sigaction(ignore=("PIPE",))
    now = yield time()
    yield chdir("/")
    try:
        hosts = yield from _hosts(env)
        options = _options(tuple(argv[1:]), env.get("QMAILINJECT", ""))
        given = None if options.sender is None else _given(options.sender, hosts)
        recipients = [_address(word, hosts) for word in options.recipients] if options.source in "aH" else []
        text = (yield from read_all(0)).decode("latin-1")
        pid = yield getpid()
        written, body = split_message(text)
        fields = [_field(field, hosts) for field in written if not options.drops(field)]
        sender = _sender(options, fields, env, hosts, f"{now}.{pid}") if given is None else given
        letter = _header(fields, options, env, hosts, now, pid) + body
    except BadOption as bad:
        yield write(2, f"qmail-inject: {bad}\n".encode("latin-1"))
        return 100
    except CannotParse as what:
        yield write(2, f"qmail-inject: fatal: unable to parse {what}".encode("latin-1"))
        return 100
    except OSError:
        yield write(2, b"qmail-inject: fatal: read error\n")
        return 111
    if not options.queue:
        yield from write_all(1, f"Return-Path: <{quoted(sender)}>\n{letter}".encode("latin-1"))
        return 0
    queue = yield from open_queue()
    yield from put(queue, letter.encode("latin-1"))
    trouble = yield from close_queue(queue, sender, recipients + _recipients(options.source, fields))
    if not trouble:
        return 0
    yield write(2, f"qmail-inject: fatal: {trouble[1:]}\n".encode("latin-1"))
    return 100 if trouble[0] == "D" else 111


def _hosts(env: Mapping[str, str]) -> Steps:
    """The names that complete an address, each of which must be a row of tokens; raises CannotParse."""
    me = yield from control_line("me", None)
    names: dict[str, str] = {}
    for name, before in NAMES.items():
        in_file = yield from control_line(name, name if me is None else me)
        names[name] = env.get(f"QMAIL{name.upper()}", in_file)
        if before and not _is_row(names[name]):
            raise CannotParse(f"this line:\n{before}{names[name]}")
    return Hosts(**names)


@lru_cache(maxsize=256)
def _is_row(name: str) -> bool:
    try:
        tokens(name)
    except Unparsable:
        return False
    return True


@lru_cache(maxsize=256)
def _options(arguments: tuple[str, ...], flags: str) -> Options:
    source, sender, queue = "A", None, True
    words = list(arguments)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word.startswith("--"):
            break
        for place, letter in enumerate(word[1:], 2):
            if letter in "aAhH":
                source = letter
            elif letter in "nN":
                queue = letter == "N"
            elif letter != "f":
                raise BadOption(f"illegal option -- {letter}")
            elif not word[place:] and not words:
                raise BadOption("option requires an argument -- f")
            else:
                sender = word[place:] or words.pop(0)
                break
    if source == "A":
        source = "a" if words else "h"
    return Options(source, sender, tuple(words), queue, flags)


def _field(field: str, hosts: Hosts) -> Field:
    try:
        return completed(field, hosts)
    except Unparsable:
        raise CannotParse(f"this line:\n{field}\n") from None


def _address(address: str, hosts: Hosts) -> str:
    try:
        return complete(address, hosts)
    except Unparsable:
        raise CannotParse(f"address: {address}\n") from None


def _given(sender: str, hosts: Hosts) -> str:
    """The sender of ``-f``, of which qmail-inject says what it made of it, without a line end."""
    try:
        return complete(sender, hosts)
    except Unparsable:
        raise CannotParse(f"this line:\n{quoted(sender)}") from None


def _first(env: Mapping[str, str], *names: str) -> str | None:
    """What the first of these variables says that is set, be it to nothing."""
    return next((env[name] for name in names if name in env), None)


def _user(env: Mapping[str, str]) -> str:
    user = _first(env, "QMAILUSER", "MAILUSER", "USER", "LOGNAME")
    return "anonymous" if user is None else user


def _sender(options: Options, fields: Sequence[Field], env: Mapping[str, str], hosts: Hosts, stamp: str) -> str:
    """The envelope sender: the first one that a Return-Path names, read from its right, else the person's own.

    Either may become one for each recipient.
    """
    paths = [field for field in fields if field.name == "return-path" and field.addresses]
    if not paths:
        user, host = env.get("QMAILSUSER", _user(env)), _first(env, "QMAILSHOST", "QMAILHOST", "MAILHOST")
        user += f"-{stamp}" if "m" in options.flags else ""
        user += "-" if "r" in options.flags else ""
        paths = [_field(f"Return-Path: {shown(QUOTE, user)}{_at(host)}", hosts)]
    sender = paths[0].addresses[0]
    return sender + EACH_ITS_OWN if "r" in options.flags else sender


def _at(host: str | None) -> str:
    return "" if host is None else f"@{shown(ATOM, host)}"


def _recipients(source: str, fields: list[Field]) -> list[str]:
    """The recipients that the header names, where it is asked."""
    if source not in "hH":
        return []
    wanted = RESENT_RECIPIENT_FIELDS if _resent(fields) else RECIPIENT_FIELDS
    return [address for field in fields if field.name in wanted for address in field.addresses]


def _resent(fields: list[Field]) -> bool:
    return any(field.name in RESENT_FIELDS for field in fields)


def _header(fields: list[Field], options: Options, env: Mapping[str, str], hosts: Hosts, now: int, pid: int) -> str:
    names = {field.name for field in fields}
    prefix, lower = ("Resent-", "resent-") if _resent(fields) else ("", "")
    lines = []
    if lower + "date" not in names:
        lines.append(f"{prefix}Date: {date822(now)}")
    if lower + "message-id" not in names:
        lines.append(f"{prefix}Message-ID: <{_digits(now)}.{pid}.qmail@{hosts.idhost}>")
    if lower + "from" not in names:
        lines.append(prefix + _from(env, hosts, "c" in options.flags))
    if lower + "to" not in names and lower + "cc" not in names:
        lines.append(prefix + NOBODY)
    lines += [field.text for field in fields if field.name not in DROPPED]
    return "\n".join(lines) + "\n"


def _from(env: Mapping[str, str], hosts: Hosts, in_comment: bool) -> str:
    """Address and full name, the name in front, or behind in brackets ($QMAILINJECT has a c)."""
    name, user = _first(env, "QMAILNAME", "MAILNAME", "NAME"), _user(env)
    word = shown(ATOM if PLAIN.fullmatch(user) else QUOTE, user)
    address = word + _at(_first(env, "QMAILHOST", "MAILHOST"))
    if name is not None:
        address = f"{address} {shown(COMMENT, name)}" if in_comment else f"{shown(QUOTE, name)} <{address}>"
    return _field(f"From: {address}", hosts).text


@lru_cache(maxsize=16)
def _digits(time_s: int) -> str:
    """The date and time without anything between the numbers, as Message-ID has it."""
    return strftime("%Y%m%d%H%M%S", gmtime(time_s))


def hand_in(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``hand-in SENDER RECIPIENT...`` queues descriptor 0 as it is, for programs that call qmail-queue themselves."""
    queue = yield from open_queue()
    yield from put(queue, (yield from read_all(0)))
    trouble = yield from close_queue(queue, argv[1], argv[2:])
    return 0 if not trouble else 100 if trouble[0] == "D" else 111
