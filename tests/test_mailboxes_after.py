"""What the ledger believes of mailboxes and numbers after a crash, held against the disk that was there in the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import sim
from sim import scenario
from sim.folds.lineage import Copy
from sim.lab.crash_test import crash_test
from sim.lab.plan import Ended
from sim.lab.report import Report
from sim.ledger import Evidence
from sim.trace import Trace

QUEUEING, BOXES = "06-crash-while-queueing", "18-maildir-or-mbox"


def crashed(name: str, filesystem: str) -> Report:
    return crash_test(scenario.load(f"scenarios/{name}.yaml"), filesystems=(filesystem,), bound=8)


def ends(report: Report) -> Iterator[tuple[Ended, list[Copy], dict[str, bytes]]]:
    """Each crash carried out: how it ended, the copies that the folds tell of, and the mailboxes themselves."""
    (sweep,) = report.sweeps.values()
    for job in sweep.plan.jobs:
        ended = sweep.bench.execute(job)
        (disk,) = ended.disks.values()
        boxes = {path: inode.data for path, inode in disk.files("~").items() if "/new/" in path or "Mailbox" in path}
        yield ended, Evidence.of(Trace(ended.rows)).mail.copies, boxes


@pytest.mark.parametrize("filesystem", ["journaled", "async"])
@pytest.mark.parametrize("name", [QUEUEING, BOXES])
def test_every_copy_that_is_told_of_lies_in_its_mailbox(name: str, filesystem: str) -> None:
    seen = Counter[bool]()
    for _, copies, boxes in ends(crashed(name, filesystem)):
        told = Counter(copy.path for copy in copies)
        assert all(told[path] == 1 for path in boxes if "/new/" in path)
        for copy in copies:
            whole = copy.message.text in boxes[copy.path]
            assert whole == (copy.intact or copy.glued), copy
            seen[whole] += 1
    assert seen[True] > 100


@pytest.mark.parametrize("filesystem", ["ffs", "journaled"])
def test_an_mbox_holds_as_many_copies_whole_or_torn_as_are_told_of(filesystem: str) -> None:
    torn = glued = 0
    for _, copies, boxes in ends(crashed(BOXES, filesystem)):
        inside = [copy for copy in copies if copy.path.endswith("Mailbox")]
        with_what_they_are_glued_to = len(inside) + sum(copy.glued for copy in inside)
        assert boxes.get("~udin/Mailbox", b"").count(b"From wahid@salman.itb.ac.id ") == with_what_they_are_glued_to
        torn += any(not copy.intact and not copy.glued for copy in inside)
        glued += any(copy.glued for copy in inside)
    assert glued
    assert not torn, "each got another copy after the torn one"


def test_a_number_that_a_journal_gives_back_to_the_message_before_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first letter is swept off the disk, the second gets its number, and the journal forgets both."""
    assert "rule broken" not in crashed(BOXES, "journaled").totals
    monkeypatch.setattr("sim.folds.queue._owner", lambda fold, host, number, _sizes: fold.latest.get((host, number)))
    assert crashed(BOXES, "journaled").totals["rule broken"]


def test_a_message_that_gets_the_number_of_one_that_was_lost_is_another() -> None:
    """On async ``todo/N`` alone may be left of a message, and the next ``mess/N`` be linked beside it."""
    beside = 0
    for ended, _, _ in ends(crashed(QUEUEING, "async")):
        messages = Evidence.of(Trace(ended.rows)).messages
        assert all(one.text.count(b"Received: (qmail") <= 1 for one in messages)
        beside += any(one.history[0].files > {"mess"} for one in messages)
    assert beside


MOMENTS = (
    "qmail-local exit", "mark local/*", "qmail-send unlink info/*", "qmail-clean unlink mess/*",
    "qmail-queue write mess/*", "qmail-queue link todo/*", "qmail-send unlink local/*",
)  # fmt: skip


def letters(rnd: random.Random) -> dict[str, Any]:
    """A few letters to one mailbox, and two power cuts somewhere."""
    gap = rnd.choice((1, 2, 5, 20, 31))
    return {
        "title": "t", "until": "3h",
        "hosts": {"a.example": {
            "filesystem": rnd.choice(("ffs", "journaled", "async")),
            "users": {"ann": rnd.choice(("./Mailbox", "./Maildir/")), "bob": "./Mailbox"},
        }},
        "mail": [
            {"at": f"{1 + number * gap}s", "from": "bob@a.example", "to": ["ann@a.example"], "body": f"LETTER{number}"}
            for number in range(rnd.choice((2, 3)))
        ],
        "faults": [
            {"power_cut": "a.example", rnd.choice(("after", "before")): rnd.choice(MOMENTS),
             "nth": rnd.choice((1, 2)), "back_after": "5s"}
            for _ in range(2)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_what_the_verdict_says_of_letters_is_what_lies_in_the_mailbox(seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(40):
        data = letters(rnd)
        run = sim.run(scenario.from_data(data))
        there = "".join(one.as_string() for one in run.mailbox("ann@a.example"))
        for account in run.verdict.accounts:
            body = account.message.text.decode()[-8:].strip()
            told = [one for one in run.verdict.accounts if one.message.text.decode()[-8:].strip() == body]
            assert there.count(body) == sum(copy.intact for one in told for copy in one.copies), data
            assert not (account.outcome == "lost" and body in there), data
            assert not (account.outcome == "delivered" and body not in there), data
