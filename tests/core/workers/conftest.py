"""Workers that start quickly: what they embed does not matter here."""

from __future__ import annotations

from pathlib import Path

import pytest

from musrec_core import Card


@pytest.fixture(scope="session")
def quick_card(quick: Path) -> Card:
    """Of the model that takes no time."""
    return Card.load(quick)
