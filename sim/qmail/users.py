"""qmail's six users and two groups, and the users that programs run as (INSTALL.ids, PICTURES).

Nobody but root owns a program's file, and only qmail-start and qmail-lspawn run as root; every other
part of the system can be broken into without giving away more than its own job.
"""

from __future__ import annotations

UIDS = {
    "root": 0,
    "alias": 7790,
    "qmaild": 7791,
    "qmaill": 7792,
    "qmailp": 7793,
    "qmailq": 7794,
    "qmailr": 7795,
    "qmails": 7796,
}
GROUPS = {"nofiles": ("alias", "qmaild", "qmaill", "qmailp"), "qmail": ("qmailq", "qmailr", "qmails")}
FIRST_USER_UID = 1000

SETUID_PROGRAMS = {"qmail-queue": "qmailq"}
PROGRAM_MODES = {
    **dict.fromkeys(("qmail-start", "qmail-lspawn", "qmail-newmrh"), 0o700),
    **dict.fromkeys(("qmail-send", "qmail-clean", "qmail-rspawn", "qmail-local", "qmail-remote", "splogger"), 0o711),
    "qmail-queue": 0o4711,
}


def group_of(user: str) -> str:
    """The group that a process is in when it has become this user; a person's bears the person's name.

    >>> group_of("qmailp"), group_of("wahid")
    ('nofiles', 'wahid')
    """
    return next((group for group, users in GROUPS.items() if user in users), user)


def uids(people: tuple[str, ...]) -> dict[str, int]:
    """Numbers for qmail's users and, from 1000 on in alphabetical order, for people.

    >>> uids(("wahid", "alias"))["wahid"]
    1000
    """
    others = sorted(set(people) - set(UIDS))
    return UIDS | {name: FIRST_USER_UID + index for index, name in enumerate(others)}
