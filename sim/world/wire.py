"""The wire: connections with latency, name servers, and what a peer learns when a machine dies.

Theory (tcp(7)). Bytes and ends of file arrive one latency after they were sent. A host that is up but does not
listen refuses at once; one that has no power, or is made silent, does not answer at all. The caller's SYN is sent
again after 1, 3, 7, 15, 31, 63 seconds (RFC 6298) until its own time-out ends the attempt. A machine that has
booted since does not know old connections and answers them with a reset; while it has no power, nobody answers.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import simpy
from simpy.events import NORMAL

from sim.dns import Answer, Zone
from sim.machine.kernel import Machine
from sim.machine.process import DEAD
from sim.machine.streams import Attempt, Socket
from sim.world.tap import Effect, Tap

if TYPE_CHECKING:
    from sim.world.faults import Weather
    from sim.world.host import Host

SYN_AGAIN_S, SYN_LAST_S = 1.0, 64.0
RESOLVER_GIVES_UP_S = 4.0
REMEMBERED = 1024  # answers of the name servers; what they say of a name never changes


class Later(simpy.Event):
    """Something that happens after a while, and ``what`` it is about: a Timeout with no more than a packet needs."""

    def __init__(self, env: simpy.Environment, delay_s: float, action: Callable[[Later], None], what: Any) -> None:
        self.callbacks = [action]
        self.what = what
        self._ok = True
        env.schedule(self, NORMAL, delay_s)


class Wire:
    """All networks of a scenario. ``hosts`` is by address; ``latency_s(a, b)`` between two host names."""

    def __init__(
        self, env: simpy.Environment, zone: Zone, latency_s: Callable[[str, str], float], weather: Weather
    ) -> None:
        self.env = env
        self.zone = zone
        self.latency_s = latency_s
        self.question_s = 2 * latency_s("", "")
        self.weather = weather
        self.hosts: dict[str, Host] = {}
        self.names_of_addresses: dict[str, str] = {}
        self.connections = 0
        self.honest = lru_cache(maxsize=REMEMBERED)(self._answer)

    def connect(self, machine: Machine, address: str, port: int) -> Attempt:
        """A SYN on its way; the attempt stays open for ever when nobody answers."""
        attempt = Attempt(machine)
        caller = self.hosts[machine.addresses[0]]
        called = caller if address.startswith("127.") else self.hosts.get(address)
        if called is not None:
            delay = 0.0 if caller is called else self.latency_s(caller.name, called.name)
            Later(self.env, delay, self._syn, (attempt, caller, called, port, delay, caller.boots, SYN_AGAIN_S))
        return attempt

    def query(self, machine: Machine, name: str, rrtype: str) -> Attempt:
        """A question to the name servers, one round trip away."""
        attempt = Attempt(machine)
        host = self.hosts[machine.addresses[0]]
        answer = self.weather.answer(self.env.now, host.name, name, rrtype, self.honest(name, rrtype))
        delay = RESOLVER_GIVES_UP_S if answer.rcode == "silent" else self.question_s
        Later(self.env, delay, self._tell, (attempt, host, host.boots, answer))
        return attempt

    def _answer(self, name: str, rrtype: str) -> Answer[Any]:
        answer = self.zone.lookup(name, rrtype)
        if rrtype == "PTR" and not answer.records:
            known = self.names_of_addresses.get(name)
            return Answer("noerror", (known,)) if known else answer
        return answer

    def _tell(self, event: Later) -> None:
        attempt, host, boots, answer = event.what
        if host.boots == boots and host.machine.powered:
            attempt.finish(answer)
            host.poke()

    def _syn(self, event: Later) -> None:
        """A SYN arrives; one that nobody answers is sent again, each time after twice as long."""
        attempt, caller, called, port, delay, boots, again_s = event.what
        how = self.weather.down(self.env.now, called.name)
        if how == "silent" or not called.machine.powered:
            waits = caller.boots == boots and any(process.state != DEAD for process in attempt.waiters)
            if waits and again_s <= SYN_LAST_S:
                Later(self.env, again_s, self._syn, (*event.what[:-1], 2 * again_s))
            return
        listener = called.machine.listeners.get(port)
        if listener is None or how == "refused":
            Later(self.env, delay, self._refused, (attempt, caller))
            return
        self.connections += 1
        tap = self.weather.tap(called.name)
        client = End(self.env, f"tcp/{self.connections}/client", caller, called, delay, tap, False)
        server = End(self.env, f"tcp/{self.connections}/server", called, caller, delay, tap, True)
        client.other, server.other = server, client
        listener.arrive(server.socket)
        called.poke()
        Later(self.env, delay, self._connected, (attempt, client))

    def _refused(self, event: Later) -> None:
        attempt, caller = event.what
        attempt.finish(error=errno.ECONNREFUSED)
        caller.poke()

    def _connected(self, event: Later) -> None:
        attempt, client = event.what
        if not attempt.waiters:
            client.end(client.socket)
            return
        attempt.finish(client.socket)
        client.host.poke()


class End:
    """One end of a TCP connection: a socket, its machine's boots, how long a packet takes to the ``other`` end.

    Ends that both have closed let go of each other and of their sockets, for nobody looks for cycles during a run.
    """

    __slots__ = ("boots", "delay", "ended", "env", "host", "other", "serves", "socket", "tap")

    def __init__(
        self, env: simpy.Environment, name: str, host: Host, peer: Host, delay: float, tap: Tap | None, serves: bool
    ) -> None:
        self.env = env
        self.host = host
        self.boots = host.boots
        self.delay = delay
        self.tap = tap
        self.serves = serves
        self.ended = False
        self.other = self
        self.socket = Socket(name, peer.machine.addresses[0], self, host.machine)

    def send(self, socket: Socket, data: bytes) -> None:  # noqa: ARG002
        if self.tap is None:
            Later(self.env, self.delay, self.other.arrive, data)
        elif self.serves:
            effect = self.tap.server_says(self.env.now, data)
            if effect.forward and effect.forward is not data:
                Later(self.env, 0.0, self.say, effect.forward)
            self._heard(effect, self.other, self)
        else:
            self._heard(self.tap.client_says(self.env.now, data), self, self.other)

    def end(self, socket: Socket) -> None:
        if self.ended:
            return
        self.ended = True
        socket.line = GONE
        other = self.other
        if other.ended:
            other.other = self.other = GONE
        elif not (self.serves and self.tap is not None and self.tap.severed):
            Later(self.env, self.delay, other.arrive, b"")

    def _heard(self, effect: Effect, client: End, server: End) -> None:
        """A fault has listened in: it may answer in the server's place, or break the line."""
        if effect.drop:
            Later(self.env, self.delay, client.fail, None)
            Later(self.env, self.delay, server.fail, None)
            return
        if effect.forward:
            Later(self.env, self.delay, self.other.arrive, effect.forward)
        if effect.reply:
            Later(self.env, self.delay, server.say, effect.reply)
            Later(self.env, 2 * self.delay, client.arrive, effect.reply)
        if effect.hang_up:
            Later(self.env, self.delay, server.arrive, b"")

    def say(self, event: Later) -> None:
        """Put on record what a fault says in the server's place."""
        host = self.host
        row = (host.clock(), (host.name, "", 0), ("say", event.what), self.socket.name, None, None)
        host.trace.rows.append(row)

    def arrive(self, event: Later) -> None:
        """Bytes or an end of file; a machine that does not know the connection, or no more, answers with a reset."""
        host = self.host
        if not host.machine.powered:
            return
        booted = host.boots != self.boots
        if not booted and not self.ended:
            self.socket.deliver(event.what)
            host.poke()
        elif (booted or event.what) and not self.other.ended:
            Later(self.env, self.delay, self.other.fail, None)

    def fail(self, _event: Later) -> None:
        """The peer's machine does not know the connection, or somebody has cut it."""
        host = self.host
        if host.machine.powered and host.boots == self.boots and not self.ended:
            self.socket.fail(errno.ECONNRESET)
            host.poke()


class Gone(End):
    """What each end of a connection knows of the other when both have closed it: nothing, and nothing can come."""

    def __init__(self) -> None:
        self.ended = True
        self.other = self

    def send(self, socket: Socket, data: bytes) -> None: ...
    def end(self, socket: Socket) -> None: ...
    def arrive(self, event: Later) -> None: ...
    def fail(self, event: Later) -> None: ...


GONE = Gone()
