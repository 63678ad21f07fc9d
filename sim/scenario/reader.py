"""YAML text to plain mappings, lists and words, with the place of each; whatever the file holds, quickly.

No value is guessed at: `no`, `451` and `2011-11-22` are the words a person typed, and the model says what they
mean; only a key with nothing after it (or `null`) is None. Anchors and aliases work within bounds; tags and merge
keys are refused. Every error is a ScenarioError.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.scanner import Scanner, ScannerError

from ..notation.errors import quoted
from .errors import Problem, ScenarioError
from .marks import Mark, Marks, Path
from .syntax import explained

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain] | None"

MOST_BYTES = 1 << 20
MOST_NODES = 10_000  # words, lists and mappings, aliases written out
MOST_DEPTH = 30
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TOO_DEEP = f"lists and mappings lie more than {MOST_DEPTH} deep in one another (no scenario needs so many)"
_TOO_MANY = f"more than {MOST_NODES:,} values"
_MANY_HINT = "an item of `mail` can be sent so many times with copies: and every:"


def fail(file: str, mark: Mark, message: str, hint: str = "") -> ScenarioError:
    """One problem as an exception to raise."""
    return ScenarioError((Problem(file, mark.line, mark.column, message, hint),))


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Plain], Marks]:
    """Read a file of at most one MiB; never waits for a pipe or a device."""
    name = os.fspath(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return read_bytes(_content(descriptor, name), name)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise fail(name, Mark(1, 1), f"cannot read it: {reason}", "look at its name and its permissions") from None


def _content(descriptor: int, name: str) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise fail(name, Mark(1, 1), "this is not a file", "a scenario is a text file, as in lesson.yaml")
    if status.st_size > MOST_BYTES:
        message = f"the file has {status.st_size:,} bytes; a scenario has at most {MOST_BYTES:,}"
        raise fail(name, Mark(1, 1), message, _MANY_HINT)
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(MOST_BYTES + 1)


def read_bytes(content: bytes, name: str) -> tuple[dict[str, Plain], Marks]:
    """Decode UTF-8, with or without a byte order mark, and any line ends."""
    if len(content) > MOST_BYTES:
        raise fail(name, Mark(1, 1), f"a scenario has at most {MOST_BYTES:,} bytes", _MANY_HINT)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        message = f"byte {content[error.start]:#04x} at offset {error.start} is not UTF-8"
        raise fail(name, _end_of(before), message, "save the file as UTF-8") from None
    return read_text(text, name)


def read_text(text: str, name: str) -> tuple[dict[str, Plain], Marks]:
    """Parse one YAML document that is a mapping."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MOST_BYTES:
        raise fail(name, Mark(1, 1), f"a scenario has at most {MOST_BYTES:,} characters", _MANY_HINT)
    found = _UNPRINTABLE.search(text) or _SURROGATE.search(text)
    if found:
        message = f"the character {found.group()!a} does not belong into a text"
        raise fail(name, _end_of(text[: found.start()]), message, 'in quotes write it as in "\\x07"')
    root = _compose(text, name)
    if root is None or (isinstance(root, ScalarNode) and not root.value):
        raise fail(name, Mark(1, 1), "the file is empty", "a scenario has at least title: and hosts:")
    if not isinstance(root, MappingNode):
        raise fail(name, _mark(root), "a scenario is a mapping of keys to values", "begin with title: and hosts:")
    plainer = _Plainer(text, name)
    return plainer.mapping(root, ()), plainer.marks


def _end_of(text: str) -> Mark:
    last = re.split(r"\r\n|\r|\n", text)
    return Mark(len(last), len(last[-1]) + 1)


def _mark(node: Any) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


class _Scanner(Scanner):
    """Refuses tags where they stand, and brackets before they pile up: both take ruamel.yaml quadratic time."""

    def fetch_tag(self) -> None:
        problem = "tags (!) are not used here; a text that begins with ! needs quotes"
        raise ScannerError(None, None, problem, self.reader.get_mark())

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:  # noqa: N803
        if len(self.flow_context) >= MOST_DEPTH:
            raise ScannerError(None, None, _TOO_DEEP, self.reader.get_mark())
        super().fetch_flow_collection_start(TokenClass, to_push)


class _Parser(Parser):
    """Counts what it hands out, so that a monstrous file fails before it is composed."""

    nodes = 0
    depth = 0

    def get_event(self) -> Any:
        event = super().get_event()
        self.nodes += 1
        self.depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if self.nodes > 2 * MOST_NODES or self.depth > MOST_DEPTH:
            raise ScannerError(None, None, _TOO_DEEP if self.depth > MOST_DEPTH else _TOO_MANY, event.start_mark)
        return event


def _compose(text: str, name: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner, yaml.Parser = _Scanner, _Parser
    yaml.composer.warn_double_anchors = False
    try:
        return yaml.compose(text)
    except MarkedYAMLError as error:
        mark, problem, hint = explained(text, error)
    except (YAMLError, ValueError, OverflowError) as error:
        problem, hint, mark = f"this is not YAML: {error}".split("\n")[0], "", Mark(1, 1)
    raise fail(name, mark, problem, hint)


class _Plainer:
    """Walks a composed document once, writes its aliases out, and keeps the mark of everything."""

    def __init__(self, text: str, name: str) -> None:
        self.marks = Marks(text)
        self._name = name
        self._nodes = 0
        self._letters = 0
        self._open: set[int] = set()

    def mapping(self, node: Any, path: Path) -> dict[str, Plain]:
        plain: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if key in plain:
                also = self.marks.keys[*path, key].line
                raise fail(self._name, _mark(key_node), f"the key {quoted(key)} is here twice", f"also on line {also}")
            self.marks.keys[*path, key] = _mark(key_node)
            plain[key] = self._plain(value_node, (*path, key))
        return plain

    def _key(self, node: Any) -> str:
        if not isinstance(node, ScalarNode):
            hint = "text with braces or brackets in it needs quotes"
            raise fail(self._name, _mark(node), "a key is a word, not a list or a mapping", hint)
        if node.value == "<<" and not node.style:
            hint = "use an alias for a whole value, or write the keys out"
            raise fail(self._name, _mark(node), "the merge key << is not used here", hint)
        word = self._word(node)
        if word is None:
            raise fail(self._name, _mark(node), "a word is missing before the colon")
        return word

    def _plain(self, node: Any, path: Path) -> Plain:
        self._nodes += 1
        self.marks.values[path] = _mark(node)
        self._letters += len(node.value) if isinstance(node, ScalarNode) else 0
        if self._nodes > MOST_NODES or self._letters > 2 * MOST_BYTES:
            what = _TOO_MANY if self._nodes > MOST_NODES else "too much text"
            raise fail(self._name, _mark(node), f"{what}, aliases written out", _MANY_HINT)
        if isinstance(node, ScalarNode):
            if node.style == "|":
                self.marks.blocks[path] = node.value
            return self._word(node)
        if id(node) in self._open:
            raise fail(self._name, _mark(node), "an alias refers to the value that it is part of", "write it out")
        if len(path) > MOST_DEPTH:
            raise fail(self._name, _mark(node), _TOO_DEEP)
        self._open.add(id(node))
        plain: Plain = self.mapping(node, path) if isinstance(node, MappingNode) else self._list(node, path)
        self._open.remove(id(node))
        return plain

    def _list(self, node: Any, path: Path) -> list[Plain]:
        return [self._plain(item, (*path, index)) for index, item in enumerate(node.value)]

    def _word(self, node: Any) -> str | None:
        if not node.style and node.value in ("", "~", "null", "Null", "NULL"):
            if node.anchor:
                hint = f'a text that begins with & needs quotes: "&{node.anchor}"'
                raise fail(self._name, _mark(node), f"&{node.anchor} only gives a name to a value; none follows", hint)
            return None
        if not _SURROGATE.search(node.value):
            return str(node.value)
        try:  # JSON writes a character beyond U+FFFF as two
            return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            message = "half a character (a surrogate) in a text"
            raise fail(self._name, _mark(node), message, "write it as in \\U0001F600") from None
