"""What every command shares: the group itself, reading a scenario, and how a refusal is said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.scenario import Scenario

BAD_INPUT = 2
SCENARIO = click.argument("scenario", type=click.Path(path_type=Path), metavar="S.yaml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailsim", message="mailsim %(version)s")
def main() -> None:
    """Play mail-flow scenarios: people, SMTP, DNS, the qmail queue, and crashes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def read_scenario(path: Path) -> Scenario:
    """A scenario, or its errors on standard error and exit status 2."""
    from sim.scenario import ScenarioError, load

    try:
        return load(path)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)


def host_named(told: Scenario, scenario: Path, name: str) -> None:
    from sim.notation.errors import did_you_mean

    if name.lower() not in told.hosts:
        hint = did_you_mean(name.lower(), list(told.hosts)) or f"there are {', '.join(told.hosts)}"
        raise click.UsageError(f"there is no host {name!r} in {scenario} ({hint})")


PLOT = click.option("--plot", type=click.Path(path_type=Path), metavar="F.png", help="Draw it, as F.png or F.svg.")


def check_plot(path: Path | None) -> None:
    """Say before a long run, not after it, that its picture would find no place."""
    from sim.show.plots import writable

    if path is None:
        return
    try:
        writable(path)
    except ValueError as error:
        raise click.UsageError(f"--plot {path}: {error}") from None
    except OSError as error:
        cannot_write("--plot", path, error)


def write_plot(figure: Figure, path: Path) -> None:
    from sim.show.plots import write

    try:
        write(figure, path)
    except OSError as error:
        cannot_write("--plot", path, error)
    click.echo(f"\nwritten to {path}")


def cannot_write(option: str, path: Path, error: OSError) -> NoReturn:
    click.echo(f"mailsim: {option} {path}: {error.strerror or error}", err=True)
    sys.exit(BAD_INPUT)
