"""What a client may look for: any query of beets but regular expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets.dbcore.query import CollectionQuery, InvalidQueryError, NotQuery, RegexpQuery

from ..library import sql
from .errors import ServeError

if TYPE_CHECKING:
    from beets.dbcore import Query
    from beets.library import Library

NO_REGEX = "regular expressions are not looked for here, since one of them can occupy the server for hours"


def listed(lib: Library, text: str) -> list[int]:
    """The ids of the items that a client's query matches, as `beet ls` orders them.

    Raises
    ------
    ServeError
        400: the query is malformed, or has a regular expression: Python can't stop one, nor run anything beside it.
    UserError
        Nothing matches.
    """
    words = sql.words(text)
    try:
        if has_regex(sql.parse(words)):
            raise ServeError(400, NO_REGEX)
        return sql.listed(lib, words)
    except InvalidQueryError as error:
        raise ServeError(400, str(error)) from None


def has_regex(query: Query) -> bool:
    """Whether a regular expression is in a query, or in the pattern of a `similar:` or `sounds:` of it."""
    if isinstance(query, CollectionQuery):
        return any(map(has_regex, query.subqueries))
    if isinstance(query, NotQuery):
        return has_regex(query.subquery)
    if inner := getattr(query, "inner", None):  # a `RankedQuery`
        return any(map(has_regex, inner()))
    return isinstance(query, RegexpQuery)
