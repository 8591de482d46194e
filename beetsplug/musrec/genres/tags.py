"""The `genres` of songs: spellings, synonyms, and which guesses are stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beets.library import Item
from beets.ui import UserError

from ..library import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beets.library import Library

    from ..config import GenreSettings

VARIOUS = {"various artists", "various", "va"}
NO_ARTIST = "\0"  # begins the placeholder of a song without an artist


def key_of(genre: str) -> str:
    """The same for all spellings of a genre: ``Hip-Hop``, ``hip hop``."""
    return re.sub(r"[\W_]+", "", genre.casefold()) or genre


class Synonyms:
    """``musrec.genreguess.map``: what a genre is called, several names, or nothing where it is to be ignored."""

    def __init__(self, pairs: Mapping[Any, Any]) -> None:
        self._names: dict[str, list[str]] = {}
        for genre, names in pairs.items():
            listed = [names] if isinstance(names, str) else names or []
            if not (isinstance(listed, list) and all(isinstance(name, str) for name in listed)):
                raise UserError(f"musrec.genreguess.map: {genre} has to map to a name, a list of names, or nothing")
            self._names[key_of(str(genre))] = [name for name in listed if name]

    def __contains__(self, genre: str) -> bool:
        return key_of(genre) in self._names

    def names(self, genres: Iterable[str]) -> list[str]:
        """What some genres are called, each once, in their order."""
        found = (name for genre in genres for name in self._names.get(key_of(genre), [genre]))
        return list(dict.fromkeys(filter(None, map(str.strip, found))))


@dataclass(frozen=True)
class TaggedSongs:
    """Some songs' genres as stored, and after ``map``; their artists and albums."""

    ids: list[int]
    stored: list[list[str]]
    genres: list[list[str]]
    artists: list[str]
    albums: list[int | None]


def read(lib: Library, ids: Sequence[int], synonyms: Synonyms) -> TaggedSongs:
    """Genres, artists and albums of some songs, without loading them; a genre gets its commonest spelling."""
    rows = sql.columns(lib, ids, ("genres", "artist", "albumartist", "comp", "album_id"))
    present = [id_ for id_ in ids if id_ in rows]
    stored = [stored_genres(rows[id_][0]) for id_ in present]
    genres = [synonyms.names(some) for some in stored]
    spellings = Counter(genre for some in genres for genre in some)
    best: dict[str, str] = {}
    for genre, _ in sorted(spellings.items(), key=lambda pair: (-pair[1], pair[0])):
        best.setdefault(key_of(genre), genre)
    return TaggedSongs(
        present,
        stored,
        [list(dict.fromkeys(best[key_of(genre)] for genre in some)) for some in genres],
        [_artist(id_, *rows[id_][1:]) for id_ in present],
        [None if _is_compilation(*rows[id_][2:4]) else rows[id_][4] for id_ in present],
    )


def stored_genres(column: str | None) -> list[str]:
    """What the column ``genres`` holds, as beets reads it."""
    return list(Item._type("genres").from_sql(column) or [])


def _is_compilation(albumartist: str | None, comp: int | None) -> bool:
    return bool(comp) or (albumartist or "").casefold() in VARIOUS


def _artist(id_: int, artist: str | None, albumartist: str | None, comp: int | None, album_id: int | None) -> str:
    """The artist that a song belongs to, without guests; a song without one belongs to its album."""
    name = artist if _is_compilation(albumartist, comp) or not albumartist else albumartist
    return (name or "").strip().casefold() or (f"{NO_ARTIST}album {album_id}" if album_id else f"{NO_ARTIST}song {id_}")


@dataclass(frozen=True)
class Rules:
    """Which guessed genres are stored in `genres`: ``musrec.genreguess``, overridden by options."""

    synonyms: Synonyms
    threshold: float
    most: int
    title_case: bool

    @classmethod
    def of(cls, settings: GenreSettings, threshold: float | None = None, most: int | None = None) -> Rules:
        """Those of the configuration, with the options of a command in their place; raises `UserError`."""
        if threshold is not None and not 0 <= threshold <= 1:
            raise UserError("--threshold has to be between 0 and 1")
        if most is not None and most < 1:
            raise UserError("--max-genres has to be 1 or more")
        return cls(
            Synonyms(settings.map),
            settings.threshold if threshold is None else threshold,
            settings.max_genres if most is None else most,
            settings.title_case,
        )

    def names(self, guess: Mapping[str, float], *, learnt: bool) -> list[str]:
        """The genres to store for a guess, most probable first; learnt genres keep their spelling."""
        sure = [label for label, p in guess.items() if p >= self.threshold]
        return self.synonyms.names(self.name(label, learnt=learnt) for label in sure)[: self.most]

    def name(self, label: str, *, learnt: bool) -> str:
        """How one of the model's genres is written, before the map."""
        return label.title() if self.title_case and not learnt and label not in self.synonyms else label
