"""Words: the vocabulary, what the teachers say of it, and heads that are measured by artist."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray

from musrec_core import Card, Encoder
from musrec_core.words.heads import Words
from training.data.cache import Cache, load_cache, save_cache
from training.data.sources import read_manifest
from training.model.encoder import new_encoder
from training.recipe import RecipeError, load_recipe
from training.words.ensemble import Ensemble, labelled
from training.words.heads import Goals, Heads, aucs, calibrated, fit_heads, folds_of, goals_of, held_out_logits
from training.words.inputs import own_outputs, stored_vectors
from training.words.learn import Figures, comparison, enough, gather
from training.words.vocabulary import GROUPS, Vocabulary, Word, load_vocabulary

from ..conftest import recipe_file
from .conftest import say, track, words_of


def word(name: str, share: float = 0.5, outputs: dict[str, tuple[str, ...]] | None = None, *labels: str) -> Word:
    return Word(name, "genre", share, (), outputs or {}, labels)


# The vocabulary


def test_our_vocabulary_is_valid_and_says_each_thing_once() -> None:
    vocabulary = load_vocabulary()
    names = [text.casefold() for w in vocabulary.words for text in (w.name, *w.synonyms)]
    assert len(vocabulary.words) >= 120
    assert len(set(names)) == len(names)
    assert {w.group for w in vocabulary.words} == set(GROUPS)
    taught_by = {Path(teacher.file).stem for teacher in load_recipe("musrec-2").teachers}
    assert set(vocabulary.teachers) <= taught_by


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": "colour"}, "is in the group colour"),
        ({"share": 1.0}, "the share of tonal"),
        ({"synonyms": ["A", "a"]}, "tonal and tonal share 'a'"),
        ({"synonyms": ["a|b"]}, "name or synonym 'a|b'"),
        ({"first": []}, "tonal has nothing to learn from"),
        ({"first": None, "labels": []}, "tonal has nothing to learn from"),
        ({"third": ["x"]}, "names third, which is no family"),
        ({"first": "tonal"}, "has to be a list"),
        ({"share": None}, "can't be read: 'share'"),
    ],
)
def test_a_vocabulary_that_is_not_valid_is_one_sentence(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    values = {"share": 0.5, "first": ["tonal"]} | change
    group = values.pop("group", "genre")
    stored = {
        "teachers": {"first": ["one"]},
        "words": {group: {"tonal": {k: v for k, v in values.items() if v is not None}}},
    }
    (tmp_path / "v.yaml").write_text(yaml.safe_dump(stored))
    with pytest.raises(RecipeError) as caught:
        load_vocabulary(tmp_path / "v.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# The targets


def test_outputs_that_mean_the_same_are_joined_and_each_family_counts_the_same(tmp_path: Path) -> None:
    tracks = [track(f"a-{k}") for k in range(4)]
    p = {"a-0": [[0.5, 0.5, 0], [0.5, 0, 0]], "a-1": [[0, 0.2, 0]], "a-2": [[0.2, 0, 1]], "a-3": [[0.1, 0.1, 0]]}
    q = {"a-0": [[0.9, 0]], "a-1": [[0.1, 0]], "a-2": [[0.2, 0]], "a-3": [[0.3, 0]]}
    say(tmp_path, "one", {k: np.array(v, float) for k, v in p.items()})
    say(tmp_path, "two", {k: np.array(v, float) for k, v in q.items()})
    both = word("tonal", 0.5, {"first": ("tonal", "tone"), "second": ("Tonal music",)})
    words = (
        both,
        word("dull", 0.5, None, "dull"),
        replace(both, name="of the first", outputs={"first": ("tonal", "tone")}),
    )
    ensemble = Ensemble(Vocabulary({"first": ("one",), "second": ("two",)}, words), tmp_path)
    assert [ensemble.heard(t) for t in [*tracks, track("a-9")]] == [True] * 4 + [False]
    scores = ensemble.scores(tracks, np.ones(4, bool))

    def standard(means: list[float]) -> NDArray[np.float64]:
        logits = np.log(np.array(means) / (1 - np.array(means)))
        return np.asarray((logits - logits.mean()) / logits.std())

    first, second = standard([0.625, 0.2, 0.2, 0.19]), standard([0.9, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(scores[:, 2], first, atol=2e-3)
    mean = (first + second) / 2
    np.testing.assert_allclose(scores[:, 0], mean / mean.std(), atol=2e-3)
    assert np.isnan(scores[:, 1]).all()


def test_labels_tell_only_where_their_dataset_uses_them() -> None:
    tracks = [
        track("a-1", labels=("Jazz", "Latin")), track("a-2", labels=("Rock",)), track("b-1", labels=("Rock",)),
        track("a-3"), track("a-4", labels=("Rock",), moods=("Calm",)),
    ]  # fmt: skip
    np.testing.assert_array_equal(labelled(word("jazz", 0.5, None, "jazz"), tracks), [1, 0, np.nan, np.nan, 0])
    np.testing.assert_array_equal(labelled(word("calm", 0.5, None, "calm", "jazz"), tracks), [1, 0, np.nan, np.nan, 1])


def test_words_for_moods_are_read_and_kept(tmp_path: Path) -> None:
    rows = "id,file,artist,genres,split,moods\na-1,a.flac,A,Rock,train,Calm; Sad\na-2,b.flac,B,Rock,train,\n"
    (tmp_path / "tracks.csv").write_text(rows)
    tracks = read_manifest(tmp_path / "tracks.csv", {})
    assert [t.moods for t in tracks] == [("Calm", "Sad"), ()]
    none = np.zeros(2, np.int64)
    save_cache(Cache(np.zeros((0, 128), np.uint8), none, none, tracks, load_recipe("musrec_1").front, []), tmp_path)
    assert load_cache(tmp_path).tracks == tracks


def test_a_word_applies_to_its_share_of_ordinary_music() -> None:
    scores = np.array([[0.0], [1], [2], [3], [9], [9]])
    labels = np.full((6, 1), np.nan)
    reference = np.array([True] * 4 + [False] * 2)
    goals = goals_of(scores, labels, np.array([0.25]), reference, np.array(list("abcdef")))
    assert goals.applies[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert ((goals.soft >= 0.5) == (goals.applies == 1)).all()
    assert (np.diff(goals.soft[:, 0]) >= 0).all()
    of_labels = goals_of(labels, np.eye(6)[:, :1], np.array([0.25]), reference, np.array(list("abcdef")))
    assert of_labels.soft[:, 0].tolist() == of_labels.applies[:, 0].tolist() == [1, 0, 0, 0, 0, 0]


# The heads


@pytest.fixture(scope="module")
def artists() -> tuple[NDArray[np.float64], Goals]:
    """Three words on 300 clips of 60 artists: one in the sound, one of artists alone, one of which little is known."""
    rng = np.random.default_rng(1)
    artist = np.repeat(np.arange(60), 5)
    voice = rng.standard_normal((60, 40))[artist]
    x = np.concatenate([voice, rng.standard_normal((300, 3))], axis=1)
    heard = x[:, 40] + 0.3 * rng.standard_normal(300) > 0
    known = np.where(rng.random(300) < 0.5, heard, np.nan)
    applies = np.stack([heard, rng.permutation(60)[artist] % 2, known], axis=1).astype(float)
    return x, Goals(applies, applies, artist.astype(str))


def test_the_auc_is_of_artists_that_were_kept_aside(artists: tuple[NDArray[np.float64], Goals]) -> None:
    x, goals = artists
    for fold in folds_of(goals.groups):
        assert not set(goals.groups[fold]) & set(goals.groups[~fold])
    held_out = aucs(held_out_logits(x, goals, 1.0), goals.applies)
    seen = aucs(fit_heads(x, goals, 1.0).logits(x), goals.applies)
    assert held_out[0] > 0.8
    assert held_out[2] > 0.8  # NaN counts neither in fitting nor in measuring
    assert seen[1] > 0.9
    assert held_out[1] < 0.65  # artists that it knows do not help with others


def test_probabilities_fit_the_share_of_clips(artists: tuple[NDArray[np.float64], Goals]) -> None:
    x, goals = artists
    rare = replace(goals, applies=goals.applies * (x[:, 40:41] > 0.8), soft=goals.soft)
    heads = calibrated(fit_heads(x, rare, 0.1), logits := held_out_logits(x, rare, 0.1), rare)
    said = 1 / (1 + np.exp(-heads.logits(x)[:, 0]))
    assert said.mean() == pytest.approx(rare.applies[:, 0].mean(), abs=0.05)
    assert np.corrcoef(heads.logits(x)[:, 0], fit_heads(x, rare, 0.1).logits(x)[:, 0])[0, 1] == pytest.approx(1)
    assert logits.shape == rare.soft.shape


def test_a_word_without_examples_has_a_head_that_says_nothing() -> None:
    goals = Goals(np.zeros((4, 1)), np.zeros((4, 1)), np.array(list("abcd")))
    heads = calibrated(fit_heads(np.eye(4), goals, 1.0), np.zeros((4, 1)), goals)
    assert not heads.logits(np.eye(4)).any()
    assert np.isnan(aucs(np.zeros((4, 1)), goals.applies)).all()


def test_few_clips_or_few_artists_are_not_enough() -> None:
    truth = np.array([[1.0, 1, 1]] * 12 + [[0.0, 0, np.nan]] * 12)
    groups = np.array([str(k) for k in range(24)])
    assert enough(truth, groups).tolist() == [True, True, False]
    assert enough(truth, np.repeat(["a", "b"], 12)).tolist() == [False] * 3


def test_a_comparison_counts_the_words_that_lose() -> None:
    ours = Figures(1.0, np.array([0.9, 0.8, np.nan]), np.array([0.9, 0.9, 0.9]), *[np.full(3, np.nan)] * 2)
    other = replace(ours, valid=np.array([0.91, 0.86, 0.9]))
    found = comparison(ours, other, [0, 1, 2])
    assert (found["valid_words"], found["valid_lose"], found["folds_lose"]) == (2, 1, 0)
    assert found["valid_other"] - found["valid_ours"] == pytest.approx(0.035)
    assert "labels_folds_ours" not in found


# The command


def test_words_lie_beside_the_encoder_and_its_card_names_them(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Card.load(taught / "model" / "musrec-1.json")
    assert words_of(taught, "--test", "--against", "hard") == 0
    printed = capsys.readouterr().out
    card = Card.load(taught / "model" / "musrec-1.json")
    assert (card.format, card.model_id) == (2, before.model_id)
    words = Words.load(card)
    assert words is not None
    assert (words.names, words.groups, words.synonyms) == (("tonal", "hiss"), ("texture", "genre"), (("humming",), ()))
    assert (words.auc > 0.95).all()
    assert card.words is not None
    assert card.words.names == words.names
    shares = {word.name: word.share for word in load_vocabulary(taught / "words.yaml").words}
    assert words.shares.tolist() == pytest.approx([shares[name] for name in words.names])
    cache = load_cache(taught)
    test = cache.split("test")
    said = words.probabilities(stored_vectors(cache, test, Encoder.load(taught / "model" / "musrec-1.onnx")))
    tonal = np.array([cache.tracks[i].labels == ("Hum",) for i in test])
    assert ((said[:, 0] > 0.5) == tonal).all()
    assert ((said[:, 1] > 0.5) == ~tonal).all()

    report = json.loads((taught / "words" / "words.json").read_text())
    assert report["clips"] == {"train": 56, "valid": 28, "test": 12}
    found = {one["word"]: one for one in [*report["words"], *report["left_out"]]}
    assert found["tonal"]["where"] == found["tonal"]["labels"]["where"] == "valid"
    assert found["tonal"]["clips"] == 14
    assert found["tonal"]["labels"]["teachers"] == found["tonal"]["test"]["labels"] == 1
    assert found["hiss"]["labels"]["teachers"] is None
    assert [one["word"] for one in report["left_out"]] == ["coin"]
    assert report["against"]["hard"]["valid_words"] == 2
    assert (taught / "words" / "words.md").read_text() in printed
    assert "## Left out" in printed
    assert "- texture: tonal 1.00" in (taught / "model" / "musrec-1.md").read_text()


def test_the_network_s_own_outputs_can_be_compared(taught: Path, tmp_path: Path) -> None:
    recipe_path = recipe_file(tmp_path, vector__raw=True)
    recipe = load_recipe(recipe_path)
    torch.manual_seed(0)
    network = new_encoder(recipe, 2)
    torch.save({"encoder": network.state_dict(), "vector": {}, "vocabulary": ["a", "b"]}, tmp_path / "encoder.pt")
    cache, model = load_cache(taught), taught / "model" / "musrec-1.onnx"
    x = own_outputs(cache, [0, 1, 2, 3], Encoder.load(model), recipe, tmp_path)
    assert x.shape == (4, 32 + 2 + 200 + 50 + 2)  # features, genres, the teacher's embedding and tags, mood
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    deviation = x.std(axis=0).round(3)
    assert set(deviation) <= {0, 1}  # 0: a dead unit
    assert deviation.mean() > 0.5
    other = load_recipe(recipe_path, {"front_end.n_fft": 1024})
    with pytest.raises(RecipeError, match="have another front end"):
        own_outputs(cache, [0], Encoder.load(model), other, tmp_path)


def test_what_is_missing_is_one_sentence(taught: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def error(**changes: Any) -> str:
        values = yaml.safe_load((taught / "words.yaml").read_text())
        values["words"]["texture"]["tonal"] |= changes.pop("tonal", {})
        (tmp_path / "other.yaml").write_text(yaml.safe_dump(values | changes))
        assert words_of(taught, vocabulary=str(tmp_path / "other.yaml")) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "the teacher nobody has not heard this cache" in error(teachers={"first": ["one"], "second": ["nobody"]})
    assert "the teacher one has no output Piano, as tonal asks for" in error(tonal={"first": ["Piano"]})
    assert "no word reaches an AUC of 0.75" in error(words={"mood": {"coin": {"share": 0.5, "second": ["Coin"]}}})
    cache = load_cache(taught)
    assert cache.audio is not None
    recipe, vocabulary = load_recipe("musrec_1"), load_vocabulary(taught / "words.yaml")
    one = replace(cache, tracks=[replace(t, split="train" if k < 2 else "test") for k, t in enumerate(cache.tracks)])
    with pytest.raises(RecipeError, match="two artists or more"):
        gather(recipe, one, taught, taught, vocabulary, test=False)
    low = replace(cache, audio=replace(cache.audio, sample_rate=16_000))
    with pytest.raises(RecipeError, match="lacks audio at 22050 Hz, which musrec-1 hears"):
        stored_vectors(low, [0], Encoder.load(taught / "model" / "musrec-1.onnx"))


def test_heads_are_linear() -> None:
    heads = Heads(np.array([[1.0, 2.0]]), np.array([0.5]))
    assert heads.logits(np.array([[1.0, 1.0], [0.0, -1.0]])).tolist() == [[3.5], [-1.5]]
