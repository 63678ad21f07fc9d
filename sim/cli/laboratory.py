"""``mailsim crash-test``: the laboratory from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.cli.common import SCENARIO, cannot_write, host_named, main, read_scenario

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
@click.option("--workers", type=click.IntRange(1, 256), default=1, help="Processes to spread the work over.")
def crash_test(
    scenario: Path, hosts: tuple[str, ...], programs: tuple[str, ...], filesystems: tuple[str, ...],
    crashes: int, preemptions: int, disks: int | None, json_file: Path | None, workers: int,
) -> None:  # fmt: skip
    """Crash a scenario at every call, on every disk that could be left, and judge each recovery.

    At each call: kill the process, kill all programs of its host, and cut the power with every distinct disk that
    the file system may leave. Exit status 1 when a promise was broken.
    """
    import json

    from rich.console import Console

    from sim.lab.crash_test import crash_test as sweep
    from sim.lab.table import table
    from sim.machine.survivors import DISKS_AT_A_POINT
    from sim.show import progress, view

    told = read_scenario(scenario)
    for name in hosts:
        host_named(told, scenario, name)
    with progress.counted("crashes", Console(stderr=True)) as show:
        report = sweep(
            told, hosts=[name.lower() for name in hosts], programs=programs, filesystems=filesystems or ("",),
            workers=workers, crashes=crashes, preemptions=preemptions, bound=disks or DISKS_AT_A_POINT, progress=show,
        )  # fmt: skip
    view.emit(table(report))
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(report.to_data(), indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            cannot_write("--json", json_file, error)
    sys.exit(0 if report.ok else 1)
