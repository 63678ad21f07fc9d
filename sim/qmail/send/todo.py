r"""New messages: from S4 to S5 (qmail-send's preprocessing; INTERNALS section 3).

For each ``todo/N``: remove what an earlier attempt left, write ``info/N`` and the address files, sync them,
and only then let qmail-clean remove ``intd/N`` and ``todo/N``. A crash anywhere in between starts it afresh.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.machine.calls import Steps, close, create, fsync, open_, open_if_there, scandir, stat, unlink_if_there, write
from sim.qmail.common import read_all, split_address
from sim.qmail.send.state import SLEEP_TODO_S, Controls, Queue, ask_clean, log, safe

PRIVATE = 0o600


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
    name = queue.todo_names.pop()
    if name.isdigit():
        yield _preprocess(queue, int(name))


def _look(queue: Queue) -> Steps:
    yield from set_trigger(queue)
    queue.todo_names = list(reversed((yield scandir("todo"))))
    queue.next_todo_run = queue.recent + SLEEP_TODO_S


def set_trigger(queue: Queue) -> Steps:
    """Open the FIFO anew *before* looking, so that no message can slip in between; without it there is none."""
    if queue.trigger is not None:
        yield close(queue.trigger)
    queue.trigger = yield open_if_there("lock/trigger")


def _preprocess(queue: Queue, number: int) -> Steps:
    todo, act, directory = None, "open", "todo"
    try:
        todo = yield open_(f"todo/{number}")
        act, directory = "stat", "mess"
        size = (yield stat(f"mess/{number}")).size
        act = "unlink"
        for directory in ("local", "remote", "info"):  # what an earlier preprocessing has left
            yield unlink_if_there(f"{directory}/{number}")
        act = "create"
        info = yield create(f"info/{number}", PRIVATE)
    except OSError:
        yield log(f"warning: unable to {act} {directory}/{number}")
        if todo is not None:
            yield close(todo)
        return
    records = (yield from read_all(todo)).decode("latin-1").split("\0")[:-1]
    yield log(f"new msg {number}")
    uid = pid = 0
    lists: dict[str, list[str]] = {}
    files: dict[str, int] = {}
    for record in records:
        kind, value = record[:1], record[1:]
        if kind == "u":
            uid = int(value)
        elif kind == "p":
            pid = int(value)
        elif kind == "F":
            yield write(info, f"{record}\0".encode("latin-1"))
            yield log(f"info msg {number}: bytes {size} from <{safe(value)}> qp {pid} uid {uid}")
        elif kind == "T":
            channel, recipient = rewrite(queue.controls, value)
            if channel not in files:
                files[channel] = yield create(f"{channel}/{number}", PRIVATE)
            lists.setdefault(channel, []).append(f"T{recipient}\0")
        else:
            yield log(f"warning: unknown record type in todo/{number}")
            for fd in (todo, info, *files.values()):
                yield close(fd)
            return
    yield close(todo)
    yield from _finish(queue, number, info, files, lists)


def _finish(queue: Queue, number: int, info: int, files: dict[str, int], lists: dict[str, list[str]]) -> Steps:
    yield fsync(info)
    yield close(info)
    for name in ("local", "remote"):
        if name in files:
            yield write(files[name], "".join(lists[name]).encode("latin-1"))
            yield fsync(files[name])
            yield close(files[name])
    if not (yield from ask_clean(queue, f"todo/{number}")):
        return
    for channel in queue.channels:
        if channel.name in files:
            channel.queue.insert(queue.recent, number)
    if not files:
        queue.done.insert(queue.recent, number)


def rewrite(controls: Controls, recipient: str) -> tuple[str, str]:
    """Which channel an address goes to, and in which form (qmail-send(8): locals, virtualdomains, percenthack)."""
    local, domain = split_address(recipient)
    if "@" not in recipient:
        domain = controls.envnoathost
    while domain.lower() in controls.percenthack and "%" in local:
        local, _, domain = local.rpartition("%")
    address = f"{local}@{domain}"
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
