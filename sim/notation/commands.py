"""What a person types on a simulated host: the commands of the course text's sections 7 to 10, and no others.

A line is one command, two with ``|`` between, or one with ``>`` or ``>>`` and a file after it. Nothing here runs a
shell: the words are taken apart with shlex, and simulated programs play them.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from .errors import NotationError, quoted

Words = tuple[str, ...]
_LONGEST = 2000
_FILE = r"[~/.\w][\w~./+:@=-]*"
# command: how it is written, and what the words after it look like
PLAYED: dict[str, tuple[str, str]] = {
    "config-fast": ("config-fast NAME", r"[\w.-]+"),
    "echo": ("echo TEXT | qmail-inject, echo TEXT >> FILE", r".*"),
    "qmail-inject": ("qmail-inject", r".*"),
    "sendmail": ("sendmail", r".*"),
    "telnet": ("telnet HOST", r"[\w.-]+( 25)?"),
    "ps": ("ps ax | grep WORD", r"-?(ax|aux)"),
    "grep": ("grep WORD", r"[\w.-]+"),
    "tail": ("tail -f FILE", rf"(-f )?{_FILE}"),
    "cat": ("cat FILE", rf"({_FILE})?"),
    "kill": ("kill -SIGNAL PROGRAM", r"(-\w+ )?(\[pid [\w.-]+\]|[\w.-]+)"),
    "ln": ("ln -s FILE NAME", rf"-s {_FILE} {_FILE}"),
    "cp": ("cp FILE NAME", rf"{_FILE} {_FILE}"),
    "mv": ("mv FILE NAME", rf"{_FILE} {_FILE}"),
    "rm": ("rm FILE", _FILE),
    "touch": ("touch FILE", _FILE),
    "chmod": ("chmod MODE FILE", rf"([0-7]{{1,4}}|\+x) {_FILE}"),
    "csh": ("csh -cf '/var/qmail/rc &'", rf"-cf {_FILE} &"),
    "qmail-qread": ("qmail-qread", ""),
    "qmail-qstat": ("qmail-qstat", ""),
    "qmail-showctl": ("qmail-showctl", ""),
    "qmail-newmrh": ("qmail-newmrh", ""),
    "qmail-tcpto": ("qmail-tcpto", ""),
    "qmail-tcpok": ("qmail-tcpok", ""),
}
_SCRIPTS = re.compile(r"/var/qmail/(rc|boot/[\w+]+)|/usr/local/etc/rc\.d/[\w.-]+")
_ALLOWED = f"what can be played: {', '.join(usage for usage, _ in PLAYED.values())}, /usr/local/etc/rc.d/SCRIPT"
_FOLDERS = ("/var/qmail/bin/", "/usr/sbin/", "/usr/bin/", "/bin/", "./")


class Line(NamedTuple):
    """The words of each program, from left to right; a file that the output goes to, and whether to its end."""

    programs: tuple[Words, ...]
    into: str = ""
    append: bool = False


def parse(text: str) -> Line:
    """Read a line; raises NotationError for what cannot be played.

    >>> parse("echo to: aku | /var/qmail/bin/qmail-inject").programs[1]
    ('/var/qmail/bin/qmail-inject',)
    >>> parse("ps ax |grep qmail").programs
    (('ps', 'ax'), ('grep', 'qmail'))
    """
    words = _words(text)
    into, append = "", False
    if len(words) > 2 and words[-2] in (">", ">>") and re.fullmatch(_FILE, words[-1]):
        into, append, words = words[-1], words[-2] == ">>", words[:-2]
    programs: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            programs.append([])
        else:
            programs[-1].append(word)
    if len(programs) > 2:
        raise NotationError("more than two programs in a row", _ALLOWED)
    for program in programs:
        _check(program)
    return Line(tuple(map(tuple, programs)), into, append)


def _words(text: str) -> list[str]:
    if len(text) > _LONGEST:
        raise NotationError(f"a command has at most {_LONGEST:,} characters", _ALLOWED)
    if "\n" in text.strip() or set(text) & set("$`"):
        raise NotationError(f"{quoted(text)} is the business of a shell", _ALLOWED)
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|<>;")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:
        raise NotationError(f"{quoted(text)} has a quote that does not end", _ALLOWED) from None


def _check(words: list[str]) -> None:
    if not words:
        raise NotationError("a command is missing", _ALLOWED)
    if _SCRIPTS.fullmatch(words[0]) and len(words) == 1:
        return
    name = program_name(words[0])
    if name not in PLAYED:
        raise NotationError(f"the command {quoted(words[0])} is not played", _ALLOWED, word=name, known=list(PLAYED))
    usage, pattern = PLAYED[name]
    rest = " ".join(words[1:])
    if not re.fullmatch(pattern, rest) or any(set(word) <= set("|<>;") for word in words[1:] if word):
        raise NotationError(f"{quoted(' '.join(words))} is not written so", f"as in {usage}")


def program_name(word: str) -> str:
    """The program that the first word of a command names, in whichever of the usual folders it lies."""
    folder = next((one for one in _FOLDERS if word.startswith(one)), "")
    return word.removeprefix(folder)


def short(path: str) -> str:
    """A path as it is written on a simulated disk (``sim.machine.calls``).

    >>> [short(path) for path in ("/var/qmail/control/me", "/var/spool/mail/aku", "/home/aku/Mailbox", "/etc/rc.conf")]
    ['control/me', 'var/mail/aku', '~aku/Mailbox', 'etc/rc.conf']
    """
    for long, brief in (("/var/qmail/queue/", ""), ("/var/qmail/", ""), ("/var/spool/mail/", "var/mail/")):
        if path.startswith(long):
            return brief + path.removeprefix(long)
    return f"~{path.removeprefix('/home/')}" if path.startswith("/home/") else path.lstrip("/")


def split(text: str) -> Words:
    """The words of a line in a start script."""
    return tuple(shlex.split(text))
