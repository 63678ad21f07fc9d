"""When there is nothing to wait for any more: what a disk says about the future of the queue on it."""

from __future__ import annotations

from sim.machine.disk import Disk


def quiet(disk: Disk) -> bool:
    """Whether no message lies in the queue; what is there without its ``mess/`` file nobody will ever touch."""
    return not disk.directories.get("mess")


def stuck(disk: Disk) -> bool:
    """Whether all that lies in the queue is in S4 or S5, so that no sweep will ever take it away."""
    held = disk.directories.get("mess")
    if not held:
        return False
    info, todo = disk.directories["info"], disk.directories["todo"]
    return all(number in info or number in todo for number in held)


def abandoned(disk: Disk) -> bool:
    """Whether all that lies in the queue is in S2 or S3: qmail-send looks past it, until a sweep takes it away.

    A machine that stands still until that sweep, as a sleeping laptop does, wakes to the same disk and does the same.
    """
    return not (quiet(disk) or disk.directories["info"] or disk.directories["todo"])


def hopeless(disk: Disk) -> bool:
    """Whether qmail-send can do nothing with any message in the queue but look at it again and again.

    It takes a message on by ``todo/N``, of which there is none; it delivers, bounces and removes one only when
    ``info/N`` names the sender (``read_info`` of ``sim.qmail.send.state``), which none does, and tries again two
    minutes later; and what has an ``info/N`` is never swept away. So while nobody else runs but the daemons, nothing
    on this disk will change, and nothing will be said of it that the ledger listens to.
    """
    held, info = disk.directories.get("mess"), disk.directories.get("info")
    if not held or not info or disk.directories["todo"] or held.keys() != info.keys():
        return False
    return not any(one.data[:1] == b"F" and b"\0" in one.data for one in info.values())
