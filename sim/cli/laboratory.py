"""``mailsim crash-test``: the laboratory from the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.common import (
    PLOT,
    SCENARIO,
    check_place,
    check_plot,
    host_named,
    main,
    read_scenario,
    write_plot,
    write_text,
)  # fmt: skip

if TYPE_CHECKING:
    from sim.lab.report import Report

FILESYSTEMS = ("ffs", "journaled", "journaled+syncdir", "async", "async+syncdir")


@main.command("crash-test", short_help="Crash it at every call, and judge.")
@SCENARIO
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Crash this host only; may be repeated.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="At this program's calls only; repeatable.")
@click.option(
    "--filesystem", "filesystems", multiple=True, type=click.Choice(FILESYSTEMS), help="One column each; repeatable."
)
@click.option("--crashes", type=click.IntRange(1, 2), default=1, help="2: a second one, during each recovery.")
@click.option("--preemptions", type=click.IntRange(0, 9), default=0, help="Other schedules, so many forced switches.")
@click.option("--disks", type=click.IntRange(1), help="At most so many disks at a point; more are sampled.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write every crash there.")
@click.option(
    "--save-counterexample",
    "replay",
    type=click.Path(path_type=Path),
    metavar="F.yaml",
    help="Write the smallest broken promise as a scenario.",
)
@PLOT
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="Processes to spread the work over.")
def crash_test(
    scenario: Path, hosts: tuple[str, ...], programs: tuple[str, ...], filesystems: tuple[str, ...],
    crashes: int, preemptions: int, disks: int | None, json_file: Path | None, replay: Path | None,
    plot: Path | None, workers: int,
) -> None:  # fmt: skip
    """Crash a scenario at every call, on every disk that could be left, and judge each recovery.

    At each call: kill the process, kill all programs of its host, and cut the power with every distinct disk that
    the file system may leave. Exit status 1 when a promise was broken.
    """
    from rich.console import Console

    from sim.lab.crash_test import crash_test as sweep
    from sim.lab.table import grid, table
    from sim.machine.survivors import DISKS_AT_A_POINT
    from sim.show import progress, view
    from sim.show.grid import draw

    told = read_scenario(scenario)
    for name in hosts:
        host_named(told, scenario, name)
    for option, path in (("--json", json_file), ("--save-counterexample", replay)):
        check_place(option, path)
    check_plot(plot)
    with progress.counted("crashes", Console(stderr=True)) as show:
        report = sweep(
            told, hosts=[name.lower() for name in hosts], programs=programs, filesystems=filesystems or ("",),
            workers=workers, crashes=crashes, preemptions=preemptions, bound=disks or DISKS_AT_A_POINT, progress=show,
        )  # fmt: skip
    view.emit(table(report))
    if json_file is not None:
        write_text("--json", json_file, json.dumps(report.to_data(), indent=1) + "\n")
    if plot is not None:
        write_plot(draw(grid(report, told.title)), plot)
    if not report.ok:
        _tell(report, replay)
    elif replay is not None:
        click.echo(f"mailsim: nothing is written to {replay}: no promise was broken", err=True)
    sys.exit(0 if report.ok else 1)


def _tell(report: Report, replay: Path | None) -> None:
    """The smallest counterexample, on the screen and as a scenario."""
    from sim.lab.counterexample import as_scenario, smallest
    from sim.lab.story import story
    from sim.scenario import to_yaml
    from sim.show import view

    found = smallest(report)
    assert found is not None
    click.echo()
    view.emit(story(found))
    if replay is None:
        return
    try:
        write_text("--save-counterexample", replay, to_yaml(as_scenario(found)))
    except LookupError as problem:
        click.echo(f"mailsim: nothing is written to {replay}: {problem}", err=True)
    else:
        click.echo(f"\nwritten to {replay}: mailsim run {replay} plays it again")
