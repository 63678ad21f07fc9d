"""qmail as a mail system: its programs by name, its files as config-fast leaves them, and how it boots."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import NamedTuple, Self

from sim import maildir
from sim.machine.calls import Program
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.machine.process import DEAD
from sim.notation import dotqmail
from sim.qmail import users as qmail_users
from sim.qmail.binmail import SPOOL, mail_local, preline
from sim.qmail.clean import qmail_clean
from sim.qmail.inetd import CONFIG, LINE, inetd, tcp_env
from sim.qmail.inject import hand_in, qmail_inject
from sim.qmail.local import qmail_local
from sim.qmail.lspawn import qmail_lspawn
from sim.qmail.multilog import multilog
from sim.qmail.qmailctl import qmailctl
from sim.qmail.qread import qmail_qread
from sim.qmail.qstat import qmail_qstat
from sim.qmail.queue import qmail_queue
from sim.qmail.remote import qmail_remote
from sim.qmail.rspawn import qmail_rspawn
from sim.qmail.send import qmail_send
from sim.qmail.setup import (
    BOOT_SCRIPTS,
    OLD_SENDMAIL,
    config_fast,
    config_fast_program,
    lay_out,
    old_sendmail,
    start_scripts,
)
from sim.qmail.setup import boot as boot_by_hand
from sim.qmail.showctl import qmail_showctl
from sim.qmail.smtpd import MORE_COMPILED, qmail_smtpd
from sim.qmail.splogger import splogger
from sim.qmail.start import qmail_start
from sim.qmail.states import FILES
from sim.qmail.tcpserver import RULES, tcpserver
from sim.qmail.tcpto import TABLE_SIZE, qmail_tcpok, qmail_tcpto
from sim.qmail.wrappers import forward, qmail_newmrh, sendmail

PROGRAMS: dict[str, Program] = {
    "qmail-start": qmail_start,
    "qmail-send": qmail_send,
    "qmail-lspawn": qmail_lspawn,
    "qmail-rspawn": qmail_rspawn,
    "qmail-clean": qmail_clean,
    "qmail-local": qmail_local,
    "qmail-remote": qmail_remote,
    "qmail-queue": qmail_queue,
    "qmail-inject": qmail_inject,
    "qmail-smtpd": qmail_smtpd,
    "qmail-qread": qmail_qread,
    "qmail-qstat": qmail_qstat,
    "qmail-showctl": qmail_showctl,
    "qmail-newmrh": qmail_newmrh,
    "hand-in": hand_in,
    "forward": forward,
    "sendmail": sendmail,
    "preline": preline,
    "mail.local": mail_local,
    "qmail-tcpto": qmail_tcpto,
    "qmail-tcpok": qmail_tcpok,
    "qmailctl": qmailctl,
    "splogger": splogger,
    "multilog": multilog,
    "tcpserver": tcpserver,
    "inetd": inetd,
    "tcp-env": tcp_env,
    "config-fast": config_fast_program,
    OLD_SENDMAIL: old_sendmail,
}


DAEMONS = ("qmail-lspawn", "qmail-rspawn", "qmail-clean")
LOG_DIRECTORY = "var/log/qmail"
LOGGERS = {"splogger": ("splogger", "qmail"), "multilog": ("multilog", "t", f"./{LOG_DIRECTORY}")}


class Setup(NamedTuple):
    """How a host's qmail is set up.

    ``boot`` is the script that says where mail goes that no ``.qmail`` file speaks of, ``listener`` what starts
    qmail-smtpd, ``logger`` what takes qmail-send's log. Without ``installed`` nothing is configured and runs;
    ``by_hand`` lays out the files that people work on; ``without`` are control files that are missing.
    """

    boot: str = "home"
    listener: str = "tcpserver"
    logger: str = "splogger"
    installed: bool = True
    by_hand: bool = False
    without: tuple[str, ...] = ()


class Qmail:
    """qmail 1.03 behind tcpserver, logging through splogger."""

    programs: Mapping[str, Program] = PROGRAMS
    setuid_programs: Mapping[str, str] = qmail_users.SETUID_PROGRAMS
    setup = Setup()

    def set_up(self, setup: Setup) -> Self:
        """The same system, set up in another way."""
        mine = copy(self)
        mine.setup = setup
        return mine

    def uids(self, people: tuple[str, ...]) -> dict[str, int]:
        return qmail_users.uids(people)

    def install(
        self,
        disk: Disk,
        name: str,
        control: Mapping[str, str],
        rules: str,
        users: Mapping[str, Mapping[str, str]],
    ) -> None:
        for directory in (*FILES, "pid", "lock", "control", "users", "etc", "~alias", SPOOL):
            disk.make_directories(directory)
        disk.put("lock/sendmutex", b"", "qmails", 0o600)
        disk.put("lock/tcpto", b"\0" * TABLE_SIZE, "qmailr")
        disk.create("lock/trigger", 0.0, "qmails", 0o622, "fifo")
        defaults = config_fast(name) if self.setup.installed else {}
        for file, text in (defaults | dict(control)).items():
            if file not in self.setup.without:
                disk.put(f"control/{file}", text.encode())
                if file == "morercpthosts":
                    disk.put(f"control/{MORE_COMPILED}", text.encode())
        if self.setup.logger == "multilog":
            disk.make_directories(LOG_DIRECTORY)
        disk.put(RULES, rules.encode())
        by_inetd = self.setup.installed and self.setup.listener == "inetd"
        laid_out = self.setup.by_hand or not self.setup.installed
        if laid_out:
            lay_out(disk, self.programs, retired=self.setup.installed)
        if laid_out or by_inetd:
            disk.put(CONFIG, LINE.encode() if by_inetd else b"")
        for user, files in users.items():
            _home(disk, user, files)
            if self.setup.boot == "maildir" and not files.get(".qmail"):
                _make_maildir(disk, f"~{user}/Maildir")

    def boot(self, machine: Machine) -> None:
        if not self.setup.installed:
            boot_by_hand(machine)
            return
        for words in (self._start_words(), self._listener_words(machine)):
            machine.spawn(words[0], words)

    def restart(self, machine: Machine) -> None:
        running = {process.program for process in machine.processes.values() if process.state != DEAD}
        listener = self._listener_words(machine)
        if self.setup.installed and listener[0] not in running:
            machine.spawn(listener[0], listener)
        starts = [self._start_words()] if self.setup.installed else start_scripts(machine)
        under_way = "qmailctl" in running  # whoever is at it already will start all that is missing
        if not under_way and not running >= {"qmail-send", self.setup.logger, *DAEMONS}:
            for words in starts:
                machine.spawn("qmailctl", ("qmailctl", *words))

    def _start_words(self) -> tuple[str, ...]:
        return "qmail-start", BOOT_SCRIPTS[self.setup.boot], *LOGGERS[self.setup.logger]

    def _listener_words(self, machine: Machine) -> tuple[str, ...]:
        if self.setup.listener == "inetd":
            return ("inetd",)
        limit = machine.disk.files("control").get("control/concurrencyincoming")
        most = ("-c", limit.data.decode("latin-1").strip()) if limit else ()
        return "tcpserver", *most, "25", "qmail-smtpd"

    def submission(self, sender: str, recipients: tuple[str, ...], raw: bool) -> tuple[str, tuple[str, ...]]:
        if raw:
            return "hand-in", ("hand-in", sender, *recipients)
        return "qmail-inject", ("qmail-inject", "-h", "-f", sender)


def _home(disk: Disk, user: str, files: Mapping[str, str]) -> None:
    """A home directory with its ``.qmail`` files, and the Maildirs that they name."""
    disk.make_directories(f"~{user}")
    for file, text in files.items():
        disk.put(f"~{user}/{file}", text.encode(), user, 0o600)
        for line in dotqmail.parse(text):
            if line.kind == "maildir" and line.text.startswith("./") and ".." not in line.text:
                _make_maildir(disk, f"~{user}/{line.text[2:].strip('/')}")


def _make_maildir(disk: Disk, path: str) -> None:
    for name in maildir.SUBDIRECTORIES:
        disk.make_directories(f"{path}/{name}")
