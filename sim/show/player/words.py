"""What the page says: a sentence for each step, and labels, by language.

Sentences come as a key and what to put into it, so that the browser can say them in any language whose catalogue
it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim.qmail.states import FILES
from sim.show.escape import readable, visible
from sim.show.player.texts import ENGLISH, INDONESIAN
from sim.trace import Row

Sentence = tuple[str, dict[str, Any]]

_PLAIN = {
    "boot": "boot", "kill_all": "kill_all", "power_cut": "power_cut", "pipe": "pipe", "time": "time", "getpid": "look",
    "getuid": "look", "uname": "look", "ioctl": "look", "sysctl": "look", "fstat": "look", "stat": "stat",
    "select": "select", "wait": "wait", "sigaction": "sigaction", "alarm": "alarm", "sleep": "sleep",
    "scandir": "scandir", "chdir": "chdir", "close": "close", "fsync": "fsync", "create": "create", "open": "open",
    "lseek": "lseek", "flock": "flock", "listen": "listen", "accept": "accept", "fork": "fork", "mkdir": "mkdir",
    "query": "query", "scenario": "scenario",
}  # fmt: skip


def clean(text: str) -> str:
    """Bytes kept one character a byte, as text that turns no screen around."""
    return visible(readable(text))


def catalogues() -> dict[str, dict[str, str]]:
    """Templates by language and key; ``{name}`` stands for a part of the sentence."""
    return {"en": ENGLISH, "id": INDONESIAN}


def narrated(row: Row) -> Sentence:
    """The sentence of one record."""
    _, (_, program, _), call, target, result, error = row
    about = {"program": program, "target": clean(target or "")}
    if error is not None:
        return ("call.failed", {**about, "call": call[0], "error": error})
    special = _SPECIAL.get(call[0])
    if special is not None:
        return special(about, call, target or "", result)
    key = _PLAIN.get(call[0])
    return (f"call.{key}", about) if key else ("call.other", {**about, "call": call[0]})


def _start(about: dict[str, Any], call: tuple[Any, ...], _target: str, _result: Any) -> Sentence:
    if call[4] is not None:
        names = call[4] if isinstance(call[4], tuple) else (call[4],)
        return ("call.written", {**about, "user": call[3], "letter": ", ".join(names)})
    return ("call.start", about)


def _write(about: dict[str, Any], call: tuple[Any, ...], target: str, _result: Any) -> Sentence:
    if target.startswith("tcp/"):
        first = clean(call[2].decode("latin-1").partition("\r\n")[0])
        return ("call.say", {**about, "line": first})
    if call[2] == b"D" and target.startswith(("local/", "remote/")):
        return ("call.mark", about)
    if target == "lock/trigger":
        return ("call.trigger", about)
    return ("call.write", {**about, "bytes": len(call[2])})


def _read(about: dict[str, Any], _call: tuple[Any, ...], target: str, result: Any) -> Sentence:
    if target.startswith("tcp/") and result:
        return ("call.hear", {**about, "line": clean(result.decode("latin-1").partition("\r\n")[0])})
    return ("call.read" if result else "call.read_end", {**about, "bytes": len(result or b"")})


def _link(about: dict[str, Any], call: tuple[Any, ...], target: str, _result: Any) -> Sentence:
    directory = target.partition("/")[0]
    key = {"mess": "call.link_mess", "todo": "call.link_todo"}.get(directory, "call.link")
    return (("call.delivered" if target.startswith("~") else key), {**about, "old": call[1].rpartition("/")[2]})


def _unlink(about: dict[str, Any], _call: tuple[Any, ...], target: str, _result: Any) -> Sentence:
    directory = target.partition("/")[0]
    return (f"call.unlink_{directory}" if directory in FILES else "call.unlink", about)


def _exit(about: dict[str, Any], call: tuple[Any, ...], _target: str, _result: Any) -> Sentence:
    promise = about["program"] == "qmail-queue" and call[1] == 0
    return ("call.promise" if promise else "call.exit", {**about, "status": call[1]})


def _with(key: str, **places: int) -> Callable[..., Sentence]:
    """A sentence that names some of the call's own arguments."""
    return lambda about, call, *_: (key, {**about, **{name: call[place] for name, place in places.items()}})


_SPECIAL: dict[str, Callable[..., Sentence]] = {
    "start": _start, "write": _write, "read": _read, "link": _link, "unlink": _unlink, "exit": _exit,
    "execve": _with("call.execve", other=1), "setuid": _with("call.setuid", user=1),
    "killed": _with("call.killed", signal=1), "syslog": _with("call.syslog", text=2),
    "connect": _with("call.connect", address=1), "kill": _with("call.kill", signal=2),
}  # fmt: skip
