"""What a setting may be: confuse templates that say in one sentence what was wanted."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import confuse
from beets.util import bytestring_path, normpath

from musrec_core.card import shipped_models

if TYPE_CHECKING:
    from confuse import ConfigView

SAME_RECORDING = 0.05  # the distance that `import_similar: yes` means; docs/genres.md says how it was chosen
MAX_COSINE_DISTANCE = 2.0
MAX_WEIGHT = 1000.0  # of an attribute: it leaves nothing of the distance


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
        if not isinstance(value, str) or "\0" in value:
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


class TagName(confuse.Template["str | None"]):
    """The name of a tag in a file, in small letters; None for ``no``."""

    def convert(self, value: Any, view: ConfigView) -> str | None:
        if value is None or value is False:
            return None
        if isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{1,39}", value):
            return value.lower()
        raise _fail(view, "no, or the name of a tag, of letters, digits and underscores")


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


class Texts(confuse.Template[tuple[str, ...]]):
    """A list of texts, or a single one."""

    def convert(self, value: Any, view: ConfigView) -> tuple[str, ...]:
        values = [value] if isinstance(value, str) else value
        if isinstance(values, list) and all(isinstance(each, str) and each for each in values):
            return tuple(values)
        raise _fail(view, "a list of texts")


class Entries(confuse.Template[tuple[dict[str, Any], ...]]):
    """A list of maps."""

    def convert(self, value: Any, view: ConfigView) -> tuple[dict[str, Any], ...]:
        if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            return tuple(value)
        raise _fail(view, "a list of mixes, each with a name and seeds")


class Targets(confuse.Template[tuple[dict[str, Any], ...]]):
    """Maps by name, or a list of maps with a ``name`` each; as such a list. Nothing is none."""

    def convert(self, value: Any, view: ConfigView) -> tuple[dict[str, Any], ...]:
        wanted = "a map of targets by name, each with a `dir`, or a list of them with a `name` each"
        if isinstance(value, dict):
            if wrong := [" ".join(str(name).split()) for name, each in value.items() if not isinstance(each, dict)]:
                raise _fail(view, f"{wanted}: {wrong[0]} is no such map")
            return tuple({**each, "name": name} for name, each in value.items())
        entries = [] if value is None else value
        if not isinstance(entries, list):
            raise _fail(view, wanted)
        for number, each in enumerate(entries, 1):
            if not isinstance(each, dict) or not each.get("name"):
                raise _fail(view, f"{wanted}: the entry number {number} is no such map")
        return tuple(entries)
