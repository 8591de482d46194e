"""The shipped encoder, through the real program, on real music: it has to be as good as its card says."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from musrec_core import Card
from musrec_core.attribute_text import decode_vectors
from musrec_core.search.distance import pairwise
from training.evaluation.metrics import chance, precision_at

from .plugin.conftest import Beet

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Clips:
    """A library of a hundred real clips, and what the data says of each, by id."""

    beet: Beet
    rows: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def clips(labelled_music: Path, tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Clips of the test split, imported: first all of the Emotify set."""
    with (labelled_music / "tracks.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["split"] == "test" and row["artist"]]
    emotify = [row for row in rows if row["dataset"] == "emotify"]
    others = [row for row in rows if row["dataset"] != "emotify"]
    chosen = (emotify + others)[:100]
    home = tmp_path_factory.mktemp("clips")
    folder = home / "incoming"
    folder.mkdir()
    for row in chosen:
        (folder / Path(row["file"]).name).symlink_to(labelled_music / row["file"])
    # the clips have no tags
    beet = Beet(home / "home", home / "music", import_={"duplicate_action": "keep"})
    said = beet("import", "-s", str(folder))
    assert "no embedding" not in said.err
    return Clips(beet, {row["id"]: row for row in chosen})


def test_a_hundred_real_clips_import_and_the_card_tells_the_truth(clips: Clips) -> None:
    beet, emotify = clips.beet, [row for row in clips.rows.values() if row["dataset"] == "emotify"]
    stored = beet.sql(
        "SELECT path, e.value, g.value FROM items JOIN item_attributes AS e ON e.entity_id = items.id "
        "JOIN item_attributes AS g ON g.entity_id = items.id "
        "WHERE e.key = 'musrec_embedding' AND g.key = 'musrec_genres'"
    )
    assert len(stored) == 100
    by_id = {Path(os.fsdecode(path)).stem: (vector, genres) for path, vector, genres in stored}
    vectors = decode_vectors([by_id[row["id"]][0] for row in emotify], 128)
    labels = np.array([row["genres"] for row in emotify])
    artists = np.array([row["artist"].casefold() for row in emotify])
    card = Card.load()
    promised = card.metrics["test"]["retrieval"]["emotify"]
    precision = {name: figures["precision_at_10"] for name, figures in promised["systems"].items()}
    found = precision_at(pairwise(vectors), labels, artists, 10)
    assert found == pytest.approx(precision[f"{card.name}, embedding, cosine"], abs=0.02)
    assert chance(labels, artists) == pytest.approx(promised["chance"], abs=0.001)
    assert found >= precision["MFCC statistics"] + 0.10

    assert len(beet("similar", "id:1", "-n", "10").lines) == 10


def test_genres_are_learnt_from_real_songs_that_the_encoder_never_heard(clips: Clips) -> None:
    beet = clips.beet
    for id_, path in beet.sql("SELECT id, path FROM items"):
        row = clips.rows[Path(os.fsdecode(path)).stem]
        genres = row["genres"] if row["dataset"] == "emotify" else ""
        beet.sql("UPDATE items SET artist = ?, genres = ? WHERE id = ?", row["artist"], genres, id_)
    beet.configure(musrec={"genreguess": {"least_songs": 8}})
    said = beet("genreguess", "--learn")
    assert said.out.startswith("4 genres, learnt from 54 songs")
    figures = json.loads((beet.home / "library.db.musrec-genres.json").read_text(encoding="utf-8"))["figures"]
    assert figures["accuracy"] >= figures["majority"]["accuracy"] + 0.15
    assert figures["macro_f1"] >= figures["majority"]["macro_f1"] + 0.2
