"""Looking things up: names, queues, control files and figures of a simulated host."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sim.cli.common import PLOT, SCENARIO, check_plot, clocked, host_named, main, read_scenario, write_plot


@main.command(short_help="Print a name's address and exchangers.")
@SCENARIO
@click.argument("name")
def host(scenario: Path, name: str) -> None:
    """Print the address and the mail exchangers of NAME, as host(1) does."""
    from sim.dns import Zone, ZoneError, absolute, host_lines
    from sim.scenario.addresses import addresses

    told = read_scenario(scenario)
    try:
        absolute(name)
    except ZoneError as error:
        raise click.UsageError(error.message) from None
    zone, _ = addresses(told, Zone.parse(told.dns))
    for line in host_lines(zone, name):
        click.echo(line)
    sys.exit(0 if zone.lookup(name, "A").rcode == "noerror" else 1)


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
@PLOT
def figures(scenario: Path, name: str | None, plot: Path | None) -> None:
    """Print figures from the log: deliveries, delays, reasons to wait, and a line for each recipients' host."""
    from sim.run import run as play
    from sim.show.view import emit

    told = read_scenario(scenario)
    if name is not None:
        host_named(told, scenario, name)
    check_plot(plot)
    with clocked() as watch:
        finished = play(told, watch)
    emit(finished.figures(name and name.lower()))
    if plot is not None:
        write_plot(finished.plot_figures(name and name.lower()), plot)


def _ask(scenario: Path, name: str, program: str, at: str | None) -> None:
    """Run a program on a host at a time, and print what it prints; exit status 2 where nobody can."""
    from sim.notation import durations
    from sim.notation.errors import NotationError
    from sim.show.escape import readable, visible
    from sim.world.asking import NobodyToAskError, ask

    told = read_scenario(scenario)
    host_named(told, scenario, name)
    try:
        at_s = told.until if at is None else durations.parse(at)
        if at_s > told.until:
            raise click.UsageError(f"--at {at}: the run ends before (until: {durations.text(told.until)})")
        with clocked() as watch:
            answer = ask(told, name.lower(), (program,), at_s, watch)
    except NotationError as error:
        raise click.UsageError(f"--at {at}: {error}") from None
    except NobodyToAskError as error:
        raise click.UsageError(str(error)) from None
    for line in readable(answer.text.decode("latin-1")).splitlines():
        click.echo("\t".join(map(visible, line.split("\t"))))
    sys.exit(0 if answer.status == 0 else 1)
