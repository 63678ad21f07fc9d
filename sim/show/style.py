"""How every picture looks: sizes, colours and signs, in one place.

States go from light to dark as viridis does (safe for colour-blind eyes, and in print); results differ in shape
and in lightness as well as in colour.
"""

from __future__ import annotations

from typing import NamedTuple

WIDTH_IN = 11.0
DPI = 130
TITLE_PT, LABEL_PT, SMALL_PT = 15, 11.5, 10
INK, MUTED, FAINT, PAPER = "#1a1a1a", "#565656", "#d9d9d9", "#ffffff"

STATE_COLOURS = {"S2": "#fde725", "S3": "#8fd744", "S4": "#21a585", "S5": "#3b528b", None: "#c00000"}
STATE_HATCHES = {"S2": "", "S3": "..", "S4": "//", "S5": "", None: "xx"}
STATE_WORDS = {
    "S2": "S2 message being written",
    "S3": "S3 envelope being written",
    "S4": "S4 queued",
    "S5": "S5 being delivered",
    None: "no state at all",
}
RESULTS = {
    "success": ("o", "#ffffff", "attempt: success"),
    "deferral": ("^", "#f5a623", "attempt: put off"),
    "failure": ("X", "#1a1a1a", "attempt: failed for good"),
    None: ("s", "#9a9a9a", "attempt: nobody heard how it ended"),
}
CRASH_COLOUR, BOOT_COLOUR, DOWN_COLOUR = "#a8000b", "#00664a", "#b5b5b5"
MAIL_COLOUR, MX_COLOUR, REFUSED_COLOUR = "#0b4f8a", "#7a5200", "#a8000b"


class Sign(NamedTuple):
    """How a verdict looks in the crash grid: its letter, the colours of cell and letter, and a hatch."""

    letter: str
    face: str
    ink: str = INK
    hatch: str = ""


VERDICTS = {
    "lost": Sign("L", "#1a1a1a", PAPER),
    "damaged": Sign("D", "#7d1128", PAPER, "xx"),
    "rule broken": Sign("R", "#a8000b", PAPER, "//"),
    "bounce incomplete (documented)": Sign("I", "#9c6b30", PAPER),
    "twice": Sign("2", "#f5a623", INK, ".."),
    "still queued": Sign("Q", "#8fa8d1"),
    "bounced": Sign("B", "#c5b3dd"),
    "discarded by instruction": Sign("X", "#bfe3e0"),
    "once": Sign("1", "#e3f3df"),
    "cleaned up": Sign("C", "#c8c8c8"),
    "never promised": Sign("N", "#ffffff"),
}
