"""YAML to a validated Scenario: every error with file:line:column and a hint.

reader      YAML text to plain data and marks, whatever the file holds
model       the keys, with host, faults, expect and ask; fields are their values, kinds chooses among them
references  names that must exist
slips       what is legal, but hardly meant; unheard of moments that never come
writer      a scenario as a file again
words       what pydantic found, in words; findings makes Problems of it all
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from . import reader, references, words
from .errors import Problem, ScenarioError
from .findings import report, told
from .marks import Marks
from .model import Scenario
from .slips import slips
from .writer import to_yaml

__all__ = [
    "Problem",
    "Scenario",
    "ScenarioError",
    "from_data",
    "load",
    "load_warned",
    "loads",
    "schema",
    "to_data",
    "to_yaml",
]


def load(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario from a file; raises ScenarioError, and nothing else."""
    data, marks = reader.read(path)
    return _validate(data, marks, os.fspath(path))


def load_warned(path: str | os.PathLike[str]) -> tuple[Scenario, tuple[Problem, ...]]:
    """The same, with warnings about what is legal but hardly meant."""
    data, marks = reader.read(path)
    scenario = _validate(data, marks, os.fspath(path))
    return scenario, told(slips(scenario, data, marks), marks, os.fspath(path))


def loads(text: str, name: str = "<string>") -> Scenario:
    """Read a scenario from a text; `name` stands in the messages for the file."""
    data, marks = reader.read_text(text, name)
    return _validate(data, marks, name)


def to_data(scenario: Scenario) -> dict[str, Any]:
    """A scenario as JSON can hold it, in the format's own notation: what the first record of a trace says."""
    return scenario.model_dump(mode="json", by_alias=True, exclude_none=True)


def from_data(data: Mapping[str, Any]) -> Scenario:
    """The exact inverse of `to_data`; raises ScenarioError for what `to_data` never says."""
    return _validate(dict(data), Marks(), "<data>")


def schema() -> dict[str, Any]:
    """The JSON Schema of scenarios, for editors and for the reference."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scenario.model_json_schema(by_alias=True)}


def _validate(data: dict[str, Any], marks: Marks, file: str) -> Scenario:
    try:
        scenario, found = Scenario.model_validate(data), []
    except ValidationError as error:
        scenario, found = None, words.findings(error)
    found += references.check(data)
    if scenario is None or found:
        raise report(found, marks, file)
    return scenario
