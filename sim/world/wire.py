"""The wire: connections with latency, name servers, and what a peer learns when a machine dies.

Theory (tcp(7)). Bytes and ends of file arrive one latency after they were sent. A host that is up but does not
listen refuses at once; one that has no power, or is made silent, does not answer at all. The caller's SYN is sent
again after 1, 3, 7, 15, 31, 63 seconds (RFC 6298) until its own time-out ends the attempt. A machine that has
booted since does not know old connections and answers them with a reset; while it has no power, nobody answers.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import simpy

from sim.dns import Answer, Zone
from sim.machine.kernel import Machine
from sim.machine.process import DEAD
from sim.machine.streams import Attempt, Socket
from sim.world.tap import Tap

if TYPE_CHECKING:
    from sim.world.faults import Weather
    from sim.world.host import Host

CLIENT, SERVER = 0, 1
SYN_AGAIN_S, SYN_LAST_S = 1.0, 64.0
RESOLVER_GIVES_UP_S = 4.0


class Wire:
    """All networks of a scenario. ``hosts`` is by address; ``latency_s(a, b)`` between two host names."""

    def __init__(
        self, env: simpy.Environment, zone: Zone, latency_s: Callable[[str, str], float], weather: Weather
    ) -> None:
        self.env = env
        self.zone = zone
        self.latency_s = latency_s
        self.weather = weather
        self.hosts: dict[str, Host] = {}
        self.names_of_addresses: dict[str, str] = {}
        self.connections = 0

    def later(self, delay_s: float, action: Callable[..., None], *args: Any) -> None:
        """Let something happen after a while; SimPy gives it the event as its last argument."""
        timeout = self.env.timeout(delay_s)
        assert timeout.callbacks is not None
        timeout.callbacks.append(partial(action, *args))

    def connect(self, machine: Machine, address: str, port: int) -> Attempt:
        """A SYN on its way; the attempt stays open for ever when nobody answers."""
        attempt = Attempt(machine.wake)
        caller = self._host_of(machine)
        called = caller if address.startswith("127.") else self.hosts.get(address)
        if called is not None:
            delay = self._delay(caller, called)
            self.later(delay, self._syn, attempt, caller, called, port, delay, caller.boots, SYN_AGAIN_S)
        return attempt

    def query(self, machine: Machine, name: str, rrtype: str) -> Attempt:
        """A question to the name servers, one round trip away."""
        attempt = Attempt(machine.wake)
        host = self._host_of(machine)
        answer = self.weather.answer(self.env.now, name, rrtype, self._answer(name, rrtype))
        delay = RESOLVER_GIVES_UP_S if answer.rcode == "silent" else 2 * self.latency_s("", "")
        self.later(delay, self._tell, attempt, host, host.boots, answer)
        return attempt

    def _answer(self, name: str, rrtype: str) -> Answer[Any]:
        answer = self.zone.lookup(name, rrtype)
        if rrtype == "PTR" and not answer.records:
            known = self.names_of_addresses.get(name)
            return Answer("noerror", (known,)) if known else answer
        return answer

    def _tell(self, attempt: Attempt, host: Host, boots: int, answer: Answer[Any], _: simpy.Event) -> None:
        if host.boots == boots and host.machine.powered:
            attempt.finish(answer)
            host.poke()

    def _host_of(self, machine: Machine) -> Host:
        return self.hosts[machine.addresses[0]]

    def _delay(self, one: Host, other: Host) -> float:
        return 0.0 if one is other else self.latency_s(one.name, other.name)

    def _syn(
        self, attempt: Attempt, caller: Host, called: Host, port: int, delay: float, boots: int, again_s: float,
        _: simpy.Event,
    ) -> None:  # fmt: skip
        """A SYN arrives; one that nobody answers is sent again, each time after twice as long."""
        how = self.weather.down(self.env.now, called.name)
        if how == "silent" or not called.machine.powered:
            waits = caller.boots == boots and any(process.state != DEAD for process in attempt.waiters)
            if waits and again_s <= SYN_LAST_S:
                self.later(again_s, self._syn, attempt, caller, called, port, delay, boots, 2 * again_s)
            return
        listener = called.machine.listeners.get(port)
        if listener is None or how == "refused":
            self.later(delay, self._refused, attempt, caller)
            return
        self.connections += 1
        tap = self.weather.tap(called.name)
        connection = Connection(self, f"tcp/{self.connections}", (caller, called), delay, tap)
        listener.arrive(connection.ends[SERVER])
        called.poke()
        self.later(delay, self._connected, attempt, caller, connection)

    def _refused(self, attempt: Attempt, caller: Host, _: simpy.Event) -> None:
        attempt.finish(error=errno.ECONNREFUSED)
        caller.poke()

    def _connected(self, attempt: Attempt, caller: Host, connection: Connection, _: simpy.Event) -> None:
        if not attempt.waiters:
            connection.end(connection.ends[CLIENT])
            return
        attempt.finish(connection.ends[CLIENT])
        caller.poke()


class Connection:
    """One TCP connection: two sockets, the boots of their machines, the time a packet takes (seconds)."""

    def __init__(self, wire: Wire, name: str, hosts: tuple[Host, Host], delay: float, tap: Tap | None) -> None:
        self.wire = wire
        self.hosts = hosts
        self.boots = (hosts[CLIENT].boots, hosts[SERVER].boots)
        self.delay = delay
        self.tap = tap
        self.ended = [False, False]
        client, server = hosts[CLIENT].machine, hosts[SERVER].machine
        self.ends = (
            Socket(f"{name}/client", server.addresses[0], self, client.wake),
            Socket(f"{name}/server", client.addresses[0], self, server.wake),
        )

    def send(self, socket: Socket, data: bytes) -> None:
        side = CLIENT if socket is self.ends[CLIENT] else SERVER
        if self.tap is not None:
            self._through_tap(side, data)
            return
        self.wire.later(self.delay, self._arrive, 1 - side, data)

    def end(self, socket: Socket) -> None:
        side = CLIENT if socket is self.ends[CLIENT] else SERVER
        if not self.ended[side]:
            self.ended[side] = True
            if side == SERVER and self.tap is not None and self.tap.severed:
                return
            self.wire.later(self.delay, self._arrive, 1 - side, b"")

    def _through_tap(self, side: int, data: bytes) -> None:
        """A fault listens in: it may answer in the server's place, or break the line."""
        assert self.tap is not None
        now = self.wire.env.now
        effect = self.tap.client_says(now, data) if side == CLIENT else self.tap.server_says(now, data)
        if effect.drop:
            for end in (CLIENT, SERVER):
                self.wire.later(self.delay, self._fail, end)
            return
        if effect.forward:
            if side == SERVER and effect.forward is not data:
                self.wire.later(0.0, self._say, effect.forward)
            self.wire.later(self.delay, self._arrive, 1 - side, effect.forward)
        if effect.reply:
            self.wire.later(self.delay, self._say, effect.reply)
            self.wire.later(2 * self.delay, self._arrive, CLIENT, effect.reply)
        if effect.hang_up:
            self.wire.later(self.delay, self._arrive, SERVER, b"")

    def _say(self, reply: bytes, _: simpy.Event) -> None:
        """Put on record what a fault says in the server's place."""
        server = self.hosts[SERVER]
        row = (server.clock(), (server.name, "", 0), ("say", reply), self.ends[SERVER].name, None, None)
        server.trace.rows.append(row)

    def _arrive(self, side: int, data: bytes, _: simpy.Event) -> None:
        host = self.hosts[side]
        if not host.machine.powered:
            return
        if host.boots != self.boots[side] or (self.ended[side] and data):
            self.wire.later(self.delay, self._fail, 1 - side)
            return
        if not self.ended[side]:
            self.ends[side].deliver(data)
            host.poke()

    def _fail(self, side: int, _: simpy.Event) -> None:
        host = self.hosts[side]
        if host.machine.powered and host.boots == self.boots[side] and not self.ended[side]:
            self.ends[side].fail(errno.ECONNRESET)
            host.poke()
