"""qmailctl: what an operator runs who finds one of qmail's daemons dead.

qmail-send and its four companions live and die together: it leaves when qmail-lspawn, qmail-rspawn or qmail-clean is
gone, and they end with it, once the deliveries under way are over. So there is one cure: stop qmail-send in good
order if it still runs, and start all of them again (qmail-send(8); the script is known from *Life with qmail*).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, execve, kill, sleep, sysctl

LOOKS_AGAIN_AFTER_S = 1


def qmailctl(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``qmailctl PROGRAM ARGUMENTS...``: once the qmail-send that runs is gone, become the program that starts it."""
    told = set((yield from _running()))
    for pid in sorted(told):
        yield kill(pid, "TERM")
    while told.intersection((yield from _running())):
        yield sleep(LOOKS_AGAIN_AFTER_S)
    yield execve(argv[1], tuple(argv[1:]))


def _running() -> Steps:
    """The pids of qmail-send."""
    return [pid for pid, _, line in (yield sysctl()) if line.split(" ")[0] == "qmail-send"]
