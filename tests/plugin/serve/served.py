"""The application that answers from a library, in-process."""

from __future__ import annotations

from typing import Any

from beets import logging
from beets.library import Library
from flask import Flask

from beetsplug.musrec.attributes.fields import LastResult
from beetsplug.musrec.config import EmbeddingSettings, PlaylistSettings, ServeSettings, SimilarSettings
from beetsplug.musrec.embedding.embedder import Embedder
from beetsplug.musrec.library.models import Models
from beetsplug.musrec.library.vectors import VectorStore
from beetsplug.musrec.library.word_heads import WordHeads
from beetsplug.musrec.serve.answers import Answers
from beetsplug.musrec.serve.app import create_app
from beetsplug.musrec.serve.ids import BeetsIds, SongIds
from beetsplug.musrec.similar.find import SimilarSearch
from beetsplug.musrec.similar.options import SimilarOptions
from beetsplug.musrec.similar.qualities import Qualities
from musrec_core import Card

from ..similar.test_effects import defaults

SONGS = 150
NOT_EMBEDDED = SONGS  # the last one


def settings(**changes: Any) -> ServeSettings:
    """The section `musrec.serve`, with what a user changes."""
    return ServeSettings(**{**vars(defaults(ServeSettings)), **changes})


def search() -> SimilarSearch:
    """With a configuration of which the user says nothing."""
    log = logging.getLogger("beets.musrec")
    store = VectorStore(Models([Card.load()]), False, log)
    return SimilarSearch(
        defaults(SimilarSettings),
        "",
        defaults(PlaylistSettings),
        store,
        lambda card: Embedder(card, defaults(EmbeddingSettings), log),
        Qualities(WordHeads(), lambda lib: None, store),
        LastResult(),
        log,
    )


def application(lib: Library, ids: SongIds | None = None, **changes: Any) -> Flask:
    """What `beet musrec-serve` runs."""
    answers = Answers(lib, search(), SimilarOptions())
    return create_app(answers, ids or BeetsIds(lib, answers), settings(**changes))
