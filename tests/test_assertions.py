"""No test passes without its assertion having run: each has one that stands where nothing passes it over."""

from __future__ import annotations

import ast
from collections.abc import Sequence
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


def surely_asserts(body: Sequence[ast.stmt]) -> bool:
    """Whether one of the statements asserts something whichever way the code takes."""
    return any(_surely_asserts(statement) for statement in body)


def _surely_asserts(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assert():
            return True
        case ast.If():
            return surely_asserts(statement.body) and surely_asserts(statement.orelse)
        case ast.Try():
            either = [statement.body, *(handler.body for handler in statement.handlers)]
            return all(map(surely_asserts, either)) or surely_asserts(statement.finalbody)
        case ast.With():
            opened = [item.context_expr for item in statement.items]
            if any(_name(expression) == "suppress" for expression in opened):
                return False
            return any(map(_is_check, opened)) or surely_asserts(statement.body)
        case ast.For() | ast.While():
            return surely_asserts(statement.body)
        case ast.FunctionDef():
            return False
    return any(map(_is_check, ast.walk(statement)))


def _name(node: ast.AST) -> str:
    return ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def _is_check(node: ast.AST) -> bool:
    return _name(node).startswith(CHECKS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_each_test_asserts_something_whatever_happens(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    assert tests
    assert [test.name for test in tests if not surely_asserts(test.body)] == []


@pytest.mark.parametrize(
    ("code", "surely"),
    [
        ("if x:\n    assert 1", False),
        ("if x:\n    assert 1\nelse:\n    assert 2", True),
        ("with suppress(E):\n    assert 1", False),
        ("with raises(E):\n    f()", True),
        ("try:\n    assert 1\nexcept E:\n    pass", False),
        ("try:\n    assert 1\nfinally:\n    f()", True),
        ("def callback():\n    assert 1", False),
        ("for y in x:\n    assert 1", True),  # what is looped over is for the test to look at
        ("f()", False),
        ("np.testing.assert_equal(1, 1)", True),
    ],
)
def test_the_check_sees_what_may_be_passed_over(code: str, surely: bool) -> None:
    assert surely_asserts(ast.parse(code).body) == surely
