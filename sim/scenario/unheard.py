"""Moments that never come, because of a slip in a word: a program nobody has, a directory nobody touches."""

from __future__ import annotations

from collections.abc import Iterator

from ..notation import commands
from ..notation.errors import NotationError, did_you_mean, quoted
from ..notation.moments import Moment
from .faults import Kill, Preempt, Signal
from .findings import Finding
from .marks import Path
from .model import Scenario

OTHERS = "others"
# Every program that a simulated host can run, as the first word of a moment names it.
# fmt: off
PROGRAMS = (
    "qmail-send", "qmail-queue", "qmail-local", "qmail-remote", "qmail-smtpd", "qmail-inject", "qmail-clean",
    "qmail-lspawn", "qmail-rspawn", "qmail-start", "qmail-qread", "qmail-qstat", "qmail-showctl", "qmail-tcpto",
    "qmail-tcpok", "qmail-newmrh", "qmailctl", "splogger", "multilog", "tcpserver", "inetd", "tcp-env", "config-fast",
    "sendmail", "sendmail.8", "forward", "preline", "mail.local", "hand-in", "mua", "telnet", "scripted",
    "sh", "csh", "echo", "cat", "tail", "grep", "ps", "kill", "ln", "cp", "mv", "rm", "touch", "chmod",
)
QUEUE = ("mess", "intd", "todo", "info", "local", "remote", "bounce", "pid", "lock")
DIRECTORIES = (*QUEUE, "control", "users", "alias", "tcp", "tty", "etc", "bin", "boot", "usr", "var")
# fmt: on


def unheard(play: Scenario) -> Iterator[Finding]:
    """A warning for each such word in ``faults:`` and ``ask:``."""
    parts: list[tuple[str, int, object]] = [("faults", n, one) for n, one in enumerate(play.faults)]
    parts += [("ask", n, one) for n, one in enumerate(play.ask)]
    for section, number, part in parts:
        here: Path = (section, number)
        if isinstance(part, Kill | Signal) and part.program is not None:
            yield from _program((*here, "program"), part.program)
        if isinstance(part, Preempt) and isinstance(part.to, str) and part.to != OTHERS:
            yield from _program((*here, "to"), part.to)
        for key in ("before", "after"):
            moment: Moment | None = getattr(part, key, None)
            if moment is not None:
                yield from _program((*here, key), moment.program)
                yield from _directory((*here, key), moment.path, play)


def _program(place: Path, name: str) -> Iterator[Finding]:
    if name and name not in PROGRAMS:
        hint = did_you_mean(name, (*PROGRAMS, OTHERS) if place[-1] == "to" else PROGRAMS)
        error = NotationError(f"no host has a program {quoted(name)}", hint or "as in qmail-send, qmail-queue")
        yield Finding(place, error, place)


def _directory(place: Path, path: str, play: Scenario) -> Iterator[Finding]:
    """A pattern's directory is known, or a home, or itself a pattern, or one that a person wrote somewhere."""
    first, slash, _ = path.partition("/")
    if not slash or first in DIRECTORIES or set(first) & set("*?[~"):
        return
    if path.startswith("/"):
        message = f"paths are shorter here than {quoted(path)}"
        yield Finding(place, NotationError(message, f"did you mean {commands.short(path)!r}?"), place)
    elif not any(f"{first}/" in text for text in _typed(play)):
        hint = did_you_mean(first, DIRECTORIES) or f"the queue's are {' '.join(QUEUE)}"
        yield Finding(place, NotationError(f"no program touches a directory {quoted(first)}", hint), place)


def _typed(play: Scenario) -> Iterator[str]:
    """The texts in which people name files of their own."""
    yield from (step.run for step in play.steps)
    for host in play.hosts.values():
        for files in host.users.values():
            yield from files.values()
