"""A real Chromium for the tests of the lesson page, and how to get one."""

from __future__ import annotations

import importlib.util
import os
import shutil

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
INSTALL = "apt-get install -y chromium && pip install playwright axe-playwright-python"


def chromium() -> str | None:
    """The path of the browser, or None when it or what drives it is missing."""
    driven = all(importlib.util.find_spec(name) for name in ("playwright", "axe_playwright_python"))
    return shutil.which("chromium") or shutil.which("chromium-browser") if driven else None


def demanded() -> bool:
    """Whether a missing browser is a failure: a machine that checks changes has to have one."""
    return bool(os.environ.get("CI"))
