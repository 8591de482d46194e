"""What `--more`, `--less` and `--sounds` name, and how much of it each song has: on a made-up library, in-process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import beets.logging
import numpy as np
import pytest
from beets.library import Library
from beets.ui import UserError

from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.vectors import VectorStore
from beetsplug.musrec.library.word_heads import WordHeads
from beetsplug.musrec.similar.qualities import Qualities, Quality
from benchmarks.synthetic_library import make_library
from musrec_core.card import Card
from musrec_core.genres.vocabulary import Vocabulary
from musrec_core.search.index import VectorIndex
from musrec_core.words.heads import Words

CARD = Card.load()
RNG = np.random.default_rng(0)
LEARNT = Vocabulary(
    ("Rock", "Sea Songs", "Piano"), False, RNG.standard_normal((3, CARD.dimensions)), np.zeros(3), np.ones(3),
    np.zeros(3), CARD.model_id,
)  # fmt: skip


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    library = Library(str(make_library(tmp_path_factory.mktemp("made-up") / "library.db", 40)), "/music")
    with library.transaction() as tx:
        tx.mutate("DELETE FROM item_attributes WHERE key = 'musrec_mood' AND entity_id = 3")
    yield library
    library._close()


@pytest.fixture(scope="module")
def store() -> VectorStore:
    return VectorStore(Models([CARD]), False, beets.logging.getLogger("beets.musrec"))


def qualities(store: VectorStore, learnt: Vocabulary | None = None) -> Qualities:
    return Qualities(WordHeads(), lambda lib: learnt, store)


@pytest.mark.parametrize(
    ("name", "quality"),
    [
        ("rock", Quality("learnt", "Rock")),  # the user's own
        ("SEA songs", Quality("learnt", "Sea Songs")),
        ("piano", Quality("learnt", "Piano")),
        ("jazz", Quality("genre", "jazz")),  # the model's genre, and not its word
        ("hip-hop", Quality("genre", "hip hop")),
        ("hiphop", Quality("genre", "hip hop")),
        ("rnb", Quality("genre", "r&b")),
        ("grand piano", Quality("word", "piano")),
        ("Female-Vocals", Quality("word", "female vocals")),
        ("no vocals", Quality("word", "instrumental")),
        ("valence", Quality("mood", "valence")),
    ],
)
def test_what_a_name_means(name: str, quality: Quality, lib: Library, store: VectorStore) -> None:
    assert qualities(store, LEARNT).find(lib, CARD, name) == quality


def test_without_learnt_genres_the_models_come_first(lib: Library, store: VectorStore) -> None:
    assert qualities(store).find(lib, CARD, "Rock") == Quality("genre", "rock")
    assert qualities(store).find(lib, CARD, "piano") == Quality("word", "piano")


@pytest.mark.parametrize("name", ["clarinete", "", " ", "\U0001f3b9", "x" * 9999, "\x1b[31m", "sea song"])
def test_an_unknown_name_is_one_sentence(name: str, lib: Library, store: VectorStore) -> None:
    with pytest.raises(
        UserError, match=r"^there is no genre, word or mood .*; the nearest are .*, .* and .*"
    ) as caught:
        qualities(store, LEARNT).find(lib, CARD, name)
    assert len(str(caught.value)) < 250
    assert "\x1b" not in str(caught.value)
    if name in ("clarinete", "sea song"):
        assert {"clarinete": "clarinet", "sea song": "Sea Songs"}[name] in str(caught.value)


def test_values_lie_in_the_order_of_the_index(lib: Library, store: VectorStore) -> None:
    songs = store.get(lib, "embedding").index
    other = VectorIndex([7, 999, 3], songs.vectors[[0, 1, 2]])  # 999 is not in the library
    known = qualities(store, LEARNT)
    words = Words.load(CARD)
    assert words is not None
    rows = [songs.ids.tolist().index(id_) for id_ in (7, 3)]
    expected: dict[Quality, Any] = {
        Quality("word", "piano"): words.probabilities(songs.vectors)[rows, words.names.index("piano")],
        Quality("learnt", "Sea Songs"): LEARNT.probabilities(songs.vectors)[rows, 1],
        Quality("genre", "jazz"): [_stored(lib, id_, "musrec_genres", "jazz") for id_ in (7, 3)],
        Quality("mood", "valence"): [_stored(lib, 7, "musrec_mood", "valence"), 0],
    }
    for quality, values in expected.items():
        found = known.values(lib, CARD, quality, other)
        assert found.tolist() == pytest.approx([values[0], 0, values[1]], abs=1e-4), quality
    wanted = known.request(CARD, "piano, no vocals")
    assert known.scores(lib, CARD, wanted, songs) == pytest.approx(wanted.scores(words, songs.vectors))


def _stored(lib: Library, id_: int, key: str, label: str) -> float:
    """A number that is stored for a song."""
    with lib.transaction() as tx:
        ((text,),) = map(
            tuple, tx.query("SELECT value FROM item_attributes WHERE entity_id = ? AND key = ?", (id_, key))
        )
    return float(text.split(f"{label}:")[1].split()[0])


def test_genres_that_were_learnt_from_other_embeddings(lib: Library, store: VectorStore) -> None:
    old = Vocabulary(**{**vars(LEARNT), "model": "other@12345678"})
    with pytest.raises(
        UserError, match=r"your genre Rock was learnt from other embeddings: run `beet genreguess --learn`"
    ):
        qualities(store, old).values(lib, CARD, Quality("learnt", "Rock"), store.get(lib, "embedding").index)


def test_a_request_is_refused_with_advice(lib: Library, store: VectorStore) -> None:
    with pytest.raises(UserError) as caught:
        qualities(store, LEARNT).find(lib, CARD, "zzz")
    nearest = str(caught.value).partition("the nearest are ")[2].partition(":")[0].replace(" and ", ", ").split(", ")
    assert len({name.partition(" (")[0] for name in nearest}) == 3  # jazz is a genre and a word
    with pytest.raises(UserError, match=r"there is no word pianoo; .*: `beet similar --words` lists all$"):
        qualities(store).request(CARD, "pianoo")
    with pytest.raises(UserError, match=r"^name a word, such as piano or calm$"):
        qualities(store).request(CARD, ",")
    with pytest.raises(UserError, match="the model musrec-1 knows no words"):
        qualities(store).request(Card.load("musrec-1"), "piano")


def test_a_model_without_words_names_its_genres_alone(lib: Library, store: VectorStore) -> None:
    nearest = r"^there is no genre or mood lullaby; the nearest are [\w& ]+, [\w& ]+ and [\w& ]+"
    with pytest.raises(UserError, match=rf"{nearest}\. The model musrec-1 knows no words: `beet embed` embeds "):
        qualities(store).find(lib, Card.load("musrec-1"), "lullaby")


def test_the_advice_for_a_model_without_words_helps() -> None:
    old = Card.load("musrec-1")
    with pytest.raises(UserError, match="knows no words: `beet embed` embeds with the newest one"):
        WordHeads(lambda: CARD).get(old)
    with pytest.raises(UserError, match=r"knows no words: remove `musrec\.model` from the configuration"):
        WordHeads(lambda: old).get(old)
