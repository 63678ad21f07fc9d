"""Machines of a few small programs, the network around them, and their traces in words."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sim.machine.alone import run_alone
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.machine.streams import Attempt, Socket
from sim.trace import Trace

Steps = Iterator[Any]


def machine(disk: Disk, *programs: Callable[..., Steps], **more: Any) -> Machine:
    """A machine whose programs are the given generator functions, by their names and without arguments."""
    table = {one.__name__: lambda _argv, _env, steps=one: steps() for one in programs}
    return Machine("mail", Trace(), disk, table, **more)


def play(disk: Disk, *programs: Callable[..., Steps], until_s: float = 1000.0, **more: Any) -> Machine:
    """Start all the programs at second 0 and let them run."""
    new = machine(disk, *programs, **more)
    for one in programs:
        new.spawn(one.__name__, ())
    run_alone(new, until_s)
    return new


def story(m: Machine) -> list[str]:
    """The trace in words: program, verb, target, error; the starts left out."""
    return [
        " ".join(word for word in (one.program, one.verb, one.target, one.error) if word)
        for one in m.trace
        if one.verb != "start"
    ]


def failing(call: Any) -> Iterator[Any]:
    """Make a call that fails, and give the errno's name."""
    try:
        yield call
    except OSError as problem:
        return errno.errorcode[problem.errno]
    return "no error"


class World:
    """A network whose answers the test gives by hand; it writes down what sockets do."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self.heard: list[Any] = []

    def connect(self, m: Machine, address: str, port: int) -> Attempt:
        return self.query(m, address, str(port))

    def query(self, m: Machine, _name: str, _rrtype: str) -> Attempt:
        self.attempts.append(Attempt(m))
        return self.attempts[-1]

    def send(self, _socket: Socket, data: bytes) -> None:
        self.heard.append(data)

    def end(self, _socket: Socket) -> None:
        self.heard.append("end")

    def socket(self, m: Machine) -> Socket:
        return Socket("10.0.0.1", "10.0.0.1", self, m)


def visit(disk: Disk, program: Callable[..., Steps], script: Iterable[Callable[[Machine, World], object]]) -> World:
    """Run a program; at second 1, 2, … the world does the next thing in the script."""
    world = World()
    m = machine(disk, program, network=world)
    m.spawn(program.__name__, ())
    run_alone(m, 1000, [(float(t), lambda act=act: act(m, world)) for t, act in enumerate(script, 1)])
    return world
