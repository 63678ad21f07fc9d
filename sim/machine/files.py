"""System calls on files and descriptors. Each handler gets the machine, the process and the arguments.

Handlers set ``machine.target`` to the name of what they touch; it goes into the record.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from math import floor
from typing import TYPE_CHECKING, Any

from sim.machine.calls import Call, Stat, is_answer
from sim.machine.disk import Inode, failure
from sim.machine.names import names_from
from sim.machine.process import UNFINISHED, Process
from sim.machine.streams import Descriptor, OpenFile, Pipe, PipeEnd
from sim.trace import verb_of

if TYPE_CHECKING:
    from sim.machine.kernel import Machine

BY_DESCRIPTOR = frozenset(
    ("read", "write", "lseek", "fsync", "ftruncate", "close", "flock", "fstat", "accept", "getpeername")
)
BY_NEW_NAME = frozenset(("link", "rename", "symlink"))
BY_PATH = frozenset(("open", "create", "unlink", "mkdir", "stat", "utime", "chmod", "scandir", "chdir"))


def target_of(process: Process, call: Any) -> str | None:
    """The name that a call which has not happened yet is about."""
    name = call[0]
    if name in BY_PATH:
        return process.names.get(call[1]) or process.name_of(call[1])
    if name in BY_NEW_NAME:
        return process.names.get(call[2]) or process.name_of(call[2])
    if name in BY_DESCRIPTOR:
        held = process.fds.get(call[1])
        return held.name if held is not None else None
    if name == "select" and len(call[1]) == 1:
        held = process.fds.get(call[1][0])
        return held.name if held is not None else None
    return call[1] if name in ("execve", "connect", "query") else None


def not_held(process: Process, call: Any, unknown: KeyError) -> OSError:
    """The failure of a call that names a descriptor which is none; any other unknown key is a mistake of ours."""
    name, fd = call[0], unknown.args[0]
    named: Iterable[int] = ()
    if name in BY_DESCRIPTOR:
        named = call[1:2]
    elif name == "select":
        named = call[1]
    elif name in ("fork", "execve"):
        named = (call[-1] or {}).values()
    if fd in process.fds or fd not in named:
        raise unknown
    return failure(errno.EBADF, str(fd))


def unheard(call: Any, problem: OSError) -> bool:
    """Whether the caller does not mind that nobody reads what it wrote."""
    return problem.errno == errno.EPIPE and is_answer(call, "EPIPE")


def about_to_call(process: Process) -> tuple[str, str]:
    """The verb and the target, as moments name them, of the call that a process is going to make or to try again."""
    target = target_of(process, process.pending)
    return verb_of(process.pending, target), target or ""


def _file(m: Machine, process: Process, fd: int) -> OpenFile:
    held = process.fds[fd]
    if type(held) is not OpenFile:
        m.target = held.name
        raise failure(errno.EINVAL, held.name)
    m.target = held.inode.name
    return held


def open_(m: Machine, p: Process, call: Call) -> Any:
    path, flags = call[1], call[2]
    paths = m.disk.paths
    path = m.target = p.names.get(path) or p.name_of(path)
    inode = paths.get(path)
    if inode is None:
        if flags != "a" or path in m.disk.directories:
            return m.missing(call, path)
        inode = m.disk.create(path, m.now, p.euid, 0o600)
    elif inode.kind != "file":
        return _open_special(m, p, call)
    return p.add(OpenFile(inode, flags != "r", flags == "a"))


def _open_special(m: Machine, p: Process, call: Call) -> Any:
    """What a symbolic link leads to, be it a file that is yet to be made, or one end of a FIFO."""
    path, flags = call[1], call[2]
    path = p.names.get(path) or p.name_of(path)
    found = m.disk.look_up(path)
    if found is None:
        if flags != "a" or path in m.disk.directories:
            return m.missing(call, path)
        found = m.disk.create(m.disk.follow(path), m.now, p.euid, 0o600)
    if found.kind == "fifo":
        return _open_fifo(m, p, found, flags)
    return p.add(OpenFile(found, flags != "r", flags == "a"))


def _open_fifo(m: Machine, p: Process, inode: Inode, flags: str) -> int:
    fifo = inode.fifo
    if fifo is None or fifo.readers == fifo.writers == 0:
        fifo = inode.fifo = Pipe(inode.name)
    if flags != "r" and fifo.readers == 0:
        raise failure(errno.ENXIO, inode.name)
    return p.add(PipeEnd(fifo, flags != "r", m))


def create(m: Machine, p: Process, call: Call) -> int:
    path, mode = call[1], call[2] if len(call) > 2 else 0o644
    path = m.target = p.names.get(path) or p.name_of(path)
    return p.add(OpenFile(m.disk.create(path, m.now, p.euid, mode), True))


def read(m: Machine, p: Process, call: Call) -> Any:
    held = p.fds[call[1]]
    if type(held) is OpenFile:
        inode, position = held.inode, held.position
        m.target = inode.name
        if held.writable:
            raise failure(errno.EBADF, inode.name)
        inode.atime = m.now
        data = inode.data[position : position + call[2]]
        held.position = position + len(data)
        return data
    m.target = held.name
    taken = held.take(call[2])
    if taken is not None:
        return taken
    if p.signals:
        return m.wait(p, held.waiters)
    held.waiters[p] = None
    return UNFINISHED


def write(m: Machine, p: Process, call: Call) -> Any:
    held, data = p.fds[call[1]], call[2]
    if type(held) is OpenFile:
        inode = held.inode
        m.target = inode.name
        if not held.writable:
            raise failure(errno.EBADF, inode.name)
        position = len(inode.data) if held.append else held.position
        m.disk.write(inode, position, data, m.now)
        held.position = position + len(data)
        return len(data)
    m.target = held.name
    taken = held.put(data)
    return m.wait(p, held.waiters) if taken is None else taken


def lseek(m: Machine, p: Process, call: Call) -> int:
    fd: int = call[1]
    position: int = call[2]
    _file(m, p, fd).position = position
    return position


def fsync(m: Machine, p: Process, call: Call) -> None:
    fd = call[1]
    m.disk.fsync(_file(m, p, fd).inode)


def ftruncate(m: Machine, p: Process, call: Call) -> None:
    _, fd, size = call
    m.disk.truncate(_file(m, p, fd).inode, size, m.now)


def close(m: Machine, p: Process, call: Call) -> None:
    fd, fds = call[1], p.fds
    held = fds[fd]
    del fds[fd]
    if fd < p.free_from:
        p.free_from = fd
    held.refs -= 1
    if type(held) is OpenFile:
        inode = held.inode
        m.target = inode.name
        if not held.refs:
            if inode.links and inode.holder is not held:
                inode.opens -= 1
            else:
                _shut(m, held)
    else:
        m.target = held.name
        if not held.refs:
            held.drop()


def _shut(m: Machine, held: OpenFile) -> None:
    """The last descriptor of an open file is gone: give up its lock, and the inode if no name holds it either."""
    inode = held.inode
    inode.opens -= 1
    if inode.holder is held:
        inode.holder = None
        if inode.waiters:
            m.wake(inode.waiters)
    if not inode.opens and not inode.links:
        m.disk.release(inode)


def release(m: Machine, fds: dict[int, Descriptor]) -> None:
    """One of each fewer, in the order of their numbers."""
    for fd in sorted(fds):
        held = fds[fd]
        held.refs -= 1
        if not held.refs:
            if type(held) is OpenFile:
                _shut(m, held)
            else:
                held.drop()


def flock(m: Machine, p: Process, call: Call) -> Any:
    _, fd, wait = call
    held = _file(m, p, fd)
    inode = held.inode
    if inode.holder is None or inode.holder is held:
        inode.holder = held
        return None
    if not wait:
        raise failure(errno.EAGAIN, held.name)
    if inode.waiters is None:
        inode.waiters = {}
    return m.wait(p, inode.waiters)


def link(m: Machine, p: Process, call: Call) -> None:
    _, old, new = call
    m.target = p.names.get(new) or p.name_of(new)
    m.disk.link(p.names.get(old) or p.name_of(old), m.target, m.now)


def symlink(m: Machine, p: Process, call: Call) -> None:
    _, target, path = call
    m.target = p.names.get(path) or p.name_of(path)
    m.disk.symlink(target, m.target, m.now, p.euid)


def chmod(m: Machine, p: Process, call: Call) -> None:
    _, path, mode = call
    m.target = p.names.get(path) or p.name_of(path)
    m.disk.chmod(m.target, mode, m.now)


def rename(m: Machine, p: Process, call: Call) -> None:
    _, old, new = call
    m.target = p.names.get(new) or p.name_of(new)
    m.disk.rename(p.names.get(old) or p.name_of(old), m.target, m.now)


def unlink(m: Machine, p: Process, call: Call) -> Any:
    path = call[1]
    path = m.target = p.names.get(path) or p.name_of(path)
    return None if m.disk.remove(path, m.now) else m.missing(call, path)


def mkdir(m: Machine, p: Process, call: Call) -> None:
    path = call[1]
    m.target = p.names.get(path) or p.name_of(path)
    m.disk.mkdir(m.target)


def _stat(m: Machine, inode: Inode) -> Stat:
    atime_s, mtime_s = floor(m.epoch_s + inode.atime), floor(m.epoch_s + inode.mtime)
    fields = (inode.number, inode.kind, len(inode.data), inode.links, atime_s, mtime_s, inode.owner, inode.mode)
    return tuple.__new__(Stat, fields)  # what Stat(*fields) does, without a Python function of its own


def stat(m: Machine, p: Process, call: Call) -> Any:
    path = m.target = p.names.get(call[1]) or p.name_of(call[1])
    inode = m.disk.paths.get(path)
    if inode is not None and inode.kind == "symlink":
        inode = m.disk.look_up(path)
    if inode is not None:
        return _stat(m, inode)
    if path not in m.disk.directories:
        return m.missing(call, path)
    return Stat(0, "directory", 0, 2, floor(m.epoch_s), floor(m.epoch_s), "root", 0o755)


def fstat(m: Machine, p: Process, call: Call) -> Stat:
    fd = call[1]
    return _stat(m, _file(m, p, fd).inode)


def utime(m: Machine, p: Process, call: Call) -> None:
    _, path, time_s = call
    m.target = p.names.get(path) or p.name_of(path)
    m.disk.utime(m.target, time_s - m.epoch_s, m.now)


def scandir(m: Machine, p: Process, call: Call) -> tuple[str, ...]:
    path = call[1]
    path = m.target = p.names.get(path) or p.name_of(path)
    try:
        return tuple(m.disk.directories[path])
    except KeyError:
        raise failure(errno.ENOENT, path) from None


def chdir(m: Machine, p: Process, call: Call) -> None:
    path = call[1]
    path = m.target = p.names.get(path) or p.name_of(path)
    if path not in m.disk.directories:
        raise failure(errno.ENOENT, path)
    p.cwd, p.names = path, names_from(path)


HANDLERS: dict[str, Callable[..., Any]] = {
    "open": open_,
    "create": create,
    "read": read,
    "write": write,
    "lseek": lseek,
    "fsync": fsync,
    "ftruncate": ftruncate,
    "close": close,
    "flock": flock,
    "link": link,
    "symlink": symlink,
    "chmod": chmod,
    "rename": rename,
    "unlink": unlink,
    "mkdir": mkdir,
    "stat": stat,
    "fstat": fstat,
    "utime": utime,
    "scandir": scandir,
    "chdir": chdir,
}
