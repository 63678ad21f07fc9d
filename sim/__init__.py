"""mailsim: an educational mail-flow simulator. The few names a notebook needs, loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.lab.crash_test import crash_test
    from sim.run import Run, run
    from sim.scenario import load

__all__ = ["Run", "crash_test", "load", "run"]

_HOMES = {"load": "sim.scenario", "run": "sim.run", "Run": "sim.run", "crash_test": "sim.lab.crash_test"}


def __dir__() -> list[str]:
    """What completion offers in a notebook: the names that are meant for it, whether loaded yet or not."""
    return list(__all__)


def __getattr__(name: str) -> Any:
    """PEP 562: ``import sim`` stays fast, ``sim.run(...)`` loads what it needs."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
