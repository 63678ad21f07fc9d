"""The five states of a message in the queue (INTERNALS section 2; the course text's section 6).

Which of the seven files of message N exist *is* its state; nothing else is. ``+`` there, ``-`` not there,
``?`` either way. Anything else is not a state, and a queue that shows it is broken.
"""

from __future__ import annotations

from collections.abc import Collection

FILES = ("mess", "intd", "todo", "info", "local", "remote", "bounce")

#              mess intd todo info local remote bounce
STATES = {
    "S1": "-    -    -    -    -     -      -",
    "S2": "+    -    -    -    -     -      -",
    "S3": "+    +    -    -    -     -      -",
    "S4": "+    ?    +    ?    ?     ?      -",
    "S5": "+    -    -    +    ?     ?      ?",
}  # fmt: skip

MEANINGS = {
    "S1": "not there",
    "S2": "being written; the message is not complete",
    "S3": "being written; the envelope is not complete",
    "S4": "queued: accepted, waiting for qmail-send",
    "S5": "preprocessed: recipients are being served",
}

_SIGNS = {state: signs.split() for state, signs in STATES.items()}


def classify(present: Collection[str]) -> str | None:
    """The state of a message from the names of its files' directories; None: no state at all.

    >>> classify({"mess", "intd"}), classify({"mess", "info", "local"}), classify({"todo"})
    ('S3', 'S5', None)
    """
    return _CLASSIFIED[frozenset(present) & _ALL]


def _classify(present: frozenset[str]) -> str | None:
    for state, signs in _SIGNS.items():
        if all(sign == "?" or (sign == "+") == (name in present) for name, sign in zip(FILES, signs, strict=True)):
            return state
    return None


def _subsets() -> list[frozenset[str]]:
    return [frozenset(n for i, n in enumerate(FILES) if bits >> i & 1) for bits in range(1 << len(FILES))]


_ALL = frozenset(FILES)
_CLASSIFIED = {subset: _classify(subset) for subset in _subsets()}
