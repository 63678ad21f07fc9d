"""Which message is tried when: one pass over an address file at a time, on each channel.

Retry rule: a message of age a is tried again at age (floor(sqrt(a)) + skip)², with skip 10 for local and 20 for
remote recipients, which gives 100·k² and 400·k² seconds after its birth. A message older than the queue
lifetime *when an attempt starts* gets no other attempt (qmail-send(8), "queuelifetime").
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from sim.machine.calls import Steps, close, open_, read, scandir, stat_if_there, unlink, utime
from sim.qmail.common import NUL, message_number
from sim.qmail.send.bounce import inject_bounce
from sim.qmail.send.deliver import close_job, start_delivery
from sim.qmail.send.state import (
    SLEEP_SYSFAIL_S,
    Channel,
    Job,
    Pass,
    Queue,
    ask_clean,
    log,
    read_info,
)


def next_retry_s(birth_s: int, now_s: int, skip: int) -> int:
    """The time of the next attempt, in the unit and from the zero of ``birth_s``.

    >>> [next_retry_s(0, age, 20) for age in (0, 400, 1600)]
    [400, 1600, 3600]
    """
    root = math.isqrt(max(0, now_s - birth_s))
    return birth_s + (root + skip) ** 2


def load_queue(queue: Queue) -> Steps:
    """At the start: every message that has an ``info`` file goes back into the schedule."""
    for name in (yield scandir("info")):
        number = message_number(name)
        if number is not None:
            yield from _schedule(queue, number)


def _schedule(queue: Queue, number: int) -> Steps:
    """Back into the schedule, unless ``todo/N`` says that a crash interrupted its preprocessing: that starts afresh."""
    path = f"info/{number}"
    found = []
    try:
        if (yield stat_if_there(path)) is None:
            return
        path = f"todo/{number}"
        if (yield stat_if_there(path)) is not None:
            return
        for channel in queue.channels:
            path = f"{channel.name}/{number}"
            addresses = yield stat_if_there(path)
            if addresses is not None:
                found.append((channel.queue, addresses.mtime_s))
    except OSError:
        yield log(f"warning: unable to stat {path}; will try again later")
        queue.unknown.insert(queue.recent + SLEEP_SYSFAIL_S, number)
        return
    for schedule, when in found or [(queue.done, queue.recent)]:
        schedule.insert(when, number)


def pass_do(queue: Queue) -> Iterator[Steps]:
    """The steps of a pass: one recipient on each channel, if there is room; and one finished message."""
    for channel in queue.channels:
        if not queue.exiting and _can_walk(queue, channel):
            yield _channel_do(queue, channel)
    if queue.unknown.earliest <= queue.recent:
        yield _schedule(queue, queue.unknown.take())
    if queue.done.earliest <= queue.recent:
        yield _message_done(queue, queue.done.take())


def _can_walk(queue: Queue, channel: Channel) -> bool:
    """A walk goes on where there is room for a delivery; one begins, room or not, while there are jobs left."""
    if channel.current is not None:
        return channel.has_room()
    return channel.queue.earliest <= queue.recent and queue.may_begin()


def _channel_do(queue: Queue, channel: Channel) -> Steps:
    if channel.current is None:
        number = channel.queue.take()
        channel.current = yield from _begin(queue, channel, number)
        if channel.current is None:
            channel.queue.insert(queue.recent + SLEEP_SYSFAIL_S, number)
            return
        if not channel.has_room():
            return
    walk = channel.current
    try:
        record = yield from _next_record(walk)
    except OSError:
        yield log(f"warning: trouble reading {channel.name}/{walk.job.number}; will try again later")
        yield from _end_walk(queue, channel, walk)
        return
    if record is None:
        walk.job.all_read = True
        yield from _end_walk(queue, channel, walk)
        return
    if record[:1] == b"T":
        walk.job.not_done += 1
        yield from start_delivery(queue, channel, walk.job, walk.position, record[1:].decode("latin-1"))
    elif record[:1] != b"D":
        yield log(f"warning: unknown record type in {channel.name}/{walk.job.number}!")
        yield from _end_walk(queue, channel, walk)
    walk.position += len(record) + 1


def _end_walk(queue: Queue, channel: Channel, walk: Pass) -> Steps:
    yield close(walk.fd)
    channel.current = None
    yield from close_job(queue, channel, walk.job)


def _begin(queue: Queue, channel: Channel, number: int) -> Steps:
    try:
        fd = yield open_(f"{channel.name}/{number}")
    except OSError:
        yield log(f"warning: trouble opening {channel.name}/{number}; will try again later")
        return None
    info = yield from read_info(number)
    if info is None:
        yield close(fd)
        yield log(f"warning: trouble opening info/{number}; will try again later")
        return None
    sender, birth = info
    retry_at = next_retry_s(birth, queue.recent, channel.skip)
    queue.jobs += 1
    job = Job(number, sender, retry_at, queue.recent > birth + queue.controls.lifetime_s)
    return Pass(job, fd)


def _next_record(walk: Pass) -> Steps:
    """The next address record without its NUL, or None at the end."""
    while NUL not in walk.unread:
        piece = yield read(walk.fd)
        if not piece:
            return None
        walk.unread += piece
    record, _, walk.unread = walk.unread.partition(b"\0")
    return record


def _message_done(queue: Queue, number: int) -> Steps:
    """No recipient is left: take the message apart, or try again later."""
    if not (yield from _take_apart(queue, number)):
        queue.done.insert(queue.recent + SLEEP_SYSFAIL_S, number)


def _take_apart(queue: Queue, number: int) -> Steps:
    """Bounce what must bounce, then from S5 to S2 to S1; False where a call has failed that must not."""
    path = ""
    try:
        for path in (f"local/{number}", f"remote/{number}", f"todo/{number}"):
            if (yield stat_if_there(path)) is not None:
                return True
        path = f"info/{number}"
        if (yield stat_if_there(path)) is None:
            return True
    except OSError:
        yield log(f"warning: unable to stat {path}; will try again later")
        return False
    if not (yield from inject_bounce(queue, number)):
        return False
    yield log(f"end msg {number}")
    try:
        yield unlink(f"info/{number}")
    except OSError:
        yield log(f"warning: unable to unlink info/{number}; will try again later")
        return False
    yield from ask_clean(queue, f"foop/{number}")
    return True


def save_times(queue: Queue) -> Steps:
    """On the way out, write each message's next attempt into its address file's times (SIGTERM)."""
    for channel in queue.channels:
        for when, number in channel.queue.drain():
            try:
                yield utime(f"{channel.name}/{number}", when)
            except OSError:
                yield log(f"warning: unable to utime {channel.name}/{number}; message will be retried too soon")


def wakes(queue: Queue) -> float:
    """When a pass next has something to do (epoch seconds)."""
    if queue.exiting:
        return math.inf
    soonest = min(queue.done.earliest, queue.unknown.earliest)
    for channel in queue.channels:
        if channel.current is not None:
            at = 0 if channel.has_room() else math.inf
        else:
            at = channel.queue.earliest if queue.may_begin() else math.inf
        soonest = at if at < soonest else soonest
    return soonest
