"""qmail-inject: make a person's text into a message, and queue it (qmail-inject(8)).

It reads the message on descriptor 0, completes what is missing in the header (Date, Message-ID, From, a Cc that
says there were no recipients), completes addresses with the control files' host names, removes Bcc, and hands
it to qmail-queue. Recipients come from the command line, else from To, Cc, Bcc and Apparently-To; within
one field they go into the envelope from right to left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import formataddr, getaddresses
from functools import lru_cache
from time import gmtime
from typing import NamedTuple

from sim.machine.calls import Steps, getpid, time, write
from sim.qmail.common import control_line, date822, read_all
from sim.qmail.handover import close_queue, open_queue, put

RECIPIENT_FIELDS = ("to", "cc", "bcc", "apparently-to")
ADDRESS_FIELDS = frozenset(
    prefix + name for prefix in ("", "resent-") for name in ("from", "sender", "reply-to", "to", "cc", "bcc")
) | {"apparently-to", "return-receipt-to", "errors-to"}
DROPPED = frozenset(("bcc", "resent-bcc", "return-path", "content-length"))
NOBODY = "Cc: recipient list not shown: ;"


class Hosts(NamedTuple):
    """The names that complete an address: without a host, without a dot, with a plus at its end."""

    defaulthost: str
    defaultdomain: str
    plusdomain: str
    idhost: str

    def complete(self, address: str) -> str:
        """
        >>> hosts = Hosts("dh.example", "dd.example", "pd.example", "id")
        >>> [hosts.complete(a) for a in ("a", "b@host", "c@sub+", "d@full.example.com")]
        ['a@dh.example', 'b@host.dd.example', 'c@sub.pd.example', 'd@full.example.com']
        """
        local, at, host = address.rpartition("@")
        if not at:
            local, host = address, self.defaulthost
        if host.endswith("+"):
            host = f"{host[:-1]}.{self.plusdomain}"
        elif "." not in host and not host.startswith("["):
            host = f"{host}.{self.defaultdomain}"
        return f"{local}@{host}"


class Options(NamedTuple):
    """The command line: where recipients come from (``a`` arguments, ``h`` header, ``H`` both), the sender."""

    source: str
    sender: str
    recipients: tuple[str, ...]


def qmail_inject(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
    """Exit status 0 queued, 100 permanent and 111 temporary failure, with a text on descriptor 1 if it is open."""
    options = _options(argv[1:])
    me = yield from control_line("me", "localhost")
    hosts = Hosts(
        (yield from control_line("defaulthost", me)),
        (yield from control_line("defaultdomain", me)),
        (yield from control_line("plusdomain", me)),
        (yield from control_line("idhost", me)),
    )
    text = (yield from read_all(0)).decode("latin-1")
    fields, body = split_message(text)
    user = next((env[key] for key in ("QMAILUSER", "MAILUSER", "USER", "LOGNAME") if env.get(key)), "anonymous")
    host = env.get("QMAILHOST") or env.get("MAILHOST")
    author = hosts.complete(f"{user}@{host}" if host else user)
    recipients = _recipients(options, fields, hosts)
    pid = yield getpid()
    header = _header(fields, author, env.get("QMAILNAME") or env.get("MAILNAME") or "", hosts, (yield time()), pid)
    sender = hosts.complete(options.sender) if options.sender not in ("", "<>") else options.sender
    queue = yield from open_queue()
    yield from put(queue, (header + "\n" + body).encode("latin-1"))
    trouble = yield from close_queue(queue, "" if sender == "<>" else sender or author, recipients)
    if not trouble:
        return 0
    yield write(2, f"qmail-inject: fatal: {trouble[1:]}\n".encode("latin-1"))
    return 100 if trouble[0] == "D" else 111


def _options(words: Sequence[str]) -> Options:
    source, sender = "A", ""
    words = list(words)
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word == "--":
            break
        if word[1] in "aAhH":
            source = word[1]
        elif word[1] == "f":
            sender = word[2:] or (words.pop(0) if words else "") or "<>"
    if source == "A":
        source = "a" if words else "h"
    return Options(source, sender, tuple(words))


def split_message(text: str) -> tuple[list[str], str]:
    r"""Header fields, each with its continuation lines, and the body.

    >>> split_message("To: a,\n b\nSubject: x\n\nhi\n")
    (['To: a,\n b', 'Subject: x'], 'hi\n')
    """
    fields: list[str] = []
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if not line:
            return fields, "\n".join(lines[index + 1 :])
        if line[0] in " \t" and fields:
            fields[-1] += "\n" + line
        elif ":" in line:
            fields.append(line)
        else:
            return fields, "\n".join(lines[index:])
    return fields, ""


@lru_cache(maxsize=1024)
def name_of(field: str) -> str:
    return field.partition(":")[0].strip().lower()


@lru_cache(maxsize=1024)
def addresses(field: str) -> tuple[tuple[str, str], ...]:
    """The (name, address) pairs of an address field."""
    return tuple(pair for pair in getaddresses([field.partition(":")[2].replace("\n", " ")]) if pair[1])


def _recipients(options: Options, fields: list[str], hosts: Hosts) -> list[str]:
    found = [hosts.complete(word) for word in options.recipients] if options.source in "aH" else []
    if options.source in "hH":
        resent = any(name_of(field).startswith("resent-") for field in fields)
        wanted = tuple("resent-" + name for name in RECIPIENT_FIELDS[:3]) if resent else RECIPIENT_FIELDS
        for field in fields:
            if name_of(field) in wanted:
                found += [hosts.complete(address) for _, address in reversed(addresses(field))]
    return found


def _header(fields: list[str], author: str, author_name: str, hosts: Hosts, now: int, pid: int) -> str:
    names = {name_of(field) for field in fields}
    prefix = "Resent-" if any(name.startswith("resent-") for name in names) else ""
    stamp = "{:04}{:02}{:02}{:02}{:02}{:02}".format(*gmtime(now))
    added = {
        "Date": date822(now),
        "Message-ID": f"<{stamp}.{pid}.qmail@{hosts.idhost}>",
        "From": f'"{author_name}" <{author}>' if author_name else author,
    }
    lines = [f"{prefix}{name}: {value}" for name, value in added.items() if (prefix + name).lower() not in names]
    if not names & {(prefix + name).lower() for name in ("to", "cc")}:
        lines.append(prefix + NOBODY)
    lines += [_completed(field, hosts) for field in fields if name_of(field) not in DROPPED]
    return "\n".join(lines) + "\n"


def _completed(field: str, hosts: Hosts) -> str:
    """An address field with its bare names completed; a field that needs nothing stays as it was typed."""
    if name_of(field) not in ADDRESS_FIELDS:
        return field
    pairs = addresses(field)
    if all(hosts.complete(address) == address for _, address in pairs):
        return field
    shown = [formataddr((name, hosts.complete(address))) for name, address in pairs]
    return f"{field.partition(':')[0]}: {', '.join(shown)}"


def hand_in(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``hand-in SENDER RECIPIENT...`` queues descriptor 0 as it is, for programs that call qmail-queue themselves."""
    queue = yield from open_queue()
    yield from put(queue, (yield from read_all(0)))
    trouble = yield from close_queue(queue, argv[1], argv[2:])
    return 0 if not trouble else 100 if trouble[0] == "D" else 111
