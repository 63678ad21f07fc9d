"""A scenario as a YAML file that a person could have written: only what differs from the defaults."""

from __future__ import annotations

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from .model import Scenario

WIDTH = 110


def to_yaml(scenario: Scenario) -> str:
    """The text of a file that ``load`` reads as this very scenario."""
    data = scenario.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    yaml = YAML()
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(_in_lines(data), out)
    return out.getvalue()


def _in_lines(value: Any) -> Any:
    """Texts of several lines as blocks, so that zones and letters read as they did."""
    if isinstance(value, dict):
        return {key: _in_lines(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_lines(item) for item in value]
    plain = isinstance(value, str) and "\n" in value and value.isprintable() is False and "\r" not in value
    return LiteralScalarString(value) if plain else value
