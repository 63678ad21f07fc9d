"""``mailsim crash-test``: the laboratory from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.common import (
    INTERRUPTED,
    PLOT,
    SCENARIO,
    cannot_write,
    check_out,
    check_place,
    check_plot,
    host_named,
    main,
    read_scenario,
    write_plot,
    write_text,
)  # fmt: skip

if TYPE_CHECKING:
    from sim.lab.expected import Held
    from sim.lab.report import Report
    from sim.scenario import Scenario
    from sim.scenario.laboratory import Laboratory

FILESYSTEMS = ("ffs", "journaled", "journaled+syncdir", "async", "async+syncdir")


@main.command("crash-test", short_help="Crash it at every call, and judge.")
@SCENARIO
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Crash this host only; may be repeated.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="At this program's calls only; repeatable.")
@click.option(
    "--filesystem", "filesystems", multiple=True, type=click.Choice(FILESYSTEMS), help="One column each; repeatable."
)
@click.option("--crashes", type=click.IntRange(1, 2), metavar="N", help="2: a second one, during each recovery.")
@click.option("--preemptions", type=click.IntRange(0, 9), metavar="N", help="Other schedules, so many forced switches.")
@click.option(
    "--disks", type=click.IntRange(1), metavar="N", help="At most so many disks at a point; more are sampled."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write every crash there.")
@click.option(
    "--save-counterexample",
    "replay",
    type=click.Path(path_type=Path),
    metavar="F.yaml",
    help="Write the smallest broken promise as a scenario.",
)
@PLOT
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Leave all of this there, and the table.")
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", default=1, help="Processes to spread the work over."
)
def crash_test(
    scenario: Path, hosts: tuple[str, ...], programs: tuple[str, ...], filesystems: tuple[str, ...],
    crashes: int | None, preemptions: int | None, disks: int | None, json_file: Path | None, replay: Path | None,
    plot: Path | None, out: Path | None, workers: int,
) -> None:  # fmt: skip
    """Crash a scenario at every call, on every disk that could be left, and judge each recovery.

    At each call: kill the process, kill all programs of its host, and cut the power with every distinct disk that
    the file system may leave. What is not said here the scenario's laboratory: says. Exit status 1 when a promise
    was broken, or when something else was expected; 130 when it was interrupted before.
    """
    import json

    told = read_scenario(scenario)
    for name in hosts:
        host_named(told, scenario, name)
    for name in (*programs, *told.laboratory.programs):
        _check_program(name)
    for option, path in (("--json", json_file), ("--save-counterexample", replay)):
        check_place(option, path)
    check_plot(plot)
    if out is not None:
        check_out(out)
    lab = told.laboratory
    chosen = lab.model_copy(
        update={
            "hosts": tuple(name.lower() for name in hosts) or lab.hosts, "programs": programs or lab.programs,
            "filesystems": filesystems or lab.filesystems, "crashes": crashes or lab.crashes,
            "preemptions": lab.preemptions if preemptions is None else preemptions, "disks": disks or lab.disks,
        }
    )  # fmt: skip
    report = _swept(told, chosen, workers)
    judged = _as_expected(report, lab, chosen)
    if json_file is not None:
        data = report.to_data() | {"expected": [one.to_data() for one in judged]}
        write_text("--json", json_file, json.dumps(data, indent=1) + "\n")
    if plot is not None:
        _draw(report, told.title, plot)
    if out is not None:
        _leave(report, told, out)
    if not report.ok:
        _tell(report, replay)
    elif replay is not None:
        click.echo(f"mailsim: nothing is written to {replay}: no promise was broken", err=True)
    kept = report.ok and all(one.holds for one in judged)
    sys.exit(1 if not kept else INTERRUPTED if report.interrupted else 0)


def _check_program(name: str) -> None:
    """A program that nobody has makes no calls, and a sweep over none of them would look like a good one."""
    from sim.mua import PROGRAMS as PEOPLE
    from sim.notation.errors import did_you_mean
    from sim.qmail.system import PROGRAMS

    known = sorted({*PROGRAMS, *PEOPLE})
    if name not in known:
        hint = did_you_mean(name, known) or "as in qmail-queue, qmail-send, qmail-local"
        raise click.UsageError(f"there is no program {name!r} ({hint})")


def _swept(told: Scenario, chosen: Laboratory, workers: int) -> Report:
    """The sweep with its progress, and its table."""
    from rich.console import Console

    from sim.lab.crash_test import as_told
    from sim.lab.table import table
    from sim.show import progress, view

    with progress.counted("crashes", Console(stderr=True)) as show:
        report = as_told(told, chosen, workers, show)
    view.emit(table(report))
    return report


def _as_expected(report: Report, lab: Laboratory, chosen: Laboratory) -> list[Held]:
    """What the scenario expects of this sweep: nothing, if it was another one or came to no end."""
    from sim.lab.expected import held, told
    from sim.show import view

    if not lab.expect:
        return []
    if report.interrupted or chosen.model_copy(update={"filesystems": lab.filesystems}) != lab:
        click.echo("\nThis is not the whole sweep that laboratory: is about, so what it expects was not judged.")
        return []
    judged = held(report, lab.expect, chosen.filesystems)
    view.emit(told(judged))
    return judged


def _leave(report: Report, told: Scenario, out: Path) -> None:
    from sim.lab.out import write_out

    try:
        write_out(report, told, out)
    except OSError as error:
        cannot_write("--out", out, error)
    click.echo(f"\nwritten to {out}")


def _draw(report: Report, title: str, plot: Path) -> None:
    from sim.lab.table import grid
    from sim.show.grid import draw

    write_plot(draw(grid(report, title)), plot)


def _tell(report: Report, replay: Path | None) -> None:
    """The smallest counterexample, on the screen and as a scenario."""
    from sim.lab.counterexample import as_scenario, smallest
    from sim.lab.story import story
    from sim.scenario import to_yaml
    from sim.show import view

    found = smallest(report)
    assert found is not None
    click.echo()
    view.emit(story(found, not report.interrupted))
    if replay is None:
        return
    try:
        write_text("--save-counterexample", replay, to_yaml(as_scenario(found)))
    except LookupError as problem:
        click.echo(f"mailsim: nothing is written to {replay}: {problem}", err=True)
    else:
        click.echo(f"\nwritten to {replay}: mailsim run {replay} plays it again")
