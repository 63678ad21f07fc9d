"""A sentence in plain words for every row of a trace, and its translations: what the player says at each step.

The English sentence, with its named fields, is the key of the catalogue (gettext's msgid); translations are read from
the ``.po`` files as they are written, so there is nothing to compile.

>>> row = (1.0, ("salman", "qmail-queue", 8), ("link", "intd/53", "todo/53"), "todo/53", None, None)
>>> told, fields = sentence(row)
>>> told.format(**fields)
'qmail-queue links the message into todo/53: S4, from now on it will be delivered, whatever happens'
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from string import Formatter

from sim.show.narration.fields import FIELDS, Value
from sim.show.narration.general import GENERAL
from sim.show.narration.mailboxes import MAILBOXES
from sim.show.narration.page import PAGE_TEXTS
from sim.show.narration.processes import PROCESSES
from sim.show.narration.queue import QUEUE
from sim.show.narration.rows import kinds, verb
from sim.show.narration.wires import WIRES
from sim.trace import Row

__all__ = ["GENERAL", "LANGUAGES", "PAGE_TEXTS", "SENTENCES", "catalogue", "key", "messages", "sentence"]

SENTENCES = GENERAL | QUEUE | MAILBOXES | WIRES | PROCESSES
LANGUAGES = ("en", "id")


def sentence(row: Row) -> tuple[str, dict[str, Value]]:
    """The message for a row, and the values of just those fields that it names."""
    told = SENTENCES[key(row)]
    return told, {name: FIELDS[name](row) for name in named(told)}


def key(row: Row) -> str:
    """The entry of ``SENTENCES`` that fits a row best."""
    return _found(row[1][1], verb(row), kinds(row), row[5])


@lru_cache(maxsize=4096)
def _found(program: str, word: str, about: tuple[str, ...], error: str | None) -> str:
    """The most telling kind first, and for each this program's own sentence before everybody's."""
    endings = ("",) if error is None else (f" !{error}", " !*")
    heads = [f"{head} {kind}".rstrip() for kind in (*about, "") for head in (f"{program} {word}", word)]
    fitting = [head + ending for ending in endings for head in heads] + [f"*{ending}" for ending in endings]
    return next(entry for entry in fitting if entry in SENTENCES)


@lru_cache(maxsize=1024)
def named(told: str) -> tuple[str, ...]:
    """The fields that a message names, each once."""
    return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(told) if name))


def messages() -> list[str]:
    """Everything that is to be translated, each message once."""
    return list(dict.fromkeys((*SENTENCES.values(), *PAGE_TEXTS.values())))


def catalogue(language: str) -> dict[str, str]:
    """Every message in a language: English is the message itself; LookupError for a language that nobody wrote."""
    if language == "en":
        return {told: told for told in messages()}
    if language not in LANGUAGES:
        raise LookupError(f"there is no {language!r} translation; there are {', '.join(LANGUAGES)}")
    import polib

    with as_file(files("sim.show") / "locale" / language / "LC_MESSAGES" / "mailsim.po") as path:
        return {entry.msgid: entry.msgstr for entry in polib.pofile(str(path)).translated_entries()}
