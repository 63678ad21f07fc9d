"""``mailsim crash-test``: the laboratory from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.cli.common import PLOT, SCENARIO, cannot_write, check_plot, host_named, main, read_scenario, write_plot

FILESYSTEMS = ("ffs", "journaled", "journaled+syncdir", "async", "async+syncdir")


@main.command("crash-test", short_help="Crash it at every call, and judge.")
@SCENARIO
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Crash this host only; may be repeated.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="At this program's calls only; repeatable.")
@click.option(
    "--filesystem", "filesystems", multiple=True, type=click.Choice(FILESYSTEMS), help="One column each; repeatable."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), metavar="FILE", help="Write every crash there.")
@PLOT
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="Processes to spread the work over.")
def crash_test(
    scenario: Path, hosts: tuple[str, ...], programs: tuple[str, ...], filesystems: tuple[str, ...],
    json_file: Path | None, plot: Path | None, workers: int,
) -> None:  # fmt: skip
    """Crash a scenario at every call, on every disk that could be left, and judge each recovery.

    At each call: kill the process, kill all programs of its host, and cut the power with every distinct disk that
    the file system may leave. Exit status 1 when a promise was broken.
    """
    import json

    from rich.console import Console

    from sim.lab.crash_test import crash_test as sweep
    from sim.lab.table import grid, table
    from sim.show import progress, view
    from sim.show.grid import draw

    told = read_scenario(scenario)
    for name in hosts:
        host_named(told, scenario, name)
    check_plot(plot)
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
            cannot_write("--json", json_file, error)
    if plot is not None:
        write_plot(draw(grid(report, told.title)), plot)
    sys.exit(0 if report.ok else 1)
