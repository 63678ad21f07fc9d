"""What every command shares: the group itself, reading a scenario, and how a refusal is said."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from matplotlib.figure import Figure

    from sim.scenario import Problem, Scenario
    from sim.world.simulate import Clock

BAD_INPUT = 2
INTERRUPTED = 130
FILE = click.Path(path_type=Path, readable=False)  # whether it can be read, its reader says with line and column
SCENARIO = click.argument("scenario", type=FILE, metavar="S.yaml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mailsim", message="mailsim %(version)s")
def main() -> None:
    """Play mail-flow scenarios: people, SMTP, DNS, the qmail queue, and crashes."""
    for stream, errors in (
        (sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace"),
    ):  # fmt: skip
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=errors)


@contextmanager
def clocked() -> Iterator[Callable[[Clock], None]]:
    """A bar of simulated time while a scenario is played; gives what the player is to call with its Clock."""
    from rich.console import Console

    from sim.show import progress

    clocks: list[Clock] = []
    with progress.shown(clocks, Console(stderr=True)):
        yield clocks.append


def read_scenario(path: Path) -> Scenario:
    """A scenario, with its warnings on standard error; or its errors there and exit status 2."""
    from sim.scenario import ScenarioError, load_warned

    try:
        told, warnings = load_warned(path)
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(BAD_INPUT)
    warn(warnings)
    return told


def warn(warnings: Iterable[Problem]) -> None:
    """Each as ``file:line:column: warning: what is hardly meant``."""
    for one in warnings:
        click.echo(str(one._replace(message=f"warning: {one.message}")), err=True)


def host_named(told: Scenario, scenario: Path, name: str) -> None:
    from sim.notation.errors import did_you_mean

    if name.lower() not in told.hosts:
        hint = did_you_mean(name.lower(), list(told.hosts)) or f"there are {', '.join(told.hosts)}"
        raise click.UsageError(f"there is no host {name!r} in {scenario} ({hint})")


PLOT = click.option("--plot", type=click.Path(path_type=Path), metavar="F.png", help="Draw it, as F.png or F.svg.")


def check_plot(path: Path | None) -> None:
    """Say before a long run, not after it, that its picture would find no place."""
    from sim.show.ink import KINDS

    if path is not None and path.suffix.lower().removeprefix(".") not in KINDS:
        kinds = " or ".join(f".{kind}" for kind in KINDS)
        raise click.UsageError(f"--plot {path}: a picture ends with {kinds}")
    check_place("--plot", path)


def write_plot(figure: Figure, path: Path) -> None:
    from sim.show.ink import write

    try:
        write(figure, path)
    except OSError as error:
        cannot_write("--plot", path, error)
    click.echo(f"\nwritten to {path}")


def cannot_write(option: str, path: Path, error: OSError) -> NoReturn:
    click.echo(f"mailsim: {option} {path}: {error.strerror or error}", err=True)
    sys.exit(BAD_INPUT)


def check_place(option: str, path: Path | None) -> None:
    """Say before long work, not after it, that a file would find no place."""
    if path is None:
        return
    folder = path.parent
    if path.is_dir():
        cannot_write(option, path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not folder.is_dir():
        cannot_write(option, path, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        cannot_write(option, path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def write_text(option: str, path: Path, text: str) -> None:
    """A whole file or none: what was there before stays until the new one is complete."""
    import tempfile

    made = ""
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            made = file.name
            file.write(text)
        os.chmod(made, 0o644)
        os.replace(made, path)
    except OSError as error:
        if made:
            Path(made).unlink(missing_ok=True)
        cannot_write(option, path, error)


def check_out(directory: Path) -> None:
    """Say before a long run, not after it, that its files would find no place."""
    from sim.show.out import check

    try:
        check(directory)
    except OSError as error:
        cannot_write("--out", directory, error)
