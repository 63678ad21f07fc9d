"""The program lines of a ``.qmail`` file, simulated: a shell that knows a few commands and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from sim.machine.calls import Steps, fork, getpid, kill, sigaction, sleep, wait, write
from sim.notation import dotqmail
from sim.notation.errors import NotationError
from sim.qmail.common import become, read_all


def run_program(text: str, env: Mapping[str, str]) -> Steps:
    """Run ``exit``, ``echo``, ``sleep``, ``cat``, ``kill -SIGNAL $$`` and ``forward ADDRESS...`` one after another.

    ``env`` is what qmail-local tells programs (qmail-command(8)). The exit status is the last command's; what nobody
    plays here, the shell does not find. SIGPIPE, which qmail-local ignores, ends a program again.
    """
    yield sigaction()
    status = 0
    try:
        commands = dotqmail.program(text)
    except NotationError:
        yield write(1, f"sh: {(text.split() or [''])[0]}: not found\n".encode("latin-1", "replace"))
        return NOT_FOUND
    for command, *words in commands:
        status = 0
        if command == "exit":
            return int(words[0]) if words else 0
        if command == "echo":
            yield write(1, (" ".join(words) + "\n").encode("latin-1", "replace"))
        elif command == "sleep":
            yield sleep(int(words[0]))
        elif command == "cat":
            message = yield from read_all(0)
            if not any("/dev/null" in word for word in words):
                yield write(1, message)
        elif command == "kill":
            signal = next((word.lstrip("-") for word in words if word.startswith("-")), "TERM")
            yield kill((yield getpid()), SIGNAL_NAMES.get(signal, signal.removeprefix("SIG")))
        else:
            argv = (command, *(_expanded(word, env) for word in words))
            child = yield fork(become, (command, argv, "", env))
            status = yield wait(child)
            if status < 0:
                status = KILLED - status
    return status


def _expanded(word: str, env: Mapping[str, str]) -> str:
    """The two variables that a shell would put in for binmail."""
    return {"${SENDER:-MAILER-DAEMON}": env["SENDER"] or "MAILER-DAEMON", "$USER": env["USER"]}.get(word, word)


NOT_FOUND = 127  # a shell's status for a command that there is not
KILLED = 128  # a shell's status for a child that a signal has ended is this and the signal's number
SIGNAL_NAMES = {"1": "HUP", "2": "INT", "9": "KILL", "13": "PIPE", "14": "ALRM", "15": "TERM"}
