"""``mailsim run``: play a scenario, print what happened, and stop at a moment to look around."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.common import SCENARIO, cannot_write, check_out, clocked, main, read_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sim.run import Run
    from sim.scenario import Scenario
    from sim.show.view import View

WHAT_FOLLOWS_S = 7200
VIEWS = ("steps", "dialogue", "log", "queue", "ps")


@main.command()
@SCENARIO
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Leave transcripts, logs and pictures.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Where chance begins, instead of the scenario's."
)
@click.option("--until", metavar="TIME", help="How long the run lasts, as in 2h, instead of the scenario's.")
@click.option("--show", multiple=True, type=click.Choice([*VIEWS, "all"]), help="Print this as well; may be repeated.")
@click.option("--at", "moment", metavar="MOMENT", help='Stop there and look around, as in "after link todo/*".')
@click.option("--nth", type=click.IntRange(1), metavar="N", help="With --at: which of the calls that fit.")
@click.option("--power-cut", is_flag=True, help="With --at: cut the power there, and go on.")
@click.option("--kill", is_flag=True, help="With --at: kill the host's programs there, and go on.")
def run(
    scenario: Path,
    out: Path | None,
    seed: int | None,
    until: str | None,
    show: tuple[str, ...],
    moment: str | None,
    nth: int | None,
    power_cut: bool,
    kill: bool,
) -> None:
    """Run a scenario and print what happened.

    Exit status 0 when all that it expects holds, 1 when it does not, 2 when the scenario or the call is wrong.
    """
    from rich.console import Console

    from sim.run import run as play
    from sim.show import screen
    from sim.show.view import emit

    fault = "power_cut" if power_cut else "kill" if kill else None
    _check_options(moment, nth, power_cut and kill, fault, {"--out": out is not None, "--show": bool(show)})
    told = _changed(read_scenario(scenario), seed, until)
    if out is not None:
        check_out(out)
    if moment is not None:
        told = _look_around(told, moment, nth or 1, fault)
    with clocked() as watch:
        finished = play(told, watch)
        verdict, _ = finished.verdict, finished.story
    if out is not None:
        _write_out(finished, out)  # before anything is printed: whoever reads it may go away
    console = Console()
    screen.show(finished, console)
    for title, view in _views(finished, VIEWS if "all" in show else show):
        console.print(f"\n{title}", style="bold", highlight=False)
        emit(view, console.file)
    for what, nothing in _nothing_to_show(finished, show):
        click.echo(f"mailsim: --show {what}: {nothing}", err=True)
    if out is not None:
        click.echo(f"\nwritten to {out}")
    sys.exit(0 if verdict.ok else 1)


def _check_options(moment: str | None, nth: int | None, both: bool, fault: str | None, ends: dict[str, bool]) -> None:
    """Refuse options that would do nothing; ``ends`` are those that need a run which comes to its end."""
    if both:
        raise click.UsageError("--power-cut and --kill are two faults: give one of them")
    if moment is None and fault is not None:
        raise click.UsageError("--power-cut and --kill need --at, as in --at 'after link todo/*'")
    if moment is None and nth is not None:
        raise click.UsageError("--nth counts the calls that fit --at, as in --at 'after link todo/*' --nth 2")
    given = " and ".join(option for option, there in ends.items() if there)
    if moment is not None and fault is None and given:
        raise click.UsageError(
            f"with --at the run stops there, and {given} would show its end; add --power-cut or --kill"
        )


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
    from sim.folds.faults import why_never
    from sim.notation import durations
    from sim.notation.errors import NotationError
    from sim.scenario import from_data, to_data
    from sim.show.moment import moment_view
    from sim.show.view import emit
    from sim.world.pause import place, stop_at

    try:
        where = place(text, nth)
    except NotationError as error:
        if _is_time(text):
            hint = "as in 'after link todo/*'; --until TIME ends a run sooner"
            raise click.UsageError(f"--at {text}: a moment is a call and no time ({hint})") from None
        raise click.UsageError(f"--at {text}: {error.message} ({error.hint})") from None
    with clocked() as watch:
        world, here = stop_at(told, where, watch)
    if here is None:
        why = why_never(where.moment, f"--nth waits for number {nth}", world.trace, after=where.side == "after")
        click.echo(f"mailsim: --at {text}: {why}", err=True)
        sys.exit(1)
    machine = here.host.machine
    title = f"{here.host.name} at {machine.now:g} s, {text}"
    talks = [one for one in dialogues(world.trace) if here.host.name in (one.client, one.server)]
    programs = list(machine.processes.values())
    emit(moment_view(title, programs, here.process, where.side == "after", machine.disk, talks, machine.now))
    if fault is None:
        sys.exit(0)
    longer = f"until {durations.text(WHAT_FOLLOWS_S)} after the scenario's end, for what is tried again"
    click.echo(f"\nand what follows, {longer}:\n")
    data = to_data(told)
    struck = {fault: here.host.name, where.side: str(where.moment), "nth": nth, "back_after": "60s"}
    until = f"{told.until + WHAT_FOLLOWS_S:g}s"
    return from_data({**data, "until": until, "faults": [*data.get("faults", []), struck]})


def _is_time(text: str) -> bool:
    from sim.notation import durations
    from sim.notation.errors import NotationError

    try:
        durations.parse(text)
    except NotationError:
        return False
    return True


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


def _nothing_to_show(finished: Run, wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Views that were asked for by name, and of what there was none."""
    if "steps" in wanted and not finished.scenario.steps:
        yield "steps", "nothing is typed in this scenario (it has no steps)"
    if "dialogue" in wanted and not finished.dialogues:
        yield "dialogue", "there was no connection"


def _write_out(finished: Run, directory: Path) -> None:
    from rich.console import Console

    from sim.show.out import write_out

    try:
        with Console(stderr=True).status("writing") as status:
            write_out(finished, directory, lambda _done, _planned, group: status.update(f"writing {group}"))
    except OSError as error:
        cannot_write("--out", directory, error)
