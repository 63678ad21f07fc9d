"""What ``--out`` leaves behind: the trace, transcripts, pictures, and each host's log, queue and mailboxes as files.

Everything is written into a new directory beside the one that was asked for and renamed into place at the end,
so nothing half-written is ever seen and nothing old is lost when something goes wrong. Names come from a
scenario and from simulated programs: each is made one harmless component (``safe``) before it touches a disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sim.folds.log import log_lines
from sim.machine.calls import ARGUMENTS
from sim.machine.disk import Disk
from sim.qmail.states import FILES
from sim.show import ink, plots
from sim.show.dialogue import transcript
from sim.show.escape import readable, visible
from sim.show.progress import Progress
from sim.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MADE_BY = "mailsim"
PICTURES: dict[str, Callable[[plots.Source], Figure]] = {
    "timeline": plots.timeline,
    "queue": plots.queue_depth,
    "retries": plots.retry_schedule,
    "map": plots.map_,
}
OF_CRASHES = {"crashes.json", "crashes.txt", "counterexample.txt", "counterexample.yaml"}
MADE = {"trace.jsonl", "summary.json", "smtp", "hosts", *OF_CRASHES} | {
    f"{name}.{kind}" for name in (*PICTURES, "crashes") for kind in ink.KINDS
}
LONGEST = 200
QUEUE = (*FILES, "pid", "lock")


class Source(plots.Source, Protocol):
    """What is written out: a run; ``disks`` is None when it was read from a trace."""

    @property
    def disks(self) -> dict[str, Disk] | None: ...
    @property
    def verdict(self) -> Verdict: ...


class NotOursError(FileExistsError):
    """The directory holds something that mailsim did not make."""


def write_out(run: Source, directory: str | os.PathLike[str], progress: Progress | None = None) -> None:
    """Write all files, or leave everything as it was; ``progress`` is told each group of files.

    Raises NotOursError (a FileExistsError) when there is something else in the way, OSError for trouble writing.
    """

    def groups(new: Path) -> None:
        for done, (name, group) in enumerate(_GROUPS.items()):
            if progress is not None:
                progress(done, len(_GROUPS), name)
            group(run, new)

    put(directory, groups)


def put(directory: str | os.PathLike[str], make: Callable[[Path], object]) -> None:
    """Let ``make`` fill a new directory, and put it in place when it is complete; raises as ``write_out`` does."""
    target = Path(os.path.abspath(directory))
    check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    workshop = target.parent / f".mailsim-{secrets.token_hex(8)}"  # its name is known before it can be interrupted
    try:
        workshop.mkdir(mode=0o700)
        new = workshop / "new"
        new.mkdir()
        make(new)
        check(target)
        _put_in_place(new, target, workshop / "old")
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def check(directory: str | os.PathLike[str]) -> None:
    """Whether ``write_out`` may put its files there; NotOursError when something else is in the way."""
    target = Path(os.path.abspath(directory))
    if target.is_symlink():
        raise NotOursError(17, "is a symbolic link; name the directory itself", str(target))
    if target.exists() and not target.is_dir():
        raise NotOursError(17, "is there already and is no directory", str(target))
    above = next((one for one in target.parents if one.exists()), target)
    if not above.is_dir():
        raise NotADirectoryError(20, f"{visible(str(above))} is a file", str(target))
    if not os.access(above, os.W_OK):
        raise PermissionError(13, f"nothing can be written in {visible(str(above))}", str(target))
    if target.is_dir() and any(target.iterdir()) and not _is_ours(target):
        raise NotOursError(17, "is not empty, and mailsim did not make it (name a new directory)", str(target))
    strangers = sorted(one.name for one in target.iterdir() if one.name not in MADE) if target.is_dir() else []
    if strangers:
        raise NotOursError(17, f"holds {visible(strangers[0])}, which mailsim did not make", str(target))


def _is_ours(target: Path) -> bool:
    marker = target / "summary.json"
    try:
        if marker.is_symlink() or not marker.is_file():
            return False
        found = json.loads(marker.read_bytes())
        return isinstance(found, dict) and found.get("made_by") == MADE_BY
    except (OSError, ValueError, RecursionError):
        return False


def _put_in_place(new: Path, target: Path, old: Path) -> None:
    """Two renames; when the second fails, or somebody interrupts, the first is taken back."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise


def safe(name: str) -> str:
    r"""A name as one path component: what could leave the directory, start an option or end a line is escaped.

    >>> safe("1321923601.11.ai3.itb.ac.id"), safe(".."), safe("a/b"), safe("-rf"), safe("")
    ('1321923601.11.ai3.itb.ac.id', '%2E.', 'a%2Fb', '%2Drf', '%')
    """
    text = "".join(char if _harmless(char) else f"%{ord(char):02X}" for char in readable(name))
    if text in (".", "..") or text.startswith("-"):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) > LONGEST:
        digest = hashlib.sha256(raw).hexdigest()[:16]
        text = raw[: LONGEST - 20].decode("utf-8", "ignore") + "%" + digest
    return text or "%"


def _harmless(char: str) -> bool:
    return char not in "/\\%" and visible(char) == char


def _write(path: Path, data: bytes) -> None:
    """A new file; one whose escaped name is taken gets a number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    place = path
    while True:
        try:
            with place.open("xb") as file:
                file.write(data)
            return
        except FileExistsError:
            number += 1
            place = path.with_name(f"{path.name}%{number}")


def _trace(run: Source, out: Path) -> None:
    _write(out / "trace.jsonl", run.trace.to_jsonl(ARGUMENTS))


def _summary(run: Source, out: Path) -> None:
    text = json.dumps(summary(run), indent=2, ensure_ascii=False)
    _write(out / "summary.json", (text + "\n").encode("utf-8", "backslashreplace"))


def summary(run: Source) -> dict[str, Any]:
    """Counts for each host, the verdict, the expectations, the exit status."""
    verdict = run.verdict
    return {
        "made_by": MADE_BY,
        "title": run.scenario.title,
        "seed": run.scenario.seed,
        "until_s": run.scenario.until,
        "records": len(run.trace),
        "hosts": {host: _counts(run, host) for host in run.scenario.hosts},
        "verdict": {"ok": verdict.ok, "lines": verdict.lines, "broken": verdict.broken},
        "expectations": [{"text": one.text, "holds": one.holds, "found": one.found} for one in verdict.expectations],
        "exit_status": 0 if verdict.ok else 1,
    }


def _counts(run: Source, host: str) -> dict[str, int]:
    mine = [message for message in run.messages if message.host == host]
    attempts = [attempt for attempt in run.evidence.attempts if attempt.host == host]
    return {
        "messages": len(mine),
        "promised": sum(message.promised is not None for message in mine),
        "delivered": sum(copy.host == host for copy in run.evidence.mail.copies),
        "bounced": sum(one.message.host == host and one.outcome == "bounced" for one in run.verdict.accounts),
        "deferrals": sum(attempt.result == "deferral" for attempt in attempts),
    }


def _smtp(run: Source, out: Path) -> None:
    (out / "smtp").mkdir()
    width = max(3, len(str(len(run.dialogues))))
    for number, dialogue in enumerate(run.dialogues, 1):
        name = safe(f"{number:0{width}}-{dialogue.client}-to-{dialogue.server or dialogue.address}")
        _write(out / "smtp" / f"{name}.txt", transcript(dialogue).encode())


def _pictures(run: Source, out: Path) -> None:
    for name, draw in PICTURES.items():
        ink.save(draw(run), out / name)


def _hosts(run: Source, out: Path) -> None:
    for host in run.scenario.hosts:
        place = out / "hosts" / safe(host)
        place.mkdir(parents=True)
        lines = [f"{line.t:.6f} {visible(readable(line.text))}\n" for line in log_lines(run.trace, host)]
        _write(place / "log", "".join(lines).encode())
        if run.disks is not None:
            _disk(run.disks[host], place, run.scenario.start.timestamp())


def _disk(disk: Disk, place: Path, epoch_s: float) -> None:
    """The queue and the homes, with the simulated times on the files."""
    for directory in disk.directories:
        target = _directory(place, directory)
        if target is not None:
            target.mkdir(parents=True, exist_ok=True)
    for path, inode in disk.files().items():
        directory, _, name = path.rpartition("/")
        target = _directory(place, directory)
        if target is not None and inode.kind != "symlink":
            file = target / safe(name)
            _write(file, inode.data)
            os.utime(file, (epoch_s + inode.atime, epoch_s + inode.mtime))


def _directory(place: Path, path: str) -> Path | None:
    """Where a simulated directory goes; None for what is neither queue nor home."""
    first, *rest = path.split("/")
    if first in QUEUE:
        place = place / "queue" / first
    elif first.startswith("~") and len(first) > 1:
        place = place / "home" / safe(first[1:])
    elif path == "var/mail":
        return place / "mail"
    else:
        return None
    return place.joinpath(*map(safe, rest))


_GROUPS: dict[str, Callable[[Source, Path], None]] = {
    "trace": _trace,
    "transcripts": _smtp,
    "hosts": _hosts,
    "pictures": _pictures,
    "summary": _summary,
}
