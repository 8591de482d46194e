"""A request for words: what it means, what it is refused for, and how well a song answers it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musrec_core import Card
from musrec_core._text import printable
from musrec_core.errors import UnknownWordError, WordsError
from musrec_core.words.heads import Words
from musrec_core.words.request import MAX_WEIGHT, AskedWord, WordRequest, lexicon_of, parse

SHIPPED = Words.load(Card.load())
assert SHIPPED is not None
WORDS = SHIPPED

AXES = Words(  # one axis each, so that a vector says the logits
    names=("piano", "calm", "vocals", "instrumental"),
    groups=("instrument", "mood", "voice", "voice"),
    synonyms=(("grand piano",), ("relaxing",), ("singing",), ("no vocals",)),
    weights=np.eye(4, dtype=np.float32),
    bias=np.zeros(4, np.float32),
    auc=np.full(4, 0.9, np.float32),
)


def meant(text: str) -> str:
    """A request in one spelling: ``calm, -vocals, piano:2``."""
    return ", ".join(
        ("-" if word.is_excluded else "")
        + WORDS.names[word.index]
        + ("" if word.weight is None else f":{word.weight:g}")
        for word in parse(text, WORDS).asked
    )


def refusal(text: str) -> str:
    with pytest.raises(WordsError) as caught:
        parse(text, WORDS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("calm piano", "calm, piano"),
        ("piano, calm", "piano, calm"),
        ("calm and piano; 80s", "calm, piano, 80s"),
        ("upbeat female vocals", "energetic, female vocals"),
        ("pop rock", "pop rock"),  # the longest phrase
        ("pop, rock", "pop, rock"),
        ("danceable -electronic", "danceable, -electronic"),
        ("danceable \u2212electronic", "danceable, -electronic"),  # as a phone types it
        ("danceable \u2013electronic", "danceable, -electronic"),
        ("danceable ^electronic", "danceable, -electronic"),  # as beets says it
        ("piano \u2013 no drums", "piano, -drums"),
        ("not sad", "-sad"),
        ("without drums", "-drums"),
        ("non-electronic", "-electronic"),
        ("no drums or bass", "-drums, -bass"),
        ("neither sad nor slow", "-sad, -slow"),
        ("no drums and no bass", "-drums, -bass"),
        ("calm but not sad", "calm, -sad"),
        ("not sad but calm", "-sad, calm"),
        ("-drums and bass", "-drums, bass"),
        ("calm piano, no vocals", "calm, piano, instrumental"),
        ("no drums and no vocals", "-drums, instrumental"),
        ("not instrumental", "-instrumental"),
        ("not no vocals", "-instrumental"),
        ("not without drums", "drums"),
        ("-vocals", "-vocals"),
        ("piano:2, calm:0.5", "piano:2, calm:0.5"),
        ("female vocals:.5 rock:10", "female vocals:0.5, rock:10"),
        ('"female vocals" piano', "female vocals, piano"),
        ('no "female vocals"', "-female vocals"),
        ("\u201cfemale vocals\u201d", "female vocals"),
        ("FEMALE-Vocals", "female vocals"),
        ("female_vocals", "female vocals"),
        ("pi\u00e1no", "piano"),
        ("R&B", "r&b"),
        ("piano & strings", "piano, strings"),
        ("rock'n'roll", "rock and roll"),
        ("Drum \u2019n\u2019 Bass", "drum and bass"),
        ("80's", "80s"),
        ("the sixties", "60s"),
        ("very calm piano music with strings", "calm, piano, strings"),
        ("piano piano:2 grand piano", "piano:2"),
        ("happy!", "happy"),
    ],
)
def test_what_a_request_means(text: str, meaning: str) -> None:
    assert meant(text) == meaning


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name a word"),
        (" ,;. ", "name a word"),
        ('""', "name a word"),
        ("the music", "name a word"),
        ("piano -piano", "piano is asked for and excluded"),
        ("calm, not relaxing", "calm is asked for and excluded"),
        ("piano or guitar", "can't be alternatives"),
        ("no drums and bass", "say whether bass is excluded, too"),
        ("no, piano", "no has to stand before a word"),
        ("piano without", "without has to stand before a word"),
        ("calm - piano", "a minus has to stand right before its word"),
        ("piano:nan", "a weight has to be a number above 0, up to 10, as in piano:2, and not nan"),
        ("piano:1e9", "and not 1e9"),
        ("piano:inf", "and not inf"),
        ("piano:-1", "and not -1"),
        ("piano:0", "and not 0"),
        ("piano:", "a weight has to be a number above 0, up to 10, as in piano:2"),
        (":2 piano", ":2 has to stand right behind a word"),
        ("\U0001f3b9 piano", "\U0001f3b9 can't be part of a word"),
        ("$(rm -rf ~)", "$ can't be part of a word"),
        ("piano; echo `id`", "there is no word echo id"),
        ("piano\x1b[31m", "'\\x1b' can't be part of a word"),
        ("pianoo", "there is no word pianoo; the nearest are piano,"),
        ("relaxng", "there is no word relaxng; the nearest are calm (relaxing),"),
        ("death growl, piano", "there is no word death growl; the nearest are"),
        ("x" * 10_000, "there is no word xxx"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    sentence = refusal(text)
    assert said in sentence
    assert len(sentence) < 200
    assert sentence.isprintable()


def test_an_unknown_word_has_three_near_ones() -> None:
    with pytest.raises(UnknownWordError, match=r"the nearest are ([^,]+), ([^,]+) and ([^,]+)$"):
        parse("clarinette", WORDS)
    assert "clarinet" in refusal("clarinette")


def test_every_name_and_synonym_means_its_word() -> None:
    for n, names in enumerate(zip(WORDS.names, WORDS.synonyms, strict=True)):
        for name in (names[0], *names[1]):
            (word,) = parse(name.upper(), WORDS).asked
            assert (word.index, word.is_excluded) == (n, False), name
            assert lexicon_of(WORDS).find(name) == n


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [*WORDS.names[::7], "no", "not", "and", "or", "-", ":", "2", ",", '"', "the", "\U0001f3b9", "\x00"]
            )
        ).map(" ".join),
    )
)
def test_any_text_is_a_request_or_one_sentence(text: str) -> None:
    sentence = ""
    found: tuple[AskedWord, ...] = ()
    try:
        found = parse(text, WORDS).asked
    except WordsError as error:
        sentence = str(error)
    assert bool(sentence) != bool(found)
    assert printable(sentence) == sentence
    assert len(sentence) < 300
    assert len({word.index for word in found}) == len(found)
    assert all(word.weight is None or 0 < word.weight <= MAX_WEIGHT for word in found)


# Scores.


def request(text: str) -> WordRequest:
    return parse(text, AXES)


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_one_word_scores_its_probability_and_an_excluded_one_the_rest() -> None:
    vectors = np.array([[logit(0.9), 0, 0, 0], [logit(0.2), 0, 0, 0]])
    assert request("piano").scores(AXES, vectors) == pytest.approx([0.9, 0.2])
    assert request("-piano").scores(AXES, vectors) == pytest.approx([0.1, 0.8])
    assert request("piano:7").scores(AXES, vectors) == pytest.approx([0.9, 0.2])  # weights are relative


def test_all_words_have_to_hold() -> None:
    both, piano, neither = [2, 2, 0, 0], [9, -2, 0, 0], [-2, -2, 0, 0]
    scores = request("calm piano").scores(AXES, [both, piano, neither])
    assert scores[0] > scores[1] > scores[2]
    assert scores[0] > 0.8 > 0.5 > scores[1]
    assert request("piano, calm").scores(AXES, [both, piano, neither]) == pytest.approx(scores)


def test_a_weight_says_what_matters_more() -> None:
    calm, piano = [0, 3, 0, 0], [3, 0, 0, 0]
    even = request("calm piano").scores(AXES, [calm, piano])
    assert even[0] == pytest.approx(even[1])
    more = request("calm:2 piano").scores(AXES, [calm, piano])
    assert more[0] > even[0] > more[1]
    assert more[0] == pytest.approx((1 / (1 + np.exp(-3.0))) ** (2 / 3) * 0.5 ** (1 / 3))


def test_both_readings_of_no_vocals_agree() -> None:
    sung, played = [0, 0, 4, -4], [0, 0, -4, 4]
    for text in ("no vocals", "-vocals", "without singing", "instrumental"):
        scores = request(text).scores(AXES, [sung, played])
        assert scores == pytest.approx([0.018, 0.982], abs=1e-3), text
    assert request("not instrumental").scores(AXES, [sung, played]) == pytest.approx([0.982, 0.018], abs=1e-3)


def test_extremes_are_numbers_from_0_to_1() -> None:
    scores = request("piano, -calm").scores(AXES, [[1000, -1000, 0, 0], [-1000, 1000, 0, 0], [1000, 1000, 0, 0]])
    assert scores == pytest.approx([1, 0, 0])


def test_embeddings_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got embeddings of shape \(1, 3\), wanted \(m, 4\)"):
        request("piano").scores(AXES, [[0, 0, 0]])
