"""Exceptions with a message of one sentence; `UnusableAudio` is also a result, which worker processes pickle."""

from __future__ import annotations

from typing import Literal, get_args

Reason = Literal["missing", "unreadable", "no-audio", "too-short", "silent", "timeout", "crashed"]
REASONS: tuple[str, ...] = get_args(Reason)


class UnusableAudio(Exception):
    """A file that gives no embedding.

    Attributes
    ----------
    path : str
        The file, as the caller named it (``os.fsdecode``d).
    reason : str
        One of ``missing``, ``unreadable``, ``no-audio``, ``too-short`` (< 3 s), ``silent``, ``timeout``, ``crashed``.
    detail : str
        The decoder's message, for a person to read; may be empty.
    """

    def __init__(self, path: str, reason: Reason, detail: str = "") -> None:
        super().__init__(path, reason, detail)  # all arguments: so that it survives pickling
        self.path = path
        self.reason: Reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


class ModelError(Exception):
    """An encoder's card or weights can't be used; the message says why in one sentence."""


class NoRuntimeError(ModelError):
    """Nothing that is installed can run an encoder's network; the message says what to install."""


class IndexFileError(Exception):
    """A file of vectors can't be used; the message says why in one sentence."""


class CatalogueError(Exception):
    """A catalogue, its manifest or its storage can't be used; the message says why in one sentence."""


class NoDatasetError(CatalogueError):
    """There is no dataset in that place."""


class PlaylistError(ValueError):
    """A file is not a playlist or can't be read; the message says why in one sentence."""


class VocabularyError(Exception):
    """A learnt vocabulary can't be made, read or used; the message says why in one sentence."""


class WorkersError(Exception):
    """No worker process can be kept alive; the message says so in one sentence."""


class WordsError(ValueError):
    """A request for words can't be understood; the message says why in one sentence."""


class UnknownWordError(WordsError):
    """It names a word that no word of the model is called; the message names the nearest."""
