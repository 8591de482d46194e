"""Every setting below ``musrec:``: its default, what it may be, and one frozen object a section.

A field of a settings object is a key of the configuration; `setting` gives its default and its confuse template.
Sections are read when they are first needed, so that a mistake in one of them does not stop the others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import confuse
from beets.util import bytestring_path, normpath

from musrec_core.card import shipped_models

if TYPE_CHECKING:
    from confuse import ConfigView

Space = Literal["embedding", "genre"]
SettingsT = TypeVar("SettingsT")

SAME_RECORDING = 0.05  # the distance that `import_similar: yes` means; docs/genres.md says how it was chosen
MAX_COSINE_DISTANCE = 2.0
MAX_WORKERS = 1024
MAX_EXCERPTS = 10  # a tenth of a clip lasts as long as a window
MAX_SECONDS = 86_400  # of one file
MAX_WEIGHT = 1000.0  # of an attribute: it leaves nothing of the distance


# What a setting may be: confuse templates that say in one sentence what was wanted.


def _fail(view: ConfigView, wanted: str) -> confuse.ConfigError:
    return confuse.ConfigValueError(f"{view.name} has to be {wanted}")


class Flag(confuse.Template[bool]):
    """``yes`` or ``no``; confuse's own takes any text for yes."""

    def convert(self, value: Any, view: ConfigView) -> bool:
        if isinstance(value, bool):
            return value
        raise _fail(view, "yes or no")


class Number(confuse.Template[float]):
    """A finite number in a range, both ends included; with ``above``, the lower end is not."""

    def __init__(self, low: float, high: float = math.inf, *, whole: bool = False, above: bool = False) -> None:
        super().__init__()
        self._low, self._high, self._whole, self._above = low, high, whole, above

    def convert(self, value: Any, view: ConfigView) -> float:
        kinds = int if self._whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not self._holds(value):
            raise _fail(view, self._wanted())
        return value

    def _holds(self, value: float) -> bool:
        return math.isfinite(value) and self._low <= value <= self._high and not (self._above and value == self._low)

    def _wanted(self) -> str:
        noun = "a whole number" if self._whole else "a number"
        if self._high < math.inf:
            most = f"{self._high:,.10g}".replace(",", "")
            return (
                f"{noun} above {self._low:g}, up to {most}"
                if self._above
                else f"{noun} between {self._low:g} and {most}"
            )
        return f"{noun}, {self._low:g} or more"


class Distance(confuse.Template[float]):
    """``import_similar``: yes is the usual distance, no is 0."""

    def convert(self, value: Any, view: ConfigView) -> float:
        if isinstance(value, bool):
            return SAME_RECORDING if value else 0.0
        if not isinstance(value, int | float) or not 0 <= value <= MAX_COSINE_DISTANCE:
            raise _fail(view, f"yes, no, or a distance between 0 and {MAX_COSINE_DISTANCE:g}")
        return float(value)


class Choice(confuse.Template[str]):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        super().__init__()
        self._words = words

    def convert(self, value: Any, view: ConfigView) -> str:
        if value in self._words:
            return str(value)
        *others, last = self._words
        raise _fail(view, f"{', '.join(others)} or {last}")


class Text(confuse.Template[str]):
    """A text; a bare number in YAML is one, too."""

    def __init__(self, *, filled: bool = False) -> None:
        super().__init__()
        self._filled = filled

    def convert(self, value: Any, view: ConfigView) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or (self._filled and not str(value)):
            raise _fail(view, "a text")
        return str(value)


class PathOf(confuse.Template["bytes | None"]):
    """A path as beets reads one (``~``, relative to the configuration's folder), as bytes; None without one."""

    def convert(self, value: Any, view: ConfigView) -> bytes | None:
        if not value:
            return None
        if not isinstance(value, str):
            raise _fail(view, "a path")
        return bytestring_path(normpath(view.as_filename()))


class ModelPath(confuse.Template["Path | None"]):
    """The path of a model's ``.onnx``, or the name of a shipped model; None for the usual one."""

    def convert(self, value: Any, view: ConfigView) -> Path | None:
        if not value:
            return None
        shipped = shipped_models()
        if isinstance(value, str) and value in shipped:
            return shipped[value]
        path = Path(view.as_filename())
        if not path.suffix and not path.with_suffix(".json").is_file():
            raise _fail(view, f"a shipped model ({', '.join(shipped)}) or the path of an .onnx file")
        return path


class OptionalText(confuse.Template["str | None"]):
    """A text, or nothing."""

    def convert(self, value: Any, view: ConfigView) -> str | None:
        return Text().convert(value, view) if value else None


class OptionalNumber(Number):
    """A number, or nothing."""

    def convert(self, value: Any, view: ConfigView) -> Any:
        return None if value is None else super().convert(value, view)


class Map(confuse.Template[dict[Any, Any]]):
    """A map of anything, as the user wrote it."""

    def convert(self, value: Any, view: ConfigView) -> dict[Any, Any]:
        if isinstance(value, dict):
            return dict(value)
        raise _fail(view, "a map")


class Weights(confuse.Template[dict[str, float]]):
    """A map of attributes to weights; those of several files of the configuration are joined."""

    def convert(self, value: Any, view: ConfigView) -> dict[str, float]:
        Map().convert(value, view)
        number = Number(-MAX_WEIGHT, MAX_WEIGHT)
        return {str(key): float(number.convert(each.get(), each)) for key, each in view.items()}


class Entries(confuse.Template[tuple[dict[str, Any], ...]]):
    """A list of maps."""

    def convert(self, value: Any, view: ConfigView) -> tuple[dict[str, Any], ...]:
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return tuple(value)
        raise _fail(view, "a list of mixes, each with a name and seeds")


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
}


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
    def musicmap(self) -> MapSettings:
        return _read(self._view["musicmap"], MapSettings)

    @cached_property
    def playlist(self) -> PlaylistSettings:
        return _read(self._view["playlist"], PlaylistSettings)

    @cached_property
    def mixes(self) -> MixSettings:
        return _read(self._view, MixSettings)


def _read(view: ConfigView, section: type[SettingsT]) -> SettingsT:
    """One section of the configuration; raises ``confuse.ConfigError``."""
    return section(**{each.name: view[each.name].get(each.metadata["template"]) for each in fields(section)})  # type: ignore[arg-type]
