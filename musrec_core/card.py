"""A model's card: what is needed to run its weights, and what users should know of it. Imports nothing heavy."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from .errors import ModelError
from .front_end import FrontEnd

MODELS = Path(__file__).parent / "models"
SHIPPED = MODELS / "musrec-2.json"  # what runs by default; the other models there can still be named
FORMATS = (1, 2)  # 2: the front end's optional keys but for the switches, and `words`


@dataclass(frozen=True)
class Genre:
    """A genre's label (``hip hop``) and its key in attribute names (``hip_hop``)."""

    label: str
    key: str


class ModelFile(NamedTuple):
    """A file beside the card."""

    file: str
    sha256: str


class WordsFile(NamedTuple):
    """The file of the words that a model knows, and their names: they name fields, which need no numpy then."""

    file: str
    sha256: str
    names: tuple[str, ...] = ()


class NcnnFiles(NamedTuple):
    """The network once more, for ncnn: its graph (``.param``) and its weights (``.bin``)."""

    graph: ModelFile
    weights: ModelFile


@dataclass(frozen=True)
class Card:
    """A validated model card.

    Attributes
    ----------
    name : str
    folder : Path
        Where the card and its files lie.
    weights, mel_basis : str
        Names of the ONNX file and of the filter bank (``.npy``) in ``folder``.
    weights_sha256, mel_sha256 : str
    front_end : FrontEnd
    dimensions : int
        Of the embedding.
    genres : tuple of Genre
        The vocabulary, in the order of the network's logits.
    temperature : float > 0
        Divides the logits (Guo et al. 2017), fitted on the valid split.
    mood : dict of str to float
        The axes of the mood head, in the order of its logits, with the temperature of each; empty: no such head.
    training_data, licence : str
    metrics : dict
        Figures with the command that made them.
    ncnn : NcnnFiles, or None
        None: the network runs in ONNX Runtime only.
    words : WordsFile, or None
        What `musrec_core.words.heads` reads; None: this model knows none.
    """

    name: str
    folder: Path
    weights: str
    weights_sha256: str
    mel_basis: str
    mel_sha256: str
    front_end: FrontEnd
    dimensions: int
    genres: tuple[Genre, ...]
    temperature: float
    training_data: str
    licence: str
    metrics: dict[str, Any]
    mood: dict[str, float] = field(default_factory=dict)
    ncnn: NcnnFiles | None = None
    words: WordsFile | None = None

    @property
    def format(self) -> int:
        """The lowest format that can say all of this: so that earlier versions read what they can."""
        return max(self.front_end.format, 2 if self.words else 1)

    @property
    def model_id(self) -> str:
        """``NAME@sha256[:8]``: vectors of two models never mix."""
        return f"{self.name}@{self.weights_sha256[:8]}"

    @classmethod
    def load(cls, path: str | Path | None = None) -> Card:
        """Read a card.

        Parameters
        ----------
        path : str or Path, optional
            The card or the ``.onnx`` beside it, or the name of a shipped model; the newest shipped one's without it.

        Raises
        ------
        ModelError
            The card is missing, no JSON, or lacks a key; the message names it.
        """
        named = SHIPPED if path is None else shipped_models().get(str(path))
        file = named or Path(str(path)).expanduser().with_suffix(".json")
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(f"no model card {file}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"the model card {file} can't be read: {error}") from None
        try:
            return cls._from_dict(stored, file.parent)
        except KeyError as error:
            raise ModelError(f"the model card {file} lacks the key {error}") from None
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ModelError(f"the model card {file} is not valid: {error}") from None

    @classmethod
    def _from_dict(cls, stored: dict[str, Any], folder: Path) -> Card:
        if stored["format"] not in FORMATS:
            raise ValueError(f"format {stored['format']!r}, this version reads {' and '.join(map(str, FORMATS))}")
        card = cls(
            name=_plain_name(stored["name"]),
            folder=folder,
            weights=_plain_name(stored["weights"]["file"]),
            weights_sha256=_digest(stored["weights"]["sha256"]),
            mel_basis=_plain_name(stored["mel_basis"]["file"]),
            mel_sha256=_digest(stored["mel_basis"]["sha256"]),
            front_end=FrontEnd.from_dict(stored["front_end"]),
            dimensions=int(stored["dimensions"]),
            genres=tuple(Genre(str(g["label"]), str(g["key"])) for g in stored["genres"]),
            temperature=float(stored["temperature"]),
            training_data=str(stored["training_data"]),
            licence=str(stored["licence"]),
            metrics=dict(stored["metrics"]),
            mood={str(axis): float(temperature) for axis, temperature in stored.get("mood", {}).items()},
            ncnn=_ncnn_files(stored["ncnn"]) if "ncnn" in stored else None,
            words=_words_file(stored["words"]) if "words" in stored else None,
        )
        if card.format > stored["format"]:
            raise ValueError(f"it has keys of format {card.format}, but states {stored['format']}")
        if not all(0 < temperature < float("inf") for temperature in (card.temperature, *card.mood.values())):
            raise ValueError("temperature has to be above 0")
        if card.dimensions < 1 or not card.genres:
            raise ValueError("no dimensions or no genres")
        if len({genre.key for genre in card.genres}) != len(card.genres):
            raise ValueError("two genres have the same key")
        if not all(genre.key.isidentifier() and genre.label.strip() for genre in card.genres):
            raise ValueError("a genre's key has to be a plain word, and its label not empty")
        return card

    def to_dict(self) -> dict[str, Any]:
        """What the card's JSON file holds."""
        files = {name: file._asdict() for name, file in self.ncnn._asdict().items()} if self.ncnn else None
        return {
            "format": self.format,
            "name": self.name,
            "weights": {"file": self.weights, "sha256": self.weights_sha256},
            **({"ncnn": files} if files else {}),
            "mel_basis": {"file": self.mel_basis, "sha256": self.mel_sha256},
            **({"words": _filled(self.words._asdict())} if self.words else {}),
            "front_end": self.front_end.to_dict(),
            "dimensions": self.dimensions,
            "genres": [asdict(genre) for genre in self.genres],
            "temperature": self.temperature,
            "mood": self.mood,
            "training_data": self.training_data,
            "licence": self.licence,
            "metrics": self.metrics,
        }

    def save(self) -> Path:
        """Write ``NAME.json`` into ``folder``."""
        from ._files import atomic_write  # here: every `beet` reads a card as it starts, and writes none

        path = self.folder / f"{self.name}.json"
        with atomic_write(path) as file:
            file.write((json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n").encode("utf-8"))
        return path


def shipped_models() -> dict[str, Path]:
    """The models that are part of the package: name -> card."""
    return {path.stem: path for path in sorted(MODELS.glob("*.json"))}


def known_cards(card: Card) -> list[Card]:
    """A model's card first, then those of other models that can be used: shipped ones, and those that lie beside it.

    What can't be read is left out.
    """
    beside = (path for path in sorted(card.folder.glob("*.json")) if path.with_suffix(".onnx").is_file())
    found = {card.model_id: card}
    known = card.folder / f"{card.name}.json"
    for path in sorted({*shipped_models().values(), *beside} - {known}):
        with contextlib.suppress(ModelError):
            other = Card.load(path)
            found.setdefault(other.model_id, other)
    return list(found.values())


def _ncnn_files(stored: dict[str, Any]) -> NcnnFiles:
    graph, weights = (_model_file(stored[part]) for part in NcnnFiles._fields)
    return NcnnFiles(graph, weights)


def _model_file(stored: Any) -> ModelFile:
    return ModelFile(_plain_name(stored["file"]), _digest(stored["sha256"]))


def _words_file(stored: Any) -> WordsFile:
    names = stored.get("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("the names of words have to be a list of texts")
    return WordsFile(*_model_file(stored), tuple(names))


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items() if value}


def _plain_name(text: Any) -> str:
    """A name without a folder: a card can't point outside its own."""
    if not isinstance(text, str) or not text or Path(text).name != text or any(c.isspace() for c in text):
        raise ValueError(f"{text!r} is not a plain name")
    return text


def _digest(text: Any) -> str:
    if not isinstance(text, str) or len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise ValueError(f"{text!r} is not a sha256 in hexadecimal")
    return text
