"""A user's letters on a simulated disk, parsed by the standard library as any mail reader would."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

from sim.machine.disk import Disk

_ENTRY = re.compile(rb"(?:\A|(?<=\n\n))From [^\n]*\n")


def read_mailbox(disk: Disk, user: str) -> list[EmailMessage]:
    """Maildirs (``new`` and ``cur``), then mbox files, then ``var/mail``; KeyError for a user without a home."""
    home = f"~{user}"
    if home not in disk.directories:
        raise KeyError(f"there is no user {user!r} on this host")
    files = {name: inode.data for name, inode in disk.files(home).items() if _below(name, home)}
    files |= {name: inode.data for name, inode in disk.files("var/mail").items() if name == f"var/mail/{user}"}
    letters = [data for name, data in files.items() if name.split("/")[-2] in ("new", "cur")]
    for name, data in files.items():
        if data.startswith(b"From ") and name.split("/")[-2] not in ("new", "cur", "tmp"):
            letters += split_mbox(data)
    return [email.message_from_bytes(letter, policy=email.policy.default) for letter in letters]


def _below(name: str, home: str) -> bool:
    return name.startswith(home + "/")


def split_mbox(data: bytes) -> list[bytes]:
    r"""The messages of an mbox file, without the ``From `` lines and the empty line after each.

    >>> split_mbox(b"From a date\nSubject: x\n\n>From here\n\nFrom b date\nSubject: y\n\n")
    [b'Subject: x\n\n>From here\n', b'Subject: y\n']
    """
    starts = [found.span() for found in _ENTRY.finditer(data)]
    ends = [begin for begin, _ in starts[1:]] + [len(data)]
    return [data[body:end].removesuffix(b"\n") for (_, body), end in zip(starts, ends, strict=True)]
