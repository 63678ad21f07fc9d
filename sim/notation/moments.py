"""A moment has a name, `[program] verb path`, so that a fault survives every change of the steps before it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from .errors import NotationError, quoted

# The system calls, and three effects that have names of their own: `create` is an open that makes a file,
# `mark` the byte D written into local/N or remote/N, `trigger` the byte written to lock/trigger.
# fmt: off
VERBS = frozenset({
    "open", "create", "read", "write", "fsync", "link", "unlink", "rename", "ftruncate", "utime", "stat", "close",
    "scandir", "mkdir", "fork", "execve", "exit", "wait", "kill", "connect", "accept", "query", "select", "pipe",
    "trigger", "mark", "setgroups", "setgid", "setuid", "chdir", "syslog", "alarm", "sleep", "flock", "lseek", "fstat",
    "chmod", "symlink", "sigaction", "time", "getpid", "getuid", "getpeername", "uname", "ioctl", "sysctl", "listen",
})
# fmt: on
_EXAMPLE = "write a moment as [program] verb [path], as in: link todo/*, or: qmail-send unlink info/*"
_LONGEST = 200
_PROGRAM = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class Moment(NamedTuple):
    """One kind of system call; an empty program means any, and the path is a pattern as in a shell.

    >>> parse("qmail-send unlink info/*")
    Moment(program='qmail-send', verb='unlink', path='info/*')
    >>> str(parse("exit"))
    'exit'
    """

    program: str
    verb: str
    path: str = "*"

    def __str__(self) -> str:
        words = (self.program, self.verb, "" if self.path == "*" else self.path)
        return " ".join(word for word in words if word)


def parse(text: str) -> Moment:
    """Read the words of a moment; raises NotationError, with a hint for a mistyped verb."""
    words = text.split()
    if not 1 <= len(words) <= 3 or len(text) > _LONGEST:
        raise NotationError(f"{quoted(text)} is not a moment", _EXAMPLE)
    if words[0] in VERBS and len(words) < 3:
        return Moment("", *words)
    if len(words) == 1 or (len(words) == 2 and set(words[1]) & set("/*")):
        raise _unknown(words[0])
    if words[1] not in VERBS:
        raise _unknown(words[1])
    if not _PROGRAM.fullmatch(words[0]):
        raise NotationError(f"{quoted(words[0])} is not the name of a program", _EXAMPLE)
    return Moment(*words)


def _unknown(word: str) -> NotationError:
    verbs = sorted(VERBS)
    return NotationError(f"unknown verb {quoted(word)}", f"verbs: {' '.join(verbs)}", word=word, known=verbs)


def matches(moment: Moment, program: str, verb: str, path: str) -> bool:
    """Whether a call is of this kind; asked for every call of a run, so the verb is compared first."""
    return verb == moment.verb and moment.program in ("", program) and (moment.path == "*" or _fits(moment.path)(path))


@lru_cache(maxsize=1024)
def _fits(pattern: str) -> Callable[[str], bool]:
    match = re.compile(fnmatch.translate(pattern)).match
    return lambda path: match(path) is not None
