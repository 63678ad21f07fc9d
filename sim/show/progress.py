"""How far a run has got, on a terminal's standard error: a bar of simulated time, drawn from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sim.show.clock import span

if TYPE_CHECKING:
    from rich.console import Console

    from sim.world.simulate import Clock

Progress = Callable[..., object]  # how many are done, how many there are, and of what if that changes
PATIENCE_S = 0.3
REFRESH_S = 0.1
A_SECOND_S = 1.0


@contextmanager
def shown(clocks: Sequence[Clock], console: Console) -> Iterator[None]:
    """While the body runs, show the last of ``clocks``; nothing on a pipe, and nothing for a quick run."""
    if not console.is_terminal:
        yield
        return
    over = threading.Event()
    painter = threading.Thread(target=_paint, args=(clocks, console, over), daemon=True)
    painter.start()
    try:
        yield
    finally:
        over.set()
        painter.join()


def _paint(clocks: Sequence[Clock], console: Console, over: threading.Event) -> None:
    if over.wait(PATIENCE_S):
        return
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        while not over.wait(REFRESH_S):
            if clocks:
                clock = clocks[-1]
                now = clock.now_s()
                words = f"{span(now)} of {span(clock.until_s)}, {len(clock.trace)} records"
                bar.update(task, total=clock.until_s, completed=now, description=words)


@contextmanager
def counted(what: str, console: Console) -> Iterator[Progress]:
    """Gives a function to call with how many are done and how many there are, and of what if not of ``what``.

    It draws a bar with rate and time left.

    It draws only from within that call, on a terminal, and after a second: work that forks wants no other threads.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    started = last = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Bar(*columns, console=console, transient=True, auto_refresh=False)
    task = bar.add_task(what, total=None)
    began = False

    def show(done: int, planned: int, things: str = what) -> None:
        nonlocal last, began
        now = time.monotonic()
        if not console.is_terminal or now - started < A_SECOND_S or now - last < REFRESH_S:
            return
        last = now
        bar.start()  # a bar that never began would still end its line
        began = True
        bar.update(task, completed=done, total=planned, description=f"{things}, {done / (now - started):.0f} a second")
        bar.refresh()

    try:
        yield show
    finally:
        if began:
            bar.stop()
