"""Which moods, words and genres a song's tags should have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from beets.library import Item
from beets.ui import UserError

from beetsplug.musrec.attributes import fields
from beetsplug.musrec.config import TagSettings
from beetsplug.musrec.genres.tags import Rules, Synonyms
from beetsplug.musrec.library.word_heads import WordHeads
from beetsplug.musrec.tags.wanted import NotEmbedded, NoWords, WantedTags
from musrec_core import attribute_text
from musrec_core.card import Card, known_cards, shipped_models

RULES = Rules(Synonyms({}), 0.5, 1, True)
CARDS = {card.model_id: card for card in known_cards(Card.load())}
NEW = Card.load().model_id
OLD = Card.load(shipped_models()["musrec-1"]).model_id


class GuessesJazz:
    """In place of `Genres`."""

    def names(self, item: Item, rules: Rules) -> list[str]:
        return rules.names({"jazz": 0.9, "rock": 0.1}, learnt=False)


def wanted(**settings: Any) -> WantedTags:
    usual: dict[str, Any] = {"mood": True, "words": "grouping", "genres": False, "threshold": 0.6, "max_words": 8}
    found: Any = GuessesJazz()
    return WantedTags(TagSettings(**{**usual, **settings}), CARDS, WordHeads(), found, RULES)


@pytest.fixture(scope="module")
def item() -> Item:
    """A song that sounds like several moods and many words."""
    words = WordHeads().get(Card.load())
    v = np.sum([words.weights[words.names.index(name)] for name in ("calm", "sad", "piano", "violin", "slow")], axis=0)
    item = Item(title="Song")
    item[fields.EMBEDDING] = attribute_text.encode_vector((v / np.linalg.norm(v)).astype(np.float32))
    item[fields.MODEL] = NEW
    return item


def test_each_group_has_its_tag(item: Item) -> None:
    words = WordHeads().get(Card.load())
    groups = dict(zip(words.names, words.groups, strict=True))
    tags = wanted().of(item)
    assert list(tags) == ["mood", "grouping"]
    assert {"calm", "sad"} <= set(tags["mood"])
    assert {"piano", "violin"} <= set(tags["grouping"])
    assert {groups[word] for word in tags["mood"]} == {"mood"}
    assert {groups[word] for word in tags["grouping"]}.isdisjoint({"mood", "genre"})


def test_the_likeliest_come_first_and_not_too_many(item: Item) -> None:
    found = wanted().of(item)["grouping"]
    assert len(found) > 3
    assert wanted(max_words=3).of(item)["grouping"] == found[:3]
    few, many = (wanted(threshold=t, max_words=99).of(item)["grouping"] for t in (0.99, 0.2))
    assert 0 < len(few) < len(many)
    assert many[: len(few)] == few


def test_only_what_is_wanted(item: Item) -> None:
    assert list(wanted(mood=False).of(item)["grouping"]) == wanted().of(item)["grouping"]
    assert wanted(mood=False).of(item)["mood"] == []
    assert list(wanted(words=None).of(item)) == ["mood"]
    assert wanted(words="sound").of(item)["sound"] == wanted().of(item)["grouping"]
    assert wanted(genres=True).of(item)["genres"] == ["Jazz"]


def test_a_song_without_a_usable_embedding(item: Item) -> None:
    for changed in ({fields.EMBEDDING: ""}, {fields.EMBEDDING: "damaged"}, {fields.MODEL: "gone@00000000"}):
        other = Item(**{**dict(item), **changed})
        with pytest.raises(NotEmbedded):
            wanted().of(other)


def test_a_model_without_words(item: Item) -> None:
    old = Item(**{**dict(item), fields.MODEL: OLD})
    with pytest.raises(NoWords):
        wanted().of(old)
    assert wanted(genres=True).of(old) == {"genres": ["Jazz"]}


def test_words_do_not_go_into_a_title() -> None:
    with pytest.raises(UserError, match=r"^musrec.tags.words: title is a tag that has a meaning of its own; take "):
        wanted(words="title")
