"""No test passes without its assertion having run: none stands where it may be passed over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("test_*.py"))
CHECKS = (
    "assert_",
    "raises",
    "error",
    "wait",
    "embed_bytes",
)  # calls that assert: of numpy, pytest, and helpers of ours


def passed_over(node: ast.AST, doubtful: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Each assertion below a node, and whether it may be passed over."""
    for child in ast.iter_child_nodes(node):
        suppressed = isinstance(child, ast.With) and any("suppress(" in ast.unparse(item) for item in child.items)
        guarded = isinstance(child, ast.If | ast.ExceptHandler) or (isinstance(child, ast.Try) and child.handlers)
        name = ast.unparse(child.func).rpartition(".")[2] if isinstance(child, ast.Call) else ""
        if isinstance(child, ast.Assert) or name.startswith(CHECKS):
            yield child, doubtful
        yield from passed_over(child, doubtful or suppressed or bool(guarded))


def functions(file: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_each_test_asserts_something_whatever_happens(file: Path) -> None:
    found = {test.name: list(passed_over(test)) for test in functions(file)}
    assert found
    assert [name for name, asserted in found.items() if all(doubtful for _, doubtful in asserted)] == []


CODE = """
def test_it():
    if x:
        assert 1
    with suppress(E):
        assert 2
    try:
        assert 3
    except E:
        assert 4
    for y in x:
        assert 5
    np.testing.assert_equal(1, 1)
"""


def test_the_check_sees_what_may_be_passed_over() -> None:
    assert [doubtful for _, doubtful in passed_over(ast.parse(CODE))] == [True, True, True, True, False, False]
