"""``mailsim play``: a scenario, or the trace of one, as a page to step, drag back, crash and fork."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.common import (
    BAD_INPUT,
    SCENARIO,
    check_place,
    clocked,
    host_named,
    main,
    read_scenario,
    write_text,
)

if TYPE_CHECKING:
    from sim.run import Run
    from sim.show.player.data import Forks


@main.command(short_help="Write a lesson page: step, rewind, fork, crash.")
@SCENARIO
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="F.html", help="The page.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Crash this host only; may be repeated.")
@click.option("--program", "programs", multiple=True, metavar="NAME", help="At this program's calls only; repeatable.")
@click.option("--no-forks", is_flag=True, help="Without the laboratory: quick, but nothing can be crashed in it.")
def play(scenario: Path, output: Path, hosts: tuple[str, ...], programs: tuple[str, ...], no_forks: bool) -> None:
    """Write one self-contained page in which a viewer steps through a run, drags it back, crashes and forks it.

    S.yaml is a scenario or a saved trace.jsonl. The page holds the future after every distinct crash that can come;
    it needs neither a server nor the network. An interruption ends the search for crashes with what was found so far.
    """
    from sim.show.player.data import lesson
    from sim.show.player.page import page

    check_place("-o", output)
    finished = _finished(scenario)
    for name in hosts:
        host_named(finished.scenario, scenario, name)
    found = None if no_forks else _futures(finished, hosts, programs)
    data = lesson(finished.scenario, finished.trace, found)
    write_text("-o", output, page(data))
    forks = f", {len(data['forks'])} futures" if found is not None else ""
    click.echo(f"{output}: {len(finished.trace)} steps{forks}, {output.stat().st_size / 1000:.0f} kB")
    if found is not None and found.interrupted:
        held = f"holds {found.explored} of {found.planned} crashes" if found.planned else "holds no crashes yet"
        click.echo(f"Interrupted: the page {held}; --host and --program look for fewer.")
    if found is not None and found.sampled:
        click.echo(f"At {found.sampled} points more disks were possible than were tried: a sample.")


def _finished(path: Path) -> Run:
    """A run of a scenario, or one read from its trace; exit status 2 for a file that is neither."""
    from sim.run import Run
    from sim.run import run as play_it
    from sim.scenario import ScenarioError

    if path.suffix != ".jsonl":
        _check_json(path)
        told = read_scenario(path)
        with clocked() as watch:
            return play_it(told, watch)
    try:
        return Run.from_trace(path)
    except OSError as error:
        click.echo(f"{path}: {error.strerror or error}", err=True)
    except ScenarioError as error:
        click.echo(f"{path}:1: the scenario in its first record is not one: {error}", err=True)
    except ValueError as error:
        click.echo(str(error), err=True)
    sys.exit(BAD_INPUT)


def _check_json(path: Path) -> None:
    """A JSON file may be a scenario; of another, as summary.json, a list of all keys would help nobody."""
    if path.suffix != ".json":
        return
    try:
        found = json.loads(path.read_bytes())
    except OSError:
        return  # the reader of scenarios says it better
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or "hosts" not in found or found.get("made_by"):
        hint = "mailsim run --out DIR leaves the trace as DIR/trace.jsonl"
        click.echo(f"{path}: neither a scenario nor a trace.jsonl ({hint})", err=True)
        sys.exit(BAD_INPUT)


def _futures(finished: Run, hosts: tuple[str, ...], programs: tuple[str, ...]) -> Forks:
    from rich.console import Console

    from sim.lab.futures import futures
    from sim.show import progress

    with progress.counted("crashes", Console(stderr=True)) as show:
        return futures(finished.scenario, hosts=[name.lower() for name in hosts], programs=programs, progress=show)
