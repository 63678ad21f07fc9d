"""The network as far as a machine knows it: what a program sees of connections and look-ups."""

from __future__ import annotations

import errno
from typing import Any

from machines import Steps, World, failing, visit

from sim.machine.calls import (
    accept,
    alarm,
    close,
    connect,
    listen,
    pipe,
    query,
    read,
    select,
    sigaction,
    sleep,
    time,
    write,
)
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.machine.streams import Socket


def test_a_connection_is_there_when_the_world_says_so(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield connect("10.0.0.1", 25, 60)
        got.extend([(yield time()), (yield read(fd))])
        yield write(fd, b"QUIT\r\n")
        got.append((yield read(fd)))

    sockets: list[Socket] = []
    got: list[Any] = []

    def answer(m: Machine, world: World) -> None:
        sockets.append(world.socket(m))
        world.attempts[0].finish(sockets[0])

    world = visit(
        disk, program, [answer, lambda *_: sockets[0].deliver(b"220 hi\r\n"), lambda *_: sockets[0].deliver(b"")]
    )
    assert got == [1, b"220 hi\r\n", b""]
    assert world.heard == [b"QUIT\r\n", "end"]


def test_a_refused_connection_and_one_that_nobody_answers(disk: Disk) -> None:
    def program() -> Steps:
        for _ in range(2):
            seen.extend([(yield from failing(connect("10.0.0.1", 25, 60))), (yield time())])

    seen: list[Any] = []
    visit(disk, program, [lambda _, world: world.attempts[0].finish(error=errno.ECONNREFUSED)])
    assert seen == ["ECONNREFUSED", 1, "ETIMEDOUT", 61]


def test_a_look_up_ended_by_a_signal_does_not_answer_the_next_one(disk: Disk) -> None:
    def program() -> Steps:
        yield sigaction(catch=("ALRM",))
        yield alarm(1)
        seen.append((yield from failing(query("a.example", "MX"))))
        seen.append((yield query("b.example", "MX")))

    seen: list[Any] = []
    visit(
        disk,
        program,
        [
            lambda *_: None,
            lambda _, world: world.attempts[0].finish("a's answer"),
            lambda _, world: world.attempts[1].finish("b's answer"),
        ],
    )
    assert seen == ["EINTR", "b's answer"]


def test_a_connection_reset_is_an_error_and_leaves_no_time_out_to_the_next_call(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield connect("10.0.0.1", 25, 60)
        seen.append((yield select((fd,), 5.0)))
        seen.append((yield from failing(read(fd))))
        r, _ = yield pipe()
        seen.extend([(yield select((r,), 20.0)), (yield time())])

    sockets: list[Socket] = []
    seen: list[Any] = []

    def answer(m: Machine, world: World) -> None:
        sockets.append(world.socket(m))
        world.attempts[0].finish(sockets[0])

    visit(disk, program, [answer, lambda *_: sockets[0].fail(errno.ECONNRESET)])
    assert seen == [(0,), "ECONNRESET", (), 22]


def test_every_call_has_a_time_out_of_its_own(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield connect("10.0.0.1", 25, 60)
        seen.extend([(yield select((fd,), 70.0)), (yield read(fd)), (yield time())])
        seen.extend([(yield select((fd,), 100.0)), (yield time())])

    sockets: list[Socket] = []
    seen: list[Any] = []

    def answer(m: Machine, world: World) -> None:
        sockets.append(world.socket(m))
        world.attempts[0].finish(sockets[0])

    nothing = [lambda *_: None] * 62
    visit(disk, program, [answer, *nothing, lambda *_: sockets[0].deliver(b"220 hi\r\n")])
    assert seen == [(0,), b"220 hi\r\n", 64, (), 164]


def test_a_listener_hands_out_connections_in_order_and_owns_its_port(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield listen(25)
        seen.append((yield from failing(listen(25))))
        yield select((fd,))
        for _ in range(2):
            seen.append((yield accept(fd)))
        yield close(fd)
        yield listen(25)

    def arrive(m: Machine, world: World) -> None:
        for peer in ("10.0.0.2", "10.0.0.3"):
            m.listeners[25].arrive(Socket(peer, peer, world, m))

    seen: list[Any] = []
    world = visit(disk, program, [arrive])
    assert seen == ["EADDRINUSE", (1, "10.0.0.2"), (2, "10.0.0.3")]
    assert world.heard == ["end", "end"]


def test_a_closed_listener_ends_the_connections_that_nobody_accepted(disk: Disk) -> None:
    def program() -> Steps:
        fd = yield listen(25)
        yield sleep(5)
        yield close(fd)

    world = visit(disk, program, [lambda m, world: m.listeners[25].arrive(world.socket(m))])
    assert world.heard == ["end"]
