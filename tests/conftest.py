"""Fixtures of the whole suite: disks, an SMTP pair, and which tests wait for the night or for a browser."""

from __future__ import annotations

from collections.abc import Mapping

import browser
import pytest
from hypothesis import settings

from sim.machine.disk import Disk
from sim.smtp.client import BODY, END, Client
from sim.smtp.commands import reply_bytes, stuff
from sim.smtp.server import Session

NO_BROWSER = "there is no Chromium that Playwright can drive"
QUEUE = ("mess", "todo", "intd", "info", "local", "remote", "bounce", "pid", "lock")

settings.register_profile("suite", deadline=None)  # no test depends on how fast a machine is
settings.load_profile("suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked ``nightly`` run only with ``-m nightly``, those marked ``browser`` only where there is one."""
    if browser.chromium() is None and not browser.demanded():
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=NO_BROWSER))
    if "nightly" in config.getoption("-m"):
        return
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("nightly")])
    items[:] = [item for item in items if not item.get_closest_marker("nightly")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last lines of a run without a browser: how many page tests did not run, and how to have them run."""
    skipped = terminalreporter.stats.get("skipped", [])
    missed = [one for one in skipped if isinstance(one.longrepr, (tuple, list)) and NO_BROWSER in one.longrepr[2]]
    if missed:
        terminalreporter.write_line(f"{len(missed)} tests of the lesson page did not run: {NO_BROWSER}.")
        terminalreporter.write_line(f"To run them: {browser.INSTALL}")


@pytest.fixture
def disk() -> Disk:
    """An empty queue and wahid's empty Maildir."""
    new = Disk()
    for directory in (*QUEUE, "~wahid/Maildir/tmp", "~wahid/Maildir/new", "~wahid/Maildir/cur"):
        new.make_directories(directory)
    return new


@pytest.fixture
def trigger(disk: Disk) -> Disk:
    """The disk with qmail's trigger, a fifo that programs open to wake qmail-send."""
    disk.create("lock/trigger", 0, kind="fifo")
    return disk


class Pair:
    """An SMTP client and an SMTP server who talk in memory; ``text`` is the message that arrived."""

    def __init__(self) -> None:
        self.text = b""

    def talk(self, client: Client, replies: Mapping[str, str], message: bytes = b"") -> list[str]:
        """A whole dialogue as lines ``C: …`` and ``S: …``.

        ``replies`` words each reply by its name, or by name and argument (``rcpt TO:<bob@b.example>``);
        a command that gets a 4xx or a 5xx is refused, as by a mail system.
        """
        session = Session()
        said = replies["greeting"]
        lines = _lines("S", said)
        while client.feed(reply_bytes(said)) and client.stage != END:
            command = (stuff(message) if client.stage == BODY else b"") + client.say()
            lines += _lines("C", command.decode("latin-1").removesuffix("\r\n"))
            session.feed(command)
            while received := session.receive():
                self.text += received.text
                if received.reply:
                    said = replies.get(f"{received.reply} {received.argument}") or replies[received.reply]
                    lines += _lines("S", said)
                    if said < "4":
                        session.accept(received)
        return lines


def _lines(who: str, text: str) -> list[str]:
    return [f"{who}: {line}" for line in text.splitlines()]


@pytest.fixture
def pair() -> Pair:
    return Pair()
