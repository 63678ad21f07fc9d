"""From a scenario to a trace: build the hosts, let people write and faults strike, and run the clock."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import simpy

from sim import mua, scenario
from sim.dns import Zone
from sim.letter import Envelope, Letter
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.mta import MailSystem, NoMailSystem
from sim.qmail.system import Qmail
from sim.scenario import Scenario
from sim.scenario.addresses import addresses
from sim.scenario.model import Mail
from sim.scripted import Scripted
from sim.trace import Trace
from sim.world import faults
from sim.world.host import Host
from sim.world.wire import Wire

SYSTEMS: dict[str, MailSystem] = {"qmail": Qmail(), "none": NoMailSystem()}


class World(NamedTuple):
    """What is left when the clock stops: the journal, and the disks as the programs last saw them."""

    trace: Trace
    disks: dict[str, Disk]
    zone: Zone


class Clock:
    """Where a run has got to; another thread may look at it to show progress."""

    def __init__(self, until_s: float, trace: Trace) -> None:
        self.until_s = until_s
        self.trace = trace
        self.now_s: Callable[[], float] = lambda: 0.0


def simulate(
    play: Scenario, watch: Callable[[Clock], None] | None = None, systems: Mapping[str, MailSystem] = SYSTEMS
) -> World:
    """Run a scenario to its end (``until``).

    ``watch`` is given a Clock before the first second; ``systems`` says what the words of ``mta:`` stand for.
    """
    trace = Trace()
    trace.event(0.0, "", ("scenario", scenario.to_data(play)))
    env = simpy.Environment(0.0)
    zone, found = addresses(play, Zone.parse(play.dns))
    wire = Wire(env, zone, _latency(play), faults.Weather(play.faults, play.seed))
    hosts = {name: _host(env, play, systems, name, address, wire, trace) for name, address in found.items()}
    wire.hosts = {found[name]: host for name, host in hosts.items()}
    wire.names_of_addresses = {_reverse(address): name for name, address in found.items()}
    clock = Clock(play.until, trace)
    clock.now_s = lambda: env.now
    if watch is not None:
        watch(clock)
    faults.schedule(env, hosts, play.faults)
    for host in hosts.values():
        host.boot()
        env.process(host.live())
    for mail in play.mail:
        env.process(_write(env, hosts[mail.host], mail))
    with _collector_at_rest():
        env.run(until=play.until)
    return World(trace, {name: host.machine.disk for name, host in hosts.items()}, zone)


def _reverse(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def _latency(play: Scenario) -> Callable[[str, str], float]:
    links = {frozenset(link.between): link.latency for link in play.network.links}
    usual = play.network.latency
    return lambda one, other: links.get(frozenset((one, other)), usual)


def _host(
    env: simpy.Environment,
    play: Scenario,
    systems: Mapping[str, MailSystem],
    name: str,
    address: str,
    wire: Wire,
    trace: Trace,
) -> Host:
    config = play.hosts[name]
    system = Scripted(config.replies) if config.mta == "scripted" else systems[config.mta]
    disk = Disk(config.filesystem)
    system.install(disk, name, config.control, config.tcprules, config.users)
    writers = {_writer(mail) for mail in play.mail if mail.host == name}
    machine = Machine(
        name,
        trace,
        disk,
        {**system.programs, **mua.PROGRAMS},
        epoch_s=play.start.timestamp(),
        setuid_programs=system.setuid_programs,
        uids=system.uids((*config.users, *sorted(writers))),
        network=wire,
        addresses=(address,),
    )
    return Host(env, machine, system, trace)


def _writer(mail: Mail) -> str:
    return mail.sender.rpartition("@")[0] or mail.sender or "anonymous"


def _write(env: simpy.Environment, host: Host, mail: Mail) -> simpy.events.ProcessGenerator:
    """A person writes a letter, or the same one many times."""
    yield env.timeout(mail.at)
    action = _writing(host, mail)
    for copy in range(mail.copies):
        if copy:
            yield env.timeout(mail.every)
        host.when_up(action)


def _writing(host: Host, mail: Mail) -> Callable[[], None]:
    """What happens on the machine: qmail-inject with the letter on its input, or a MUA that submits it."""
    text = _letter(mail).text() if mail.raw is None else mail.raw.encode("utf-8", "surrogateescape")
    user = _writer(mail)
    sender, recipients = _as_latin(mail.sender), tuple(_as_latin(one) for one in mail.to)
    if mail.via is not None:
        program, argv = "mua", ("mua", mail.via, sender, *recipients)
    else:
        program, argv = host.system.submission(sender, recipients, raw=mail.raw is not None)
    env = {"USER": user}

    def write() -> None:
        host.machine.spawn(program, argv, user=user, env=env, stdin=text, mail=mail.name)

    return write


def _letter(mail: Mail) -> Letter:
    """Envelope, header, body; the From and To of the header are what the person typed."""
    header = [("From", mail.sender), ("To", ", ".join(mail.to)), *mail.header.items(), ("Subject", mail.subject)]
    shown = tuple((name, value) for name, value in header if value)
    return Letter(Envelope(mail.sender, mail.to), shown, mail.body)


def _as_latin(text: str) -> str:
    """The bytes of an address as programs see them, one character a byte."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """A run leaves no garbage in cycles, and a growing trace makes looking for it the largest single cost.

    Freezing and thawing in the end hands the trace to the oldest generation without looking at each record.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if was_enabled:
            gc.enable()
