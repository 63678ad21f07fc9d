"""Mappings whose kind is the one key of a list that is there: `{kill: HOST, at: 5s}` is a kill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BeforeValidator, Discriminator

from ..notation.errors import did_you_mean
from .errors import MisfitError
from .fields import Part


def one_of(kinds: Mapping[str, type[Part]], what: str) -> tuple[Any, ...]:
    """Annotations that choose among models tagged ``<key>``; raises MisfitError unless one of the keys is there."""

    def present(data: object) -> list[str]:
        if isinstance(data, Part):
            return [kind for kind, model in kinds.items() if type(data) is model]
        return [kind for kind in kinds if data.get(kind) is not None] if isinstance(data, Mapping) else []

    def exactly_one(data: object) -> object:
        found = present(data)
        if len(found) > 1:
            raise MisfitError(f"both {found[0]} and {found[1]}: a {what} has one kind", "make two of it", found[1])
        if not found and isinstance(data, Mapping):
            known = list(kinds)
            word = next((str(key) for key in list(data)[:10] if did_you_mean(str(key)[:20], known)), "")
            raise MisfitError(
                f"it does not say which kind of {what}", f"kinds: {', '.join(known)}", word=word, known=known
            )
        return data

    def tag(data: object) -> str:
        found = present(data)
        return f"<{found[0]}>" if found else f"<{next(iter(kinds))}>"

    return Discriminator(tag), BeforeValidator(exactly_one)
