"""multilog: log lines with time stamps, in a directory of files that cannot grow too large (multilog(8)).

The actions ``t``, ``sSIZE``, ``nNUM`` and directories are played; patterns, processors and status files are not. A
program here can ask for whole seconds only, so the nanoseconds of a stamp are 0. qmail-start names its logger as its
arguments do: ``qmail-start ./Mailbox multilog t ./log``. SIGALRM begins new files, SIGTERM ends it with the line.

``current`` may be executed once it is complete and safe on the disk, which says to the next multilog that it can go on
with it; one that was left otherwise, as by a power cut, becomes ``@….u``. What has grown too large becomes ``@….s``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from sim.machine.calls import (
    Steps,
    chmod,
    close,
    create,
    flock,
    fsync,
    link,
    mkdir,
    open_,
    read,
    rename,
    scandir,
    sigaction,
    stat_if_there,
    time,
    unlink,
    unlink_if_there,
    write,
)
from sim.qmail.common import leading_number, write_all

STDERR = 2
SIZE, LEAST_SIZE, MOST_SIZE = 99_999, 4096, 16_777_215
FILES, LEAST_FILES = 10, 2
NEAR_THE_END = 2000
INPUT, LINE, BUFFER = 1024, 1000, 512
UNFINISHED, COMPLETE, EXECUTABLE = 0o644, 0o744, 0o100
LABEL = 25
TAI_EPOCH = 2**62 + 10
FAILED, WRONG_CALL = 111, 100


class Unusable(Exception):  # noqa: N818 - in multilog's words
    """What it cannot do with a directory."""


@dataclass(slots=True)
class Log:
    """One directory: ``limit`` is when ``current`` is big enough (bytes), ``files`` how many there may be with it.

    ``last`` is the label that was given last: the next one is later, in the same second too.
    """

    directory: str
    limit: int
    files: int
    fd: int = -1
    size: int = 0
    unwritten: bytes = b""
    last: str = ""

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"


def multilog(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Descriptor 0 to all the logs that ``argv`` names; exit status 111 when one cannot be used, 100 for bad words."""
    stamped = argv[1:2] != () and argv[1].startswith("t")
    logs = _logs(argv[1:])
    if logs is None:
        yield from write_all(STDERR, b"multilog: fatal: there is an action that is not played\n")
        return WRONG_CALL
    yield sigaction(catch=("ALRM", "TERM"))
    for log in logs:
        try:
            yield from _restart(log)
        except Unusable as trouble:
            yield from write_all(STDERR, f"multilog: fatal: unable to {trouble}\n".encode())
            return FAILED
    yield from _copy(logs, stamped)
    for log in logs:
        yield from _flush(log)
        yield fsync(log.fd)
        yield chmod(log.path("current"), COMPLETE)
    return 0


def _logs(script: Sequence[str]) -> list[Log] | None:
    """What the arguments ask for; a size or number counts for the directories after it. None: something unknown."""
    found: list[Log] = []
    size, files = SIZE, FILES
    for action in script:
        number = leading_number(action[1:])
        if action[:1] in (".", "/"):
            found.append(Log(action.rstrip("/"), size, files))
        elif action[:1] == "s":
            size = min(max(size if number is None else number, LEAST_SIZE), MOST_SIZE)
        elif action[:1] == "n":
            files = max(files if number is None else number, LEAST_FILES)
        elif action[:1] != "t":
            return None
    return found


def _copy(logs: Sequence[Log], stamped: bool) -> Steps:
    """Whole lines from descriptor 0, until it ends or SIGTERM comes; the line that is under way then is the last."""
    rest = stamp = b""
    ending = False
    while not ending or rest:
        try:
            piece = yield read(0, 1 if ending else INPUT)
        except InterruptedError as sent:
            ending = ending or sent.filename == "TERM"
            if sent.filename == "ALRM":
                yield from _rotate(logs)
            continue
        if not piece:
            break
        now = tai64n((yield time())).encode() + b" " if stamped else b""
        stamp = stamp if rest else now
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield from _log(logs, stamp + line)
            stamp = now
        for log in logs:
            yield from _flush(log)
    if rest:
        yield from _log(logs, stamp + rest)


def _rotate(logs: Sequence[Log]) -> Steps:
    """SIGALRM: what ``current`` holds becomes a file of its own now."""
    for log in logs:
        if log.size:
            yield from _switch(log)


def _restart(log: Log) -> Steps:
    """Nobody else may write here; what an earlier multilog has completed is continued. Raises Unusable."""
    try:
        yield mkdir(log.directory)
    except OSError:
        pass
    if (yield stat_if_there(log.directory)) is None:
        raise Unusable(f"open directory {log.directory}: file does not exist")
    try:
        lock = yield open_(log.path("lock"), "a")
        yield flock(lock, False)
    except OSError:
        raise Unusable(f"lock directory {log.directory}: temporary failure") from None
    current = yield stat_if_there(log.path("current"))
    if current is not None and current.mode & EXECUTABLE:
        log.size = current.size
    else:
        for name in ("state", "newstate", "processed"):
            yield unlink_if_there(log.path(name))
        yield from _finish(log, "previous", "u")
        yield from _finish(log, "current", "u")
        yield close((yield create(log.path("state"))))
    yield from _current(log)


def _current(log: Log) -> Steps:
    log.fd = yield open_(log.path("current"), "a")
    yield chmod(log.path("current"), UNFINISHED)


def _log(logs: Sequence[Log], line: bytes) -> Steps:
    """Into the buffer of each log; what is left of a very long line goes there byte by byte."""
    for log in logs:
        start = line[:LINE]
        if len(start) > BUFFER - len(log.unwritten):
            yield from _flush(log)
        log.unwritten += start
        if len(start) > BUFFER:
            yield from _flush(log)
        rest = line[LINE:] + b"\n"
        while rest:
            if len(log.unwritten) >= BUFFER:
                yield from _flush(log)
            room = BUFFER - len(log.unwritten)
            log.unwritten += rest[:room]
            rest = rest[room:]


def _flush(log: Log) -> Steps:
    """Into ``current``, which ends with a line shortly before it would be too large, or without one where it is."""
    while log.unwritten:
        if log.size >= log.limit:
            yield from _switch(log)
        piece = log.unwritten[: log.limit - log.size]
        if log.size + len(piece) >= log.limit - NEAR_THE_END:
            piece = piece[: piece.rfind(b"\n") + 1] or piece
        written = yield write(log.fd, piece)
        log.size += written
        log.unwritten = log.unwritten[written:]
        if log.size >= log.limit - NEAR_THE_END and piece[:written].endswith(b"\n"):
            yield from _switch(log)


def _switch(log: Log) -> Steps:
    """``current`` is safe on the disk before it gets its last name, and a new one is there before that."""
    yield fsync(log.fd)
    yield close(log.fd)
    yield rename(log.path("current"), log.path("previous"))
    log.size = 0
    yield from _current(log)
    yield chmod(log.path("previous"), COMPLETE)
    yield from _finish(log, "previous", "s")


def _finish(log: Log, name: str, code: str) -> Steps:
    """A file gets the name that it keeps, unless it has that already; the oldest go when there are too many."""
    found = yield stat_if_there(log.path(name))
    if found is None:
        return
    if found.links == 1:
        now = yield time()
        for label in (tai64n(now, tick) for tick in count()):
            try:
                if label > log.last:
                    yield link(log.path(name), log.path(f"{label}.{code}"))
                    log.last = label
                    break
            except FileExistsError:
                continue
    yield unlink(log.path(name))
    kept = sorted(one for one in (yield scandir(log.directory)) if one.startswith("@") and len(one) >= LABEL)
    for one in kept[: max(0, len(kept) - log.files + 1)]:
        yield unlink(log.path(one))


def tai64n(unix_s: int, nanoseconds: int = 0) -> str:
    """The external TAI64N label of a UNIX time (libtai), counted as daemontools does: without leap seconds since 1970.

    >>> tai64n(1795365929, 77424500)
    '@400000006b031c33049d6774'
    """
    return f"@{TAI_EPOCH + unix_s:016x}{nanoseconds:08x}"


def unix_time(label: str) -> tuple[int, int]:
    """The UNIX time of a TAI64N label, and its nanoseconds; ValueError if it is not one.

    >>> unix_time("@400000006b031c33049d6774")
    (1795365929, 77424500)
    """
    if label[:1] != "@" or len(label) != 25:
        raise ValueError(f"{label!r} is not a TAI64N label")
    return int(label[1:17], 16) - TAI_EPOCH, int(label[17:], 16)
