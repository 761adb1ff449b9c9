"""A module imports only from below it, so that each part can be read, tested and reused alone."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "hpsearch"

# From the top down; what shares a place may import each other.
ORDER = [
    "cli", "api", "this_trial", "exchange", "report", "searching", "config", "trainers",
    "backends", "sampling", "store", "data", "nn", "space", "trial", "fields", "messages",
    "suggestions", "errors", "rng", "shapes",
]  # fmt: skip

PURE = ("nn", "space", "sampling")
ALLOWED_IN_PURE = {"numpy", "hpsearch"}
FORBIDDEN_IN_PURE = {  # files, processes, the terminal, and what turns values into text
    "io", "json", "logging", "multiprocessing", "os", "pathlib", "pickle", "shutil", "socket",
    "subprocess", "sys", "tempfile", "threading", "time",
}  # fmt: skip

MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """The lines and the full names of what a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            assert node.module
            if node.module == "hpsearch":
                yield from ((node.lineno, f"hpsearch.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def part(path: Path) -> str:
    """The entry of ORDER that a file belongs to; "" for hpsearch/__init__.py itself."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0].replace("__init__", "")


def identifier(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def test_every_module_has_a_place_in_the_order():
    assert {part(path) for path in MODULES} <= {*ORDER, "", "__main__"}


@pytest.mark.parametrize("path", MODULES, ids=identifier)
def test_a_module_imports_only_from_below_it(path):
    if (own := part(path)) not in ORDER:
        return  # hpsearch itself stands above everything
    below = ORDER[ORDER.index(own) :]
    upwards = [
        f"{identifier(path)}:{line}: {own} may not import {name}"
        for line, name in imports(path)
        if name.partition(".")[0] == "hpsearch" and (name + ".").split(".")[1] not in below
    ]
    assert upwards == []


PURE_MODULES = [path for path in MODULES if part(path) in PURE]


@pytest.mark.parametrize("path", PURE_MODULES, ids=identifier)
def test_the_mathematics_knows_nothing_of_files_processes_or_the_terminal(path):
    for line, name in imports(path):
        top = name.partition(".")[0]
        known = top in ALLOWED_IN_PURE or top in sys.stdlib_module_names
        assert known, f"{identifier(path)}:{line}: imports {name}"
        assert top not in FORBIDDEN_IN_PURE, f"{identifier(path)}:{line}: imports {name}"


@pytest.mark.parametrize("path", PURE_MODULES, ids=identifier)
def test_the_mathematics_opens_and_prints_nothing(path):
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"open", "print", "input", "exec", "eval"}
