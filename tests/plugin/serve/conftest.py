"""A library for servers, in-process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from beets.library import Library
from flask.testing import FlaskClient

from benchmarks.synthetic_library import make_library

from .served import NOT_EMBEDDED, SONGS, application


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A made-up library of which one song has no embedding."""
    library = Library(str(make_library(tmp_path_factory.mktemp("served") / "library.db", SONGS)), "/music")
    with library.transaction() as tx:
        tx.mutate("DELETE FROM item_attributes WHERE entity_id = ?", (NOT_EMBEDDED,))
    yield library
    library._close()


@pytest.fixture(scope="module")
def client(served: Library) -> FlaskClient:
    """Of a server as it is configured where the user says nothing."""
    return application(served).test_client(use_cookies=False)
