"""What a person does on a host by hand, as sections 7 to 10 of the course text do: one command a step."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from ..notation import commands
from .errors import MisfitError
from .fields import HostName, OneLine, Part, Seconds, UserName


def _playable(text: str) -> str:
    commands.parse(text)
    return text


class Step(Part):
    """A command that a person types, and what it printed is part of the run."""

    on: HostName = Field(description="the host where it is typed")
    at: Seconds = Field(0.0, description="when, counted from the start")
    run: Annotated[OneLine, AfterValidator(_playable)] = Field(
        description="the command, as in: echo to: aku | /var/qmail/bin/qmail-inject"
    )
    lines: str = Field("", description="what is typed into telnet, a line a second")
    user: UserName = Field("root", description="who types it")

    @property
    def calls(self) -> str:
        """The host that a telnet calls; empty for any other command."""
        (name, *words), *_ = commands.parse(self.run).programs
        return words[0] if commands.program_name(name) == "telnet" else ""

    @model_validator(mode="after")
    def _telnet_alone(self) -> Self:
        programs = commands.parse(self.run).programs
        if self.lines and not self.calls:
            raise MisfitError("lines are typed into telnet", "use it with run: telnet HOST", "lines")
        if len(programs) > 1 and any(commands.program_name(words[0]) == "telnet" for words in programs):
            raise MisfitError("telnet needs a person at the keyboard", "put what is typed under lines:", "run")
        return self
