"""The system calls as data: a program yields one of these tuples and gets the result back.

Each function is named after its call and only builds a tuple ``(name, *arguments)``; nothing happens
until a machine executes it. Paths are short: ``mess/53`` stands for ``/var/qmail/queue/mess/3/53`` (the
split directories are a device against slow directories and are left out), ``control/me`` for
``/var/qmail/control/me``, ``~wahid/Maildir/new`` for a place in a home directory.

A failing call raises OSError in the program, but for the one failure that an ``_if_`` function takes for
an answer (its call ends with True). A call without its ``yield`` does nothing at all, which a test over the
syntax tree forbids. Sources: the POSIX man pages of section 2; ``query`` stands for the
resolver library, ``syslog`` for syslog(3).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, Self

Call = tuple[Any, ...]
ANY_CHILD = -1
Steps = Generator[Call, Any, Any]
Program = Callable[[Sequence[str], Mapping[str, str]], Steps]

ANSWERS = {"open": "ENOENT", "stat": "ENOENT", "unlink": "ENOENT", "write": "EPIPE"}  # if the last argument is True
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "open": ("path", "flags", "if_there"),
    "create": ("path", "mode"),
    "read": ("fd", "size"),
    "write": ("fd", "data", "if_heard"),
    "lseek": ("fd", "position"),
    "fsync": ("fd",),
    "ftruncate": ("fd", "size"),
    "close": ("fd",),
    "flock": ("fd", "wait"),
    "link": ("old", "new"),
    "symlink": ("old", "new"),
    "chmod": ("path", "mode"),
    "rename": ("old", "new"),
    "unlink": ("path", "if_there"),
    "mkdir": ("path",),
    "stat": ("path", "if_there"),
    "fstat": ("fd",),
    "utime": ("path", "time_s"),
    "scandir": ("path",),
    "chdir": ("path",),
    "pipe": (),
    "select": ("fds", "timeout_s", "to_write"),
    "fork": ("function", "args", "fds"),
    "execve": ("path", "argv", "env", "fds"),
    "wait": ("child",),
    "kill": ("process", "signal"),
    "sigaction": ("catch", "ignore"),
    "alarm": ("seconds",),
    "sleep": ("seconds",),
    "getpid": (),
    "getuid": (),
    "uname": (),
    "ioctl": (),
    "sysctl": (),
    "setgroups": ("group",),
    "setgid": ("group",),
    "setuid": ("user",),
    "time": (),
    "listen": ("port",),
    "accept": ("fd",),
    "getpeername": ("fd",),
    "connect": ("to", "port", "timeout_s"),
    "query": ("name", "type"),
    "syslog": ("tag", "text"),
}


def is_answer(call: Call, error: str) -> bool:
    """Whether a failure is no failure to the caller, who gets None for it."""
    return call[-1] is True and ANSWERS.get(call[0]) == error


class Stat(NamedTuple):
    """What stat(2) tells: the inode number, its kind, size in bytes, link count, times in epoch seconds."""

    inode: int
    kind: str
    size: int
    links: int
    atime_s: int
    mtime_s: int
    owner: str
    mode: int


class Handled(tuple[str, ...]):
    """Signals to catch, with what is to be done about them (SA_RESTART); on record they are only the names."""

    handler: Callable[[str], object]

    def __new__(cls, names: tuple[str, ...], handler: Callable[[str], object]) -> Self:
        signals = super().__new__(cls, names)
        signals.handler = handler
        return signals


def write_if_heard(fd: int, data: bytes) -> Call:
    """write(2) on a pipe, to whom it may concern: with nobody to read it None, and EPIPE is on record."""
    return ("write", fd, data, True)


def open_if_there(path: str, flags: str = "r") -> Call:
    """open(2): a descriptor; where there is no file None, and ENOENT is on record."""
    return ("open", path, flags, True)


def stat_if_there(path: str) -> Call:
    """stat(2): a Stat; where there is no file None, and ENOENT is on record."""
    return ("stat", path, True)


def unlink_if_there(path: str) -> Call:
    """unlink(2): it does not matter whether there is a file; ENOENT is on record."""
    return ("unlink", path, True)


def open_(path: str, flags: str = "r") -> Call:
    """open(2): ``r`` read, ``w`` write an existing file, ``a`` append and create; gives a descriptor."""
    return ("open", path, flags)


def create(path: str, mode: int = 0o644) -> Call:
    """open(2) with O_CREAT | O_EXCL | O_WRONLY: EEXIST when the name is taken."""
    return ("create", path) if mode == 0o644 else ("create", path, mode)


def read(fd: int, size: int = 65536) -> Call:
    """read(2): bytes, empty at the end of file."""
    return ("read", fd, size)


def write(fd: int, data: bytes) -> Call:
    """write(2): the number of bytes taken, which may be fewer on a pipe; EPIPE when nobody reads."""
    return ("write", fd, data)


def lseek(fd: int, position: int) -> Call:
    return ("lseek", fd, position)


def fsync(fd: int) -> Call:
    """fsync(2): after it returns, the file's contents survive a power cut."""
    return ("fsync", fd)


def ftruncate(fd: int, size: int) -> Call:
    return ("ftruncate", fd, size)


def close(fd: int) -> Call:
    return ("close", fd)


def flock(fd: int, wait: bool = True) -> Call:
    """flock(2), exclusive: waits for the holder, or raises EAGAIN with ``wait=False``."""
    return ("flock", fd, wait)


def link(old: str, new: str) -> Call:
    return ("link", old, new)


def symlink(target: str, path: str) -> Call:
    """symlink(2): ``path`` stands for ``target``, which begins with ``~`` or goes on from the link's directory."""
    return ("symlink", target, path)


def chmod(path: str, mode: int) -> Call:
    """chmod(2): set the permissions, as in 0o644; nothing is refused because of them but running a file."""
    return ("chmod", path, mode)


def rename(old: str, new: str) -> Call:
    return ("rename", old, new)


def unlink(path: str) -> Call:
    return ("unlink", path)


def mkdir(path: str) -> Call:
    return ("mkdir", path)


def stat(path: str) -> Call:
    """stat(2): a Stat."""
    return ("stat", path)


def fstat(fd: int) -> Call:
    return ("fstat", fd)


def utime(path: str, time_s: int) -> Call:
    """utime(2): set access and modification time, both in epoch seconds."""
    return ("utime", path, time_s)


def scandir(path: str) -> Call:
    """opendir(3) to closedir(3) in one: a tuple of names in directory order."""
    return ("scandir", path)


def chdir(path: str) -> Call:
    return ("chdir", path)


def pipe() -> Call:
    """pipe(2): the reading and the writing descriptor."""
    return ("pipe",)


def select(fds: tuple[int, ...], timeout_s: float | None = None, to_write: bool = False) -> Call:
    """select(2) for reading or for writing: the tuple of what is ready, empty after ``timeout_s``.

    A signal that the program catches is a source as well: its name stands in the tuple.
    """
    return ("select", fds, timeout_s, to_write) if to_write else ("select", fds, timeout_s)


def fork(function: Callable[..., Steps], args: tuple[Any, ...] = (), fds: Mapping[int, int] | None = None) -> Call:
    """fork(2): a child that runs ``function(*args)``; gives its pid.

    ``fds`` maps the child's descriptors to the parent's, everything else is closed in the child
    (the dup2 and close calls after a fork in one word); None keeps all of them.
    """
    return ("fork", function, args, fds)


def execve(
    program: str,
    argv: tuple[str, ...],
    env: Mapping[str, str] | None = None,
    fds: Mapping[int, int] | None = None,
) -> Call:
    """execve(2): become another program; a set-user-id program changes the effective user.

    ``fds`` renumbers and closes descriptors on the way, as in ``fork``; None keeps all of them.
    """
    return ("execve", program, argv, env, fds)


def wait(child: int) -> Call:
    """waitpid(2): a child's exit status, or minus the number of the signal that ended it.

    ``ANY_CHILD`` does not wait: it gives the pid of a child that has ended, 0 when there is none.
    """
    return ("wait", child)


def kill(process: int, signal: str) -> Call:
    return ("kill", process, signal)


def sigaction(catch: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Call:
    """sigaction(2) for several signals: a caught one is a select source, and EINTR in other calls.

    If it is ``Handled``, its handler is told instead, and the call that it interrupted is made again.
    """
    return ("sigaction", catch, ignore)


def alarm(seconds: int) -> Call:
    """alarm(2): SIGALRM after so many seconds; 0 cancels."""
    return ("alarm", seconds)


def sleep(seconds: float) -> Call:
    return ("sleep", seconds)


def getpid() -> Call:
    return ("getpid",)


def getuid() -> Call:
    """getuid(2): the number of the real user."""
    return ("getuid",)


def uname() -> Call:
    """uname(2): the name of the machine."""
    return ("uname",)


def ioctl() -> Call:
    """ioctl(2) SIOCGIFCONF: the machine's own addresses, a tuple."""
    return ("ioctl",)


def sysctl() -> Call:
    """sysctl(3) KERN_PROC: the processes, each as pid, effective user and command line."""
    return ("sysctl",)


def setgroups(group: str) -> Call:
    """setgroups(2): be in this group and in no other; nothing is refused because of it."""
    return ("setgroups", group)


def setgid(group: str) -> Call:
    """setgid(2): whose files belong to ``group``; nothing is refused because of it."""
    return ("setgid", group)


def setuid(user: str) -> Call:
    """setuid(2): become ``user`` for good."""
    return ("setuid", user)


def time() -> Call:
    """time(2): whole seconds since 1970."""
    return ("time",)


def listen(port: int) -> Call:
    """socket(2), bind(2) and listen(2) in one."""
    return ("listen", port)


def accept(fd: int) -> Call:
    """accept(2): the new descriptor and the peer's address."""
    return ("accept", fd)


def getpeername(fd: int) -> Call:
    """getpeername(2): the address at the other end of a connection."""
    return ("getpeername", fd)


def connect(to: str, port: int, timeout_s: float) -> Call:
    """socket(2) and connect(2): a descriptor; ECONNREFUSED, or ETIMEDOUT after ``timeout_s``."""
    return ("connect", to, port, timeout_s)


def query(name: str, rrtype: str) -> Call:
    """Ask the name server: a sim.dns.Answer."""
    return ("query", name, rrtype)


def syslog(tag: str, text: str) -> Call:
    return ("syslog", tag, text)
