"""A computer of the scenario: its mail system, its control files, its users and their .qmail files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from ..notation import dotqmail, replies, tcprules
from ..notation.errors import NotationError, quoted
from .errors import MisfitError
from .fields import AMoment, FileText, IPv4, Part, UserName
from .mua import Mua

# fmt: off
CONTROL_FILES = frozenset({
    "badmailfrom", "bouncefrom", "bouncehost", "concurrencyincoming", "concurrencylocal", "concurrencyremote",
    "databytes", "defaultdelivery", "defaultdomain", "defaulthost", "doublebouncehost", "doublebounceto",
    "envnoathost", "helohost", "idhost", "localiphost", "locals", "me", "morercpthosts", "percenthack", "plusdomain",
    "qmqpservers", "queuelifetime", "rcpthosts", "smtpgreeting", "smtproutes", "timeoutconnect", "timeoutremote",
    "timeoutsmtpd", "virtualdomains",
})
# fmt: on
_QMAIL_FILE = re.compile(r"\.qmail(-[A-Za-z0-9+_.:=-]{1,100})?")
_DIRECTORY_CALLS = ("create", "link", "unlink", "rename")
_NOT_YET = {"sendmail": "qmail, scripted or none"}


def _played(word: object) -> object:
    """Say plainly that a word belongs to the format, but not yet to this version."""
    if isinstance(word, str) and word in _NOT_YET:
        raise MisfitError(
            f"{word!r} is a word of the format that this version does not play yet", f"use {_NOT_YET[word]}"
        )
    return word


def _control_name(name: str) -> str:
    if name not in CONTROL_FILES:
        message, hint = f"{quoted(name)} is not a control file of qmail", "they are listed in qmail-control(5)"
        raise MisfitError(message, hint, word=name, known=sorted(CONTROL_FILES))
    return name


def _reply_script(value: object) -> str | tuple[str, ...] | dict[str, str]:
    """One reply, a list of them in turn, or a mapping from patterns of recipients."""
    if isinstance(value, Mapping):
        return {str(like): _reply(text) for like, text in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_reply(text) for text in value)
    return _reply(value)


def _reply(text: object) -> str:
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise MisfitError("a reply is a text", "as in 250 ok, close, silence, after 2s 250 ok")
    replies.parse(str(text))
    return str(text).strip("\n")


def _rules(text: str) -> str:
    tcprules.parse(text)
    return text


def _qmail_name(name: str) -> str:
    if not _QMAIL_FILE.fullmatch(name):
        raise MisfitError(
            f"{quoted(name)} is not a file that qmail-local reads", "as in .qmail, .qmail-list, .qmail-default"
        )
    return name


def _qmail_text(text: str) -> str:
    """Check every line, so that a run never meets one it cannot play; the last gets its line end."""
    for line in dotqmail.parse(text):
        if "\0" in line.text:
            raise NotationError("a .qmail file holds no NUL character", "", line.number)
        if line.kind == "program":
            dotqmail.program(line.text, line.number)
        if line.kind in ("mbox", "maildir") and (line.text.startswith("/") or ".." in line.text.split("/")):
            hint = "as in ./Maildir/ or ./Mailbox"
            raise NotationError(f"{quoted(line.text)} lies outside the user's home", hint, line.number)
    return text if not text or text.endswith("\n") else text + "\n"


def _qmail_files(value: object) -> object:
    """A text alone is the file .qmail; nothing at all is a user without one."""
    if isinstance(value, str):
        return {".qmail": value}
    if isinstance(value, Mapping):
        return {name: "" if text is None else text for name, text in value.items()}
    return {} if value is None else value


_FILES: dict[str, Any] = {
    "anyOf": [
        {"type": ["string", "null"]},
        {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
    ],
    "examples": ["./Maildir/", {".qmail": "./Mailbox", ".qmail-list": "&wahid"}],
}
ControlName = Annotated[str, AfterValidator(_control_name)]
QmailName = Annotated[str, AfterValidator(_qmail_name)]
QmailText = Annotated[str, AfterValidator(_qmail_text)]
QmailFiles = Annotated[dict[QmailName, QmailText], BeforeValidator(_qmail_files), WithJsonSchema(_FILES)]


ReplyScript = Annotated[
    str | tuple[str, ...] | dict[str, str],
    PlainValidator(_reply_script),
    PlainSerializer(lambda script: script),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "integer"]},
                {"type": "array", "items": {"type": "string"}},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ],
            "examples": ["220 hi", {"tmp*": "451 later", "*": "250 ok"}, "close"],
        }
    ),
]
ReplyStage = Literal[
    "greeting", "HELO", "EHLO", "MAIL", "RCPT", "DATA", "dot", "RSET", "NOOP", "VRFY", "HELP", "QUIT", "other"
]  # fmt: skip


def _yes_or_no(word: object) -> object:
    """YAML 1.2 has true and false; ``yes`` and ``no`` are words, and people write them."""
    return {"yes": True, "no": False}.get(word, word) if isinstance(word, str) else word


YesNo = Annotated[
    bool, BeforeValidator(_yes_or_no), WithJsonSchema({"enum": [True, False, "yes", "no"], "default": False})
]


class Host(Part):
    """A computer with a name, people, and perhaps a mail system."""

    mta: Annotated[Literal["qmail", "scripted", "none"], BeforeValidator(_played)] = Field(
        "qmail", description="the mail system; scripted: a peer that says its replies; none: people only"
    )
    replies: dict[ReplyStage, ReplyScript] = Field(
        {}, description="what a scripted peer says by stage: one reply, a list in turn, or a mapping from recipients"
    )
    filesystem: Literal["ffs", "journaled", "async"] = Field(
        "ffs",
        description="when a directory operation is durable; ffs: as soon as it returns, which qmail assumes; "
        "journaled: in order, within 5 s or at any fsync; async: within 30 s, in no order",
    )
    syncdir: YesNo = Field(
        False, description="yes: directory operations are durable when they return, on any file system"
    )
    unsynced: tuple[AMoment, ...] = Field(
        (),
        description="calls that do not wait for the disk, as in [fsync mess/*]; a directory operation, as in "
        "[create pid/*], where syncdir would make it wait",
    )
    address: IPv4 | None = Field(None, description="the IPv4 address of a host that the zone does not name")
    control: dict[ControlName, FileText] = Field(
        {}, description="qmail's control files by name; what is left out is what config-fast would write"
    )
    without: tuple[ControlName, ...] = Field(
        (), description="control files of config-fast that are not there, as rcpthosts on an open relay"
    )
    tcprules: Annotated[str, AfterValidator(_rules)] = Field(
        ":allow\n", description="who may connect and who may relay, as tcpserver reads it"
    )
    users: dict[UserName, QmailFiles] = Field(
        {}, description="the accounts: the lines of ~user/.qmail, or a mapping from .qmail file names to their lines"
    )
    boot: Literal["home", "binm1", "maildir"] = Field(
        "home",
        description="the script in /var/qmail/boot that starts qmail: where mail goes when ~user/.qmail says nothing; "
        "home: ./Mailbox; binm1: binmail, into var/mail/USER; maildir: ./Maildir/",
    )
    installed: YesNo = Field(
        True, description="no: qmail's programs lie there, but nothing is configured or started; `steps` do that"
    )
    listener: Literal["tcpserver", "inetd"] = Field(
        "tcpserver", description="what starts a qmail-smtpd for each connection; inetd with tcp-env asks no tcprules"
    )
    logger: Literal["splogger", "multilog"] = Field(
        "splogger",
        description="what keeps qmail-send's log; splogger: syslog; multilog: var/log/qmail, with TAI64N stamps",
    )
    mua: Mua | None = Field(None, description="the mail program of its people; left out: one that adds nothing")

    @property
    def lazy_calls(self) -> tuple[tuple[str, str], ...]:
        """``unsynced`` as verbs and patterns of paths."""
        return tuple((one.verb, one.path) for one in self.unsynced)

    @model_validator(mode="after")
    def _what_waits(self) -> Self:
        for one in self.unsynced:
            if one.verb not in ("fsync", *_DIRECTORY_CALLS):
                hint = f"only fsync does, and with syncdir {', '.join(_DIRECTORY_CALLS)}"
                raise MisfitError(f"{one} never waits for the disk", hint, "unsynced")
            if one.program:
                raise MisfitError("a disk does not know who calls", f"as in {one.verb} {one.path}", "unsynced")
            if one.verb != "fsync" and (self.filesystem == "ffs" or not self.syncdir):
                wrong = "on ffs it always waits" if self.filesystem == "ffs" else "it does not wait without syncdir"
                raise MisfitError(f"{one}: {wrong}", "use filesystem: async with syncdir: yes", "unsynced")
        return self

    @model_validator(mode="after")
    def _who_replies(self) -> Self:
        if self.boot != "home" and self.mta != "qmail":
            raise MisfitError("boot scripts are qmail's", "leave it out, or use mta: qmail", "boot")
        if not self.installed and self.mta != "qmail":
            raise MisfitError("only qmail is installed by hand", "leave it out, or use mta: qmail", "installed")
        if self.logger != "splogger" and (self.mta != "qmail" or not self.installed):
            raise MisfitError("the logger is chosen where qmail is installed", "leave it out", "logger")
        if self.listener == "inetd" and "tcprules" in self.model_fields_set and self.tcprules != ":allow\n":
            raise MisfitError("inetd asks no tcprules", "leave them out, or use listener: tcpserver", "tcprules")
        if self.replies and self.mta != "scripted":
            raise MisfitError("replies are for a scripted peer", "add mta: scripted", "replies")
        return self
