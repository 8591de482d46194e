"""The figures, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import skew
from sklearn.metrics import roc_auc_score
from torchmetrics.functional import retrieval

from musrec_core.search.distance import pairwise
from training.evaluation import metrics

# A line of songs: two labels, four artists; song i stands at POSITIONS[i].
POSITIONS = np.array([0.0, 1.0, 2.0, 10.0, 11.0, 12.0])
LABELS = np.array(["a", "a", "b", "b", "b", "a"])
ARTISTS = np.array(["p", "q", "q", "r", "s", "s"])
DISTANCES = np.abs(POSITIONS[:, None] - POSITIONS[None])


def test_precision_with_the_artist_filter_by_hand() -> None:
    scores = metrics.retrieval_scores(DISTANCES, LABELS, ARTISTS)
    # song 0 (a): 1a 2b 3b 4b 5a; song 1 (a), without song 2 of its artist: 0a 3b 4b 5a; song 3 (b): 4b 5a 2b 1a 0a
    assert scores["precision_at_1"][[0, 1, 3]].tolist() == [1, 1, 1]
    assert scores["precision_at_5"][0] == pytest.approx(2 / 5)
    assert scores["precision_at_5"][1] == pytest.approx(2 / 4)  # only four songs are left
    assert scores["average_precision"][0] == pytest.approx((1 / 1 + 2 / 5) / 2)
    assert scores["average_precision"][3] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert scores["r_precision"][0] == pytest.approx(1 / 2)
    assert scores["knn_5"][0] == 0  # three b among the five
    assert metrics.precision_at(DISTANCES, LABELS, ARTISTS, 1) == pytest.approx(scores["precision_at_1"].mean())


def test_a_ranking_is_judged_as_torchmetrics_does() -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], 40)
    distances = rng.random((40, 40))
    artists = np.array([f"artist {n}" for n in range(40)])
    scores = metrics.retrieval_scores(distances, labels, artists)
    for i in range(40):
        others = np.delete(np.arange(40), i)
        nearness, relevant = torch.from_numpy(1 - distances[i, others]), torch.from_numpy(labels[others] == labels[i])
        expected = {
            "average_precision": retrieval.retrieval_average_precision(nearness, relevant),
            "r_precision": retrieval.retrieval_r_precision(nearness, relevant),
            "precision_at_10": retrieval.retrieval_precision(nearness, relevant, top_k=10),
        }
        for name, value in expected.items():
            assert scores[name][i] == pytest.approx(float(value), abs=1e-6), name


def test_a_query_without_relevant_songs_has_no_average_precision() -> None:
    scores = metrics.retrieval_scores(DISTANCES[:2, :2], np.array(["a", "b"]), np.array(["p", "q"]))
    assert np.isnan(scores["average_precision"]).all()
    assert scores["precision_at_1"].tolist() == [0, 0]


def test_chance_is_what_random_rankings_give() -> None:
    rng = np.random.default_rng(0)
    labels, artists = rng.choice(["a", "b", "c"], 90), rng.choice([f"artist {n}" for n in range(40)], 90)
    random = np.mean([metrics.precision_at(rng.random((90, 90)), labels, artists, 10) for _ in range(30)])
    assert metrics.chance(labels, artists) == pytest.approx(random, abs=0.01)


def test_the_interval_holds_the_mean_and_is_wider_for_few_artists() -> None:
    rng = np.random.default_rng(0)
    values = rng.random(200)
    many = metrics.bootstrap(values, np.array([f"artist {n}" for n in range(200)]))
    artist_of = np.repeat(np.arange(10), 20)
    few = metrics.bootstrap(values * 0.1 + rng.random(10)[artist_of], artist_of.astype(str))
    assert many[0] < values.mean() < many[1]
    assert few[1] - few[0] > 2 * (many[1] - many[0])


def test_whole_artists_are_drawn() -> None:
    artists = np.array(list("abba"))
    times = metrics.artist_resamples(artists, rounds=200)
    assert times.shape == (200, 4)
    assert (times[:, 0] == times[:, 3]).all()
    assert (times[:, 1] == times[:, 2]).all()
    assert (times[:, 0] + times[:, 1] == 2).all()  # two artists are drawn
    assert set(times[:, 0].tolist()) == {0, 1, 2}


def test_songs_without_a_value_do_not_count_in_an_interval() -> None:
    values, artists = np.array([0.2, np.nan, 0.2, np.nan]), np.array(list("abcd"))
    assert metrics.bootstrap(values, artists) == pytest.approx((0.2, 0.2))


def test_the_interval_of_an_auc_is_of_the_songs_drawn() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.random(60) < 0.4, rng.random(60).round(1)  # with ties
    artists = rng.integers(20, size=60).astype(str)
    times = metrics.artist_resamples(artists)
    drawn = [roc_auc_score(truth, scores, sample_weight=row) for row in times[:100]]
    assert metrics.auc_interval(scores, truth, artists, rounds=100) == pytest.approx(np.percentile(drawn, [2.5, 97.5]))


def test_a_hub_is_seen() -> None:
    rng = np.random.default_rng(0)
    even = metrics.hubness(pairwise(rng.standard_normal((200, 2)), "euclidean"))
    distances = pairwise(rng.standard_normal((200, 2)), "euclidean") + 1
    distances[:, 7] = 0.0
    hub = metrics.hubness(distances)
    assert hub["largest"] == 199
    assert hub["skewness"] > 5 > abs(even["skewness"])
    assert even["never"] < 0.1


def test_hubness_by_hand() -> None:
    found = metrics.hubness(DISTANCES, k=1)  # 0 -> 1, 1 -> 0 (before 2), 2 -> 1, 3 -> 4, 4 -> 3 (before 5), 5 -> 4
    assert found["largest"] == 2
    assert found["never"] == pytest.approx(2 / 6)
    assert found["skewness"] == pytest.approx(skew([1, 2, 0, 1, 2, 0]))


def test_calibration_of_a_known_liar_and_of_an_honest_one() -> None:
    right = np.array([True] * 6 + [False] * 4)
    assert metrics.calibration_error(np.full(10, 0.6), right) == pytest.approx(0)
    assert metrics.calibration_error(np.full(10, 0.99), right) == pytest.approx(0.39)
    # the last bin holds 1 too: confidence of 0.98, and half of the answers are right
    assert metrics.calibration_error(np.array([0.96, 1.0]), np.array([True, False])) == pytest.approx(0.48)


def test_a_reliability_diagram_shows_the_bins_that_hold_songs() -> None:
    rows = metrics.reliability(np.array([0.1, 0.95, 1.0]), np.array([False, True, False]))
    assert rows == [
        {"confidence": pytest.approx(0.1), "right": 0.0, "songs": 1.0},
        {"confidence": pytest.approx(0.975), "right": 0.5, "songs": 2.0},
    ]


def test_a_class_that_is_thought_impossible_costs_much_and_not_everything() -> None:
    scores = metrics.classification_scores(np.array([[1.0, 0.0]]), np.array([1]))
    assert scores["nll"] == pytest.approx(-np.log(1e-12))
    assert scores["brier"] == pytest.approx(2)


def test_classification_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2, 0.0], [0.4, 0.6, 0.0], [0.9, 0.1, 0.0]])
    scores = metrics.classification_scores(probabilities, np.array([0, 1, 1]))
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx(2 / 3)  # both classes: precision and recall of 1/2 and 1
    assert scores["nll"] == pytest.approx(-np.log([0.8, 0.6, 0.1]).mean())
    assert scores["brier"] == pytest.approx((0.08 + 0.32 + 1.62) / 3)


def test_auc_counts_pairs_in_order() -> None:
    truth = np.array([False, False, True, True])
    assert metrics.binary_auc(np.array([0.1, 0.4, 0.35, 0.8]), truth) == 0.75
    assert metrics.binary_auc(np.zeros(4), truth) == 0.5
    assert np.isnan(metrics.binary_auc(np.zeros(4), np.ones(4, bool)))


def test_a_calibrated_model_shows_an_error_on_few_songs_and_none_on_many() -> None:
    rng = np.random.default_rng(0)
    few, many = (rng.dirichlet(np.ones(4), n) for n in (60, 30_000))
    assert metrics.calibration_floor(few)["mean"] > 0.05
    assert metrics.calibration_floor(many, rounds=20)["high"] < 0.02


def test_mood_is_judged_by_axis_and_quadrant() -> None:
    truth = np.array([[1, 1], [0, 1], [0, 0], [1, 0]], bool)
    scores = np.array([[0.9, 0.8], [0.2, 0.9], [0.6, 0.1], [0.8, 0.3]])
    found = metrics.mood_scores(scores, truth, np.array(list("abcd")))
    assert found["quadrant_accuracy"] == 0.75
    assert found["valence"]["auc"] == 1.0  # type: ignore[index]
    assert found["arousal"]["accuracy"] == 1.0  # type: ignore[index]


def test_per_class_and_confusion_count_the_same_songs() -> None:
    probabilities = np.eye(3)[[0, 0, 1, 2]]
    truth = np.array([0, 1, 1, 1])
    found = metrics.per_class(probabilities, truth, ["a", "b", "c"])
    assert found["b"]["recall"] == pytest.approx(1 / 3)
    assert found["b"]["songs"] == 3
    assert set(found) == {"a", "b"}
    assert metrics.confusion(probabilities, truth).tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
