"""Programs are generators, and some mistakes in them are silent: the syntax tree shows them.

A call without its ``yield`` does nothing at all; a program called without ``yield from`` does not run; a
program that yields inside ``finally`` cannot be dropped where it stands, as a power cut drops it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CALLS = "sim.machine.calls"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {module_name(path): path.read_text() for path in sorted((ROOT / "sim").rglob("*.py"))}


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below it, without the insides of functions defined there."""
    yield node
    if not isinstance(node, Function | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from own_nodes(child)


def yields(nodes: list[ast.stmt]) -> bool:
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for node in nodes for one in own_nodes(node))


def generators(tree: ast.AST) -> set[str]:
    """The names of the generator functions and methods that a module defines, at whatever depth."""
    return {node.name for node in ast.walk(tree) if isinstance(node, Function) and yields(node.body)}


def makers(tree: ast.AST) -> set[str]:
    """The names of the functions of a module that give a call, for somebody else to yield."""
    functions = (node for node in ast.walk(tree) if isinstance(node, Function) and node.returns is not None)
    return {node.name for node in functions if ast.unparse(node.returns) == "Call"}


PROGRAMS = {name: generators(ast.parse(source)) for name, source in SOURCES.items()}
MAKERS = {name: makers(ast.parse(source)) for name, source in SOURCES.items()}


def imported(tree: ast.AST, package: str) -> dict[str, tuple[str, str]]:
    """Local name → module and name there, for every name from this project; a module itself has no name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                names[alias.asname or alias.name] = (whole, "") if whole in SOURCES else (module, alias.name)
    return names


def mistakes(source: str, package: str = "sim") -> list[str]:
    """Each silent mistake in a module as ``line: what is wrong``."""
    tree = ast.parse(source)
    names = imported(tree, package)
    local = generators(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            owner, _, name = called.rpartition(".")
            module, original = names.get(called) or (names.get(owner, ("", ""))[0], name)
            if module == CALLS or original in MAKERS.get(module, ()) or (owner == "" and name in makers(tree)):
                found.append(f"{node.lineno}: {called} without yield does nothing")
            elif original in PROGRAMS.get(module, ()) or (owner in ("", "self") and name in local):
                found.append(f"{node.lineno}: {called} without yield from does not run")
        if isinstance(node, ast.Try | ast.TryStar) and yields(node.finalbody):
            found.append(f"{node.finalbody[0].lineno}: a yield inside finally: the dead tidy nothing")
    return found


@pytest.mark.parametrize("module", sorted(name for name, programs in PROGRAMS.items() if programs))
def test_a_module_with_programs_forgets_no_yield_and_yields_in_no_finally(module: str) -> None:
    is_package = (ROOT / Path(*module.split(".")) / "__init__.py").exists()
    assert mistakes(SOURCES[module], module if is_package else module.rpartition(".")[0]) == []


def test_the_programs_are_found() -> None:
    """Else the test above would hold for want of anything to hold for."""
    assert "read_all" in PROGRAMS["sim.qmail.common"]
    assert sum(map(len, PROGRAMS.values())) > 20


HEAD = (
    "from sim.machine import calls\nfrom sim.machine.calls import close, open_ as opened\n"
    "from sim.qmail.send.state import log\n"
)


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ("    close(0)\n", "close without yield does nothing"),
        ("    opened('mess/1')\n", "opened without yield does nothing"),
        ("    calls.fsync(0)\n", "calls.fsync without yield does nothing"),
        ("    if 1:\n        with a:\n            close(0)\n", "close without yield does nothing"),
        ("    log('x')\n", "log without yield does nothing"),
        ("    helper()\n", "helper without yield from does not run"),
        ("    self.step()\n", "self.step without yield from does not run"),
        ("    try:\n        pass\n    finally:\n        yield close(0)\n", "a yield inside finally"),
        ("    try:\n        pass\n    finally:\n        x = yield from helper()\n", "a yield inside finally"),
        ("    try:\n        pass\n    finally:\n        if 1:\n            yield\n", "a yield inside finally"),
    ],
)
def test_each_mistake_is_seen(body: str, mistake: str) -> None:
    source = HEAD + "def helper():\n    yield close(1)\nclass A:\n    def step(self):\n        yield\ndef program():\n"
    found = mistakes(source + "    yield close(0)\n" + body)
    assert len(found) == 1
    assert mistake in found[0]


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("from sim.qmail.common import read_all", ""),
        ("from sim.qmail.common import read_all as whole", ""),
        ("from sim.qmail import common", ""),
        ("import sim.qmail.common", ""),
        ("from .common import read_all", "sim.qmail"),
        ("from ..qmail.common import read_all", "sim.smtp"),
        ("from . import common", "sim.qmail"),
    ],
)
def test_another_module_s_program_called_without_yield_from_is_seen(line: str, package: str) -> None:
    bound = line.split(" ")[-1]
    called = bound if bound in ("read_all", "whole") else f"{bound}.read_all"
    assert mistakes(f"{line}\ndef program():\n    {called}(0)\n", package) == [
        f"3: {called} without yield from does not run"
    ]


@pytest.mark.parametrize(
    "body",
    [
        "    yield close(0)\n",
        "    x = yield from helper()\n",
        "    print(close(0))\n",
        "    return close(0)\n",
        "    helpers.append(helper())\n",
        "    try:\n        yield close(0)\n    finally:\n        x = 1\n",
        "    try:\n        pass\n    finally:\n        def inner():\n            yield\n",
    ],
)
def test_what_is_right_is_left_alone(body: str) -> None:
    assert mistakes(HEAD + "def helper():\n    yield close(1)\ndef program():\n" + body) == []
