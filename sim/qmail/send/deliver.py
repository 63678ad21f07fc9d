"""Deliveries: hand recipients to the spawners, read their reports, mark what is done (the D byte).

A recipient is NOT DONE while its record in ``local/N`` or ``remote/N`` begins with T and DONE when it begins
with D. The mark comes *after* the delivery: a crash between the two delivers twice, never not at all.
"""

from __future__ import annotations

from sim.machine.calls import Steps, close, fstat, lseek, open_, read, stat_if_there, time, unlink, write
from sim.qmail.addresses import sender_for
from sim.qmail.common import NUL
from sim.qmail.send.bounce import add_bounce
from sim.qmail.send.state import REPORT_LIMIT, SLEEP_SYSFAIL_S, Channel, Delivery, Job, Queue, log, log_status, safe
from sim.qmail.send.todo import without_prefix

WORDS = {"K": "success: ", "Z": "deferral: ", "D": "failure: "}
GIVEN_UP = "I'm not going to try again; this message has been in the queue too long.\n"


def start_delivery(queue: Queue, channel: Channel, job: Job, position: int, recipient: str) -> Steps:
    """Give one recipient to the channel's spawner, in the lowest free slot."""
    slot = channel.free_slot()
    queue.last_delivery += 1
    job.open_deliveries += 1
    channel.deliveries[slot] = Delivery(job, position, recipient, queue.last_delivery)
    yield log(f"starting delivery {queue.last_delivery}: msg {job.number} to {channel.name} {safe(recipient)}")
    yield log_status(queue)
    order = f"mess/{job.number}\0{sender_for(job.sender, recipient)}\0{recipient}\0"
    channel.order = bytes([slot]) + order.encode("latin-1")


def tell_spawner(queue: Queue, channel: Channel) -> Steps:
    """What an earlier round has begun on a channel; that it cannot be told shows in the reports as well."""
    order, channel.order = channel.order, b""
    try:
        yield write(channel.to, order)
    except BrokenPipeError:
        yield from lost_spawner(queue, channel)


def read_reports(queue: Queue, channel: Channel) -> Steps:
    """Take what a spawner said: as many whole reports as there are."""
    piece = yield read(channel.report_from, 2048)
    if not piece:
        yield from lost_spawner(queue, channel)
        return
    channel.said += piece
    while NUL in channel.said[1:]:
        slot = channel.said[0]
        text, _, channel.said = channel.said[1:].partition(b"\0")
        delivery = channel.deliveries.get(slot)
        if delivery is None:
            yield log("warning: internal error: delivery report out of range")
            continue
        yield from _report(queue, channel, slot, delivery, text[:REPORT_LIMIT].decode("latin-1"))


def lost_spawner(queue: Queue, channel: Channel) -> Steps:
    """A spawner has died: nothing more can be delivered on its channel, so leave."""
    if channel.alive:
        channel.alive, channel.order = False, b""
        queue.exiting = True
        yield log("alert: oh no! lost spawn connection! dying...")


def _report(queue: Queue, channel: Channel, slot: int, delivery: Delivery, text: str) -> Steps:
    job = delivery.job
    letter, said = text[:1], text[1:]
    if letter == "Z" and job.dying:
        letter, said = "D", said + GIVEN_UP
    if letter not in WORDS:
        yield log(f"delivery {delivery.delivery}: report mangled, will defer")
    else:
        yield log(f"delivery {delivery.delivery}: {WORDS[letter]}{safe(said)}")
    if letter == "D":
        yield from add_bounce(job.number, without_prefix(queue.controls, delivery.recipient), said)
    if letter in ("K", "D"):
        yield from _mark_done(f"{channel.name}/{job.number}", delivery.position)
        job.not_done -= 1
    yield from close_job(queue, channel, job)
    del channel.deliveries[slot]
    yield log_status(queue)


def close_job(queue: Queue, channel: Channel, job: Job) -> Steps:
    """One holder of a job fewer; the last one decides whether the channel is through with the message."""
    job.open_deliveries -= 1
    if job.open_deliveries:
        return
    queue.jobs -= 1
    when = job.retry_at
    if job.all_read and not job.not_done:
        path = f"{channel.name}/{job.number}"
        try:
            yield unlink(path)
        except OSError:
            yield log(f"warning: unable to unlink {path}; will try again later")
            when = queue.recent + SLEEP_SYSFAIL_S
        else:
            path = f"{(queue.remote if channel is queue.local else queue.local).name}/{job.number}"
            try:
                if (yield stat_if_there(path)) is not None:
                    return
            except OSError:
                yield log(f"warning: unable to stat {path}")
            queue.done.insert((yield time()), job.number)
            return
    channel.queue.insert(when, job.number)


def _mark_done(path: str, position: int) -> Steps:
    """Write D over the T of one record; if that fails the recipient will get the message once more."""
    try:
        fd = yield open_(path, "w")
        yield fstat(fd)
        yield lseek(fd, position)
        yield write(fd, b"D")
        yield close(fd)
    except OSError:
        yield log(f"warning: trouble marking {path}; message will be delivered twice!")
