"""What the configuration says for players: `musrec.serve.options`, `musrec.radio.options`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from beets.ui import UserError

from ..library import sql
from . import option_map
from .option import Use
from .request import check
from .steering import parse_steering

if TYPE_CHECKING:
    from beets.library import Library

    from .find import SimilarSearch
    from .options import SimilarOptions


def read(entries: Mapping[str, Any], place: str, lib: Library, search: SimilarSearch) -> SimilarOptions:
    """The options of a map in the configuration, each looked at now, and not when a player asks.

    Parameters
    ----------
    place : str
        Where the map stands, for the error: `musrec.serve.options`.

    Raises
    ------
    UserError
        An unknown option, a malformed query, an unknown word, a value that an option can't have.
    """
    try:
        options = option_map.parse(entries, Use.PLAYER)
        check(options, search.settings)
        for query in filter(None, [options.candidates, *options.unlike]):  # which need not match anything yet
            sql.parse_option(query, "in" if query == options.candidates else "unlike")
        parse_steering(search.card(lib), lib, replace(options, unlike=()), search.qualities)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
    return options
