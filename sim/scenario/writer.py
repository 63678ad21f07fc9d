"""A scenario as a YAML file that a person could have written: only what differs from the defaults."""

from __future__ import annotations

import json
import re
from io import StringIO
from itertools import accumulate
from textwrap import wrap
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString, LiteralScalarString

from .model import Scenario

WIDTH = 110
UNBROKEN = 10_000_000
BREAKS = re.compile("[\x80-\x9f\u2028\u2029\ufeff]")  # a reader of YAML takes some of them for the ends of lines


def to_yaml(scenario: Scenario) -> str:
    """The text of a file that ``load`` reads as this very scenario."""
    data = scenario.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    for letter in data.get("mail", []):
        if letter.get("copies", 1) == 1:
            letter.pop("every", None)
    yaml = YAML()
    yaml.width = UNBROKEN  # long lines are folded here: what ruamel.yaml breaks itself is not always read as it was
    yaml.allow_unicode = not BREAKS.search(json.dumps(data, ensure_ascii=False))
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = StringIO()
    yaml.dump(_in_lines(data), out)
    return out.getvalue()


def _in_lines(value: Any) -> Any:
    """Texts of several lines as blocks, so that zones and letters read as they did, and long ones folded."""
    if isinstance(value, dict):
        return {key: _in_lines(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_lines(item) for item in value]
    if not isinstance(value, str):
        return value
    if not value.replace("\n", "").replace("\t", "").isprintable():
        return DoubleQuotedScalarString(value)
    if "\n" not in value and len(value) <= WIDTH:
        return value
    if "\n" in value:
        return LiteralScalarString(value)
    return DoubleQuotedScalarString(value) if "  " in value or "\t" in value else _folded(value)


def _folded(text: str) -> Any:
    """A long line as a block of shorter ones, broken where it has blanks."""
    folded = FoldedScalarString(text)
    lines = wrap(text, WIDTH - 4, break_long_words=False, break_on_hyphens=False)
    setattr(folded, "fold_pos", [end - 1 for end in accumulate(len(line) + 1 for line in lines[:-1])])  # noqa: B010
    return folded
