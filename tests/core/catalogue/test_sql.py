"""Conditions: texts are quoted, and what a user wrote is read whole or refused."""

from __future__ import annotations

import pytest

pytest.importorskip("lance", reason="the extra catalogue is not installed")

from pathlib import Path

import numpy as np

from musrec_core.catalogue import Catalogue
from musrec_core.catalogue.sql import condition, id_in, sql_text
from musrec_core.errors import CatalogueError

from .rows import COLUMNS, rows, unit_vectors

HOSTILE = [
    "it's",
    "a''b",
    "back\\slash",
    "\\'",
    'a "b"',
    "new\nline",
    "nul\0x",
    "é🎵",
    "007",
    "% _",
    "x" * 10_000,
    "--",
    "/*",
]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    made = Catalogue.create(str(tmp_path_factory.mktemp("sql") / "it's a place.lance"), COLUMNS)
    made.merge(rows(HOSTILE, unit_vectors(np.random.default_rng(1), len(HOSTILE))))
    return made


@pytest.mark.parametrize("id_", HOSTILE, ids=range(len(HOSTILE)))
def test_an_id_of_any_characters_is_found_by_its_literal(catalogue: Catalogue, id_: str) -> None:
    assert catalogue.count(f"id = {sql_text(id_)}") == 1
    assert catalogue.count(id_in([id_, "unknown"])) == 1


def test_no_ids_are_no_rows(catalogue: Catalogue) -> None:
    assert catalogue.count(id_in([])) == 0


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("1=1; DROP TABLE x", r"Expected: \), found: ;"),
        ("1=1) OR (1=1", "parentheses do not match"),
        ("genre = 'jazz' id = 'a'", "Expected: "),
        ("genre = 'jazz' AND", "Expected: an expression"),
        ("genre = 'jazz", "Unterminated string"),
        ("id /*", "comment"),
        ("colour = 1", "there is no column colour; there are id, path"),
        ("id", "does not return a boolean"),
        (" ", "the condition is empty"),
        ("id IN (SELECT id FROM x)", "not supported"),
    ],
)
def test_a_condition_that_is_none_is_told_in_one_sentence(catalogue: Catalogue, where: str, why: str) -> None:
    with pytest.raises(CatalogueError, match=why) as raised:
        catalogue.count(where)
    assert "\n" not in str(raised.value).replace(repr(where), "")


@pytest.mark.parametrize("where", ["id = ')' OR true", "true -- a remark (", "/* ( */ true", "id = '--' OR true"])
def test_parentheses_in_texts_and_comments_do_not_count(catalogue: Catalogue, where: str) -> None:
    assert catalogue.count(where) == len(HOSTILE)


def test_a_condition_stands_in_parentheses() -> None:
    assert condition("a OR b") == "(a OR b\n)"
    assert condition(None) is None


def test_nothing_is_deleted_by_half_a_condition(tmp_path: Path) -> None:
    made = Catalogue.create(str(tmp_path / "tracks.lance"), COLUMNS)
    made.merge(rows(["a", "b"], unit_vectors(np.random.default_rng(1), 2)))
    with pytest.raises(CatalogueError):
        made.delete("genre = 'jazz' id = 'a'")
    assert len(made) == 2
