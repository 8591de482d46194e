"""The tracks that sound like some words: the scores of `musrec_core.words`, from a dataset of any size."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("lance", reason="the extra catalogue is not installed")

from musrec_core.card import Card
from musrec_core.catalogue import Catalogue, cli
from musrec_core.catalogue.schema import ModelColumns
from musrec_core.catalogue.search.index import build
from musrec_core.catalogue.search.search import Searcher
from musrec_core.catalogue.search.words import sounds, words_of
from musrec_core.errors import CatalogueError, UnknownWordError
from musrec_core.words.heads import Words
from musrec_core.words.request import parse

from .made import clustered, made_catalogue, track

TRACKS = 4_000
REQUESTS = ["piano", "calm piano, no vocals", "metal", "female vocals, acoustic guitar", "80s, dance, no guitar:2"]


@pytest.fixture(scope="module")
def words() -> Words:
    return words_of(Card.load())


@pytest.fixture(scope="module")
def vectors() -> NDArray[np.float32]:
    return clustered(np.random.default_rng(4), TRACKS, Card.load().dimensions)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, vectors: NDArray[np.float32]) -> Catalogue:
    place = tmp_path_factory.mktemp("words") / "tracks.lance"
    made = made_catalogue(str(place), vectors, ModelColumns.of_card(Card.load()))
    build(made, exact_rows=0)
    return made


def best(text: str, words: Words, vectors: NDArray[np.float32], count: int) -> dict[str, float]:
    """The best tracks and their scores, by all vectors at once."""
    scores = parse(text, words).scores(words, vectors)
    return {track(n): float(scores[n]) for n in np.argsort(-scores, kind="stable")[:count]}


@pytest.mark.parametrize("text", REQUESTS)
def test_exact_answers_are_those_of_the_words(
    text: str, catalogue: Catalogue, words: Words, vectors: NDArray[np.float32]
) -> None:
    found = sounds(Searcher(catalogue), text, words, count=20)
    wanted = best(text, words, vectors, 20)
    assert {match.id for match in found} == set(wanted)
    np.testing.assert_allclose(
        [1 - match.distance for match in found], sorted(wanted.values(), reverse=True), atol=1e-6
    )


def test_the_index_finds_nearly_all_of_the_best(
    catalogue: Catalogue, words: Words, vectors: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musrec_core.catalogue.search.words.LEAST", 400)
    monkeypatch.setattr("musrec_core.catalogue.search.words.SAMPLE", 200)
    searcher = Searcher(catalogue, exact_rows=0)
    assert searcher.scopes.of(None).built is not None
    shares = []
    for text in REQUESTS:
        found, wanted = sounds(searcher, text, words, count=20), best(text, words, vectors, 20)
        shares.append(len({match.id for match in found} & set(wanted)) / 20)
        assert all(1 - m.distance == pytest.approx(wanted.get(m.id, 1 - m.distance), abs=1e-6) for m in found)
    assert np.mean(shares) > 0.9


@pytest.mark.parametrize("exact_rows", [0, TRACKS])
def test_conditions_and_limits_hold_for_words_too(catalogue: Catalogue, words: Words, exact_rows: int) -> None:
    searcher = Searcher(catalogue, exact_rows=exact_rows)
    found = sounds(
        searcher, "piano", words, count=12, where="year < 1960", columns=["artist", "year"], max_per={"artist": 1}
    )
    assert len({match.columns["artist"] for match in found}) == 12
    assert max(match.columns["year"] for match in found) < 1960
    assert sounds(searcher, "piano", words, where="year = 1066") == []


def test_an_unknown_word_and_a_model_without_words_are_told(catalogue: Catalogue, words: Words, quick: Path) -> None:
    with pytest.raises(UnknownWordError, match="there is no word kazoo"):
        sounds(Searcher(catalogue), "kazoo", words)
    with pytest.raises(CatalogueError, match="the model quick-1 knows no words"):
        words_of(Card.load(quick))
    assert words_of(dataclasses.replace(Card.load())).names == words.names


def test_the_command_prints_scores(
    catalogue: Catalogue, words: Words, vectors: NDArray[np.float32], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["sounds", catalogue.uri, "calm", "piano,", "-n", "2", "no vocals"]) == 0
    wanted = [f"{score:.3f}  {id_}" for id_, score in best("calm piano, no vocals", words, vectors, 2).items()]
    assert capsys.readouterr().out.splitlines() == wanted
    assert cli.main(["sounds", catalogue.uri, "kazoo"]) == 1
    assert "there is no word kazoo" in capsys.readouterr().err
