r"""New messages: from S4 to S5 (qmail-send's preprocessing; INTERNALS section 3).

For each ``todo/N``: remove what an earlier attempt left, write ``info/N`` and the address files, sync them,
and only then let qmail-clean remove ``intd/N`` and ``todo/N``. A crash anywhere in between starts it afresh.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.machine.calls import (
    Steps,
    close,
    create,
    fsync,
    open_,
    open_if_there,
    read,
    scandir,
    sleep,
    stat,
    time,
    unlink_if_there,
    write,
)
from sim.qmail.common import leading_number, message_number, split_address
from sim.qmail.send.state import SLEEP_TODO_S, Controls, Queue, ask_clean, log, safe

PRIVATE = 0o600
PAUSE_S = 10


def todo_do(queue: Queue, triggered: bool) -> Iterator[Steps]:
    """Its steps: look into ``todo/`` when the trigger was pulled or 25 minutes have passed; take the next one."""
    if queue.exiting:
        return
    if queue.todo_names is None:
        if not triggered and queue.recent < queue.next_todo_run:
            return
        yield _look(queue)
    if not queue.todo_names:
        queue.todo_names = None
        return
    number = message_number(queue.todo_names.pop())
    if number is not None:
        yield _preprocess(queue, number)


def _look(queue: Queue) -> Steps:
    yield from set_trigger(queue)
    try:
        queue.todo_names = list(reversed((yield scandir("todo"))))
    except OSError:
        yield log("alert: unable to opendir todo, sleeping...")
        yield sleep(PAUSE_S)
        queue.recent = yield time()
        return
    queue.next_todo_run = queue.recent + SLEEP_TODO_S


def set_trigger(queue: Queue) -> Steps:
    """Open the FIFO anew *before* looking, so that no message can slip in between; without it there is none."""
    if queue.trigger is not None:
        yield close(queue.trigger)
    try:
        queue.trigger = yield open_if_there("lock/trigger")
    except OSError:
        queue.trigger = None


class _Trouble(Exception):  # noqa: N818 - in qmail-send's words
    """What it says of a message that has to wait for the next look into ``todo/``."""


def _preprocess(queue: Queue, number: int) -> Steps:
    held: list[int] = []
    try:
        files = yield from _sort(queue.controls, number, held)
    except _Trouble as trouble:
        yield log(f"warning: {trouble}")
        for fd in held:
            yield close(fd)
        return
    if not (yield from ask_clean(queue, f"todo/{number}")):
        return
    now = yield time()
    for channel in queue.channels:
        if channel.name in files:
            channel.queue.insert(now, number)
    if not files:
        queue.done.insert(now, number)


def _sort(controls: Controls, number: int, held: list[int]) -> Steps:
    """Write what ``todo/N`` says into ``info/N`` and the address files; gives the names of the latter's directories.

    ``held`` are the descriptors that are open at the moment. Raises _Trouble.
    """
    act, path = "open", f"todo/{number}"
    try:
        todo = yield open_(path)
        held.append(todo)
        act, path = "stat", f"mess/{number}"
        size = (yield stat(path)).size
        act = "unlink"
        for path in (f"local/{number}", f"remote/{number}", f"info/{number}"):  # of an earlier preprocessing
            yield unlink_if_there(path)
        act, path = "create", f"info/{number}"
        info = yield create(path, PRIVATE)
        held.append(info)
    except OSError:
        raise _Trouble(f"unable to {act} {path}") from None
    yield log(f"new msg {number}")
    files = yield from _read_todo(controls, number, size, held)
    yield close(todo)
    held.remove(todo)
    yield from _finish(f"info/{number}", info, "", held)
    for name in ("local", "remote"):
        if name in files:
            fd, text = files[name]
            yield from _finish(f"{name}/{number}", fd, text, held)
    return files


def _read_todo(controls: Controls, number: int, size: int, held: list[int]) -> Steps:
    """The records of ``todo/N`` as they come; gives each channel's descriptor, and what is to be written there."""
    todo, info = held
    uid = pid = 0
    files: dict[str, tuple[int, str]] = {}
    act, path, rest = "trouble reading", f"todo/{number}", ""
    try:
        while piece := (yield read(todo)):
            *records, rest = (rest + piece.decode("latin-1")).split("\0")
            for record in records:
                kind, value = record[:1], record[1:]
                if kind == "u":
                    uid = leading_number(value) or 0
                elif kind == "p":
                    pid = leading_number(value) or 0
                elif kind == "F":
                    act, path = "trouble writing to", f"info/{number}"
                    yield write(info, f"{record}\0".encode("latin-1"))
                    yield log(f"info msg {number}: bytes {size} from <{safe(value)}> qp {pid} uid {uid}")
                elif kind == "T":
                    channel, recipient = rewrite(controls, value)
                    if channel not in files:
                        act, path = "unable to create", f"{channel}/{number}"
                        files[channel] = (yield create(path, PRIVATE)), ""
                        held.append(files[channel][0])
                    fd, text = files[channel]
                    files[channel] = fd, f"{text}T{recipient}\0"
                else:
                    raise _Trouble(f"unknown record type in todo/{number}")
            act, path = "trouble reading", f"todo/{number}"
    except OSError:
        raise _Trouble(f"{act} {path}") from None
    return files


def _finish(path: str, fd: int, text: str, held: list[int]) -> Steps:
    """Write what is left to be written, see it safely on the disk, and close the file."""
    act = "writing to"
    try:
        if text:
            yield write(fd, text.encode("latin-1"))
        act = "fsyncing"
        yield fsync(fd)
    except OSError:
        raise _Trouble(f"trouble {act} {path}") from None
    yield close(fd)
    held.remove(fd)


def rewrite(controls: Controls, recipient: str) -> tuple[str, str]:
    """Which channel an address goes to, and in which form (qmail-send(8): locals, virtualdomains, percenthack)."""
    local, domain = split_address(recipient)
    if "@" not in recipient:
        domain = controls.envnoathost
    while domain.lower() in controls.percenthack and "%" in local:
        local, _, domain = local.rpartition("%")
    address = f"{local}@{domain}"
    domain = split_address(address)[1]
    if domain.lower() in controls.locals:
        return "local", address
    prefix = _virtual(controls.virtualdomains, address.lower(), domain.lower())
    if prefix:
        return "local", f"{prefix}-{address}"
    return "remote", address


def without_prefix(controls: Controls, address: str) -> str:
    """A recipient in a virtual domain as its sender knows it; a virtual user's address stays as it is."""
    domain = split_address(address)[1].lower()
    prefix = _virtual(controls.virtualdomains, domain, domain)
    return address.removeprefix(f"{prefix}-") if prefix else address


def _virtual(virtualdomains: dict[str, str], address: str, domain: str) -> str | None:
    """The prefix for a virtual user or domain; ``.example`` entries match below, an empty entry everything."""
    labels = domain.split(".")
    tails = [f".{'.'.join(labels[start:])}" for start in range(1, len(labels))]
    for key in (address, domain, *tails, ""):
        if key in virtualdomains:
            return virtualdomains[key]
    return None


def wakes(queue: Queue) -> float:
    """When the todo side next has something to do (epoch seconds)."""
    return 0 if queue.todo_names is not None else queue.next_todo_run
