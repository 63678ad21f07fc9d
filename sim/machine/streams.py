"""What a descriptor can stand for: an open file, an end of a pipe or FIFO, a socket, a listening port.

They all answer the same few questions (``readable``, ``has_room``, ``take``, ``put``, ``drop``), so that read, write,
select and close need not know which one they hold. ``take`` gives None while there is nothing to read
but somebody could still write. Sources: pipe(7), fifo(7), tcp(7).
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, final

from sim.machine.disk import Inode, failure

PIPE_CAPACITY = 65536
Waiters = dict[Any, None]


class Waker(Protocol):
    """The machine that the waiting processes are of."""

    def wake(self, waiters: Waiters) -> None: ...


@final
class OpenFile:
    """An open file description: where the next read or write goes, shared by fork(2)."""

    __slots__ = ("append", "inode", "position", "refs", "writable")

    def __init__(self, inode: Inode, writable: bool, append: bool = False) -> None:
        self.inode = inode
        self.position = 0
        self.writable = writable
        self.append = append
        self.refs = 1
        inode.opens += 1

    @property
    def name(self) -> str:
        return self.inode.name

    @property
    def waiters(self) -> Waiters:
        """Nobody waits for a file: it can always be read and written."""
        return {}

    def readable(self) -> bool:
        return True

    def has_room(self) -> bool:
        return True


class Pipe:
    """Bytes on their way from writers to readers; also what an open FIFO shares."""

    __slots__ = ("data", "name", "readers", "seen_writer", "to_read", "to_write", "writers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.data = b""
        self.readers = 0
        self.writers = 0
        self.seen_writer = False
        self.to_read: Waiters = {}
        self.to_write: Waiters = {}


class PipeEnd:
    """One end of a pipe or FIFO; the last writer's close is the readers' end of file."""

    __slots__ = ("name", "pipe", "refs", "waiters", "waker", "writer")

    def __init__(self, pipe: Pipe, writer: bool, waker: Waker) -> None:
        self.pipe = pipe
        self.name = pipe.name
        self.writer = writer
        self.waker = waker
        self.refs = 1
        if writer:
            self.waiters = pipe.to_write
            pipe.writers += 1
            pipe.seen_writer = True
        else:
            self.waiters = pipe.to_read
            pipe.readers += 1

    def readable(self) -> bool:
        pipe = self.pipe
        if pipe.data:
            return True
        return not pipe.writers and pipe.seen_writer

    def has_room(self) -> bool:
        pipe = self.pipe
        return not pipe.readers or len(pipe.data) < PIPE_CAPACITY

    def take(self, size: int) -> bytes | None:
        pipe = self.pipe
        if self.writer:
            raise failure(errno.EBADF, pipe.name)
        data = pipe.data
        if not data:
            return None if pipe.writers else b""
        if len(data) > size:
            pipe.data, data = data[size:], data[:size]
        else:
            pipe.data = b""
        if pipe.to_write:
            self.waker.wake(pipe.to_write)
        return data

    def put(self, data: bytes) -> int | None:
        pipe = self.pipe
        if not self.writer:
            raise failure(errno.EBADF, pipe.name)
        if not pipe.readers:
            raise failure(errno.EPIPE, pipe.name)
        if pipe.data or len(data) > PIPE_CAPACITY:
            room = PIPE_CAPACITY - len(pipe.data)
            if len(data) > room:
                if room == 0 or len(data) <= PIPE_CAPACITY:
                    return None
                data = data[:room]
            pipe.data += data
        else:
            pipe.data = data
        if pipe.to_read:
            self.waker.wake(pipe.to_read)
        return len(data)

    def drop(self) -> None:
        pipe = self.pipe
        if self.writer:
            pipe.writers -= 1
            if pipe.to_read and not pipe.writers:
                self.waker.wake(pipe.to_read)
        else:
            pipe.readers -= 1
            if pipe.to_write and not pipe.readers:
                self.waker.wake(pipe.to_write)


class Line(Protocol):
    """The world's half of a connection: takes bytes away from a socket, and its end."""

    def send(self, socket: Socket, data: bytes) -> None: ...
    def end(self, socket: Socket) -> None: ...


class Socket:
    """One end of a TCP connection; the world delivers what the peer said into it."""

    __slots__ = ("data", "error", "line", "name", "peer", "peer_ended", "refs", "waiters", "waker")

    def __init__(self, name: str, peer: str, line: Line, waker: Waker) -> None:
        self.name = name
        self.peer = peer
        self.line = line
        self.waker = waker
        self.data = b""
        self.peer_ended = False
        self.error = 0
        self.waiters: Waiters = {}
        self.refs = 1

    def readable(self) -> bool:
        return bool(self.data or self.peer_ended or self.error)

    def has_room(self) -> bool:
        """Its buffer never fills: the world takes all that is said at once."""
        return True

    def take(self, size: int) -> bytes | None:
        data = self.data
        if len(data) > size:
            self.data = data[size:]
            return data[:size]
        if data:
            self.data = b""
            return data
        if self.error:
            raise failure(self.error, self.name)
        return b"" if self.peer_ended else None

    def put(self, data: bytes) -> int | None:
        if self.error:
            raise failure(self.error, self.name)
        self.line.send(self, data)
        return len(data)

    def drop(self) -> None:
        self.line.end(self)

    def deliver(self, data: bytes) -> None:
        """Bytes from the peer; none at all are its end of file."""
        if data:
            self.data += data
        else:
            self.peer_ended = True
        self.waker.wake(self.waiters)

    def fail(self, error: int) -> None:
        """The peer's machine does not know this connection any more (ECONNRESET)."""
        self.error = error
        self.waker.wake(self.waiters)


class Listener:
    """A listening port with the connections that nobody has accepted yet."""

    __slots__ = ("backlog", "name", "on_drop", "refs", "waiters", "waker")

    def __init__(self, name: str, waker: Waker, on_drop: Callable[[], None]) -> None:
        self.name = name
        self.waker = waker
        self.on_drop = on_drop
        self.backlog: deque[Socket] = deque()
        self.waiters: Waiters = {}
        self.refs = 1

    def readable(self) -> bool:
        return bool(self.backlog)

    def has_room(self) -> bool:
        return False

    def take(self, size: int) -> bytes | None:
        raise failure(errno.EINVAL, self.name)

    def put(self, data: bytes) -> int | None:
        raise failure(errno.EINVAL, self.name)

    def drop(self) -> None:
        while self.backlog:
            self.backlog.popleft().drop()
        self.on_drop()

    def arrive(self, socket: Socket) -> None:
        self.backlog.append(socket)
        self.waker.wake(self.waiters)


class Attempt:
    """A question to the world that takes time: a connection being made, a name being looked up."""

    __slots__ = ("done", "error", "value", "waiters", "waker")

    def __init__(self, waker: Waker) -> None:
        self.done = False
        self.value: Any = None
        self.error = 0
        self.waker = waker
        self.waiters: Waiters = {}

    def finish(self, value: Any = None, error: int = 0) -> None:
        self.done = True
        self.value = value
        self.error = error
        self.waker.wake(self.waiters)


Stream = PipeEnd | Socket | Listener
Descriptor = OpenFile | Stream
