"""qmail-showctl: what each control file says, and what holds where there is none (qmail-showctl(8)).

``CONTROLS`` is the table of the files in qmail's order: ``one`` is a first line, ``many`` a sentence for each line. A
default ``None`` stands for the name in ``me``, and where there is no ``me`` for the file's own name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sim.machine.calls import Steps, scandir, stat
from sim.qmail.common import control_line, control_lines, leading_number, write_all
from sim.qmail.users import GROUPS, UIDS

STDOUT = 1
SPLIT = 23
FIRST_GID = 7790
USERS = ("alias", "qmaild", "qmaill", "root", "qmailp", "qmailq", "qmailr", "qmails")
NOT_COMPILED = "Oops! morercpthosts exists but morercpthosts.cdb doesn't."
NO_SOURCE = "Oops! morercpthosts.cdb exists but morercpthosts doesn't."
STALE = "Oops! morercpthosts.cdb is older than morercpthosts."
RECENT = "Modified recently enough; hopefully up to date."
UNKNOWN = "I have no idea what this file does."


class Control(NamedTuple):
    """A file: ``before`` and ``after`` stand around its line; ``absent`` is a default, or a whole sentence for many."""

    name: str
    kind: str
    absent: str | None
    before: str
    after: str = "."


# fmt: off
CONTROLS = (
    Control("badmailfrom", "many", "Any MAIL FROM is allowed.", "", " not accepted in MAIL FROM."),
    Control("bouncefrom", "one", "MAILER-DAEMON", "Bounce user name is "),
    Control("bouncehost", "one", None, "Bounce host name is "),
    Control("concurrencylocal", "number", "10", "Local concurrency is "),
    Control("concurrencyremote", "number", "20", "Remote concurrency is "),
    Control("databytes", "number", "0", "SMTP DATA limit is ", " bytes."),
    Control("defaultdomain", "one", None, "Default domain name is "),
    Control("defaulthost", "one", None, "Default host name is "),
    Control("doublebouncehost", "one", None, "2B recipient host: "),
    Control("doublebounceto", "one", "postmaster", "2B recipient user: "),
    Control("envnoathost", "one", None, "Presumed domain name is "),
    Control("helohost", "one", None, "SMTP client HELO host name is "),
    Control("idhost", "one", None, "Message-ID host name is "),
    Control("localiphost", "one", None, "Local IP address becomes "),
    Control("locals", "many", "Messages for me are delivered locally.", "Messages for ", " are delivered locally."),
    Control("me", "one", "undefined! Uh-oh", "My name is "),
    Control("percenthack", "many", "The percent hack is not allowed.",
            "The percent hack is allowed for user%host@"),
    Control("plusdomain", "one", None, "Plus domain name is "),
    Control("qmqpservers", "many", "No QMQP servers.", "QMQP server: "),
    Control("queuelifetime", "number", "604800", "Message lifetime in the queue is ", " seconds."),
    Control("rcpthosts", "many", "SMTP clients may send messages to any recipient.",
            "SMTP clients may send messages to recipients at "),
    Control("morercpthosts", "many", "No effect.", "SMTP clients may send messages to recipients at "),
    Control("morercpthosts.cdb", "database", "No effect.", ""),
    Control("smtpgreeting", "one", None, "SMTP greeting: 220 "),
    Control("smtproutes", "many", "No artificial SMTP routes.", "SMTP route: ", ""),
    Control("timeoutconnect", "number", "60", "SMTP client connection timeout is ", " seconds."),
    Control("timeoutremote", "number", "1200", "SMTP client data timeout is ", " seconds."),
    Control("timeoutsmtpd", "number", "1200", "SMTP server data timeout is ", " seconds."),
    Control("virtualdomains", "many", "No virtual domains.", "Virtual domain: ", ""),
)
IRRELEVANT = Control("morercpthosts", "many", "No rcpthosts; morercpthosts is irrelevant.",
                     "No rcpthosts; doesn't matter that morercpthosts has ")
# fmt: on


def qmail_showctl(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """How qmail was built, then each control file, then the files that qmail does not know."""
    there = yield scandir("control")
    me = (yield from control_line("me")) if "me" in there else None
    yield from write_all(STDOUT, _built().encode())
    for control in CONTROLS:
        if control.name == "morercpthosts" and "rcpthosts" not in there:
            said = yield from _said(IRRELEVANT, me, there)
        else:
            said = yield from _said(control, me, there)
        yield from write_all(STDOUT, f"\n{control.name}: {said}\n".encode("latin-1"))
    for name in sorted(set(there) - {control.name for control in CONTROLS}):
        yield from write_all(STDOUT, f"\n{name}: {UNKNOWN}\n".encode())
    return 0


def _built() -> str:
    """What was compiled in; the queue's split is what a real one has, though it does not show in our paths."""
    users = ", ".join(str(UIDS[name]) for name in USERS)
    groups = ", ".join(str(FIRST_GID + index) for index in range(len(GROUPS)))
    return (
        "qmail home directory: /var/qmail.\nuser-ext delimiter: -.\npaternalism (in decimal): 2.\n"
        f"silent concurrency limit: 120.\nsubdirectory split: {SPLIT}.\nuser ids: {users}.\ngroup ids: {groups}.\n"
    )


def _said(control: Control, me: str | None, there: Sequence[str]) -> Steps:
    if control.kind == "database" and ("morercpthosts" in there or control.name in there):
        return (yield from _database(there))
    if control.name not in there:
        return _default(control, me)
    if control.kind == "many":
        lines = yield from control_lines(control.name)
        return "".join(f"\n{control.before}{_printable(line)}{control.after}" for line in lines)
    line = yield from control_line(control.name)
    if control.kind == "number":
        number = leading_number(line)
        return _default(control, me) if number is None else f"{control.before}{number}{control.after}"
    return f"{control.before}{_printable(line)}{control.after}"


def _database(there: Sequence[str]) -> Steps:
    """Whether ``morercpthosts`` and what was made of it belong together."""
    if "morercpthosts.cdb" not in there:
        return NOT_COMPILED
    if "morercpthosts" not in there:
        return NO_SOURCE
    text, made = (yield stat("control/morercpthosts")), (yield stat("control/morercpthosts.cdb"))
    return STALE if text.mtime_s > made.mtime_s else RECENT


def _default(control: Control, me: str | None) -> str:
    if control.kind in ("many", "database"):
        return f"(Default.) {control.absent}"
    name = control.name if me is None else me
    return f"(Default.) {control.before}{name if control.absent is None else control.absent}{control.after}"


def _printable(text: str) -> str:
    return re.sub(r"[^ -~]", "?", text)
