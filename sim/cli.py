"""The command line: each command reads, asks, prints, and says by its exit status what came of it.

Exit status: 0 all that was expected holds; 1 it does not; 2 the scenario or the call is wrong. Heavy libraries
are imported when a command needs them, so that ``--help`` is quick.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from sim.run import Run
    from sim.scenario import Scenario
    from sim.show.view import View
    from sim.world.simulate import Clock

BAD_INPUT = 2
INTERRUPTED = 130
WHAT_FOLLOWS_S = 7200
VIEWS = ("steps", "dialogue", "log", "queue", "ps")
FILESYSTEMS = ("ffs", "journaled", "journaled+syncdir", "async", "async+syncdir")
SCENARIO = click.argument("scenario", type=click.Path(path_type=Path), metavar="S.yaml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailsim", message="mailsim %(version)s")
def main() -> None:
    """Play mail-flow scenarios: people, SMTP, DNS, the qmail queue, and crashes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


@main.command()
@SCENARIO
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Leave transcripts, logs and pictures.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Where chance begins, instead of the scenario's.")
@click.option("--until", metavar="TIME", help="How long the run lasts, as in 2h, instead of the scenario's.")
@click.option("--show", multiple=True, type=click.Choice([*VIEWS, "all"]), help="Print this as well; may be repeated.")
@click.option("--at", "moment", metavar="MOMENT", help='Stop there and look around, as in "after link todo/*".')
@click.option("--nth", type=click.IntRange(1), default=1, help="With --at: which of the calls that fit.")
@click.option("--power-cut", "fault", flag_value="power_cut", help="With --at: cut the power there, and go on.")
@click.option("--kill", "fault", flag_value="kill", help="With --at: kill the host's programs there, and go on.")
def run(
    scenario: Path,
    out: Path | None,
    seed: int | None,
    until: str | None,
    show: tuple[str, ...],
    moment: str | None,
    nth: int,
    fault: str | None,
) -> None:
    """Run a scenario and print what happened."""
    from rich.console import Console

    from sim.run import run as play
    from sim.show import progress, screen
    from sim.show.view import emit

    told = _changed(_load(scenario), seed, until)
    if out is not None:
        _check_out(out)
    if moment is not None:
        told = _look_around(told, moment, nth, fault)
    elif fault is not None:
        raise click.UsageError("--power-cut and --kill need --at, as in --at 'after link todo/*'")
    clocks: list[Clock] = []
    with progress.shown(clocks, Console(stderr=True)):
        finished = play(told, clocks.append)
        verdict, _ = finished.verdict, finished.story
    console = Console()
    screen.show(finished, console)
    for title, view in _views(finished, VIEWS if "all" in show else show):
        console.print(f"\n{title}", style="bold", highlight=False)
        emit(view, console.file)
    if out is not None:
        _write_out(finished, out)
    sys.exit(0 if verdict.ok else 1)


@main.command()
@click.argument("scenarios", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="S.yaml...")
def check(scenarios: tuple[Path, ...]) -> None:
    """Say what is wrong with scenarios, with file, line and column."""
    from sim.scenario import ScenarioError, load
    from sim.show.escape import visible

    wrong = False
    for path in scenarios:
        try:
            found = load(path)
        except ScenarioError as error:
            click.echo(str(error), err=True)
            wrong = True
        else:
            click.echo(f"{path}: ok: {visible(found.title)}")
    sys.exit(BAD_INPUT if wrong else 0)


@main.command(short_help="Print a name's address and exchangers.")
@SCENARIO
@click.argument("name")
def host(scenario: Path, name: str) -> None:
    """Print the address and the mail exchangers of NAME, as host(1) does."""
    from sim.dns import Zone, host_lines
    from sim.scenario.addresses import addresses

    told = _load(scenario)
    zone, _ = addresses(told, Zone.parse(told.dns))
    for line in host_lines(zone, name):
        click.echo(line)
    sys.exit(0 if zone.lookup(name, "A").rcode == "noerror" else 1)


@main.command(short_help="Speak SMTP to a host by hand.")
@SCENARIO
@click.argument("name", metavar="HOST")
@click.option("--from", "sits_on", metavar="HOST", help="Where the person sits; left out: at a machine of its own.")
def telnet(scenario: Path, name: str, sits_on: str | None) -> None:
    """Speak SMTP to HOST by hand, or from a file on standard input; each line takes a second."""
    from sim.folds.log import log_lines
    from sim.show.escape import visible
    from sim.world.typing import converse

    told = _load(scenario)
    for host_name in (name, sits_on):
        if host_name is not None:
            _host_named(told, scenario, host_name)
    echo = not sys.stdin.isatty()

    def typed() -> Iterator[str]:
        for line in sys.stdin:
            if echo:
                click.echo(visible(line.rstrip("\n")))
            yield line.rstrip("\n")

    def say(text: str) -> None:
        click.echo("\n".join(visible(line) for line in text.split("\n")), nl=False)

    world = converse(told, name.lower(), typed(), say, sits_on and sits_on.lower())
    for line in log_lines(world.trace, name.lower()):
        if line.t:
            click.echo(f"{name.lower()} qmail: {visible(line.text)}")


@main.command("crash-test", short_help="Crash it at every call, and judge.")
@SCENARIO
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Crash this host only; may be repeated.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="At this program's calls only; repeatable.")
@click.option(
    "--filesystem", "filesystems", multiple=True, type=click.Choice(FILESYSTEMS), help="One column each; repeatable."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write every crash there.")
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="Processes to spread the work over.")
def crash_test(
    scenario: Path, hosts: tuple[str, ...], programs: tuple[str, ...], filesystems: tuple[str, ...],
    json_file: Path | None, workers: int,
) -> None:  # fmt: skip
    """Crash a scenario at every call, on every disk that could be left, and judge each recovery.

    At each call: kill the process, kill all programs of its host, and cut the power with every distinct disk that
    the file system may leave. Exit status 1 when a promise was broken.
    """
    import json

    from rich.console import Console

    from sim.lab.crash_test import crash_test as sweep
    from sim.lab.table import table
    from sim.show import progress, view

    told = _load(scenario)
    for name in hosts:
        _host_named(told, scenario, name)
    with progress.counted("crashes", Console(stderr=True)) as show:
        report = sweep(
            told, hosts=[name.lower() for name in hosts], programs=programs, filesystems=filesystems or ("",),
            workers=workers, progress=show,
        )  # fmt: skip
    view.emit(table(report))
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(report.to_data(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            _cannot_write("--json", json_file, error)
    sys.exit(0 if report.ok else 1)


@main.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    import json

    from sim.scenario import schema as make

    click.echo(json.dumps(make(), indent=2, ensure_ascii=False))


def _load(path: Path) -> Scenario:
    """A scenario, or its errors on standard error and exit status 2."""
    from sim.scenario import ScenarioError, load

    try:
        return load(path)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)


def _changed(told: Scenario, seed: int | None, until: str | None) -> Scenario:
    """The scenario with what the command line says instead."""
    from sim.scenario import ScenarioError, from_data, to_data

    data = to_data(told)
    data.update({"seed": seed} if seed is not None else {})
    data.update({"until": until} if until is not None else {})
    try:
        return from_data(data)
    except ScenarioError as error:
        problem = error.problems[0]
        hint = f" ({problem.hint})" if problem.hint else ""
        raise click.UsageError(f"{problem.message}{hint}") from None


def _look_around(told: Scenario, text: str, nth: int, fault: str | None) -> Scenario:
    """Show the machine at a moment; give the scenario with the fault that strikes there, or end here."""
    from sim.folds.dialogues import dialogues
    from sim.notation.errors import NotationError
    from sim.scenario import from_data, to_data
    from sim.show.moment import moment_view
    from sim.show.view import emit
    from sim.world.pause import place, stop_at

    try:
        where = place(text, nth)
    except NotationError as error:
        raise click.UsageError(f"--at {text}: {error.message} ({error.hint})") from None
    world, here = stop_at(told, where)
    if here is None:
        click.echo(f"mailsim: no call of this run is {text}", err=True)
        sys.exit(1)
    machine = here.host.machine
    title = f"{here.host.name} at {machine.now:g} s, {text}"
    talks = [one for one in dialogues(world.trace) if here.host.name in (one.client, one.server)]
    programs = list(machine.processes.values())
    emit(moment_view(title, programs, here.process, where.side == "after", machine.disk, talks))
    if fault is None:
        sys.exit(0)
    click.echo("\nand what follows:\n")
    data = to_data(told)
    struck = {fault: here.host.name, where.side: str(where.moment), "nth": nth, "back_after": "60s"}
    until = f"{told.until + WHAT_FOLLOWS_S:g}s"
    return from_data({**data, "until": until, "faults": [*data.get("faults", []), struck]})


def _views(finished: Run, wanted: Sequence[str]) -> Iterator[tuple[str, View]]:
    """What ``--show`` asks for, with a title each, host by host."""
    if "steps" in wanted and finished.scenario.steps:
        yield "what people typed", finished.steps
    if "dialogue" in wanted:
        yield from ((f"connection {one.name}", finished.transcript(one.name)) for one in finished.dialogues)
    hosts = [name for name, config in finished.scenario.hosts.items() if config.mta != "none"]
    for name in hosts:
        if "log" in wanted:
            yield f"log of {name}", finished.log(name)
        if "queue" in wanted:
            yield f"queue of {name}", finished.queue(name)
        if "ps" in wanted:
            yield f"processes of {name} at the end", finished.ps(name)


def _check_out(directory: Path) -> None:
    """Say before a long run, not after it, that its files would find no place."""
    from sim.show.out import check

    try:
        check(directory)
    except OSError as error:
        _cannot_write("--out", directory, error)


def _write_out(finished: Run, directory: Path) -> None:
    from rich.console import Console

    from sim.show.out import write_out

    try:
        with Console(stderr=True).status("writing") as status:
            write_out(finished, directory, lambda group: status.update(f"writing {group}"))
    except OSError as error:
        _cannot_write("--out", directory, error)
    click.echo(f"\nwritten to {directory}")


def _cannot_write(option: str, path: Path, error: OSError) -> NoReturn:
    click.echo(f"mailsim: {option} {path}: {error.strerror or error}", err=True)
    sys.exit(BAD_INPUT)


AT = click.option("--at", metavar="TIME", help="When to look, as in 90s or 2h; left out: at the end of the run.")
HOST = click.argument("name", metavar="HOST")


@main.command(short_help="Print a queue as qmail-qread does.")
@SCENARIO
@HOST
@AT
def qread(scenario: Path, name: str, at: str | None) -> None:
    """Print what qmail-qread prints on HOST: each message and its recipients."""
    _ask(scenario, name, "qmail-qread", at)


@main.command(short_help="Print a queue's size as qmail-qstat does.")
@SCENARIO
@HOST
@AT
def qstat(scenario: Path, name: str, at: str | None) -> None:
    """Print what qmail-qstat prints on HOST: how many messages lie in its queue."""
    _ask(scenario, name, "qmail-qstat", at)


@main.command(short_help="Print control files as qmail-showctl does.")
@SCENARIO
@HOST
def showctl(scenario: Path, name: str) -> None:
    """Print what qmail-showctl prints on HOST: what its control files say."""
    _ask(scenario, name, "qmail-showctl", "0s")


@main.command(short_help="Print figures taken from the log.")
@SCENARIO
@click.option("--host", "name", metavar="HOST", help="Only this host's log; left out: all of them.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="F.png", help="Draw them as well.")
def figures(scenario: Path, name: str | None, plot: Path | None) -> None:
    """Print figures from the log: deliveries, delays, reasons to wait, and a line for each recipients' host."""
    from sim.run import run as play
    from sim.show.view import emit

    told = _load(scenario)
    if name is not None:
        _host_named(told, scenario, name)
    finished = play(told)
    emit(finished.figures(name and name.lower()))
    if plot is not None:
        _save(finished.plot_figures(name and name.lower()), plot)


def _save(figure: Figure, path: Path) -> None:
    """A picture in the format that the name's ending says; exit status 2 when it cannot be written."""
    from sim.show.style import DPI

    try:
        figure.savefig(path, dpi=DPI)
    except (OSError, ValueError) as error:
        click.echo(f"mailsim: --plot {path}: {error}", err=True)
        sys.exit(BAD_INPUT)
    click.echo(f"\nwritten to {path}")


def _ask(scenario: Path, name: str, program: str, at: str | None) -> None:
    """Run a program on a host at a time, and print what it prints; exit status 2 where nobody can."""
    from sim.notation import durations
    from sim.notation.errors import NotationError
    from sim.show.escape import readable, visible
    from sim.world.asking import NobodyToAskError, ask

    told = _load(scenario)
    _host_named(told, scenario, name)
    try:
        at_s = told.until if at is None else durations.parse(at)
        if at_s > told.until:
            raise click.UsageError(f"--at {at}: the run ends before (until: {durations.text(told.until)})")
        answer = ask(told, name.lower(), (program,), at_s)
    except (NotationError, NobodyToAskError) as error:
        raise click.UsageError(str(error)) from None
    for line in readable(answer.text.decode("latin-1")).splitlines():
        click.echo("\t".join(map(visible, line.split("\t"))))
    sys.exit(0 if answer.status == 0 else 1)


def _host_named(told: Scenario, scenario: Path, name: str) -> None:
    from sim.notation.errors import did_you_mean

    if name.lower() not in told.hosts:
        hint = did_you_mean(name.lower(), list(told.hosts)) or f"there are {', '.join(told.hosts)}"
        raise click.UsageError(f"there is no host {name!r} in {scenario} ({hint})")


def entry() -> None:
    """The command: as ``main``, but an interrupt has the exit status that a shell expects of one."""
    try:
        main(standalone_mode=False)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    entry()
