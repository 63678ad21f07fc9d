"""Questions to a class: what will come of it? Asked at a moment of the run, before it goes on."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ..notation.errors import quoted
from .errors import MisfitError
from .faults import After, At, Before, Nth, OneInstant
from .fields import HostName, OneLine, number_as_text

Words = Annotated[OneLine, BeforeValidator(number_as_text), WithJsonSchema({"type": ["string", "integer"]})]


class Question(OneInstant):
    """A question with its choices, one of them right, and when it is asked."""

    question: OneLine = Field(min_length=1, description="what is asked, before it is shown what happens")
    choices: tuple[Words, ...] = Field(min_length=2, description="the answers to choose from")
    answer: Words = Field(description="the right one, written as among the choices")
    why: OneLine = Field("", description="what is said when the answer is known")
    on: HostName | None = Field(None, description="only a call on this host counts; left out: on any")
    at: At = None
    before: Before = None
    after: After = None
    nth: Nth = 1

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        seen: set[str] = set()
        for choice in self.choices:
            if choice in seen:
                raise MisfitError(f"{quoted(choice)} is among the choices twice", "each choice once", "choices")
            seen.add(choice)
        if self.answer not in seen:
            hint = f"choices: {', '.join(self.choices)}"
            message = f"the answer {quoted(self.answer)} is not among the choices"
            raise MisfitError(message, hint, "answer", word=self.answer, known=self.choices)
        return self

    @model_validator(mode="after")
    def _timed_or_somewhere(self) -> Self:
        if self.at is not None and self.on is not None:
            raise MisfitError("`on` chooses among calls, but `at` names a time", "use it with before or after", "on")
        return self
