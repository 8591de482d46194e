"""What two songs share and where they differ: from heads with known directions."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from musrec_core.words.explain import Difference, Explainer, Explanation, Sound
from musrec_core.words.heads import Words

NAMES = {
    "rock": "genre",
    "folk": "genre",
    "piano": "instrument",
    "guitar": "instrument",
    "acoustic guitar": "instrument",
    "drums": "instrument",
    "organ": "instrument",
    "vocals": "voice",
    "female vocals": "voice",
    "male vocals": "voice",
    "calm": "mood",
    "energetic": "mood",
    "80s": "era",
}
SIZE = 16
DIRECTION = {name: k for k, name in enumerate(NAMES)}
WEIGHTS = 20 * np.eye(len(NAMES), SIZE, dtype=np.float32)
WEIGHTS[DIRECTION["acoustic guitar"]] = WEIGHTS[DIRECTION["guitar"]]  # says the same
WEIGHTS[DIRECTION["organ"]] = WEIGHTS[DIRECTION["piano"]]  # and so does this one, here
WEIGHTS[DIRECTION["calm"]] = -WEIGHTS[DIRECTION["energetic"]]
WORDS = Words(
    names=tuple(NAMES),
    groups=tuple(NAMES.values()),
    synonyms=((),) * len(NAMES),
    weights=WEIGHTS,
    bias=np.full(len(NAMES), -4, np.float32),
    auc=np.full(len(NAMES), 0.9, np.float32),
)
LIBRARY = np.random.default_rng(0).standard_normal((300, SIZE)).astype(np.float32) / SIZE**0.5
USUAL = Explainer(WORDS, LIBRARY)


def vector(*names: str, rest: int = SIZE - 1, **more: float) -> NDArray[np.float32]:
    """A song of which some words are true, the first most; what is left of it has a direction without a word."""
    found = np.zeros(SIZE, np.float32)
    for n, name in enumerate(names):
        found[DIRECTION[name]] = 0.5 - 0.03 * n
    found[rest] = np.sqrt(max(0.0, 1 - float(found @ found)))
    return found


def explained(first: NDArray[np.float32], second: NDArray[np.float32], explainer: Explainer = USUAL) -> Explanation:
    return explainer.explain(Sound(first), Sound(second))


def test_what_both_have_is_shared_and_what_one_has_sets_it_apart() -> None:
    found = explained(vector("piano", "folk"), vector("piano", "folk", "female vocals"))
    assert found.shared == ("piano", "folk")
    assert found.differences == (Difference("female vocals", "voice", True),)
    back = explained(vector("piano", "folk", "female vocals"), vector("piano", "folk"))
    assert back.differences == (Difference("female vocals", "voice", False),)


def test_the_largest_part_of_the_cosine_comes_first() -> None:
    assert explained(vector("piano", "folk"), vector("piano", "folk")).shared == ("piano", "folk")
    assert explained(vector("folk", "piano"), vector("folk", "piano")).shared == ("folk", "piano")


def test_a_few_words_of_several_kinds() -> None:
    band = vector("guitar", "drums", "piano", "rock", "80s", "energetic")
    assert explained(band, band).shared == ("guitar", "drums", "rock", "80s")
    assert len(explained(vector("guitar", "drums", "rock"), vector("piano")).differences) == 2


def test_differences_come_by_their_size() -> None:
    found = explained(vector("piano", "folk"), vector("folk", "rock"))
    assert found.differences == (Difference("piano", "instrument", False), Difference("rock", "genre", True))


def test_the_share_is_that_part_of_the_cosine() -> None:
    same = vector("piano", "folk")
    alone = explained(same, same)
    assert alone.share == pytest.approx(0.5**2 + 0.47**2, abs=0.1)
    less = explained(vector("piano", "folk"), vector("piano", "folk", rest=SIZE - 2))
    assert less.share == pytest.approx(1, abs=0.25)  # nothing else is alike


def test_no_two_words_say_the_same() -> None:
    found = explained(vector("guitar", "folk"), vector("guitar", "folk"))
    assert found.shared == ("guitar", "folk")  # and not acoustic guitar
    keys = explained(vector("piano"), vector("piano"))
    assert keys.shared == ("piano",)  # and not organ
    calm = explained(vector("piano", rest=DIRECTION["energetic"]), vector("piano"))
    assert [each.name for each in calm.differences] == ["energetic"]  # and not calm


def test_a_voice_that_may_be_another_is_not_named() -> None:
    both = vector("female vocals", "male vocals", "vocals")
    assert explained(both, both).shared == ("vocals",)
    clear = vector("female vocals", "vocals")
    clear[DIRECTION["vocals"]] = 0.35
    assert explained(clear, clear).shared == ("female vocals",)
    assert {each.name for each in explained(vector("piano"), both).differences} == {"vocals", "piano"}
    other = explained(vector("male vocals"), vector("female vocals"))
    assert {(each.name, each.more) for each in other.differences} == {("female vocals", True), ("male vocals", False)}


def test_what_the_whole_library_has_explains_nothing() -> None:
    songs = LIBRARY.copy()
    songs[:, DIRECTION["rock"]] = 0.5 + 0.1 * songs[:, DIRECTION["rock"]]
    rock = Explainer(WORDS, songs)
    pair = vector("rock", "piano"), vector("rock", "piano")
    assert explained(*pair).shared == ("rock", "piano")
    assert explained(*pair, rock).shared == ("piano",)
    more = pair[0].copy()
    more[DIRECTION["rock"]] = 0.6  # as no other song
    assert explained(more, more, rock).shared == ("piano", "rock")


def test_nothing_is_invented() -> None:
    nothing = Explanation()
    assert explained(vector(), vector()) == nothing  # alike in something that has no word
    assert explained(vector(), vector(rest=SIZE - 2)) == nothing
    orthogonal = explained(vector("piano", rest=SIZE - 1), vector("rock", rest=SIZE - 2))
    assert orthogonal.shared == ()
    assert {each.name for each in orthogonal.differences} == {"piano", "rock"}
    both = vector("piano"), vector("piano", "rock")
    both[1][DIRECTION["rock"]] = 0.2  # a probability of a half
    assert explained(*both).differences == ()
    assert explained(both[1], both[1]).shared == ("piano",)


@pytest.mark.parametrize("songs", [0, 1, 2, 5])
def test_a_library_of_a_few_songs(songs: int) -> None:
    library = np.stack([vector("piano", "folk"), vector("piano"), vector("rock"), vector("80s"), vector()])[:songs]
    few = Explainer(WORDS, library.reshape(-1, SIZE))
    found = few.explain(Sound(vector("piano", "folk")), Sound(vector("piano", "folk", "rock")))
    assert set(found.shared) == {"piano", "folk"}
    assert [each.name for each in found.differences] == ["rock"]


# Mood and genres.


def test_mood_comes_before_words_that_say_the_same() -> None:
    first = Sound(vector("piano"), mood={"arousal": 0.1, "valence": 0.5})
    second = Sound(vector("piano", "energetic"), mood={"arousal": 0.9, "valence": 0.6})
    assert USUAL.explain(first, second).differences == (Difference("arousal", "mood", True),)
    assert USUAL.explain(second, first).differences == (Difference("arousal", "mood", False),)
    unknown = Sound(vector("piano", "energetic"))
    assert USUAL.explain(first, unknown).differences == (Difference("energetic", "mood", True),)


def test_a_genre_that_is_no_word_is_named_too() -> None:
    labels, songs = ("Rock", "Any", "Shoegaze"), np.array([[0.1, 0.8, 0.1]] * 40 + [[0.1, 0.9, 0.8]] * 10)
    own = Explainer(WORDS, LIBRARY, labels, songs)
    genres = {"Shoegaze": 0.9, "Rock": 0.8, "Any": 0.8}
    pair = Sound(vector("piano"), genres), Sound(vector("piano"), genres)
    assert own.explain(*pair).shared == ("piano", "Shoegaze")  # Rock is a word, and any song is Any
    assert own.explain(pair[0], Sound(vector("piano"), {"Shoegaze": 0.1})).shared == ("piano",)
    band = Sound(vector("guitar", "drums", "rock", "80s"), genres)
    assert own.explain(band, band).shared == ("guitar", "drums", "rock", "Shoegaze")


def test_without_words_genres_and_mood_are_left() -> None:
    songs = np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    plain = Explainer(None, LIBRARY, ("rock", "folk", "jazz"), songs)
    rock = Sound(vector(), {"rock": 0.9, "folk": 0.05, "jazz": 0.05}, {"arousal": 0.9, "valence": 0.5})
    folk = Sound(vector(), {"rock": 0.05, "folk": 0.9, "jazz": 0.05}, {"arousal": 0.9, "valence": 0.9})
    found = plain.explain(rock, rock)
    assert found == Explanation(("rock", "lively"))
    apart = plain.explain(rock, folk)
    assert apart.shared == ("lively",)
    assert apart.differences == (Difference("valence", "mood", True), Difference("rock", "genre", False))
    angry = Sound(vector(), mood={"arousal": 0.9, "valence": 0.1})
    assert plain.explain(angry, angry).shared == ("lively", "dark")
    assert plain.explain(Sound(vector()), Sound(vector())) == Explanation()


def test_words_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got embeddings of shape \(3, 8\), wanted \(n, 16\)"):
        Explainer(WORDS, np.zeros((3, 8)))
