"""Programs with one deliberate fault each: what the ledger must catch.

A program is a generator of calls, so a faulty one is the real one with its calls edited on the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sim import maildir
from sim.machine.calls import Call, Program, Steps, close, lseek, open_, sleep, write
from sim.qmail.queue import pull_trigger
from sim.qmail.system import Qmail

Edit = Callable[[Call], Steps | None]


def edited(program: Program, make: Callable[[], Edit]) -> Program:
    """``program`` with each call replaced by the steps that ``edit(call)`` gives; None leaves it as it is.

    The program gets what those steps return; a write that they leave out seems to have been done.
    """

    def run(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
        edit = make()
        steps = program(argv, env)
        try:
            call = next(steps)
            while True:
                try:
                    instead = edit(call)
                    result = (yield call) if instead is None else (yield from instead)
                except OSError as problem:
                    call = steps.throw(problem)
                else:
                    call = steps.send(result)
        except StopIteration as end:
            return end.value

    return run


def skip(call: Call) -> Steps:
    """Leave a call out and let the program believe that it was made."""
    yield from ()
    return len(call[2]) if call[0] == "write" else None


def several(*calls: Call) -> Steps:
    """Make these calls; the program gets the first one's result."""
    results = []
    for call in calls:
        results.append((yield call))
    return results[0]


class Broken(Qmail):
    """qmail with some of its programs replaced."""

    def __init__(self, **programs: Callable[[], Edit]) -> None:
        replaced = {name.replace("_", "-"): make for name, make in programs.items()}
        self.programs = {
            name: edited(program, replaced[name]) if name in replaced else program
            for name, program in Qmail.programs.items()
        }


def without_fsync() -> Edit:
    return lambda call: skip(call) if call[0] == "fsync" else None


def without_call(name: str, argument: str) -> Callable[[], Edit]:
    """Leave out the calls whose first argument begins so."""
    return lambda: lambda call: skip(call) if call[0] == name and str(call[1]).startswith(argument) else None


def link_before_write() -> Edit:
    """qmail-queue that links todo/N and pulls the trigger first, and writes the envelope a second later."""
    held: list[Call] = []
    intd: list[bool] = []

    def edit(call: Call) -> Steps | None:
        if call[0] == "create" and call[1].startswith("intd/"):
            intd.append(True)
        elif intd and call[0] in ("write", "fsync"):
            held.append(call)
            return skip(call)
        elif call[0] == "link" and call[2].startswith("todo/"):
            return _link_first(call, held)
        return None

    return edit


def _link_first(call: Call, held: list[Call]) -> Steps:
    yield call
    yield from pull_trigger()
    yield sleep(1)
    yield from several(*held)


def done_before_delivery() -> Edit:
    """qmail-send that marks a local recipient DONE before it hands it to qmail-lspawn."""

    def edit(call: Call) -> Steps | None:
        return _mark_first(call) if call[:2] == ("write", 1) else None

    return edit


def _mark_first(call: Call) -> Steps:
    number = call[2][1:].split(b"\0")[0].rpartition(b"/")[2].decode()
    fd = yield open_(f"local/{number}", "w")
    yield write(fd, b"D")
    yield close(fd)
    return (yield call)


def twice() -> Edit:
    """qmail-local whose Maildir child delivers two times."""
    return lambda call: several(("fork", _deliver_twice, call[2], call[3])) if call[0] == "fork" else None


def _deliver_twice(directory: str, prefix: bytes) -> Steps:
    yield from maildir.deliver(directory, prefix)
    yield lseek(0, 0)
    yield sleep(1)
    return (yield from maildir.deliver("~joe/Maildir", prefix))


def wrong_number() -> Edit:
    """qmail-queue that names the message by a number of its own."""
    return lambda call: several(("link", call[1], "mess/999")) if call[0] == "link" and call[2][:5] == "mess/" else None


def mess_removed_too_early() -> Edit:
    """qmail-queue that removes its mess file once the message is queued."""

    def edit(call: Call) -> Steps | None:
        if call[0] == "link" and call[2].startswith("todo/"):
            return several(call, ("unlink", f"mess/{call[2].partition('/')[2]}"))
        return None

    return edit


def never_cleans() -> Edit:
    """qmail-clean that answers + and removes nothing for good."""
    return lambda call: skip(call) if call[0] == "unlink" and call[1].startswith(("mess/", "intd/")) else None


def sees_nothing(directory: str) -> Callable[[], Edit]:
    """A program that lists a directory, and takes it for empty."""

    def unseeing(call: Call) -> Steps:
        yield call
        return ()

    return lambda: lambda call: unseeing(call) if call[:2] == ("scandir", directory) else None


def looks_elsewhere(directory: str) -> Callable[[], Edit]:
    """A program that believes that it has listed a directory."""

    def nothing() -> Steps:
        yield from ()
        return ()

    return lambda: lambda call: nothing() if call[:2] == ("scandir", directory) else None
