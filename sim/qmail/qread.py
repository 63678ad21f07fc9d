"""qmail-qread: every message that qmail-send knows, with its recipients and which of them are done (qmail-qread(8)).

A message that is not preprocessed yet has no ``info`` file and is not shown; qmail-qstat counts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, close, open_if_there, scandir, stat_if_there
from sim.qmail.common import date822, message_number, read_all, write_all
from sim.qmail.send.state import read_info

STDOUT = 1
CHANNELS = ("local", "remote")


def qmail_qread(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Messages in the order of ``mess/``, on descriptor 1; a file that goes away meanwhile was delivered."""
    for name in (yield scandir("mess")):
        number = message_number(name)
        if number is not None:
            yield from _message(number)
    return 0


def _message(number: int) -> Steps:
    mess = yield stat_if_there(f"mess/{number}")
    info = yield from read_info(number)
    if mess is None or info is None:
        return
    sender, birth_s = info
    date = date822(birth_s).replace("-0000", "GMT")
    bounces = " bouncing" if (yield stat_if_there(f"bounce/{number}")) is not None else ""
    text = f"{date}  #{number}  {mess.size}  <{shown(sender)}> {bounces}\n"
    for channel in CHANNELS:
        text += yield from _recipients(channel, number)
    yield from write_all(STDOUT, text.encode("ascii"))


def _recipients(channel: str, number: int) -> Steps:
    """A line for each record of an address file: T is to be done, D is done."""
    fd = yield open_if_there(f"{channel}/{number}")
    if fd is None:
        return ""
    records = (yield from read_all(fd)).decode("latin-1").split("\0")[:-1]
    yield close(fd)
    return "".join(f"{'  done' if one[:1] == 'D' else ''}\t{channel}\t{shown(one[1:])}\n" for one in records)


def shown(text: str) -> str:
    r"""An address as qmail-qread prints it: nothing that a terminal would obey.

    >>> shown("joe\x1b[31m@x.example")
    'joe_[31m@x.example'
    """
    return "".join(char if " " <= char <= "~" else "_" for char in text)
