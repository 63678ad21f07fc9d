"""A progress bar for whatever takes longer than a second: looked at from outside, so that a run pays nothing for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sim.notation import durations
from sim.world.simulate import Clock

FIRST_SHOWN_AFTER_S = 1.0
EVERY_S = 0.1


@contextmanager
def shown(clocks: list[Clock], console: Console) -> Iterator[None]:
    """While the block runs, show how far the first clock in ``clocks`` has come; nothing where nobody looks."""
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(clocks, console, over), daemon=True)
    if console.is_terminal:
        watcher.start()
    try:
        yield
    finally:
        over.set()
        if watcher.is_alive():
            watcher.join()


def _watch(clocks: list[Clock], console: Console, over: threading.Event) -> None:
    if over.wait(FIRST_SHOWN_AFTER_S):
        return
    columns = (TextColumn("simulated {task.description}"), BarColumn(), TextColumn("{task.fields[records]} records"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None, records=0)
        while not over.wait(EVERY_S):
            for clock in clocks[:1]:
                now_s = clock.now_s()
                told = f"{durations.text(round(now_s))} of {durations.text(clock.until_s)}"
                bar.update(task, completed=now_s, total=clock.until_s, description=told, records=len(clock.trace))
