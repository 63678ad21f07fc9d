"""What pydantic found, in words for a student: what stands there, what is wanted, and an example."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from ..notation.errors import NotationError, quoted
from .ask import Question
from .errors import MisfitError
from .expect import EXPECTATIONS
from .faults import FAULTS
from .fields import Part
from .findings import Finding
from .host import Host
from .laboratory import Laboratory, Promise
from .marks import Path
from .model import Link, Mail, Network, Scenario, Telnet
from .mua import Mua
from .steps import Step

_TAGGED: dict[str, type[Part]] = {f"<{kind}>": model for kind, model in (FAULTS | EXPECTATIONS).items()}
_WANTED = {
    "string": ("a text", "as in title: tes"),
    "int": ("a whole number", "as in 451"),
    "float": ("a number", "as in 0.5"),
    "finite": ("a number", "as in 0.5"),
    "dict": ("a mapping", "lines of key: value, indented under this key"),
    "model": ("a mapping", "lines of key: value, indented under this key"),
    "tuple": ("a list", "lines that begin with - or [a, b]"),
    "list": ("a list", "lines that begin with - or [a, b]"),
}


def findings(error: ValidationError) -> list[Finding]:
    """Everything that pydantic found, each with its path in the scenario."""
    return [_finding(detail) for detail in error.errors(include_url=False)]


def _finding(detail: Any) -> Finding:
    loc = detail["loc"]
    path: Path = tuple(step for step in loc if step != "[key]" and step not in _TAGGED)
    match detail["type"]:
        case "value_error":
            return _own(detail, path)
        case "extra_forbidden":
            known = _keys(_model(loc[:-1]))
            message = f"unknown key {quoted(path[-1])}"
            misfit = MisfitError(message, f"known keys: {', '.join(known)}", word=str(path[-1]), known=known)
            return Finding(path[:-1], misfit, path, on_key=True)
        case "missing" if isinstance(path[-1], str):
            hint = _describe(_model(loc[:-1]), path[-1])
            return Finding(path[:-1], MisfitError(f"{path[-1]!r} is missing", hint), path[:-1], on_key=True)
        case "literal_error":
            known = re.findall(r"'([^']+)'", detail["ctx"]["expected"])
            message = f"{quoted(detail['input'])} is not one of {', '.join(known)}"
            misfit = MisfitError(message, word=str(detail["input"])[:80], known=known)
            return Finding(path, misfit, path)
    message, hint = _mismatch(detail)
    return Finding(path, MisfitError(message, hint), path)


def _own(detail: Any, path: Path) -> Finding:
    """An error of our own validators: it has its words, and knows the key or the line that is to blame."""
    error = detail["ctx"]["error"]
    misfit = error if isinstance(error, NotationError) else MisfitError(str(error))
    if "[key]" in detail["loc"]:
        return Finding(path[:-1], misfit, path, on_key=True)
    key = getattr(misfit, "key", "")
    return Finding(path, misfit, (*path, key) if key else path, line=misfit.line)


def _mismatch(detail: Any) -> tuple[str, str]:
    """Words for a wrong type or a value out of bounds, by the names pydantic gives to such errors."""
    kind, found, bounds = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        relation = "less" if kind.startswith("greater") else "more"
        bound = next(bounds[key] for key in ("gt", "ge", "lt", "le") if key in bounds)
        if kind == "less_than" and isinstance(bound, int):
            bound, kind = bound - 1, "less_than_equal"
        beyond = "than" if kind.endswith("equal") else "than, or equal to,"
        return f"{quoted(found)} is out of range", f"it is not {relation} {beyond} {bound}"
    if kind in ("too_short", "string_too_short", "missing"):
        return "something is missing here", f"at least {bounds.get('min_length', 2)} wanted"
    if kind in ("too_long", "string_too_long"):
        return "this is too long", f"at most {bounds['max_length']} wanted"
    wanted, example = _WANTED.get(kind.partition("_")[0], ("", ""))
    if wanted:
        return f"found {_found(found)}, where {wanted} is wanted", example
    return f"found {_found(found)}: {detail['msg'][:1].lower()}{detail['msg'][1:]}", ""


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else quoted(value)


def _model(loc: Path) -> type[Part]:
    """The model whose keys stand at a place that pydantic names."""
    for step in reversed(loc):
        if step in _TAGGED:
            return _TAGGED[str(step)]
    if loc[:2] == ("network", "links") and len(loc) > 2:
        return Link
    if loc[:1] == ("hosts",) and loc[2:3] == ("mua",):
        return Mua
    if loc[:2] == ("laboratory", "expect") and len(loc) > 2:
        return Promise
    places: dict[str | int, type[Part]] = {
        "network": Network,
        "hosts": Host,
        "mail": Mail,
        "telnet": Telnet,
        "steps": Step,
        "ask": Question,
        "laboratory": Laboratory,
    }
    return places[loc[0]] if loc else Scenario


def _keys(model: type[Part]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _describe(model: type[Part], key: str) -> str:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return (fields[key].description or "") if key in fields else ""
