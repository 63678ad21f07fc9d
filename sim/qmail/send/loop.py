"""qmail-send's main loop: wait for whatever comes first, then let each part do its next small thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from sim.machine.calls import Handled, Steps, flock, open_if_there, read, select, sigaction, time
from sim.qmail.common import control_line, control_lines, control_number
from sim.qmail.send import cleanup, passes, todo
from sim.qmail.send.deliver import read_reports, tell_spawner
from sim.qmail.send.state import (
    SLEEP_FOREVER_S,
    SLEEP_FUZZ_S,
    Channel,
    Controls,
    Queue,
    log,
    log_status,
)

LIFETIME_S = 604800


def qmail_send(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Descriptors as qmail-start lays them out; exit status 0 after SIGTERM, 111 when it cannot start."""
    queue = yield from _prepare()
    if queue is None:
        return 111
    yield from passes.load_queue(queue)
    yield log_status(queue)
    yield from todo.set_trigger(queue)
    while not (queue.exiting and not any(channel.alive and channel.deliveries for channel in queue.channels)):
        queue.recent = yield time()
        if queue.heard:
            yield from _heed_signals(queue)
        ready = yield from _wait(queue)
        if ready and isinstance(ready[-1], str):  # signals come last
            for source in ready:
                if isinstance(source, str):
                    queue.hear(source)
            continue
        queue.recent = yield time()
        for channel in queue.channels:
            if channel.report_from in ready and channel.alive:
                yield from read_reports(queue, channel)
        triggered, busy = queue.trigger in ready, True
        while busy:  # what can be done without waiting, a small step of each part in turn
            busy = False
            for channel in queue.channels:
                if channel.order:
                    yield from tell_spawner(queue, channel)
            for step in chain(todo.todo_do(queue, triggered), passes.pass_do(queue), cleanup.cleanup_do(queue)):
                yield from step
                busy = not queue.exiting
            triggered = False
    yield from passes.save_times(queue)
    yield log("status: exiting")
    return 0


def _prepare() -> Steps:
    """Read the controls, be the only one, and hear from each spawner how many children it can run."""
    try:
        queue = yield from _new_queue()
    except OSError:
        queue = None
    if queue is None:
        yield log("alert: cannot start: unable to read controls")
        return None
    yield sigaction(catch=Handled(("TERM", "ALRM", "HUP"), queue.hear), ignore=("PIPE",))
    mutex = yield open_if_there("lock/sendmutex", "w")
    if mutex is None:
        yield log("alert: cannot start: unable to open mutex")
        return None
    try:
        yield flock(mutex, False)
    except OSError:
        yield log("alert: cannot start: qmail-send is already running")
        return None
    for channel in queue.channels:
        limit = yield read(channel.report_from, 1)
        if not limit:
            yield log("alert: cannot start: hath the daemon spawn no fire?")
            return None
        channel.concurrency = min(channel.concurrency, limit[0])
    queue.recent = yield time()
    return queue


def _new_queue() -> Steps:
    """Nothing is in it; None when there is neither ``locals`` nor ``me``."""
    me = yield from control_line("me", None)
    lifetime_s = yield from control_number("queuelifetime", LIFETIME_S)
    local = Channel("local", 1, 2, 10, (yield from control_number("concurrencylocal", 10)))
    remote = Channel("remote", 3, 4, 20, (yield from control_number("concurrencyremote", 20)))
    controls = yield from _read_controls(me, lifetime_s)
    return None if controls is None else Queue(controls, local, remote, None, 0)


def _read_controls(me: str | None, lifetime_s: int) -> Steps:
    """Without ``me``, a name that is missing is the name of its file; without ``locals`` as well there is no start."""
    controls = Controls(
        me=me,
        lifetime_s=lifetime_s,
        envnoathost=(yield from control_line("envnoathost", me or "envnoathost")),
        bouncefrom=(yield from control_line("bouncefrom", "MAILER-DAEMON")),
        bouncehost=(yield from control_line("bouncehost", me or "bouncehost")),
        doublebouncehost=(yield from control_line("doublebouncehost", me or "doublebouncehost")),
        doublebounceto=(yield from control_line("doublebounceto", "postmaster")),
    )
    if not (yield from _read_locals(controls)):
        return None
    controls.percenthack = frozenset(name.lower() for name in (yield from control_lines("percenthack")) or ())
    yield from _read_virtualdomains(controls)
    return controls


def _read_locals(controls: Controls) -> Steps:
    """False when neither ``locals`` nor ``me`` is there."""
    names = yield from control_lines("locals")
    if names is None:
        if controls.me is None:
            return False
        names = [controls.me]
    controls.locals = frozenset(name.lower() for name in names)
    return True


def _read_virtualdomains(controls: Controls) -> Steps:
    lines = (yield from control_lines("virtualdomains")) or []
    pairs = (line.partition(":") for line in lines)
    controls.virtualdomains = {key.lower(): prefix for key, colon, prefix in pairs if colon}


def _wakes(queue: Queue) -> float:
    if queue.exiting:  # what has been begun is still told to the spawners
        untold = any(channel.order for channel in queue.channels)
        return 0 if untold else queue.recent + SLEEP_FOREVER_S
    soonest: float = queue.recent + SLEEP_FOREVER_S
    for at in (todo.wakes(queue), passes.wakes(queue), cleanup.wakes(queue)):
        soonest = at if at < soonest else soonest
    return soonest


def _wait(queue: Queue) -> Steps:
    """select(2) on reports and the trigger until the next thing is due, plus a second of fuzz."""
    local, remote = queue.channels
    sources: tuple[int, ...] = (local.report_from,) if local.alive else ()
    sources += (remote.report_from,) if remote.alive else ()
    sources += () if queue.exiting or queue.trigger is None else (queue.trigger,)
    wakes = _wakes(queue)
    return (yield select(sources, 0 if wakes <= queue.recent else wakes - queue.recent + SLEEP_FUZZ_S))


def _heed_signals(queue: Queue) -> Steps:
    """SIGALRM: try everything now. SIGHUP: read two of the control files again. SIGTERM needs no more than a note."""
    if "ALRM" in queue.heard:
        for channel in queue.channels:
            channel.queue.all_due(queue.recent)
    if "HUP" in queue.heard:
        yield from _reread_controls(queue.controls)
    queue.heard &= {"TERM"}


def _reread_controls(controls: Controls) -> Steps:
    """What cannot be read stays as it was."""
    name = "locals"
    try:
        if (yield from _read_locals(controls)):
            name = "virtualdomains"
            yield from _read_virtualdomains(controls)
            return
    except OSError:
        pass
    yield log(f"alert: unable to reread control/{name}")
