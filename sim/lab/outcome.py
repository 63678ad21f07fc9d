"""What became of the mail after a crash, judged by the ledger and told in the words of the observed crash matrices."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

from sim.folds.dialogues import Line
from sim.folds.lineage import told_of
from sim.folds.queue import Linked
from sim.ledger import DISCARDED
from sim.qmail.states import FILES, classify
from sim.scenario import Scenario
from sim.trace import Row
from sim.verdict import Evidence, examine

A_DAY_S = 86400
LOST, DAMAGED, BROKEN, TWICE, ONCE = "lost", "damaged", "rule broken", "twice", "once"
NEVER, CLEANED, QUEUED, BOUNCED = "never promised", "cleaned up", "still queued", "bounced"
INCOMPLETE = "bounce incomplete (documented)"
VERDICTS = (LOST, DAMAGED, BROKEN, INCOMPLETE, TWICE, QUEUED, BOUNCED, DISCARDED, ONCE, CLEANED, NEVER)
MEANINGS = {
    LOST: "promised, and nowhere any more",
    DAMAGED: "promised, and delivered in part only",
    BROKEN: "a queue or mailbox rule does not hold",
    INCOMPLETE: "failed, and no bounce says so",
    TWICE: "delivered more often than was ordered",
    QUEUED: "waits in the queue at the end",
    BOUNCED: "the sender was told that it failed",
    DISCARDED: "thrown away as somebody wished",
    ONCE: "delivered as without a crash",
    CLEANED: "promised to nobody, and swept away",
    NEVER: "promised to nobody, and nothing left",
}
PROMISES_BROKEN = frozenset((LOST, DAMAGED, BROKEN))
SILENT = frozenset(
    ("select", "time", "getpid", "getuid", "uname", "ioctl", "pipe", "wait", "sigaction", "alarm", "chdir", "stat",
     "fsync", "utime", "flock", "scandir", "setgroups", "setgid", "setuid", "sleep", "symlink", "chmod",
     "listen", "kill", "sysctl")
)  # fmt: skip
READING = {
    "read": ("bounce/", "tcp/"), "open": ("mess/", "bounce/"), "close": ("tcp/",), "fstat": ("pid/",),
    "lseek": ("local/", "remote/"), "accept": ("tcp/",), "getpeername": ("tcp/",),
}  # fmt: skip
STRAY, STRAY_STATE = "(stray pid file)", "pid-only (counts as S1)"
TRUNCATED = "copy_truncated"
GLUED = "copy_complete_but_glued_to_end_of_a_truncated_one"
STRAY_NAME = "pid/PID.TIME.1"


class Outcome(NamedTuple):
    """``verdict`` is one of VERDICTS; ``files_after`` is what a killed process left, None for a whole machine."""

    verdict: str
    text: str
    copies: dict[str, int]
    leftovers: list[str]
    broken: list[str]
    files_after: tuple[str, ...] | None


class Numbers:
    """Message numbers of one host as M1, M2 … in the order of queueing, at any row of a trace."""

    def __init__(self, linked: Iterable[Linked], host: str) -> None:
        self.links = [(one.row, one.number) for one in linked if one.host == host]

    def at(self, row: int, ahead: bool = False) -> dict[str, str]:
        """Names by number; ``ahead`` names what is linked next as well."""
        names: dict[str, str] = {}
        for count, (index, number) in enumerate(self.links, 1):
            if index < row or (ahead and number not in names):
                names[number] = f"M{count}"
        return names


def normal(path: str, names: Mapping[str, str]) -> str:
    """A path as the observations write it: ``mess/M1``, ``pid/PID.TIME.1``."""
    directory, _, name = path.partition("/")
    if directory == "pid" and name:
        return f"pid/PID.TIME.{name.rpartition('.')[2]}"
    return f"{directory}/{names.get(name, name)}" if directory in FILES and name else path


def queue_files(paths: Iterable[str], names: Mapping[str, str]) -> list[str]:
    """The files of the queue among paths, in normal form, sorted."""
    return sorted(normal(path, names) for path in paths if path.partition("/")[0] in (*FILES, "pid"))


def states(files: Iterable[str]) -> dict[str, str]:
    """Messages by name and their states; one that is not there is in S1."""
    there: dict[str, set[str]] = {}
    stray = False
    for file in files:
        directory, _, name = file.partition("/")
        if directory == "pid":
            stray = True
        else:
            there.setdefault(name, set()).add(directory)
    found = {name: classify(present) or "no state" for name, present in sorted(there.items())}
    if stray:
        found[STRAY] = STRAY_STATE
    return found or {"M1": "S1"}


def copies_of(evidence: Evidence, play: Scenario) -> dict[str, int]:
    """Copies by ``user:copy``, ``user:bounce``, ``user:double_bounce``; with ``@host`` when several have mail.

    What a scripted peer has taken is counted under its name.
    """
    found: dict[str, int] = {}
    outsiders = evidence.outsiders()
    many = sum(host.mta != "scripted" for host in play.hosts.values()) > 1
    for copy in evidence.mail.copies:
        origin = evidence.mail.origin(copy.message)
        kind = "copy" if copy.intact else GLUED if copy.glued else TRUNCATED
        if copy.intact and origin.kind == "bounce" and origin.parent is not None:
            kind = "double_bounce" if evidence.mail.origin(origin.parent).kind == "bounce" else "bounce"
        user = copy.path.partition("/")[0].removeprefix("~")
        name = f"{user}{'@' + copy.host if many else ''}:{kind}"
        found[name] = found.get(name, 0) + 1
    for dialogue in evidence.dialogues:
        if dialogue.address in outsiders:
            name = f"{dialogue.server}:copy"
            found[name] = found.get(name, 0) + sum(_taken(dialogue.lines))
    return {name: count for name, count in sorted(found.items()) if count}


def judged(
    play: Scenario, evidence: Evidence, crash_row: int, until_s: float, disks: Mapping[str, Iterable[str]],
    usual: Mapping[str, int], files_after: tuple[str, ...] | None,
) -> Outcome:  # fmt: skip
    """The outcome of a finished run; ``crash_row`` is where its last crash stands in the trace.

    ``disks`` are the paths that lie on each host in the end, ``usual`` what is delivered where without a crash.
    """
    accounts, _, broken = examine(play, evidence, until_s)
    copies = copies_of(evidence, play)
    leftovers: list[str] = []
    cleaned: list[str] = []
    for host, paths in disks.items():
        names = Numbers(evidence.linked, host).at(len(evidence.trace))
        leftovers += queue_files(paths, names)
        cleaned += _cleaned(evidence.trace.rows, crash_row, host, names)
    found = {account.outcome for account in accounts}
    if "lost" in found:
        verdict = LOST
    elif any(account.damaged for account in accounts):
        verdict = DAMAGED
    elif broken:
        verdict = BROKEN
    elif "bounce incomplete" in found:
        verdict = INCOMPLETE
    elif any(account.duplicates for account in accounts) or _more(copies, usual):
        verdict = TWICE
    elif "queued" in found:
        verdict = QUEUED
    elif "bounced" in found:
        verdict = BOUNCED
    elif DISCARDED in found:
        verdict = DISCARDED
    elif accounts or copies:
        verdict = ONCE
    else:
        verdict = CLEANED if cleaned else NEVER
    text = _text(copies, usual, bool(accounts), _repeats(evidence), cleaned, leftovers, disks)
    whole = {name: count for name, count in copies.items() if not name.endswith((GLUED, TRUNCATED))}
    return Outcome(verdict, text, whole, leftovers, broken, files_after)


def _taken(lines: Iterable[Line]) -> Iterable[bool]:
    """For each reply to a final dot, whether it was yes."""
    asked = ""
    for line in lines:
        if line.side == "S" and asked == ".":
            yield line.text[:1] == "2"
        asked = line.text if line.side == "C" else ""


def _more(copies: Mapping[str, int], usual: Mapping[str, int]) -> bool:
    return any(count > usual.get(name, count) for name, count in copies.items())


def _repeats(evidence: Evidence) -> bool:
    """Whether a bounce speaks of a recipient more often than the envelope did, because a mark came too late."""
    bounces = [one for one in evidence.messages if evidence.mail.origin(one).kind == "bounce"]
    for bounce in bounces:
        failed = evidence.mail.origin(bounce).parent
        names = told_of(bounce, failed) if failed is not None else []
        if failed is not None and any(names.count(name) > max(1, failed.recipients.count(name)) for name in names):
            return True
    return False


def _cleaned(rows: list[Row], crash_row: int, host: str, names: Mapping[str, str]) -> list[str]:
    """What qmail-clean swept away more than a day after the last that was heard of mail before the crash."""
    if not rows or rows[-1][0] <= A_DAY_S:
        return []
    told_t = next((row[0] for row in reversed(rows[:crash_row]) if _tells(row)), 0.0)
    a_day_later = bisect_right(rows, told_t + A_DAY_S, crash_row, key=itemgetter(0))
    return [
        normal(target or "", names)
        for _, who, call, target, _, error in rows[a_day_later:]
        if call[0] == "unlink" and who[:2] == (host, "qmail-clean") and error is None
        and (target or "").startswith(("mess/", "intd/"))
    ]  # fmt: skip


def _tells(row: Row) -> bool:
    """Whether a row says something about what becomes of mail; most do not."""
    kind, target = row[2][0], row[3]
    return kind not in SILENT and (kind not in READING or (target or "").startswith(READING[kind]))


def _text(
    copies: Mapping[str, int], usual: Mapping[str, int], promised: bool, repeats: bool, cleaned: list[str],
    leftovers: list[str], disks: Mapping[str, Iterable[str]],
) -> str:  # fmt: skip
    """One line in the words of the observed matrices."""
    if copies == usual:
        words = ["same final deliveries as without a crash (each exactly once)"]
    elif not copies and not promised:
        words = ["never queued, never delivered"]
    else:
        names = sorted(copies.keys() | usual.keys())
        changed = [name for name in names if copies.get(name, 0) != usual.get(name, 0)]
        words = ["differs: " + "; ".join(f"{n} {copies.get(n, 0)} instead of {usual.get(n, 0)}" for n in changed)]
    if repeats:
        words.append("but the notice repeats the failed recipient")
    if any(path.startswith("~") and "/tmp/" in path for paths in disks.values() for path in paths):
        words.append("a file is left in Maildir tmp/")
    if any(name.startswith("pid/") for name in leftovers):
        words.append("the pid/ file is still there")
    if cleaned:
        words.append(f"{', '.join(sorted(set(cleaned)))} removed by the 36 h cleanup")
    return "; ".join(words)
