"""The words to learn, their synonyms, and the teachers' outputs and labels that mean them: ``vocabulary.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from musrec_core.words.heads import SEPARATOR

from ..recipe import RecipeError

VOCABULARY = Path(__file__).parent / "vocabulary.yaml"
GROUPS = ("genre", "mood", "instrument", "voice", "era", "texture")


@dataclass(frozen=True)
class Word:
    """A word of the vocabulary.

    Attributes
    ----------
    name : str
    group : str
        One of `GROUPS`.
    share : float
        Of ordinary music that it applies to, 0 to 1.
    synonyms : tuple of str
    outputs : dict of str to tuple of str
        Family of teachers -> the outputs that mean it.
    labels : tuple of str
        Of clips, in lower case: each of them means it.
    """

    name: str
    group: str
    share: float
    synonyms: tuple[str, ...]
    outputs: dict[str, tuple[str, ...]]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Vocabulary:
    """Words, and the teachers of each family: those of one family have the same outputs."""

    families: dict[str, tuple[str, ...]]
    words: tuple[Word, ...]

    @property
    def teachers(self) -> tuple[str, ...]:
        """Those that a word asks for."""
        asked = dict.fromkeys(family for word in self.words for family in word.outputs)
        return tuple(dict.fromkeys(name for family in asked for name in self.families[family]))


def load_vocabulary(path: Path = VOCABULARY) -> Vocabulary:
    """Read and check a vocabulary.

    Raises
    ------
    RecipeError
        The file is missing or no YAML, or a word is not what ``vocabulary.yaml`` describes; the message names it.
    """
    try:
        stored = yaml.safe_load(path.read_text(encoding="utf-8"))
        families = {str(family): _texts(teachers) for family, teachers in stored["teachers"].items()}
        words = tuple(
            _word(str(name), str(group), values)
            for group, named in stored["words"].items()
            for name, values in named.items()
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise RecipeError(f"the vocabulary {path} can't be read: {error}") from None
    if problem := _problem(families, words):
        raise RecipeError(f"the vocabulary {path}: {problem}")
    return Vocabulary(families, words)


def _word(name: str, group: str, values: dict[str, Any]) -> Word:
    rest = dict(values)
    share, synonyms, labels = rest.pop("share"), rest.pop("synonyms", []), rest.pop("labels", [])
    outputs = {str(family): _texts(names) for family, names in rest.items()}
    return Word(name, group, float(share), _texts(synonyms), outputs, tuple(map(str.casefold, _texts(labels))))


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise TypeError(f"{values!r} has to be a list")
    return tuple(map(str, values))


def _problem(families: dict[str, tuple[str, ...]], words: tuple[Word, ...]) -> str | None:
    seen: dict[str, str] = {}
    for word in words:
        if word.group not in GROUPS:
            return f"{word.name} is in the group {word.group}, which is none of {', '.join(GROUPS)}"
        if not 0 < word.share < 1:
            return f"the share of {word.name} is not between 0 and 1"
        if unknown := [family for family in word.outputs if not families.get(family)]:
            return f"{word.name} names {unknown[0]}, which is no family of teachers"
        if not all([*word.outputs.values()]) or not (word.outputs or word.labels):
            return f"{word.name} has nothing to learn from"
        for text in map(str.casefold, (word.name, *word.synonyms)):
            if not text.strip() or SEPARATOR in text:
                return f"{word.name} has the name or synonym {text!r}"
            if text in seen:
                return f"{word.name} and {seen[text]} share {text!r}"
            seen[text] = word.name
    return None if words else "it has no words"
