"""Make the recorded outputs, the README's screen and its pictures anew: ``python tests/remake.py``.

What it writes is test data: look at every difference before you commit it.
"""

from __future__ import annotations

import re
from pathlib import Path

import sim

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE.parent / "scenarios").glob("*.yaml"))
PICTURES = {
    "timeline-backup-exchanger.png": ("04-backup-exchanger", "timeline"),
    "map-backup-exchanger.png": ("04-backup-exchanger", "map"),
    "queue-crash-while-queueing.png": ("06-crash-while-queueing", "queue"),
}


def recorded(path: Path) -> str:
    """All that a person sees of one scenario, as plain text: summary, dialogues, and each host's log and queue."""
    run = sim.run(sim.load(path))
    parts = [("mailsim run", run.summary)]
    parts += [(f"dialogue {one.name}", run.transcript(one.name)) for one in run.dialogues]
    for host, config in run.scenario.hosts.items():
        if config.mta != "none":
            parts += [(f"log of {host}", run.log(host)), (f"queue of {host}", run.queue(host))]
    return "\n\n".join(f"=== {title} ===\n\n{str(view).rstrip()}" for title, view in parts) + "\n"


def readme(text: str) -> str:
    """The README with its screen of output as it is printed now."""

    def screen(found: re.Match[str]) -> str:
        run = sim.run(sim.load(HERE.parent / found[1]))
        return f"$ mailsim run {found[1]}\n{str(run.summary).rstrip()}\n```"

    return re.sub(r"\$ mailsim run (\S+)\n.*?```", screen, text, flags=re.DOTALL)


def main() -> None:
    page = HERE.parent / "README.md"
    page.write_text(readme(page.read_text(encoding="utf-8")), encoding="utf-8")
    for path in SCENARIOS:
        (HERE / "recorded" / f"{path.stem}.txt").write_text(recorded(path), encoding="utf-8")
    for name, (stem, kind) in PICTURES.items():
        run = sim.run(sim.load(HERE.parent / "scenarios" / f"{stem}.yaml"))
        figure = {"timeline": run.plot_timeline, "map": run.plot_map, "queue": run.plot_queue}[kind]()
        figure.savefig(HERE / "pictures" / name, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
