"""The deliberate faults that the crash laboratory is held to: what each program does wrong, and what comes of it.

Each is a real program with its calls edited (``tests/broken.py``): one left out, one made later than another, one made
too early. Calls are named as moments are: ``fsync mess/*``, ``link todo/*``, ``read 6`` for a descriptor that was
inherited.
"""

from __future__ import annotations

import errno
import fnmatch
from collections.abc import Callable
from typing import NamedTuple

import broken
from broken import Broken, Edit, edited, several, skip

from sim.lab.outcome import BROKEN, LOST
from sim.machine.calls import Call, Steps, close, open_, write
from sim.qmail.queue import pull_trigger

Named = Callable[[Call, str], Steps | None]
CLEAN_SAID = "read 6"


def named(make: Callable[[], Named]) -> Callable[[], Edit]:
    """An edit that is told the name of each call's file, whether the call has a path or a descriptor."""

    def begin() -> Edit:
        paths: dict[int, str] = {}
        inner = make()

        def edit(call: Call) -> Steps | None:
            instead = inner(call, f"{call[0]} {_path(call, paths)}")
            if call[0] == "link":
                paths.update((fd, call[2]) for fd, path in paths.items() if path == call[1])
            if instead is None and call[0] in ("open", "create"):
                return _opened(call, paths)
            return instead

        return edit

    return begin


def _path(call: Call, paths: dict[int, str]) -> str:
    first = call[2] if call[0] == "link" else call[1] if len(call) > 1 else ""
    return paths.get(first, str(first)) if isinstance(first, int) else str(first)


def _opened(call: Call, paths: dict[int, str]) -> Steps:
    fd = yield call
    paths[fd] = call[1]
    return fd


def _like(words: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(words, pattern) for pattern in patterns)


def without(*patterns: str) -> Callable[[], Edit]:
    """Leave these calls out, and let the program believe that they were made."""
    return named(lambda: lambda call, words: skip(call) if _like(words, patterns) else None)


def later(*patterns: str, after: str) -> Callable[[], Edit]:
    """Make these calls only after another one."""

    def make() -> Named:
        waiting: list[Call] = []

        def edit(call: Call, words: str) -> Steps | None:
            if waiting and _like(words, (after,)):
                held, waiting[:] = list(waiting), []
                return several(call, *held)
            if _like(words, patterns):
                waiting.append(call)
                return skip(call)
            return None

        return edit

    return named(make)


def while_preprocessing(make: Callable[[], Edit], inside: bool) -> Callable[[], Edit]:
    """An edit of qmail-send that holds only between ``open todo/N`` and ``create info/N``, or only elsewhere."""

    def begin() -> Edit:
        inner, at_work = make(), [False]

        def edit(call: Call) -> Steps | None:
            if call[0] in ("open", "create"):
                at_work[0] = call[1].startswith("todo/")
            return inner(call) if at_work[0] == inside else None

        return edit

    return begin


def child(make: Callable[[], Edit]) -> Callable[[], Edit]:
    """The same fault in the process that a program forks."""
    return lambda: lambda call: several(("fork", edited(call[1], make), *call[2:])) if call[0] == "fork" else None


def trigger_first() -> Edit:
    """qmail-queue that pulls the trigger before it links ``todo/N``, and not after."""

    def edit(call: Call) -> Steps | None:
        if call[0] == "link" and call[2].startswith("todo/"):
            return _pull_and(call)
        return _nobody_listens(call) if call[:2] == ("open", "lock/trigger") else None

    return edit


def _pull_and(call: Call) -> Steps:
    yield from pull_trigger()
    return (yield call)


def _nobody_listens(call: Call) -> Steps:
    yield from ()
    raise OSError(errno.ENXIO, "nobody listens", call[1])


def never_marks() -> Edit:
    """qmail-send that leaves out the mark DONE."""
    return lambda call: skip(call) if call[0] == "write" and call[2] == b"D" else None


def mark_before_note() -> Edit:
    """qmail-send that marks a failed recipient DONE before it notes the failure for the bounce."""

    def edit(call: Call) -> Steps | None:
        note = call[0] == "open" and call[1].startswith("bounce/") and call[2] == "a"
        return _marked(call) if note else None

    return edit


def _marked(call: Call) -> Steps:
    fd = yield open_(f"local/{call[1].partition('/')[2]}", "w")
    yield write(fd, b"D")
    yield close(fd)
    return (yield call)


def note_removed_early() -> Edit:
    """qmail-send that removes ``bounce/N`` as soon as it has opened it, before the bounce is in the queue."""

    def edit(call: Call) -> Steps | None:
        if call[0] == "open" and call[1].startswith("bounce/") and call[2] == "r":
            return several(call, ("unlink", call[1]))
        return skip(call) if call[0] == "unlink" and call[1].startswith("bounce/") else None

    return edit


class Fault(NamedTuple):
    """``verdict`` is what the sweep must find, with so many ``preemptions``; empty for a fault that loses nothing.

    ``why`` says what goes wrong, or why nothing can; ``letter`` which scenario shows it.
    """

    system: Broken
    verdict: str
    why: str
    preemptions: int = 0
    letter: str = "maildir"


HARMLESS = ""
FAULTS = {
    # qmail-queue: each fsync, each swap of neighbours
    "qmail-queue without fsync mess": Fault(
        Broken(qmail_queue=without("fsync mess/*")), LOST, "promised with its text in memory only"
    ),
    "qmail-queue without fsync intd": Fault(
        Broken(qmail_queue=without("fsync intd/*")), LOST, "promised with its recipients in memory only"
    ),
    "qmail-queue: unlink pid, then link mess": Fault(
        Broken(qmail_queue=later("link mess/*", after="unlink pid/*")),
        HARMLESS,
        "the name is gone: no message gets a number, exit status 64, nobody is promised anything",
    ),
    "qmail-queue: fsync mess, then unlink pid": Fault(
        Broken(qmail_queue=later("unlink pid/*", after="fsync mess/*")),
        HARMLESS,
        "the name in pid/ is only there to get a number; qmail-clean sweeps what is left",
    ),
    "qmail-queue: create intd, then fsync mess": Fault(
        Broken(qmail_queue=later("fsync mess/*", after="create intd/*")),
        HARMLESS,
        "S3 promises no more than S2; the text is durable before the link that promises",
    ),
    "qmail-queue: fsync intd, then fsync mess": Fault(
        Broken(qmail_queue=later("fsync mess/*", after="fsync intd/*")),
        HARMLESS,
        "both are durable before the link that promises, and that is all that counts",
    ),
    "qmail-queue: link todo, then fsync intd": Fault(
        Broken(qmail_queue=later("fsync intd/*", after="link todo/*")),
        HARMLESS,
        "until the exit nothing is promised, and by then it is durable; a cut between leaves todo/N without a sender",
    ),
    "qmail-queue: link todo, then write and fsync intd": Fault(
        Broken(qmail_queue=later("write intd/*", "fsync intd/*", after="link todo/*")),
        LOST,
        "qmail-send may take the empty envelope for the whole",
        preemptions=1,
    ),
    "qmail-queue: trigger, then link todo": Fault(
        Broken(qmail_queue=trigger_first),
        HARMLESS,
        "the trigger is a hint: qmail-send looks into todo/ every 25 minutes by itself",
    ),
    "qmail-queue without link todo": Fault(
        Broken(qmail_queue=without("link todo/*")), LOST, "promised in S3, which is swept away"
    ),
    "qmail-queue that removes mess": Fault(
        Broken(qmail_queue=broken.mess_removed_too_early), LOST, "promised, and then the text is removed"
    ),
    "qmail-queue with a number of its own": Fault(
        Broken(qmail_queue=broken.wrong_number), BROKEN, "another message may get the same number"
    ),
    # qmail-send
    "qmail-send without fsync info": Fault(
        Broken(qmail_send=without("fsync info/*")), LOST, "without its sender nobody can deliver it or send it back"
    ),
    "qmail-send without fsync local": Fault(
        Broken(qmail_send=without("fsync local/*")), LOST, "todo/ is gone, and with it the recipients"
    ),
    "qmail-send: todo removed before info is synced": Fault(
        Broken(qmail_send=later("fsync *", "close info/*", "close local/*", after=CLEAN_SAID)),
        LOST,
        "between the two nothing durable knows sender and recipients",
    ),
    "qmail-send: DONE before delivery": Fault(
        Broken(qmail_send=broken.done_before_delivery), LOST, "marked, and then not delivered"
    ),
    "qmail-send without DONE": Fault(
        Broken(qmail_send=never_marks),
        HARMLESS,
        "one recipient: the file goes after the delivery, and a crash before that delivers twice, as the mark's would",
    ),
    "qmail-send: mess removed before info": Fault(
        Broken(qmail_send=while_preprocessing(later("unlink info/*", after=CLEAN_SAID), inside=False)),
        BROKEN,
        "info/ without mess/ is no state, and nothing takes it away",
    ),
    "qmail-send that does not clear old files": Fault(
        Broken(qmail_send=while_preprocessing(without("unlink *"), inside=True)),
        HARMLESS,
        "what a crash left in info/ is in the way: it waits for an operator, whole, with a warning in the log",
    ),
    "qmail-send: mark before the bounce's note": Fault(
        Broken(qmail_send=mark_before_note), LOST, "neither delivered nor bounced", letter="bounce"
    ),
    "qmail-send: note removed before the bounce is queued": Fault(
        Broken(qmail_send=note_removed_early), LOST, "neither delivered nor bounced", letter="bounce"
    ),
    # qmail-clean
    "qmail-clean that never cleans": Fault(Broken(qmail_clean=broken.never_cleans), BROKEN, "leftovers stay for ever"),
    "qmail-clean: todo removed before intd": Fault(
        Broken(qmail_clean=later("unlink intd/*", after="unlink todo/*")),
        BROKEN,
        "intd/ beside info/ is no state of section 6",
    ),
    # deliveries
    "Maildir without fsync": Fault(
        Broken(qmail_local=child(without("fsync *"))), LOST, "delivered with its text in memory only"
    ),
    "Maildir: link new before write and fsync": Fault(
        Broken(qmail_local=child(later("write tmp/*", "fsync tmp/*", "close tmp/*", after="link new/*"))),
        BROKEN,
        "readers meet half a message in new/",
    ),
    "Maildir without link new": Fault(
        Broken(qmail_local=child(without("link new/*"))), LOST, "success is said, and the copy is nowhere"
    ),
    "mbox without fsync": Fault(
        Broken(qmail_local=without("fsync *Mailbox*")), LOST, "delivered with its text in memory only", letter="mbox"
    ),
    "qmail-local that delivers twice": Fault(
        Broken(qmail_local=broken.twice), BROKEN, "a second copy that no crash explains", letter="joe"
    ),
}
