"""What people typed at the terminals of hosts, and what they saw."""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace import Trace


@dataclass(slots=True)
class Typed:
    """A command: when, where, by whom, and all that it printed; one that started a daemon may go on to print."""

    t: float
    host: str
    user: str
    command: str
    printed: bytes = b""


def command_of(program: str, argv: tuple[str, ...]) -> str:
    """The command line behind a started program; empty for one that nobody typed."""
    if program == "sh" and argv[1:2] == ("-c",):
        return argv[2]
    return f"telnet {argv[2]}" if program == "telnet" and argv[1:2] == ("-t",) else ""


def typed(trace: Trace, host: str | None = None) -> list[Typed]:
    """The commands in the order in which they were begun, on one host or all."""
    found: dict[tuple[str, str], Typed] = {}
    for t, (where, program, pid), call, target, _, error in trace.rows:
        if call[0] == "start":
            command = command_of(program, tuple(call[2]))
            if command:
                found[where, f"tty/{pid}"] = Typed(t, where, call[3], command)
        elif call[0] == "write" and error is None and target is not None and (where, target) in found:
            found[where, target].printed += call[2]
    return [one for one in found.values() if host in (None, one.host)]
