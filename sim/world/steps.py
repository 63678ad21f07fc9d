"""A person at the terminal of a host: commands typed at their times, and a screen that keeps what they print."""

from __future__ import annotations

from datetime import datetime, timedelta

import simpy

from sim.machine.process import Process
from sim.machine.streams import Pipe, PipeEnd
from sim.qmail.splogger import stamp
from sim.scenario.steps import Step
from sim.world.host import Host
from sim.world.people import A_LINE_S, Terminal

MAILLOG = "var/log/maillog"


class Screen(PipeEnd):
    """Takes whatever is written, at once; the trace keeps it."""

    def put(self, data: bytes) -> int | None:
        return len(data)


def type_step(env: simpy.Environment, host: Host, step: Step, start: datetime) -> simpy.events.ProcessGenerator:
    """One command; into a telnet further lines are typed, a second after each other."""
    yield env.timeout(step.at)
    if not step.calls:
        host.when_up(lambda: _run(host, step, start))
        return
    if not host.machine.powered:
        return
    terminal = Terminal(host, step.calls, step.user, ("telnet", "-t", step.calls))
    _show(host, terminal.process)
    host.poke()
    for line in step.lines.splitlines():
        yield env.timeout(A_LINE_S)
        terminal.type(line)
    yield env.timeout(A_LINE_S)
    terminal.hang_up()


def _run(host: Host, step: Step, start: datetime) -> None:
    if MAILLOG.rpartition("/")[2] in step.run:
        _bring_log_up_to_date(host, start)
    _show(host, host.machine.spawn("sh", ("sh", "-c", step.run), user=step.user, env={"USER": step.user}, stdin=b""))


def _show(host: Host, process: Process) -> None:
    """Give a process a screen for what it says, on both descriptors."""
    screen = Screen(Pipe(f"tty/{process.pid}"), True, host.machine)
    screen.refs = 2
    process.fds[1] = process.fds[2] = screen


def _bring_log_up_to_date(host: Host, start: datetime) -> None:
    """syslogd, which writes what it was told into its file when somebody looks."""
    name = host.name.partition(".")[0]
    lines = [
        f"{_date(start + timedelta(seconds=t))} {name} {call[1]}: {stamp(call[2], start.timestamp() + t)}{call[2]}\n"
        for t, who, call, *_ in host.trace.rows
        if call[0] == "syslog" and who[0] == host.name
    ]
    disk = host.machine.disk
    disk.make_directories(MAILLOG.rpartition("/")[0])
    inode = disk.files("var/log").get(MAILLOG) or disk.put(MAILLOG, b"")
    inode.data = inode.durable = "".join(lines).encode("latin-1", "replace")


def _date(at: datetime) -> str:
    """The date as syslogd writes it: no year, the day in two columns."""
    return f"{at:%b} {at.day:2} {at:%H:%M:%S}"
