"""The same scenario and seed give the same trace, byte for byte; and no run leaves a mark on the process it ran in."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim import scenario
from sim.machine.alone import run_alone
from sim.machine.calls import ARGUMENTS, Steps, accept, close, connect, fork, getpid, listen, pipe, read, write
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.qmail.system import Qmail
from sim.trace import Trace
from sim.world.simulate import simulate

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))
A_FEW_S = 30  # a hang is for ever; a slow machine is not
TRACE_OF = """
import sys
from sim import scenario
from sim.machine.calls import ARGUMENTS
from sim.world.simulate import simulate
sys.stdout.buffer.write(simulate(scenario.load(sys.argv[1])).trace.to_jsonl(ARGUMENTS))
"""
LOCAL = """
title: Three letters on one machine
until: 100s
hosts:
  mail.example: {users: {riza: ./Maildir/, wahid: {.qmail: ./Mailbox, .qmail-list: "&riza"}}}
mail:
  - {name: one, at: 1s, from: riza@mail.example, to: wahid@mail.example, raw: "Subject: one\\n\\nhello\\n"}
  - {name: two, at: 1s, from: wahid@mail.example, to: wahid-list@mail.example, raw: "Subject: two\\n\\nhello\\n"}
  - {name: three, at: 2.5s, from: riza@mail.example, to: nobody@mail.example, raw: "Subject: three\\n\\nhello\\n"}
"""


def trace_of(path: Path, hash_seed: str) -> bytes:
    """The trace of a scenario run by a Python of its own."""
    env = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", TRACE_OF, str(path)], env=env, capture_output=True, check=True)
    return done.stdout


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_same_scenario_gives_the_same_bytes_whatever_python_hashes(path: Path) -> None:
    one = trace_of(path, "1")
    assert one.count(b"\n") > 100
    assert one == trace_of(path, "4711")


def test_simpy_and_a_plain_loop_give_the_same_trace() -> None:
    play = scenario.loads(LOCAL)
    under_simpy = simulate(play).trace
    alone = by_plain_loop(play)
    assert len(alone) > 400
    assert alone.to_jsonl(ARGUMENTS) == Trace(under_simpy.rows[1:]).to_jsonl(ARGUMENTS)
    assert {record.program for record in alone} >= {"qmail-send", "qmail-local", "qmail-queue"}


def by_plain_loop(play: scenario.Scenario) -> Trace:
    """The same machine with the same letters at the same times, and no SimPy."""
    (name, config), *others = play.hosts.items()
    assert not others
    trace, system, disk = Trace(), Qmail(), Disk()
    system.install(disk, name, config.control, config.tcprules, config.users)
    machine = Machine(
        name,
        trace,
        disk,
        system.programs,
        epoch_s=play.start.timestamp(),
        setuid_programs=system.setuid_programs,
        uids=system.uids(tuple(config.users)),
        addresses=("192.0.2.1",),
    )
    found = tuple((path, inode.number, len(inode.data)) for path, inode in disk.files().items())
    trace.event(0.0, name, ("boot",), found)
    system.boot(machine)
    run_alone(machine, play.until, [(mail.at, lambda mail=mail: hand_in(machine, mail)) for mail in play.mail])
    return trace


def hand_in(machine: Machine, mail: scenario.model.Mail) -> None:
    user = mail.sender.partition("@")[0]
    program, argv = Qmail().submission(mail.sender, tuple(mail.to), raw=True)
    machine.spawn(program, argv, user=user, env={"USER": user}, stdin=str(mail.raw).encode(), mail=mail.name)


@pytest.fixture
def collector() -> Iterator[None]:
    """Thresholds nobody else would choose, and everything as it was afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(701, 11, 13)
    yield
    gc.set_threshold(*before)
    gc.enable()


class Broken(Qmail):
    """qmail with one program replaced."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.programs = {**Qmail.programs, name: lambda argv, env: steps}  # noqa: ARG005


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("enabled", [True, False])
def test_a_run_leaves_the_collector_as_it_found_it(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    simulate(scenario.loads(LOCAL))
    assert (gc.get_threshold(), gc.isenabled()) == ((701, 11, 13), enabled)


@pytest.mark.usefixtures("collector")
def test_a_run_that_fails_leaves_the_collector_as_it_found_it() -> None:
    with pytest.raises(KeyError, match="fly"):
        simulate(scenario.loads(LOCAL), systems={"qmail": Broken("qmail-clean", calls_nonsense())})
    assert (gc.get_threshold(), gc.isenabled()) == ((701, 11, 13), True)


def calls_nonsense() -> Steps:
    yield ("fly",)


def spins() -> Steps:
    """Makes calls and never waits."""
    while True:
        yield getpid()


def chatters() -> Steps:
    """Two processes that wait for each other, in no time."""
    there_out, there_in = yield pipe()
    back_out, back_in = yield pipe()
    yield fork(answers, (there_out, back_in))
    while True:
        yield write(there_in, b"?")
        yield read(back_out)


def answers(hears: int, says: int) -> Steps:
    while True:
        yield read(hears)
        yield write(says, b"!")


def calls_itself() -> Steps:
    """Connects to its own machine, which takes no time, over and over."""
    port = yield listen(7)
    while True:
        yield fork(knocks)
        connection, _ = yield accept(port)
        yield close(connection)


def knocks() -> Steps:
    yield connect("127.0.0.1", 7, 60)


@pytest.mark.parametrize("program", [spins, chatters, calls_itself], ids=lambda program: program.__name__)
def test_a_loop_without_time_is_an_error_and_not_a_hang(program: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(program)
    if program is calls_itself:
        monkeypatch.setattr("sim.machine.kernel.CALLS_PER_INSTANT", 200_000)
    begin = time.process_time()
    with pytest.raises(RuntimeError, match=r"mail\.example: \d+ calls at 0\.0 s and no end; qmail-clean \(pid \d+\)"):
        simulate(scenario.loads(LOCAL), systems={"qmail": Broken("qmail-clean", program())})
    assert time.process_time() - begin < A_FEW_S
