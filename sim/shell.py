"""The commands of a Unix machine that the course text's sections 7 to 10 type, as programs, and a shell for one line.

``sh`` starts what ``sim.notation.commands`` can read and nothing else. Paths are the short ones of a simulated disk.
Exit status 127: no such command; 126: a file that nobody may run (sh(1)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import (
    Program,
    Steps,
    chmod,
    close,
    create,
    execve,
    fork,
    fstat,
    ftruncate,
    kill,
    open_,
    pipe,
    read,
    rename,
    stat,
    symlink,
    sysctl,
    unlink,
    wait,
    write,
)
from sim.notation import commands

STDIN, STDOUT, STDERR = 0, 1, 2
SIGNALS = {"1": "HUP", "2": "INT", "9": "KILL", "14": "ALRM", "15": "TERM"}
ON_DISK = ("bin/", "boot/", "rc", "usr/sbin/", "usr/local/")
MAY_RUN = 0o111
LAST_LINES = 10


def sh(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``sh -c LINE`` runs a line, ``sh FILE`` a script; the exit status is the last program's."""
    if argv[1] != "-c":
        return (yield from _become((argv[1],)))
    line = commands.parse(argv[2])
    out = STDOUT
    if line.into:
        out = yield from _opened(line.into, line.append)
    source = STDIN
    children = []
    for words in line.programs:
        last = words is line.programs[-1]
        next_out, next_in = (0, out) if last else (yield pipe())
        children.append((yield fork(_become, (words,), {STDIN: source, STDOUT: next_in, STDERR: STDERR})))
        yield close(source)
        if not last:
            yield close(next_in)
            source = next_out
    status = 0
    for child in children:
        status = yield wait(child)
    return status


def csh(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``csh -cf 'SCRIPT &'``: start a script in the background and do not wait for it."""
    yield fork(_become, ((argv[2].rstrip("& "),),))
    return 0


def _become(words: Sequence[str]) -> Steps:
    """Turn into the program that the first word names; what lies on the simulated disk is looked up there."""
    path = commands.short(words[0])
    name = commands.program_name(words[0])
    if words[0].startswith("/") and path.startswith(ON_DISK) and words[0].startswith(("/var/qmail", "/usr/")):
        try:
            fd = yield open_(path)
        except OSError as problem:
            return (yield from _complain(words[0], problem.strerror, 127))
        if not (yield fstat(fd)).mode & MAY_RUN:
            return (yield from _complain(words[0], "Permission denied", 126))
        text = (yield from _all_of(fd)).decode("latin-1")
        yield close(fd)
        if text.startswith("#!"):
            words = _script(text)
            name = words[0]
        else:
            name = text.strip()
    try:
        yield execve(name, tuple(words))
    except OSError:
        return (yield from _complain(words[0], "Command not found", 127))


def _script(text: str) -> tuple[str, ...]:
    """The command that a start script ends with, without its ``exec``; quotes keep words together."""
    words = commands.split(text.strip().splitlines()[-1])
    return words[1:] if words[0] == "exec" else words


def _complain(name: str, text: str | None, status: int = 1) -> Steps:
    yield write(STDERR, f"{name}: {text}.\n".encode("latin-1"))
    return status


def _opened(path: str, append: bool) -> Steps:
    fd = yield open_(commands.short(path), "a")
    if not append:
        yield ftruncate(fd, 0)
    return fd


def _all_of(fd: int) -> Steps:
    data = b""
    while piece := (yield read(fd)):
        data += piece
    return data


def echo(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    yield write(STDOUT, (" ".join(argv[1:]) + "\n").encode("latin-1", "replace"))
    return 0


def cat(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``cat FILE``, or descriptor 0."""
    try:
        fd = (yield open_(commands.short(argv[1]))) if argv[1:] else STDIN
    except OSError as problem:
        return (yield from _complain(f"cat: {argv[1]}", problem.strerror))
    yield write(STDOUT, (yield from _all_of(fd)))
    return 0


def tail(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``tail FILE`` prints the last ten lines; ``tail -f FILE`` all there are so far, and does not stay to wait."""
    try:
        fd = yield open_(commands.short(argv[-1]))
    except OSError as problem:
        return (yield from _complain(f"tail: {argv[-1]}", problem.strerror))
    lines = (yield from _all_of(fd)).splitlines(keepends=True)
    yield write(STDOUT, b"".join(lines if argv[1] == "-f" else lines[-LAST_LINES:]))
    return 0


def grep(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``grep WORD``: the lines of descriptor 0 that hold it; exit status 1 if there is none."""
    lines = (yield from _all_of(STDIN)).splitlines(keepends=True)
    found = [line for line in lines if argv[1].encode() in line]
    if found:
        yield write(STDOUT, b"".join(found))
    return 0 if found else 1


def ps(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``ps ax``: the processes in the order of their numbers. The users are shown too, as the text names them.

    A shell at a terminal has no arguments, so the one of this very line shows none.
    """
    alive = sorted((yield sysctl()))
    rows = [f"{pid:5} {user:<8} {'sh' if line.startswith('sh -c ') else line}\n" for pid, user, line in alive]
    yield write(STDOUT, "".join(["  PID USER     COMMAND\n", *rows]).encode("latin-1"))
    return 0


def kill_(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``kill -SIGNAL PROGRAM``: a signal to each process of that name, for which the text writes ``[pid PROGRAM]``."""
    words = [word.strip("[]") for word in argv[1:] if word != "[pid"]
    signal = words[0].lstrip("-").removeprefix("SIG") if words[0].startswith("-") else "TERM"
    running = yield sysctl()
    found = [pid for pid, _, command in running if command.split(" ")[0] == words[-1]]
    if not found:
        return (yield from _complain(f"kill: {words[-1]}", "No such process"))
    for pid in found:
        yield kill(pid, SIGNALS.get(signal, signal))
    return 0


def ln(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``ln -s FILE NAME``; a FILE that does not begin at the root goes on from where NAME lies (symlink(2))."""
    target, path = argv[2], commands.short(argv[3])
    if target.startswith(("/", "~")):
        up = "../" * path.count("/")
        short = commands.short(target)
        target = short if short.startswith("~") else f"{up}{short}"
    try:
        yield symlink(target, path)
    except OSError as problem:
        return (yield from _complain(f"ln: {argv[3]}", problem.strerror))
    return 0


def cp(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``cp FILE NAME``: contents and permissions."""
    new = commands.short(argv[2])
    try:
        fd = yield open_(commands.short(argv[1]))
        mode = (yield fstat(fd)).mode
        text = yield from _all_of(fd)
        copy = yield from _opened(argv[2], False)
    except OSError as problem:
        return (yield from _complain(f"cp: {problem.filename}", problem.strerror))
    if text:
        yield write(copy, text)
    yield chmod(new, mode)
    return 0


def mv(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    try:
        yield rename(commands.short(argv[1]), commands.short(argv[2]))
    except OSError as problem:
        return (yield from _complain(f"mv: {argv[1]}", problem.strerror))
    return 0


def rm(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    try:
        yield unlink(commands.short(argv[1]))
    except OSError as problem:
        return (yield from _complain(f"rm: {argv[1]}", problem.strerror))
    return 0


def touch(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``touch FILE`` makes an empty file where there is none."""
    try:
        yield create(commands.short(argv[1]))
    except FileExistsError:
        return 0
    except OSError as problem:
        return (yield from _complain(f"touch: {argv[1]}", problem.strerror))
    return 0


def chmod_(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``chmod MODE FILE``: an octal number, or ``+x``."""
    path = commands.short(argv[2])
    try:
        mode = (yield stat(path)).mode | MAY_RUN if argv[1] == "+x" else int(argv[1], 8)
        yield chmod(path, mode)
    except OSError as problem:
        return (yield from _complain(f"chmod: {argv[2]}", problem.strerror))
    return 0


PROGRAMS: dict[str, Program] = {
    "sh": sh,
    "csh": csh,
    "echo": echo,
    "cat": cat,
    "tail": tail,
    "grep": grep,
    "ps": ps,
    "kill": kill_,
    "ln": ln,
    "cp": cp,
    "mv": mv,
    "rm": rm,
    "touch": touch,
    "chmod": chmod_,
}
