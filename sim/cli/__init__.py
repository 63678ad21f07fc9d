"""The command line: each command reads, asks, prints, and says by its exit status what came of it.

Exit status: 0 all that was expected holds; 1 it does not; 2 the scenario or the call is wrong. Heavy libraries
are imported when a command needs them, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import signal
import sys

import click

from sim.cli import laboratory, lesson, lookups, running, writing  # noqa: F401 - each adds its commands to the group
from sim.cli.common import BAD_INPUT, INTERRUPTED, main


def entry() -> None:
    """The command: as ``main``, but an interrupt has the exit status that a shell expects of one.

    SIGTERM is a Ctrl-C here: who has waited long for something gets what there is of it, and nothing half-made stays.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        try:
            main(standalone_mode=False)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or sys.stdout is None:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has nowhere to go
        click.echo(f"mailsim: cannot write the output: {error.strerror}", err=True)
        sys.exit(BAD_INPUT)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
