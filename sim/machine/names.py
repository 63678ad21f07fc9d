"""What a path that a program gives stands for: one short name for each file, whatever directory it is named from."""

from __future__ import annotations

import posixpath
from functools import lru_cache

REMEMBERED = 4096
Names = dict[str, str]


def resolve(cwd: str, path: str) -> str:
    """A short, canonical name: ``./Maildir/`` from ``~wahid`` is ``~wahid/Maildir``; all start from ``/``."""
    if cwd and not path.startswith(("~", "/")):
        path = f"{cwd}/{path}"
    if "./" not in path and "//" not in path and path[-1:] not in "/.":
        return path.lstrip("/")
    plain = posixpath.normpath(path).lstrip("/")
    return "" if plain == "." else plain


@lru_cache(maxsize=256)
def names_from(cwd: str) -> Names:
    """The names that are known already as seen from a directory; all processes that are there share them."""
    return {}
