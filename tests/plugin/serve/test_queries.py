"""Which queries a client may ask."""

from __future__ import annotations

import pytest
from beets import logging

from beetsplug.musrec.attributes.fields import LastResult
from beetsplug.musrec.library import sql
from beetsplug.musrec.named_queries import item_queries
from beetsplug.musrec.serve.queries import has_regex
from beetsplug.musrec.similar.query_results import SimilarResults

from .served import search


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("title::a", True),
        (":a", True),
        ("^title::a", True),
        ("artist:b , title::a", True),
        ("path::a year:1999", True),
        ("title:a:b artist:=~c ^year:1990..", False),
        ("title:'a ::b'", False),
    ],
)
def test_regular_expressions_are_found(query: str, expected: bool) -> None:
    assert has_regex(sql.parse(sql.words(query))) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"), [("title::a", True), ("Clocks|10|title::a", True), ("Clocks|title:a", False)]
)
def test_regular_expressions_in_a_pattern_are_found(pattern: str, expected: bool) -> None:
    results = SimilarResults(search, lambda: None, LastResult(), logging.getLogger("beets.musrec"))
    query = item_queries({"similar": lambda: results})["similar"]
    assert has_regex(query("similar", pattern)) is expected
