"""System calls that reach the network: what comes back is the world's to decide."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from sim.machine.calls import Call
from sim.machine.disk import failure
from sim.machine.process import Process
from sim.machine.streams import Attempt, Listener, Socket

if TYPE_CHECKING:
    from sim.machine.kernel import Machine


class Network(Protocol):
    """What a machine asks of the world outside it."""

    def connect(self, machine: Machine, address: str, port: int) -> Attempt: ...
    def query(self, machine: Machine, name: str, rrtype: str) -> Attempt: ...


def listen(m: Machine, p: Process, call: Call) -> int:
    port = call[1]
    if port in m.listeners:
        raise failure(errno.EADDRINUSE, str(port))
    listener = m.listeners[port] = listening(m, port)
    m.target = listener.name
    return p.add(listener)


def listening(m: Machine, port: int) -> Listener:
    return Listener(f"port {port}", m, lambda: m.forget_listener(port))


def accept(m: Machine, p: Process, call: Call) -> Any:
    fd = call[1]
    listener = p.fds[fd]
    if not isinstance(listener, Listener):
        raise failure(errno.EINVAL, listener.name)
    if not listener.backlog:
        return m.wait(p, listener.waiters)
    socket = listener.backlog.popleft()
    m.target = socket.name
    return p.add(socket), socket.peer


def connect(m: Machine, p: Process, call: Call) -> Any:
    _, to, port, timeout_s = call
    m.target = to
    if p.attempt is None:
        if m.network is None:
            raise failure(errno.ENETUNREACH, to)
        p.attempt = m.network.connect(m, to, port)
    answer = _outcome(m, p, timeout_s)
    if not isinstance(answer, Attempt):
        return answer
    m.target = answer.value.name
    return p.add(answer.value)


def getpeername(m: Machine, p: Process, call: Call) -> str:
    held = p.fds[call[1]]
    m.target = held.name
    if not isinstance(held, Socket):
        raise failure(errno.ENOTSOCK, held.name)
    return held.peer


def query(m: Machine, p: Process, call: Call) -> Any:
    _, name, rrtype = call
    m.target = name
    if p.attempt is None:
        if m.network is None:
            raise failure(errno.ENETUNREACH, name)
        p.attempt = m.network.query(m, name, rrtype)
    answer = _outcome(m, p, None)
    return answer.value if isinstance(answer, Attempt) else answer


def _outcome(m: Machine, p: Process, timeout_s: float | None) -> Any:
    """UNFINISHED while the world thinks; then the finished attempt, or its failure, or a given-up one's."""
    attempt = p.attempt
    assert attempt is not None
    if not attempt.done:
        try:
            return m.wait(p, attempt.waiters, timeout_s)
        except OSError:
            p.attempt = None
            raise
    p.attempt = None
    p.deadline = None
    if attempt.error:
        raise failure(attempt.error, str(m.target))
    return attempt


HANDLERS: dict[str, Callable[..., Any]] = {
    "listen": listen,
    "accept": accept,
    "getpeername": getpeername,
    "connect": connect,
    "query": query,
}
