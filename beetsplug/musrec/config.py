"""Every setting below ``musrec:``: its default, what it may be, and one frozen object a section.

A field of a settings object is a key of the configuration; `setting` gives its default and its confuse template.
Sections are read when they are first needed, so that a mistake in one of them does not stop the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import confuse

from .templates import (
    Choice,
    Distance,
    Entries,
    Flag,
    Map,
    Number,
    OptionalNumber,
    OptionalText,
    PathOf,
    TagName,
    Targets,
    Text,
    Texts,
    Weights,
)

if TYPE_CHECKING:
    from confuse import ConfigView

Space = Literal["embedding", "genre"]
SettingsT = TypeVar("SettingsT")

MAX_WORKERS = 1024
MAX_EXCERPTS = 10  # a tenth of a clip lasts as long as a window
MAX_SECONDS = 86_400  # of one file


def setting(default: Any, template: confuse.Template[Any]) -> Any:
    """A key of the configuration: its default, as the user would write it, and what it may be."""
    return field(metadata={"default": default, "template": template})


# The sections.


@dataclass(frozen=True)
class EmbeddingSettings:
    """How files are embedded."""

    workers: int = setting(0, Number(0, MAX_WORKERS, whole=True))  # processes; 0: one a core
    excerpts: int | None = setting(None, OptionalNumber(1, MAX_EXCERPTS, whole=True))  # None: as the model wants
    timeout: float = setting(60, Number(0, MAX_SECONDS, above=True))  # seconds that one file may take
    import_similar: float = setting(0, Distance())  # within which copies are looked for on import; 0: never


@dataclass(frozen=True)
class LibrarySettings:
    """How the library's vectors are read, and which songs are never listed."""

    exclude: str = setting("", Text())  # a query
    cache: bool = setting(True, Flag())  # keep the vectors of a large library in a file beside it


@dataclass(frozen=True)
class SimilarSettings:
    """`beet similar`."""

    count: int = setting(5, Number(1, whole=True))
    space: Space = setting("embedding", Choice("embedding", "genre"))  # noqa: RUF009, a type that ruff can't see
    format: str = setting("$musrec_distance  %if{$musrec_nearness,$musrec_nearness  }$artist - $title", Text())
    max_per_artist: int = setting(0, Number(0, whole=True))  # 0: no limit
    max_per_album: int = setting(0, Number(0, whole=True))
    duplicates: bool = setting(False, Flag())  # every copy of a recording
    order: str = setting("auto", Choice("auto", "nearest", "apart", "smooth"))  # auto: apart in a playlist
    variety: float = setting(0.0, Number(0, 1))  # how much the songs should differ from each other
    hub_correction: bool = setting(False, Flag())  # rank by mutual proximity
    weigh: Mapping[str, float] = setting({}, Weights())  # an attribute and its weight, as in rating: 0.2


@dataclass(frozen=True)
class GenreSettings:
    """`beet genreguess`, and genres on import."""

    count: int = setting(3, Number(1, whole=True))  # bars a track
    threshold: float = setting(0.5, Number(0, 1))  # the least probability that is applied
    max_genres: int = setting(1, Number(1, whole=True))  # that are applied to a track
    title_case: bool = setting(True, Flag())
    map: Mapping[Any, Any] = setting({}, Map())  # what a genre is called: a name, several, or nothing to ignore it
    auto: bool = setting(False, Flag())  # apply on import
    force: bool = setting(False, Flag())  # over genres that are there
    prefer: str = setting("lastgenre", Choice("lastgenre", "musrec"))  # who wins on import
    least_songs: int = setting(10, Number(1, whole=True))  # rarer genres are not learnt
    least_artists: int = setting(3, Number(1, whole=True))
    abstain: float = setting(0.3, Number(0, 1))  # the least probability of a learnt genre that is `musrec_genre`


@dataclass(frozen=True)
class TagSettings:
    """What is written into the files' own tags, by `beet embed --write-tags` and on import."""

    mood: bool = setting(True, Flag())
    words: str | None = setting("grouping", TagName())  # the tag that gets them
    genres: bool = setting(False, Flag())
    threshold: float = setting(0.6, Number(0, 1))  # the least probability of a mood or a word
    max_words: int = setting(8, Number(1, whole=True))  # in one tag


@dataclass(frozen=True)
class MapSettings:
    """`beet musicmap`."""

    color: str = setting("genres", Text(filled=True))  # a field


@dataclass(frozen=True)
class PlaylistSettings:
    """Playlist files; the names are those of beets' smartplaylist."""

    dir: bytes | None = setting(None, PathOf())
    relative_to: bytes | None = setting(None, PathOf())
    forward_slash: bool = setting(False, Flag())
    urlencode: bool = setting(False, Flag())
    prefix: str = setting("", Text())
    uri_format: str | None = setting(None, OptionalText())
    output: str = setting("extm3u", Choice("extm3u", "m3u"))
    recipe: bool = setting(True, Flag())  # comment lines that tell how it was made
    targets: tuple[Mapping[str, Any], ...] = setting({}, Targets())  # other places that get a copy of each


@dataclass(frozen=True)
class ServeSettings:
    """`beet musrec-serve`."""

    host: str = setting("127.0.0.1", Text(filled=True))
    port: int = setting(8338, Number(0, 65_535, whole=True))  # 0: any free one
    token: str | None = setting(None, OptionalText())  # needed for an address that other machines reach
    cors: tuple[str, ...] = setting([], Texts())  # origins of web pages that may ask
    threads: int = setting(8, Number(1, 256, whole=True))
    max_count: int = setting(500, Number(1, 10_000, whole=True))  # songs of an answer
    options: Mapping[str, Any] = setting({}, Map())  # of `beet similar`, as in a mix


@dataclass(frozen=True)
class SubsonicSettings:
    """The media server whose ids `beet musrec-serve` uses: any that speaks (Open)Subsonic."""

    url: str | None = setting(None, OptionalText())
    user: str = setting("", Text())
    password: str = setting("", Text())
    paths: Mapping[str, str] = setting({}, Map())  # a folder as the server names it -> as beets does


@dataclass(frozen=True)
class RadioSettings:
    """`beet radio`."""

    host: str | None = setting(None, OptionalText())  # of MPD, or its socket; None: MPD_HOST
    port: int | None = setting(None, OptionalNumber(1, 65_535, whole=True))
    ahead: int = setting(3, Number(1, 1000, whole=True))  # songs left in the queue below which it appends
    heard: int = setting(5, Number(1, 1000, whole=True))  # the last so many songs are the seeds
    not_within: str = setting("12h", Text(filled=True))  # no song that was heard within this time
    music_directory: bytes | None = setting(None, PathOf())  # MPD's; None: asked of MPD, or beets' own
    options: Mapping[str, Any] = setting({}, Map())  # of `beet similar`, as in a mix


@dataclass(frozen=True)
class MixSettings:
    """`beet mixes`: playlists of similar songs, by name."""

    mixes: tuple[Mapping[str, Any], ...] = setting([], Entries())


def _defaults(section: Any) -> dict[str, Any]:
    return {each.name: each.metadata["default"] for each in fields(section)}


DEFAULTS: dict[str, Any] = {
    "auto": True,  # embed on import
    "model": None,  # the .onnx of another encoder, or the name of a shipped one
    **_defaults(EmbeddingSettings),
    **_defaults(LibrarySettings),
    "similar": _defaults(SimilarSettings),
    "genreguess": _defaults(GenreSettings),
    "musicmap": _defaults(MapSettings),
    "playlist": _defaults(PlaylistSettings),
    **_defaults(MixSettings),
    "mixes_on_import": False,  # write them after each import
    "write_tags": False,  # on import, too
    "tags": _defaults(TagSettings),
    "serve": {**_defaults(ServeSettings), "subsonic": _defaults(SubsonicSettings)},
    "radio": _defaults(RadioSettings),
}
SECRETS = (  # which `beet config` does not print; MPD's host may have the password in it
    ("serve", "token"),
    ("serve", "subsonic", "password"),
    ("radio", "host"),
)


class Settings:
    """The configuration below ``musrec:``; each section is read once, and raises ``confuse.ConfigError`` then."""

    def __init__(self, view: ConfigView) -> None:
        self._view = view

    @cached_property
    def embedding(self) -> EmbeddingSettings:
        return _read(self._view, EmbeddingSettings)

    @cached_property
    def library(self) -> LibrarySettings:
        return _read(self._view, LibrarySettings)

    @cached_property
    def similar(self) -> SimilarSettings:
        return _read(self._view["similar"], SimilarSettings)

    @cached_property
    def genreguess(self) -> GenreSettings:
        return _read(self._view["genreguess"], GenreSettings)

    @cached_property
    def tags(self) -> TagSettings:
        return _read(self._view["tags"], TagSettings)

    @cached_property
    def musicmap(self) -> MapSettings:
        return _read(self._view["musicmap"], MapSettings)

    @cached_property
    def playlist(self) -> PlaylistSettings:
        return _read(self._view["playlist"], PlaylistSettings)

    @cached_property
    def serve(self) -> ServeSettings:
        return _read(self._view["serve"], ServeSettings)

    @cached_property
    def subsonic(self) -> SubsonicSettings:
        return _read(self._view["serve"]["subsonic"], SubsonicSettings)

    @cached_property
    def radio(self) -> RadioSettings:
        return _read(self._view["radio"], RadioSettings)

    @cached_property
    def mixes(self) -> MixSettings:
        return _read(self._view, MixSettings)


def _read(view: ConfigView, section: type[SettingsT]) -> SettingsT:
    """One section of the configuration; raises ``confuse.ConfigError``."""
    return section(**{each.name: view[each.name].get(each.metadata["template"]) for each in fields(section)})  # type: ignore[arg-type]
