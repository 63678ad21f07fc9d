r"""qmail-queue: put one message into the queue, or leave nothing that anybody would take for a message.

The order of its calls *is* the crash safety (qmail-queue(8), INTERNALS section 2)::

    create pid/…   link pid/… mess/N   unlink pid/…        S1 -> S2
    write and fsync the message                            S2
    create intd/N, write and fsync the envelope            S2 -> S3
    link intd/N todo/N                                     S3 -> S4: accepted
    pull the trigger                                       (only a hint to qmail-send)

N is the inode number that the file system gave to the ``pid/`` file; a number nobody else can have.
Descriptor 0 brings the message, descriptor 1 the envelope ``Fsender\0Trecipient\0...\0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import (
    Steps,
    alarm,
    chdir,
    close,
    create,
    fstat,
    fsync,
    ftruncate,
    getpid,
    getuid,
    link,
    open_,
    read,
    sigaction,
    time,
    unlink,
    write,
)
from sim.qmail.common import NUL, date822
from sim.qmail.users import UIDS

DEATH_S = 86400
ADDRESS_LIMIT = 1003
BUFFER = 256
INVOKED = {UIDS["alias"]: "by alias", UIDS["qmaild"]: "from network", UIDS["qmails"]: "for bounce"}


class Died(Exception):  # noqa: N818 - the program's own word for it
    """Give up with an exit code; ``tidy`` says whether the files that exist are removed first."""

    def __init__(self, code: int, tidy: bool = False) -> None:
        self.code = code
        self.tidy = tidy


def qmail_queue(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Exit codes: 0 queued; 11 address too long; 52 timeout; 53 write, 54 read error; 63-66 files; 91 bad envelope."""
    files: list[tuple[int, str]] = []
    try:
        yield chdir("/")  # where the queue is; the caller may be in somebody's home directory
        yield sigaction(catch=("ALRM",), ignore=("PIPE", "HUP", "INT", "QUIT"))
        uid = yield getuid()
        pid = yield getpid()
        started = yield time()
        yield alarm(DEATH_S)
        name, mess = yield from _new_pid_file(pid, started)
        number = yield from _name_it(name, mess)
        files.append((mess, f"mess/{number}"))
        invoked = INVOKED.get(uid, f"by uid {uid}")
        yield from _message(mess, f"Received: (qmail {pid} invoked {invoked}); {date822(started)}\n".encode())
        intd = yield from _new_intd(number)
        files.append((intd, f"intd/{number}"))
        yield from _envelope(intd, uid, pid)
        yield from _accept(number)
        yield from pull_trigger()
    except Died as end:
        if end.tidy:
            for fd, name in reversed(files):
                yield ftruncate(fd, 0)
                yield unlink(name)
        return end.code
    except InterruptedError:
        return 52
    return 0


def _new_pid_file(pid: int, started: int) -> Steps:
    for attempt in range(1, 10):
        name = f"pid/{pid}.{started}.{attempt}"
        try:
            return name, (yield create(name))
        except OSError:
            continue
    raise Died(63)


def _name_it(name: str, mess: int) -> Steps:
    """Give the file the name that its inode number makes; gives the number."""
    code = 63
    try:
        number = (yield fstat(mess)).inode
        code = 64
        yield link(name, f"mess/{number}")
        code = 63
        yield unlink(name)
    except OSError:
        raise Died(code) from None
    return number


def _new_intd(number: int) -> Steps:
    try:
        return (yield create(f"intd/{number}"))
    except OSError:
        raise Died(65) from None


def _accept(number: int) -> Steps:
    """From S3 to S4: the moment from which the message is qmail's to deliver."""
    try:
        yield link(f"intd/{number}", f"todo/{number}")
    except OSError:
        raise Died(66) from None


def _message(mess: int, received: bytes) -> Steps:
    first = yield from _read(0)
    pieces = [received + first] if len(received + first) <= BUFFER else [received, first]
    for piece in pieces:
        yield from _put(mess, piece)
    while piece := (yield from _read(0)):
        yield from _put(mess, piece)
    yield from _sync(mess)


def _read(fd: int) -> Steps:
    try:
        return (yield read(fd))
    except InterruptedError:
        raise
    except OSError:
        raise Died(54, tidy=True) from None


def _put(fd: int, data: bytes) -> Steps:
    try:
        while data:
            data = data[(yield write(fd, data)) :]
    except OSError:
        raise Died(53, tidy=True) from None


def _sync(fd: int) -> Steps:
    try:
        yield fsync(fd)
    except OSError:
        raise Died(53, tidy=True) from None


def _envelope(intd: int, uid: int, pid: int) -> Steps:
    """The first letter of a record is looked at as soon as it is there; none but the first must be the sender's."""
    records = [f"u{uid}\0p{pid}\0".encode()]
    wanted, rest = b"F", b""
    while True:
        rest = rest or (yield from _more())
        if wanted == b"T" and rest[0] == NUL:
            break
        if rest[:1] != wanted:
            raise Died(91)
        while (end := rest.find(NUL)) < 0 and len(rest) <= ADDRESS_LIMIT:
            rest += yield from _more()
        if end < 0 or end > ADDRESS_LIMIT:
            raise Died(11)
        records.append(rest[: end + 1])
        wanted, rest = b"T", rest[end + 1 :]
    yield from _put(intd, b"".join(records))
    yield from _sync(intd)


def _more() -> Steps:
    piece = yield from _read(1)
    if not piece:
        raise Died(54, tidy=True)
    return piece


def pull_trigger() -> Steps:
    """Wake qmail-send if it listens; if it does not, it will find the message by itself."""
    try:
        fd = yield open_("lock/trigger", "w")
        yield write(fd, b"\0")
        yield close(fd)
    except OSError:
        return
