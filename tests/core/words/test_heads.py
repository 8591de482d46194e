"""Words: probabilities by one matrix product, and a file that is data."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musrec_core import Card, ModelError
from musrec_core.card import SHIPPED, WordsFile
from musrec_core.words.heads import Words

from ..test_model_files import Bomb

WORDS = Words(
    names=("piano", "female vocals", "80s"),
    groups=("instrument", "voice", "era"),
    synonyms=((), ("female voice", "woman"), ("eighties",)),
    weights=np.random.default_rng(0).standard_normal((3, 128)).astype(np.float32),
    bias=np.array([0, -1, 2], np.float32),
    auc=np.array([0.9, 0.8, 0.75], np.float32),
)


FILE = f"{SHIPPED.stem}.words.npz"


def card_with(folder: Path, content: bytes) -> Card:
    """The shipped model's card, naming a file of words with this content."""
    shutil.copy(SHIPPED, folder)
    (folder / FILE).write_bytes(content)
    file = WordsFile(FILE, hashlib.sha256(content).hexdigest())
    return replace(Card.load(folder / SHIPPED.name), words=file)


def saved(words: Words, folder: Path) -> bytes:
    words.save(folder / "words.npz")
    return (folder / "words.npz").read_bytes()


def test_they_survive_the_file_and_the_card(tmp_path: Path) -> None:
    card = card_with(tmp_path, saved(WORDS, tmp_path))
    assert json.loads(card.save().read_text())["format"] == 2
    card = Card.load(tmp_path / SHIPPED.name)
    words = Words.load(card)
    assert words is not None
    assert (words.names, words.groups, words.synonyms) == (WORDS.names, WORDS.groups, WORDS.synonyms)
    for name in ("weights", "bias", "auc"):
        np.testing.assert_array_equal(getattr(words, name), getattr(WORDS, name))
        assert getattr(words, name).dtype == np.float32


def test_a_model_without_words_has_none() -> None:
    assert Words.load(replace(Card.load(), words=None)) is None


def test_probabilities_are_a_logistic_regressions() -> None:
    vectors = np.random.default_rng(1).standard_normal((5, 128)).astype(np.float16)
    p = WORDS.probabilities(vectors)
    assert p.shape == (5, 3)
    assert p.dtype == np.float32
    logit = float(vectors[4].astype(np.float64) @ WORDS.weights[1].astype(np.float64)) - 1
    assert p[4, 1] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-5)
    extreme = WORDS.probabilities(vectors * np.float32(1e4))
    assert ((extreme >= 0) & (extreme <= 1)).all()
    with pytest.raises(ValueError, match=r"\(5, 64\), wanted \(m, 128\)"):
        WORDS.probabilities(vectors[:, :64])


def test_the_likeliest_words_come_first() -> None:
    vector = np.random.default_rng(1).standard_normal(128).astype(np.float32)
    p = WORDS.probabilities(vector[None])[0]
    every = WORDS.likeliest(vector, least=0.0)
    assert [name for name, _ in every] == [WORDS.names[n] for n in np.argsort(-p)]
    assert [value for _, value in every] == sorted(p.tolist(), reverse=True)
    assert WORDS.likeliest(vector, least=every[1][1]) == every[:2]
    assert WORDS.likeliest(vector, least=0.0, most=1) == every[:1]
    assert {name for name, _ in WORDS.likeliest(vector, least=0.0, groups=("era",))} == {"80s"}


@pytest.mark.parametrize(("changes", "message"), [
    ({"names": ("piano", "Piano", "80s")}, "share a name"),
    ({"synonyms": ((), ("piano",), ())}, "share a name"),
    ({"names": ("piano", " ", "80s")}, "is empty"),
    ({"groups": ("instrument", "voice", "")}, "is empty"),
    ({"groups": ("instrument",)}, "do not match"),
    ({"names": (), "groups": (), "synonyms": ()}, "0 names"),
    ({"bias": np.array([0, np.nan, 1], np.float32)}, "finite"),
    ({"auc": np.array([0.9, 0.8, 1.1], np.float32)}, "auc"),
    ({"weights": np.zeros(3, np.float32)}, "do not match"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(WORDS, **changes)


def archive(**arrays: Any) -> bytes:
    stored = io.BytesIO()
    np.savez(stored, **arrays)
    return stored.getvalue()


def parts(**changes: Any) -> bytes:
    """The file's arrays, some of them changed or, as None, left out."""
    arrays = {
        "names": np.array(WORDS.names),
        "groups": np.array(WORDS.groups),
        "synonyms": np.array(["", "a|b", ""]),
        **{name: getattr(WORDS, name) for name in ("weights", "bias", "auc")},
    }
    return archive(**{name: array for name, array in (arrays | changes).items() if array is not None})


DAMAGED = {
    "nothing": b"",
    "text": b"words",
    "npy": b"\x93NUMPY\x01\0v\0{}",
    "half": parts()[:900],
    "no names": parts(names=None),
    "numbers as names": parts(names=np.arange(3)),
    "texts as weights": parts(weights=np.array(WORDS.names)),
    "another width": parts(weights=np.zeros((3, 64), np.float32)),
    "one word twice": parts(names=np.array(["a", "a", "c"])),
    "complex": parts(bias=np.zeros(3, complex)),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_one_sentence(kind: str, tmp_path: Path) -> None:
    message = rf"{SHIPPED.stem}\.words\.npz of the model {SHIPPED.stem} can't be read: .+"
    with pytest.raises(ModelError, match=message) as caught:
        Words.load(card_with(tmp_path, DAMAGED[kind]))
    assert "\n" not in str(caught.value)


def test_a_missing_or_changed_file_is_one_sentence(tmp_path: Path) -> None:
    card = card_with(tmp_path, parts())
    (tmp_path / FILE).write_bytes(parts(names=np.array(["a", "b", "c"])))
    with pytest.raises(ModelError, match="sha256 differs"):
        Words.load(card)
    (tmp_path / FILE).unlink()
    with pytest.raises(ModelError, match="can't be read: No such file"):
        Words.load(card)


def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    target = tmp_path / "exploded"
    names = np.array([Bomb(target), "b", "c"], dtype=object)
    with pytest.raises(ModelError, match="can't be read"):
        Words.load(card_with(tmp_path, parts(names=names)))
    assert not target.exists()
    pickle.loads(pickle.dumps(Bomb(target)))
    assert target.exists()


def test_a_few_words_say_most_of_a_song() -> None:
    names = ("rock", "hard rock", "metal", "punk", "piano", "calm", "drums", "female vocals")
    groups = ("genre",) * 4 + ("instrument", "mood", "instrument", "voice")
    words = Words(
        names, groups, ((),) * 8, np.eye(8, dtype=np.float32), np.zeros(8, np.float32), np.full(8, 0.9, np.float32),
        np.array([0.3, 0.1, 0.05, 0.02, 0.2, 0.3, 0.6, 0.2], np.float32),
    )  # fmt: skip
    rocks = [6, 5, 4, 3, -3, -3, 2, 1]
    assert [name for name, _ in words.typical(rocks)] == ["hard rock", "metal", "punk", "drums", "female vocals"]
    assert dict(words.typical(rocks))["metal"] == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-4)
    assert words.typical(np.full(8, -5)) == []
    assert len(words.typical(np.full(8, 5))) == 6


def test_a_file_says_how_common_words_are_and_one_without_is_read(tmp_path: Path) -> None:
    shares = np.array([0.2, 0.1, 0.05], np.float32)
    card = card_with(tmp_path, saved(replace(WORDS, shares=shares), tmp_path))
    found = Words.load(card)
    assert found is not None
    assert found.shares.tolist() == shares.tolist()
    assert WORDS.shares.tolist() == pytest.approx([0.1, 0.1, 0.1])
    for bad in ([0, 0.1, 0.1], [0.1, 1, 0.1], [0.1, np.nan, 0.1], [0.1, 0.1]):
        with pytest.raises(ValueError, match=r"share|lengths"):
            replace(WORDS, shares=np.array(bad, np.float32))


def test_probabilities_of_some_words() -> None:
    vectors = np.random.default_rng(1).standard_normal((5, 128))
    np.testing.assert_allclose(WORDS.probabilities(vectors, [2, 0]), WORDS.probabilities(vectors)[:, [2, 0]], rtol=1e-6)


def test_the_card_names_the_words(tmp_path: Path) -> None:
    card = card_with(tmp_path, saved(WORDS, tmp_path))
    assert card.words is not None
    named = replace(card, words=card.words._replace(names=WORDS.names))
    assert Card.load(named.save()).words == named.words
    assert Words.load(named) is not None
    with pytest.raises(ModelError, match="can't be read: their names are not those of its card"):
        Words.load(replace(card, words=card.words._replace(names=("piano", "female vocals", "90s"))))
    shipped = Card.load()
    words = Words.load(shipped)
    assert words is not None
    assert shipped.words is not None
    assert shipped.words.names == words.names


@pytest.mark.parametrize("names", ["piano", [1], [""], {"piano": 1}, None])
def test_names_in_a_card_that_are_none(names: Any, tmp_path: Path) -> None:
    stored = json.loads(SHIPPED.read_text("utf-8"))
    stored["words"]["names"] = names
    (tmp_path / "x.json").write_text(json.dumps(stored), "utf-8")
    with pytest.raises(ModelError, match="the names of words have to be a list of texts"):
        Card.load(tmp_path / "x.json")
