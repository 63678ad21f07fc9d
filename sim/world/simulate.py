"""From a scenario to a trace: build the hosts, let people write and faults strike, and run the clock."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import simpy

from sim import mua, scenario, shell
from sim.dns import Zone
from sim.machine.disk import Disk
from sim.machine.filesystems import new_disk
from sim.machine.kernel import Machine
from sim.mta import MailSystem, NoMailSystem
from sim.qmail.system import Qmail, Setup
from sim.scenario import Scenario
from sim.scenario.addresses import addresses
from sim.scenario.model import Mail
from sim.scripted import Scripted
from sim.trace import Trace
from sim.world import faults, people, steps
from sim.world.host import Host
from sim.world.wire import Wire

SYSTEMS: dict[str, MailSystem] = {"qmail": Qmail(), "none": NoMailSystem()}


class Clock:
    """Where a run has got to; another thread may look at it to show progress."""

    def __init__(self, until_s: float, trace: Trace, now_s: Callable[[], float]) -> None:
        self.until_s = until_s
        self.trace = trace
        self.now_s = now_s


class World:
    """The hosts of a scenario on one clock; when it stops, the journal, and the disks as programs last saw them."""

    def __init__(self, play: Scenario, systems: Mapping[str, MailSystem] = SYSTEMS) -> None:
        self.play = play
        self.trace = Trace()
        self.trace.event(0.0, "", ("scenario", scenario.to_data(play)))
        self.env = simpy.Environment(0.0)
        self.zone, found = addresses(play, Zone.parse(play.dns))
        wire = Wire(self.env, self.zone, _latency(play), faults.Weather(play.faults, play.seed, self.trace))
        self.hosts = {name: _host(self, systems, name, address, wire) for name, address in found.items()}
        wire.hosts = {found[name]: host for name, host in self.hosts.items()}
        wire.names_of_addresses = {_reverse(address): name for name, address in found.items()}
        faults.schedule(self.env, self.hosts, play.faults)

    @property
    def disks(self) -> dict[str, Disk]:
        return {name: host.machine.disk for name, host in self.hosts.items()}

    def clock(self, until_s: float) -> Clock:
        """For somebody who wants to see how far it has got."""
        return Clock(until_s, self.trace, lambda: self.env.now)

    def start(self) -> None:
        """Switch everything on, and let people begin to write."""
        for host in self.hosts.values():
            host.boot()
        together: dict[tuple[str, str | None, str], list[Mail]] = {}
        for mail in self.play.mail:
            mua = self.play.hosts[mail.host].mua
            if mail.session is None:
                self.env.process(people.write(self.env, self.hosts[mail.host], mail, mua))
            else:
                together.setdefault((mail.host, people.relay(mail, mua), mail.session), []).append(mail)
        for (name, _, _), letters in together.items():
            mua = self.play.hosts[name].mua
            self.env.process(people.write_together(self.env, self.hosts[name], letters, mua))
        for step in self.play.steps:
            self.env.process(steps.type_step(self.env, self.hosts[step.on], step, self.play.start))
        for session in self.play.telnet:
            self.env.process(people.type_lines(self.env, self.hosts[session.on], session))

    def run(self, until_s: float) -> None:
        """Let time pass up to a second of the simulation."""
        with _collector_at_rest():
            self.env.run(until=until_s)


def simulate(
    play: Scenario, watch: Callable[[Clock], None] | None = None, systems: Mapping[str, MailSystem] = SYSTEMS
) -> World:
    """Run a scenario to its end (``until``).

    ``watch`` is given a Clock before the first second; ``systems`` says what the words of ``mta:`` stand for.
    """
    world = World(play, systems)
    if watch is not None:
        watch(world.clock(play.until))
    world.start()
    world.run(play.until)
    return world


def _reverse(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def _latency(play: Scenario) -> Callable[[str, str], float]:
    links = {frozenset(link.between): link.latency for link in play.network.links}
    usual = play.network.latency
    return lambda one, other: links.get(frozenset((one, other)), usual)


def _host(world: World, systems: Mapping[str, MailSystem], name: str, address: str, wire: Wire) -> Host:
    play = world.play
    config = play.hosts[name]
    system = Scripted(config.replies) if config.mta == "scripted" else systems[config.mta]
    if isinstance(system, Qmail):
        by_hand = any(step.on == name for step in play.steps)
        system = system.set_up(
            Setup(config.boot, config.listener, config.logger, config.installed, by_hand, config.without)
        )
    disk = new_disk(config.filesystem, config.syncdir, config.lazy_calls)
    system.install(disk, name, config.control, config.tcprules, config.users)
    disk.sync()
    writers = {people.account(mail) for mail in play.mail if mail.host == name}
    writers |= {step.user for step in play.steps if step.on == name}
    machine = Machine(
        name,
        world.trace,
        disk,
        {**shell.PROGRAMS, **system.programs, **mua.PROGRAMS},
        epoch_s=play.start.timestamp(),
        setuid_programs=system.setuid_programs,
        uids=system.uids((*config.users, *sorted(writers))),
        network=wire,
        addresses=(address,),
    )
    return Host(world.env, machine, system, world.trace)


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
