"""tcpserver: listen on port 25, become qmaild, and start one qmail-smtpd for each connection it lets in.

Who may connect and who may relay is in the rules file that ``-x`` names (tcprules(1)); a rule can set
RELAYCLIENT, and that is all there is to relaying. At most 40 connections are served at a time, or as many as ``-c``
says; the others wait until one is over (tcpserver(1)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from sim.machine.calls import (
    ANY_CHILD,
    Handled,
    Steps,
    accept,
    close,
    fork,
    listen,
    open_,
    query,
    select,
    sigaction,
    wait,
)
from sim.notation import tcprules
from sim.notation.errors import NotationError
from sim.qmail.common import become, become_user, control_line, read_all

LIMIT = 40
RULES = "etc/tcp.smtp"
REFUSED, DROPPED = 100, 111


def tcpserver(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``tcpserver [-c LIMIT] PORT PROGRAM``; runs until it is killed."""
    port, program = int(argv[-2]), argv[-1]
    limit = int(argv[2]) if argv[1] == "-c" and argv[2].isdecimal() else LIMIT
    ended: list[str] = []
    yield sigaction(catch=Handled(("CHLD",), ended.append), ignore=("PIPE",))
    me = yield from control_line("me", "localhost")
    listener = yield listen(port)
    yield from become_user("qmaild")
    running = 0
    while True:
        ready = yield select((listener,) if running < limit else (), 0 if ended else None)
        if "CHLD" in ready or ended:
            ended.clear()
            while (yield wait(ANY_CHILD)):
                running -= 1
        if listener in ready:
            connection, address = yield accept(listener)
            yield fork(_serve, (address, program, me), {0: connection, 1: connection})
            yield close(connection)
            running += 1


def _serve(address: str, program: str, me: str) -> Steps:
    """The child: look the peer up, ask the rules, become the program, or drop the connection.

    A rules file that is missing or cannot be read lets nobody in.
    """
    answer = yield query(".".join(reversed(address.split("."))) + ".in-addr.arpa", "PTR")
    host = answer.records[0] if answer.records else ""
    try:
        rules = yield open_(RULES)
        verdict = _verdict((yield from read_all(rules)), address, host)
        yield close(rules)
    except (OSError, NotationError):
        return DROPPED
    if not verdict.allow:
        return REFUSED
    named = {"TCPREMOTEHOST": host} if host else {}
    env = {"PROTO": "TCP", "TCPREMOTEIP": address, "TCPLOCALHOST": me, **named, **verdict.env}
    return (yield from become(program, (program,), env=env))


@lru_cache(maxsize=256)
def _verdict(rules: bytes, address: str, host: str) -> tcprules.Verdict:
    return _parsed(rules).lookup(address, host)


@lru_cache(maxsize=64)
def _parsed(rules: bytes) -> tcprules.Rules:
    return tcprules.parse(rules.decode("latin-1"))
