"""``mailsim telnet``, ``check`` and ``schema``: a person at a keyboard."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli.common import BAD_INPUT, FILE, SCENARIO, host_named, main, read_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator


@main.command(short_help="Say what is wrong with scenarios, with file, line and column.")
@click.argument("scenarios", nargs=-1, required=True, type=FILE, metavar="S.yaml...")
def check(scenarios: tuple[Path, ...]) -> None:
    """Say what is wrong with scenarios, with file, line and column; warn of what is hardly meant."""
    from sim.cli.common import warn
    from sim.scenario import ScenarioError, load_warned
    from sim.show.escape import visible

    wrong = False
    for path in scenarios:
        try:
            found, warnings = load_warned(path)
        except ScenarioError as error:
            click.echo(str(error), err=True)
            wrong = True
        else:
            warn(warnings)
            click.echo(f"{path}: ok: {visible(found.title)}")
    sys.exit(BAD_INPUT if wrong else 0)


@main.command(short_help="Speak SMTP to a host by hand.")
@SCENARIO
@click.argument("name", metavar="HOST")
@click.option("--from", "sits_on", metavar="HOST", help="Where the person sits; left out: at a machine of its own.")
def telnet(scenario: Path, name: str, sits_on: str | None) -> None:
    """Speak SMTP to HOST, a name or an address, by hand, or from a file on standard input; each line takes a second.

    Exit status 1 when nobody answers there.
    """
    from sim.dns import Zone
    from sim.folds.log import log_lines
    from sim.scenario.addresses import addresses
    from sim.show.escape import visible
    from sim.show.logbook import log_view
    from sim.show.view import emit
    from sim.world.typing import converse

    told = read_scenario(scenario)
    _, places = addresses(told, Zone.parse(told.dns))
    name = next((host for host, address in places.items() if address == name), name)
    for host_name in (name, sits_on):
        if host_name is not None:
            host_named(told, scenario, host_name)
    echo = not sys.stdin.isatty()

    def typed() -> Iterator[str]:
        for line in sys.stdin:
            if echo:
                click.echo(visible(line.rstrip("\n")))
            yield line.rstrip("\n")

    def say(text: str) -> None:
        click.echo("\n".join(visible(line) for line in text.split("\n")), nl=False)

    world, connected = converse(told, name.lower(), typed(), say, sits_on and sits_on.lower())
    logged = [line for line in log_lines(world.trace, name.lower()) if line.t]
    if logged:
        click.echo(f"\nlog of {name.lower()}")
        emit(log_view(logged, told.start))
    sys.exit(0 if connected else 1)


@main.command()
def schema() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    import json

    from sim.scenario import schema as make

    click.echo(json.dumps(make(), indent=2, ensure_ascii=False))
