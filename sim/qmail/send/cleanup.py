"""The sweep: what a crash left in S2 or S3 goes once nobody has touched it for 36 hours.

It runs at the start and every 76,431 seconds; so a leftover of a crash is seen too young at the first two
sweeps and goes at the third, 42 hours later (the course text says 36).
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.machine.calls import Steps, scandir, stat_if_there
from sim.qmail.common import message_number
from sim.qmail.send.state import OSSIFIED_S, SLEEP_CLEANUP_S, Queue, ask_clean


def cleanup_do(queue: Queue) -> Iterator[Steps]:
    """Its steps: begin a sweep of ``mess/`` when it is time, or look at the next message of the one under way."""
    if queue.mess_names is not None or queue.next_cleanup <= queue.recent:
        yield _sweep(queue)


def _sweep(queue: Queue) -> Steps:
    if queue.mess_names is None:
        queue.mess_names = list(reversed((yield scandir("mess"))))
    if not queue.mess_names:
        queue.mess_names = None
        queue.next_cleanup = queue.recent + SLEEP_CLEANUP_S
        return
    number = message_number(queue.mess_names.pop())
    if number is not None and (yield from _is_left_over(queue, number)):
        yield from ask_clean(queue, f"foop/{number}")


def _is_left_over(queue: Queue, number: int) -> Steps:
    """Whether it is old, and in neither S4 nor S5; what cannot be told counts as no."""
    try:
        mess = yield stat_if_there(f"mess/{number}")
        if mess is None or queue.recent <= mess.atime_s + OSSIFIED_S:
            return False
        for directory in ("info", "todo"):
            if (yield stat_if_there(f"{directory}/{number}")) is not None:
                return False
    except OSError:
        return False
    return True


def wakes(queue: Queue) -> float:
    return 0 if queue.mess_names is not None else queue.next_cleanup
