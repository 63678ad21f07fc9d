"""Who ran on a machine, as which user, from when to when: what ps(1) could have said at any time."""

from __future__ import annotations

from dataclasses import dataclass

from sim.trace import Trace


@dataclass(slots=True)
class ProcessLife:
    """One process: its parent, its program and user as last changed, and how it ended (None: it has not)."""

    host: str
    pid: int
    parent: int
    user: str
    program: str
    argv: tuple[str, ...]
    start: float
    end: float | None = None
    ended_by: str = ""


def lives(trace: Trace, setuid_programs: dict[str, str] | None = None, at: float | None = None) -> list[ProcessLife]:
    """Every process of every host in the order of their starts, as they stood at ``at`` (None: the end)."""
    setuid_programs = setuid_programs or {}
    found: dict[tuple[str, int], ProcessLife] = {}
    for t, (host, program, pid), call, _, result, error in trace.rows:
        if at is not None and t > at:
            break
        if error is not None and call[0] != "exit":
            continue
        match call[0]:
            case "start":
                found[host, pid] = ProcessLife(host, pid, 0, str(call[3]), program, tuple(call[2]), t)
            case "fork":
                parent = found.get((host, pid))
                user, argv = (parent.user, parent.argv) if parent else ("root", ())
                found[host, result] = ProcessLife(host, result, pid, user, str(program), argv, t)
            case "execve":
                life = found[host, pid]
                life.program, life.argv = call[1], tuple(call[2])
                life.user = setuid_programs.get(call[1], life.user)
            case "setuid":
                found[host, pid].user = call[1]
            case "exit" | "killed":
                found[host, pid].end = t
                found[host, pid].ended_by = f"exit {call[1]}" if call[0] == "exit" else f"SIG{call[1]}"
            case "power_cut" | "kill_all":
                for life in found.values():
                    if life.host == host and life.end is None:
                        life.end, life.ended_by = t, call[0].replace("_", " ")
    return list(found.values())
