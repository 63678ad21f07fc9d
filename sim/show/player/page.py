"""The page as one file: modules joined, styles and data put in, and a policy that lets nothing else run or load.

Modules do not load from a file that was opened by double-click, so they are joined here: each once, after those that
it imports, with its ``import`` and ``export`` words taken away. They share one scope, so no two may define a name.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

ENTRY = "open.js"
STYLES = ("player.css", "panels.css")
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:class|function|const) )", re.MULTILINE)
_DEFINED = re.compile(r"^(?:class|function|const|let) (\w+)", re.MULTILINE)


class JoinError(ValueError):
    """Modules that cannot share one scope."""


@cache
def source(name: str) -> str:
    """One of the files in ``web/``."""
    return (files("sim.show.player") / "web" / name).read_text(encoding="utf-8")


def joined(entry: str = ENTRY) -> str:
    """An entry module and all that it imports, as one script."""
    found: dict[str, str] = {}
    _collect(entry, found, ())
    owner: dict[str, str] = {}
    for name, text in found.items():
        for defined in _DEFINED.findall(text):
            if owner.setdefault(defined, name) != name:
                raise JoinError(f"{defined} is defined in {owner[defined]} and in {name}")
    return '"use strict";\n' + "\n".join(found.values())


def _collect(name: str, found: dict[str, str], above: tuple[str, ...]) -> None:
    if name in above:
        raise JoinError(f"modules import each other: {' > '.join([*above, name])}")
    if name in found:
        return
    text = source(name)
    for _, other in _IMPORT.findall(text):
        _collect(other, found, (*above, name))
    found[name] = f"// {name}\n" + _EXPORT.sub("", _IMPORT.sub("", text)).strip() + "\n"


def script() -> str:
    """The front end as one module that exports ``mount(element, data)``, for a page that is somebody else's."""
    return joined("mount.js") + "\nexport { mount };\n"


def styles() -> str:
    """All rules; none reaches beyond the element that the player is mounted in."""
    return "".join(source(name) for name in STYLES)


def page(data: dict[str, Any]) -> str:
    """The whole page; nothing in ``data`` can end its script element or run."""
    code = "(() => {\n" + joined() + "})();\n"
    style = "body { margin: 0; }\n" + styles()
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{_digest(code)}'; style-src 'sha256-{_digest(style)}'"
    )
    parts = {
        "policy": policy, "title": html.escape(data["title"]), "style": style, "script": code,
        "data": as_json(data),
    }  # fmt: skip
    return re.sub(r"\{(policy|title|style|script|data)\}", lambda found: parts[found[1]], source("page.html"))


def as_json(data: dict[str, Any]) -> str:
    """JSON that may stand in HTML: no ``<`` in it, so no tag, no comment and no end of a script."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
