"""The teachers that have heard a cache, as systems of the comparison; their ensemble, and who agrees with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from musrec_core.encoder import Encoder
from musrec_core.search.distance import unit

from ..data.cache import Cache, Track
from ..data.targets import FOLDER, Targets, load_targets
from ..recipe import Recipe, RecipeError
from .metrics import Floats
from .systems import System

TAGS = "tags"
Vectors = dict[str, NDArray[np.float32]]
# Genres of which hardly a song is without a voice; of classical music and of music for games, few have one.
SUNG = {"blues", "country", "hip hop", "latin", "metal", "pop", "r&b", "reggae", "rock"}
LEAST_CLIPS = 10  # of a kind of music


def heard_by(folder: Path) -> list[Targets]:
    """All teachers that have heard the cache in ``folder`` to its end, by name."""
    return [load_targets(folder, path.stem) for path in sorted((folder / FOLDER).glob("*.npz"))]


def ensemble_of(heard: Sequence[Targets], recipe: Recipe, names: Sequence[str]) -> list[Targets]:
    """Those that are named, else the recipe's ``teachers``, else all that give tags.

    Raises
    ------
    RecipeError
        One that is named has not heard the cache, or gives no tags.
    """
    tagging = {targets.teacher: targets for targets in heard if TAGS in targets.outputs}
    if missing := [name for name in names if name not in tagging]:
        raise RecipeError(f"the teacher {missing[0]} has given no tags for this cache: run `python -m training teach`")
    wanted = names or [Path(one.file).stem for one in recipe.teachers if Path(one.file).stem in tagging] or tagging
    return [tagging[name] for name in wanted]


def said_of(targets: Targets, output: str) -> Vectors:
    """By track id, the mean of a clip's windows [shape=(d,)] less the mean of the train split."""
    column = targets.outputs[output]
    centre = targets.mean[output]
    return {
        id_: column[rows.start : rows.stop].astype(np.float32).mean(axis=0) - centre
        for id_, rows in targets.windows.items()
    }


def joined_tags(ensemble: Sequence[Targets]) -> Vectors:
    """By track id, each teacher's centred tags at unit length, side by side: all teachers weigh the same."""
    each = [said_of(targets, TAGS) for targets in ensemble]
    common = set.intersection(*map(set, each)) if each else set()
    return {id_: np.concatenate([unit(said[id_]) for said in each]) for id_ in common}


def taught_systems(
    heard: Sequence[Targets], ensemble: Sequence[Targets], tracks: Sequence[Track]
) -> tuple[list[System], dict[str, str]]:
    """Every teacher's outputs, and the ensemble, by cosine; and what is left out as it lacks a song (name -> why)."""
    systems: list[System] = []
    left_out: dict[str, str] = {}
    views = {
        f"teacher {targets.teacher}, {output}, cosine": said_of(targets, output)
        for targets in heard
        for output, column in targets.outputs.items()
        if column.ndim == 2
    }
    if len(ensemble) > 1:
        views[f"{ensemble_name(ensemble)}, cosine"] = joined_tags(ensemble)
    for name, vectors in views.items():
        if lacking := sum(track.id not in vectors for track in tracks):
            left_out[name] = f"has not heard {lacking} of the songs"
        else:
            systems.append(System(name, vectors, "cosine"))
    return systems, left_out


def ensemble_name(ensemble: Sequence[Targets]) -> str:
    """``ensemble of A, B and C``."""
    *most, last = [targets.teacher for targets in ensemble]
    return f"ensemble of {', '.join(most)} and {last}" if most else f"teacher {last}"


def unlabelled_vectors(encoder: Encoder, cache: Cache, split: str) -> Vectors:
    """A model's vectors of a split's clips without labels, from the cached audio; none where there is no audio."""
    if cache.audio is None:
        return {}
    front_end = encoder.card.front_end
    most = round(front_end.clip_seconds * front_end.sample_rate)
    clips = [i for i in cache.split(split) if not cache.tracks[i].is_labelled and cache.audio.length[i]]
    return {
        cache.tracks[i].id: encoder.embed_clip(cache.audio.clip(i, front_end.sample_rate)[:most]).vector for i in clips
    }


def kind_of(track: Track) -> str | None:
    """``sung`` or ``instrumental``, as far as labels tell; music without labels is a game's."""
    if not track.is_labelled or track.genres == ("classical",):
        return "instrumental"
    return "sung" if track.genres and set(track.genres) <= SUNG else None


def agreement(
    tracks: Sequence[Track], systems: Sequence[System], ensemble: Vectors, more: dict[str, Vectors]
) -> dict[str, Any]:
    """How each system's similarities follow the ensemble's on music kept out of training, by kind of music.

    Parameters
    ----------
    tracks : sequence of Track
    systems : sequence of System
        Whose metric is the cosine.
    ensemble : dict
        As `joined_tags` gives it.
    more : dict
        System's name -> vectors of songs that its own lack.

    Returns
    -------
    figures : dict
        Kind -> ``clips``, ``pairs`` (no two of one song or artist), and ``correlation`` (Pearson's, of the pairs'
        cosine similarities) of each system that knows all the clips.
    """
    figures: dict[str, Any] = {}
    for kind in ("sung", "instrumental"):
        chosen = [track for track in tracks if track.id in ensemble and kind_of(track) == kind]
        if len(chosen) < LEAST_CLIPS:
            continue
        pairs = _pairs(chosen)
        theirs = _similarities(ensemble, chosen)[pairs]
        found = {}
        for system in systems:
            vectors = system.vectors | more.get(system.name, {})
            if system.metric == "cosine" and all(track.id in vectors for track in chosen):
                ours = _similarities(vectors, chosen)[pairs]
                found[system.name] = float(np.corrcoef(ours, theirs)[0, 1])
        figures[kind] = {"clips": len(chosen), "pairs": int(pairs.sum()), "correlation": found}
    return figures


def _pairs(tracks: Sequence[Track]) -> NDArray[np.bool_]:
    """Each pair once [shape=(n, n)], but none of one song or one artist: those any system finds alike."""
    songs = np.array([track.song or track.id for track in tracks])
    artists = np.array([track.artist.casefold() or track.id for track in tracks])
    apart = (songs[:, None] != songs) & (artists[:, None] != artists)
    return np.triu(apart, k=1)


def _similarities(vectors: Vectors, tracks: Sequence[Track]) -> Floats:
    rows = np.stack([unit(vectors[track.id]) for track in tracks]).astype(np.float64)
    return np.asarray(rows @ rows.T)
