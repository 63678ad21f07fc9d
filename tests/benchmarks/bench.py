"""How fast mailsim is: ``python tests/benchmarks/bench.py`` prints one table; exit status 1 when a bar is missed.

Every figure with a bar, but for the outcomes a second is a ratio of two things measured in turn (A B A B …) in one run,
and the median of those ratios, so that a slow or a busy machine matters little. Times are the program's own processor
time (user time), of commands wall time.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import simpy
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sim import scenario  # noqa: E402
from sim.lab.crash_test import collector_seldom, crash_test  # noqa: E402
from sim.scenario import Scenario  # noqa: E402
from sim.world.simulate import World, simulate  # noqa: E402

REFERENCE = ROOT / "tests/reference/qmail/A_syscalls.json"
FIRST_LETTER = ROOT / "scenarios/01-first-letter.yaml"
LOCAL = ROOT / "scenarios/02-local-delivery.yaml"
TWICE_ONE_IN = 1
OUTCOMES = 1_500  # a second on one core, of a machine of these years
EVERY_S = 0.1
MESSAGES = 1_000
MANY = 20_000
TIMEOUTS = 150_000
FRESH, ROUNDS, STARTS = 7, 3, 14
HEAVY = ("matplotlib", "networkx", "simpy", "pydantic", "rich")

ONE_HOST = """
title: Local delivery, over and over
until: {until}s
hosts:
  a.example: {{users: {{riza: ./Maildir/, wahid: ./Maildir/}}}}
mail:
  - {{from: riza@a.example, to: wahid@a.example, subject: tes, body: Ini cuma tes., copies: {copies}, every: 100ms}}
"""
TWO_HOSTS = """
title: From one machine to another, over and over
until: {until}s
dns: |
  a.example. IN A 192.0.2.1
  b.example. IN A 192.0.2.2
             IN MX 10 b.example.
hosts:
  a.example: {{users: {{riza: ./Maildir/}}}}
  b.example: {{users: {{wahid: ./Maildir/}}}}
mail:
  - {{from: riza@a.example, to: wahid@b.example, subject: tes, body: Ini cuma tes., copies: {copies}, every: 100ms}}
"""

PLAYS = {"local": ONE_HOST, "remote": TWO_HOSTS}

# The real traces leave out pipe traffic and waiting, and their tracer was not asked for clocks, ids and signals.
FILES = "open create read write lseek fsync ftruncate close flock link rename unlink stat fstat utime scandir chdir"
PROCESSES = "fork execve setgroups setgid setuid alarm exit"
TRACED = frozenset(f"{FILES} {PROCESSES}".split())
UNTRACED_PROGRAMS = frozenset(("qmail-inject", "splogger", "tcpserver", "qmail-smtpd", "qmail-start", ""))


class Line(NamedTuple):
    """One row of the table; ``ok`` None: a figure without a bar."""

    what: str
    value: str
    bar: str = ""
    ok: bool | None = None


def at_least(what: str, value: float, bar: float) -> Line:
    return Line(what, f"{value:.3f}", f">= {bar:.2f}", value >= bar)


def at_most(what: str, value: float, bar: float, unit: str = "") -> Line:
    return Line(what, f"{value:.2f}{unit}", f"<= {bar:g}{unit}", value <= bar)


def load(text: str, copies: int) -> Scenario:
    return scenario.loads(text.format(copies=copies, until=round(copies * EVERY_S) + 20))


class Took(NamedTuple):
    """Seconds of processor time: the program's own, and the system's for it."""

    user: float
    system: float


def took(work: Callable[[], Any]) -> tuple[Took, Any]:
    """How long some work takes, and what came of it; the garbage of others is collected before."""
    gc.collect()
    begin = resource.getrusage(resource.RUSAGE_SELF)
    result = work()
    end = resource.getrusage(resource.RUSAGE_SELF)
    return Took(end.ru_utime - begin.ru_utime, end.ru_stime - begin.ru_stime), result


def bare_timeouts() -> None:
    """What SimPy needs for nothing but telling the time."""
    env = simpy.Environment()

    def ticker() -> simpy.events.ProcessGenerator:
        for _ in range(TIMEOUTS):
            yield env.timeout(1)

    env.process(ticker())
    env.run()


def speed(name: str, bar: float) -> list[Line]:
    """Traced calls a second beside bare timeouts a second, and messages a second.

    From one process to the next the same program is 2 % faster or slower, by where things happen to lie in memory: the
    ratio is the middle one of several processes.
    """
    found = [in_a_process("speed", name) for _ in range(FRESH)]
    return [
        at_least(
            f"{name}: traced calls a second ÷ bare SimPy timeouts a second", median(one["ratio"] for one in found), bar
        ),
        Line(
            f"{name}: the same, lowest and highest",
            " to ".join(f"{f(one['ratio'] for one in found):.3f}" for f in (min, max)),
        ),
        Line(f"{name}: messages a second on this machine", f"{median(one['rate'] for one in found):,.0f}"),
        Line(f"{name}: calls a message, everything counted", f"{found[0]['calls']:.1f}"),
    ]


def report_speed(name: str) -> None:
    play = load(PLAYS[name], MESSAGES)
    simulate(load(PLAYS[name], 100))
    ratios, rates, records = [], [], 0
    for _ in range(ROUNDS):
        bare, _ = took(bare_timeouts)
        run, world = took(lambda: simulate(play))
        assert delivered(world) == MESSAGES
        records = len(world.trace)
        ratios.append((records / run.user) / (TIMEOUTS / bare.user))
        rates.append(MESSAGES / sum(run))
        del world
    print(json.dumps({"ratio": median(ratios), "rate": median(rates), "calls": records / MESSAGES}))


def delivered(world: World) -> int:
    return sum(len(disk.files("~wahid/Maildir/new")) for disk in world.disks.values())


def our_calls(text: str) -> float:
    """Calls one more message takes, counted as the real traces count: files and processes, no pipes, no waiting.

    Nor what qmail-getpw does, which is a program of its own that was not traced.
    """

    def count(copies: int) -> int:
        rows = simulate(load(text, copies)).trace.rows
        getpw = {result for _, _, call, _, result, _ in rows if call[:1] == ("fork",) and call[1].__name__ == "_getpw"}
        return sum(
            program not in UNTRACED_PROGRAMS
            and host != "b.example"
            and call[0] in TRACED
            and not (target or "").startswith(("pipe", "stdin", "tcp/"))
            and not (pid in getpw and call[0] in ("stat", "exit"))
            for _, (host, program, pid), call, target, _, _ in rows
        )

    return (count(30) - count(10)) / 20


def real_calls(tree: str) -> int:
    """The same for the real programs: qmail-queue alone, and the daemons' work on one message without their start."""
    traces = json.loads(REFERENCE.read_text())["traces"]
    calls: list[str] = traces[tree]["calls_in_time_order"]
    begin = next(i for i, call in enumerate(calls) if call.startswith('qmail-send: open("todo"'))
    end = next(i for i, call in enumerate(calls) if "SIGTERM" in call)
    pipes = sum("{pipe:" in call or "{socket:" in call for call in calls[begin:end])
    return len(traces["qmail-queue-alone"]["calls_in_time_order"]) + end - begin - pipes


def calls_beside_real() -> list[Line]:
    return [
        Line(f"{name}: calls a message on files and processes, ours | real", f"{our_calls(text):.0f} | {real}")
        for name, text, real in (
            ("local", ONE_HOST, real_calls("tree-local-maildir-ok")),
            ("remote, the sender's side", TWO_HOSTS, real_calls("tree-remote-ok")),
        )
    ]


def in_a_process(*words: object) -> dict[str, float]:
    """What a measurement in a process of its own has found."""
    command = [sys.executable, __file__, *map(str, words)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def alone(copies: int) -> dict[str, float]:
    """``copies`` local messages in a process of their own: seconds a message, bytes of memory a record."""
    return in_a_process("alone", copies)


def report_alone(copies: int) -> None:
    simulate(load(ONE_HOST, 10))
    play = load(ONE_HOST, copies)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run, world = took(lambda: simulate(play))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    found = {"user": run.user / copies, "all": sum(run) / copies, "record": grown * 1024 / len(world.trace)}
    print(json.dumps(found))


def growth() -> list[Line]:
    """Whether the twenty-thousandth message costs what the first thousand did, and what a record weighs.

    Fresh memory costs ten times more on one (virtual) machine than on another: the bar is on the program's own time.
    """
    pairs = [(alone(MESSAGES), alone(MANY)) for _ in range(3)]
    ratio = {key: median(many[key] / few[key] for few, many in pairs) for key in ("user", "all")}
    return [
        at_most(f"time a message at {MANY:,} ÷ at {MESSAGES:,} messages", ratio["user"], 1.2),
        Line("the same with the system's time for fresh memory", f"{ratio['all']:.2f}"),
        at_most("resident memory a record", median(many["record"] for _, many in pairs), 300, " bytes"),
    ]


def outcomes(filesystem: str) -> list[Line]:
    """Crashes of the one-message local lesson carried out a second, each recovered and judged; and all that are told.

    The rest of the crashes are recognised as equal to these, by looking at every point; that is counted apart.
    """
    executed, recognised, count = [], [], 0
    for _ in range(3):
        whole, report = took(lambda: crash_test(scenario.load(LOCAL), filesystems=(filesystem,)))
        ((_, sweep),) = report.sweeps.items()
        some = range(0, len(sweep.plan.jobs), max(1, len(sweep.plan.jobs) // 500))
        with collector_seldom():
            alone, _ = took(lambda sweep=sweep, some=some: [sweep.carry_out(number) for number in some])
        count = report.executed
        executed.append(len(some) / sum(alone))
        recognised.append((len(report.cases) - count) / max(0.01, sum(whole) - count * sum(alone) / len(some)))
    return [
        Line(
            f"crash-test on {filesystem}: outcomes carried out a second ({count:,})",
            f"{median(executed):,.0f}",
            f">= {OUTCOMES:,}",
            median(executed) >= OUTCOMES,
        ),
        Line(f"crash-test on {filesystem}: crashes recognised a second on top", f"{median(recognised):,.0f}"),
    ]


def two_workers() -> Line:
    """One sweep of second crashes by one process and by two, on the wall's clock."""

    def sweep_s(workers: int) -> float:
        begin = time.perf_counter()
        crash_test(scenario.load(LOCAL), filesystems=("ffs",), crashes=2, one_in=TWICE_ONE_IN, workers=workers)
        return time.perf_counter() - begin

    one, two = sweep_s(1), sweep_s(2)
    return at_least(f"crash-test: two workers beside one, on a sweep of {one:.0f} s", one / two, 1.8)


def resident() -> int:
    """Bytes of memory now; a child's maximum would begin with its parent's."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def sweep_alone(filesystem: str) -> None:
    """A big sweep in a process of its own: its memory after a quarter of the outcomes, and when all are done."""
    seen: dict[int, int] = {}

    def note(done: int, planned: int, things: str = "crashes") -> None:
        if things == "crashes" and done in (planned // 4, planned):
            seen[done] = resident()

    report = crash_test(scenario.load(LOCAL), filesystems=(filesystem,), progress=note)
    quarter, end = seen.values()
    print(json.dumps({"ratio": end / quarter, "outcome": (end - quarter) / (report.executed * 0.75)}))


def memory_of_a_sweep() -> list[Line]:
    words = [sys.executable, __file__, "sweep"]
    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return [
        at_most("crash-test on async: resident memory at the end ÷ after a quarter", found["ratio"], 1.2),
        Line("the same in bytes an outcome", f"{found['outcome']:,.0f}"),
    ]


def laboratory() -> list[Line]:
    return [*outcomes("ffs"), *outcomes("async"), two_workers(), *memory_of_a_sweep()]


def wall_s(code: str) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    return time.perf_counter() - begin


def command_line() -> list[Line]:
    """How soon ``--help`` is there, and which heavy libraries each command has to wait for."""
    wall_s("import click")
    shown = "from sim.cli import main; main(['--help'])"
    ratios = [wall_s(shown) / wall_s("import click") for _ in range(STARTS)]
    lines = [at_most("mailsim --help ÷ import click", median(ratios), 1.5)]
    for words in (["--help"], ["check", str(FIRST_LETTER)], ["run", str(FIRST_LETTER)]):
        loaded = imports(words)
        line = Line(f"imported by {words[0]}", " ".join(loaded) or "nothing heavy")
        lines.append(line._replace(bar="nothing", ok=not loaded) if words == ["--help"] else line)
    return lines


def imports(words: list[str]) -> list[str]:
    """The heavy libraries that one command imports."""
    code = f"""
import sys
from sim.cli import main
try:
    main({words!r})
finally:
    print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stderr.splitlines()[-1].split()


def main() -> int:
    lines = [
        *speed("local", 0.40),
        *speed("remote", 0.35),
        *calls_beside_real(),
        *growth(),
        *laboratory(),
        *command_line(),
    ]
    return show(lines)


def show(lines: list[Line]) -> int:
    """Print the table; the exit status is 1 when a bar is missed."""
    table = Table("figure", "measured", "bar", "")
    for line in lines:
        mark = "" if line.ok is None else "[green]ok[/]" if line.ok else "[red]missed[/]"
        table.add_row(line.what, line.value, line.bar, mark)
    Console().print(table)
    return 0 if all(line.ok is not False for line in lines) else 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sweep"]:
            sweep_alone("async")
        case ["speed", name]:
            report_speed(name)
        case ["alone", copies]:
            report_alone(int(copies))
        case _:
            sys.exit(main())
