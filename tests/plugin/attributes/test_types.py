"""Values that print as something else: when beets takes two of them for the same."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from beets.library import Item

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.attributes.types import EmbeddingText
from musrec_core import attribute_text
from musrec_core.card import Card

STORED = ("musrec_embedding", "musrec_genres", "musrec_mood")


@pytest.fixture
def item(monkeypatch: pytest.MonkeyPatch) -> Item:
    monkeypatch.setattr(Item, "_types", Item._types | fields.item_types([Card.load()]))
    item = Item()
    for key, value in (("musrec_embedding", blob(1)), ("musrec_genres", "rock:0.8312 pop:0.1034 folk:0.0654"),
                       ("musrec_mood", "valence:0.6249 arousal:0.8000")):  # fmt: skip
        item[key] = value
    item.clear_dirty()
    return item


def blob(seed: int) -> str:
    return attribute_text.encode_vector(np.random.default_rng(seed).standard_normal(128).astype(np.float32))


def test_typing_back_what_prints_changes_nothing(item: Item) -> None:
    for key in STORED:
        item.set_parse(key, item.formatted()[key])
    assert not item._dirty
    assert item.formatted()["musrec_genres"] == "rock 83%, pop 10%, folk 7%"


def test_another_value_is_a_change_though_it_prints_the_same(item: Item) -> None:
    before = {key: item.formatted()[key] for key in STORED}
    item["musrec_embedding"] = blob(2)
    item["musrec_genres"] = "rock:0.8311 pop:0.1035 folk:0.0654"
    item["musrec_mood"] = "valence:0.6250 arousal:0.8000"
    assert item._dirty == set(STORED)
    assert {key: item.formatted()[key] for key in STORED} == before


def test_what_is_typed_anew_is_stored_as_numbers(item: Item) -> None:
    kinds = fields.item_types([Card.load()])
    for key, text, stored in (
        ("musrec_genres", "hip hop 90%, r&b 8%", "hip hop:0.9000 r&b:0.0800"),
        ("musrec_mood", "valence 0.10, arousal 1.00", "valence:0.1000 arousal:1.0000"),
        ("musrec_embedding", blob(3), blob(3)),
    ):
        item.set_parse(key, text)
        assert kinds[key].to_sql(item[key]) == stored
    assert item._dirty == set(STORED)


@pytest.mark.parametrize("label", ["a, b", "x:y", "1%", "a 0.5"])
def test_odd_labels_of_ones_own_model_come_through_too(item: Item, label: str) -> None:
    item["musrec_genres"] = f"{label}:0.7777 rock:0.2223"
    item.clear_dirty()
    item.set_parse("musrec_genres", item.formatted()["musrec_genres"])
    assert not item._dirty


def test_a_value_is_no_blob_for_who_reads_it(item: Item) -> None:
    value = item["musrec_embedding"]
    assert (str(value), json.dumps(value), bool(value)) == ("128-d", '"128-d"', True)
    assert value == EmbeddingText(blob(1)) != EmbeddingText(blob(2))
    assert hash(value) == hash("128-d")
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert twin.stored == blob(1)


@pytest.mark.parametrize("nothing", ["", None])
def test_nothing_stays_nothing(item: Item, nothing: str | None) -> None:
    for key in STORED:
        item[key] = nothing
        assert item[key] == ""
        assert item.formatted()[key] == ""


def test_what_is_no_text_becomes_some(item: Item) -> None:
    for key in STORED:
        item[key] = 5
        assert isinstance(item[key], str)
        item.formatted()[key]
