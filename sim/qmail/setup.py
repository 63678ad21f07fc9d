"""qmail on a machine that had sendmail: the files of both, config-fast, start scripts, and how such a machine boots.

This is what sections 7 to 10 of the course text work on by hand. Sources: qmail's INSTALL, INSTALL.boot and
REMOVE.sendmail, and the scripts in /var/qmail/boot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sim.machine.calls import Steps, accept, close, fork, ftruncate, listen, open_, read, write
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.qmail.users import PROGRAM_MODES, SETUID_PROGRAMS

BOOT_SCRIPTS = {
    "home": "./Mailbox",
    "binm1": '|preline -f /usr/libexec/mail.local -r "${SENDER:-MAILER-DAEMON}" -d "$USER"',
    "maildir": "./Maildir/",
}
LISTS = ("locals", "rcpthosts")
LAST_WORD = "Make sure to change rcpthosts if you add hosts to locals or virtualdomains!"
TRY_LATER = 75
SENDMAIL, OLD_SENDMAIL = "usr/sbin/sendmail", "sendmail.8"
RC_CONF, RC_D = "etc/rc.conf", "usr/local/etc/rc.d"
DIRECTORIES = ("boot", "bin", "etc", "usr/sbin", RC_D, "var/log")


def config_fast(name: str) -> dict[str, str]:
    """The control files that ``config-fast NAME`` writes: this host takes mail for its own name.

    >>> sorted(config_fast("ai3.itb.ac.id"))
    ['defaultdomain', 'locals', 'me', 'plusdomain', 'rcpthosts']
    """
    domain = name.partition(".")[2] if name.count(".") > 1 else name
    plus = ".".join(domain.split(".")[-2:])
    return {
        "me": f"{name}\n",
        "defaultdomain": f"{domain}\n",
        "plusdomain": f"{plus}\n",
        "locals": f"{name}\n",
        "rcpthosts": f"{name}\n",
    }


def config_fast_program(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``config-fast NAME`` writes the control files and says which; what the lists hold already stays."""
    name = argv[1]
    yield write(1, f"Your fully qualified host name is {name}.\n".encode())
    for file, text in config_fast(name).items():
        yield write(1, f"Putting {text.strip()} into control/{file}...\n".encode())
        fd = yield open_(f"control/{file}", "a")
        if file not in LISTS:
            yield ftruncate(fd, 0)
        yield write(fd, text.encode())
        yield close(fd)
    yield write(1, f"Now qmail will refuse to accept SMTP messages except to {name}.\n{LAST_WORD}\n".encode())
    return 0


def lay_out(disk: Disk, programs: Iterable[str], *, retired: bool) -> None:
    """The files of a machine where qmail was compiled; a program's file holds its name.

    Unless sendmail is ``retired`` it still runs there; then ``usr/sbin/sendmail`` is qmail's.
    """
    for directory in DIRECTORIES:
        disk.make_directories(directory)
    for program in programs:
        owner = SETUID_PROGRAMS.get(program, "root")
        mode = PROGRAM_MODES.get(program, 0o755)
        disk.put(f"bin/{program}", f"{program}\n".encode(), owner, mode)
    for name, instruction in BOOT_SCRIPTS.items():
        script = f"#!/bin/sh\nexec qmail-start '{instruction}' splogger qmail\n"
        disk.put(f"boot/{name}", script.encode(), "root", 0o755)
    mailer, mode, wanted = ("sendmail", 0o755, "NO") if retired else (OLD_SENDMAIL, 0o4755, "YES")
    disk.put(SENDMAIL, f"{mailer}\n".encode(), "root", mode)
    disk.put(RC_CONF, f"sendmail={wanted}\n".encode())


def boot(machine: Machine) -> None:
    """What /etc/rc does: inetd, sendmail if it is still wanted and there, then the scripts that people put in rc.d."""
    machine.spawn("inetd", ("inetd",))
    files = machine.disk.files()
    old = files.get(SENDMAIL)
    wanted = RC_CONF in files and b"sendmail=YES" in files[RC_CONF].data
    if wanted and old is not None and old.kind == "file" and old.mode & 0o111:
        machine.spawn(OLD_SENDMAIL, ("sendmail", "-bd"))
    for words in start_scripts(machine):
        machine.spawn(words[0], words)


def start_scripts(machine: Machine) -> list[tuple[str, ...]]:
    """The commands that run the scripts in rc.d, in the order of their names."""
    return [("sh", f"/{name}") for name in sorted(machine.disk.files()) if name.startswith(f"{RC_D}/")]


def old_sendmail(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """The sendmail that was there before, which only keeps port 25 to itself: it greets, and takes no mail.

    Exit status 75 for anybody who wants more of it than ``-bd``.
    """
    if "-bd" not in argv:
        yield write(2, b"sendmail: the old sendmail takes no mail here: install qmail, and retire it\n")
        return TRY_LATER
    listener = yield listen(25)
    while True:
        connection, _ = yield accept(listener)
        yield fork(_greet, (), {0: connection})
        yield close(connection)


def _greet() -> Steps:
    try:
        yield write(0, b"220 ESMTP Sendmail 8.8.5/8.8.5\r\n")
        yield read(0)
        yield write(0, b"421 sendmail is about to be retired, closing connection\r\n")
    except OSError:
        return 1
