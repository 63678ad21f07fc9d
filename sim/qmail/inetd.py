"""inetd and tcp-env: the other way to start one qmail-smtpd for each connection (the course text's section 9).

inetd reads ``etc/inetd.conf`` at its start and after SIGHUP; of its services only smtp is played. It asks no
tcprules, so nobody gets RELAYCLIENT, and it does not count connections. A port that another program holds is tried
again after ten minutes. Sources: inetd(8), tcp-env(1), tcp-environ(5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import (
    ANY_CHILD,
    Steps,
    accept,
    close,
    execve,
    fork,
    getpeername,
    ioctl,
    listen,
    open_if_there,
    query,
    select,
    sigaction,
    wait,
)
from sim.qmail.common import become, read_all

CONFIG = "etc/inetd.conf"
LINE = "smtp stream tcp nowait qmaild /var/qmail/bin/tcp-env tcp-env /var/qmail/bin/qmail-smtpd\n"
PORT = 25
RETRY_S = 600
USER, FIRST_WORD = 4, 6


def inetd(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Runs until it is killed."""
    yield sigaction(catch=("CHLD", "HUP"), ignore=("PIPE",))
    listener: int | None = None
    service = yield from _service()
    while True:
        if service and listener is None:
            listener = yield from _bound()
        elif not service and listener is not None:
            yield close(listener)
            listener = None
        waits_for_port = bool(service) and listener is None
        ready = yield select(() if listener is None else (listener,), RETRY_S if waits_for_port else None)
        if "CHLD" in ready:
            while (yield wait(ANY_CHILD)):
                continue
        if "HUP" in ready:
            service = yield from _service()
        if listener is not None and listener in ready:
            connection, _ = yield accept(listener)
            words = tuple(service[FIRST_WORD:])
            yield fork(become, (words[0], words, service[USER]), {0: connection, 1: connection})
            yield close(connection)


def _service() -> Steps:
    """The words of the smtp line of the configuration; none where there is no such line."""
    fd = yield open_if_there(CONFIG)
    if fd is None:
        return []
    text = (yield from read_all(fd)).decode("latin-1")
    yield close(fd)
    lines = (line.split() for line in text.splitlines())
    return next((words for words in lines if words[:1] == ["smtp"] and len(words) > FIRST_WORD), [])


def _bound() -> Steps:
    try:
        return (yield listen(PORT))
    except OSError:
        return None


def tcp_env(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``tcp-env PROGRAM ARGUMENTS...``: put into the environment who is at either end, and become the program."""
    address = yield getpeername(0)
    mine = yield ioctl()
    around = {"PROTO": "TCP", "TCPREMOTEIP": address, "TCPLOCALIP": mine[0]}
    for name, of in (("TCPREMOTEHOST", address), ("TCPLOCALHOST", mine[0])):
        answer = yield query(".".join(reversed(of.split("."))) + ".in-addr.arpa", "PTR")
        if answer.records:
            around[name] = answer.records[0]
        elif answer.rcode in ("servfail", "silent"):
            around[name] = "softdnserror"
    program = argv[1].rpartition("/")[2]
    yield execve(program, (program, *argv[2:]), around)
