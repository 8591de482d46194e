"""Reading a whole library with SQL, without loading its items."""

from __future__ import annotations

import contextlib
import math
import os
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from beets.dbcore.query import (
    InQuery,
    InvalidQueryArgumentValueError,
    InvalidQueryError,
    TrueQuery,
)
from beets.library import Item, parse_query_parts, parse_query_string
from beets.ui import UserError

from musrec_core import attribute_text
from musrec_core._text import printable

from ..attributes import fields

if TYPE_CHECKING:
    from beets.dbcore.query import Query
    from beets.dbcore.sort import Sort
    from beets.library import Library

T = TypeVar("T")
PART = 500  # ids a statement: SQLite's limit on parameters was 999 for long


def parse(query: str | list[str]) -> Query:
    """A query as a setting or the command line has it; raises `InvalidQueryError`."""
    return _parsed(query)[0]


def _parsed(query: str | list[str]) -> tuple[Query, Sort]:
    try:
        with numbers_told(query):
            return parse_query_string(query, Item) if isinstance(query, str) else parse_query_parts(query, Item)
    except InvalidQueryArgumentValueError as error:
        raise InvalidQueryError(query, error) from None


@contextlib.contextmanager
def numbers_told(query: str | list[str]) -> Iterator[None]:
    """Raise `InvalidQueryError` for a number that neither dates nor SQLite can hold; beets lets it fail."""
    try:
        yield
    except OverflowError:
        raise InvalidQueryError(query, ValueError("a number is too large")) from None


def words(text: str) -> list[str]:
    """A query's words, as a shell would pass them."""
    try:
        return shlex.split(text)
    except ValueError:  # an unclosed quote is part of a title
        return text.split()


def parse_option(text: str, name: str) -> Query:
    """The query of an option or a setting of this name; raises `UserError`."""
    try:
        return parse(text)
    except InvalidQueryError as error:
        raise invalid(name, error) from None


def invalid(name: str, error: InvalidQueryError) -> UserError:
    """The error of a query that an option or a setting of this name can't have."""
    return UserError(f"invalid query in {name}: {error}")


def matching_ids(lib: Library, query: Query, among: Iterable[int] | None = None) -> list[int]:
    """The ids of the items that match a query, in the order of their import, or of ``among``."""
    where, values = query.clause()
    if where and among is None:
        source = "items"
        if query.field_names & Item.other_db_fields:  # a field of the album
            source += f" {Item.relation_join}"
        with lib.transaction() as tx:
            rows = tx.query(f"SELECT items.id FROM ({source}) WHERE {where} GROUP BY items.id", values)
        return [row[0] for row in rows]
    # for a query that SQL can't answer, beets would load the whole library
    ids = matching_ids(lib, TrueQuery()) if among is None else among
    return [id_of(item) for item in items_of(lib, ids) if query.match(item)]


def matching(lib: Library, args: list[str], *, allow_empty: bool = False) -> list[int]:
    """The ids of the items that a command's query matches, in the order of their import; all without a query.

    Raises
    ------
    InvalidQueryError
        Which beets reports as that of its own commands.
    UserError
        The query matches nothing; or the library is empty, unless ``allow_empty``.
    """
    with numbers_told(args):
        return _require_some(matching_ids(lib, parse(args)), args, allow_empty=allow_empty)


def listed(lib: Library, args: list[str]) -> list[int]:
    """The same in the order in which `beet ls` lists them."""
    with numbers_told(args):
        return _require_some(_listed_ids(lib, args), args)


def matching_option(lib: Library, text: str, option: str) -> set[int]:
    """The ids of the items that the query of an option matches; raises `UserError` if there are none."""
    try:
        with numbers_told(text):
            ids = set(matching_ids(lib, parse_option(text, option)))
    except InvalidQueryError as error:
        raise invalid(option, error) from None
    if not ids:
        raise no_match(text, f"song matches {option}")
    return ids


def no_match(query: str, what: str = "song matches") -> UserError:
    """The error of a query that matches nothing."""
    return UserError(f"no {what}: {printable(query)}")


def empty_library() -> UserError:
    """The error of a library without songs."""
    return UserError("the library is empty: run `beet import`")


def _require_some(ids: list[int], args: list[str], *, allow_empty: bool = False) -> list[int]:
    if args and not ids:
        raise no_match(" ".join(args))
    if not ids and not allow_empty:
        raise empty_library()
    return ids


def _listed_ids(lib: Library, args: list[str]) -> list[int]:
    query, sort = _parsed(args)
    sort = sort or lib.get_default_item_sort()
    if getattr(sort, "field_names", set()) & Item.other_db_fields:  # newer beets sort by fields of the album, too
        return [id_of(item) for item in lib.items(args)]
    ids = matching_ids(lib, query)
    if order := sort.order_clause():
        wanted = set(ids)
        few = ids if len(ids) <= PART else []
        where = f"WHERE id IN ({_marks(few)})" if few else ""
        with lib.transaction() as tx:
            rows = tx.query(f"SELECT id FROM items {where} ORDER BY {order}, id", few)
            ids = [row[0] for row in rows if row[0] in wanted]
    # a sort that SQL can't do needs the items themselves
    return [id_of(item) for item in sort.sort(list(items_of(lib, ids)))] if sort.is_slow() else ids


def id_of(item: Item) -> int:
    """The id of an item of the library; one that was never added has none."""
    if item.id is None:
        raise ValueError(f"{item!r} is not in the library")
    return item.id


def items_of(lib: Library, ids: Iterable[int]) -> Iterator[Item]:
    """The items with these ids, in that order, loaded a part at a time; ids that are gone are left out."""
    for part in _parts(ids):
        found = {item.id: item for item in lib.items(InQuery("id", part))}
        yield from (found[id_] for id_ in part if id_ in found)


def items_at(lib: Library, paths: Iterable[bytes]) -> dict[bytes, Item]:
    """The items of some files, by the given path; the Unicode form of a name does not matter."""
    ids = ids_at(lib, paths)
    found = {item.id: item for item in items_of(lib, set(ids.values()))}
    return {path: found[id_] for path, id_ in ids.items() if id_ in found}


def ids_at(lib: Library, paths: Iterable[bytes]) -> dict[bytes, int]:
    """The ids of the same items."""
    wanted = set(paths)
    known = ids_by_path(lib) if wanted else {}
    ids = {path: known[path] for path in wanted if path in known}
    if others := [path for path in wanted - ids.keys() if not path.isascii()]:
        composed = {_nfc(path): id_ for path, id_ in known.items() if not path.isascii()}
        ids |= {path: composed[_nfc(path)] for path in others if _nfc(path) in composed}
    return ids


def ids_by_path(lib: Library) -> dict[bytes, int]:
    """The ids of all items by their absolute paths; newer beets stores them relative to the library's folder."""
    with lib.transaction() as tx:
        rows = tx.query("SELECT path, id FROM items WHERE path IS NOT NULL")
    return {os.path.join(lib.directory, bytes(path)): id_ for path, id_ in rows}


def _nfc(path: bytes) -> str:
    return unicodedata.normalize("NFC", os.fsdecode(path))


def texts(lib: Library, key: str) -> list[tuple[int, str | None]]:
    """A stored attribute of all items that have it, without loading them: ids and texts."""
    with lib.transaction() as tx:
        rows = tx.query("SELECT entity_id, value FROM item_attributes WHERE key = ?", (key,))
    return [(row[0], row[1]) for row in rows]


def numeric_attribute(lib: Library, key: str) -> dict[int, float]:
    """A stored attribute of all items in which it is a finite number: id -> number."""
    found = {}
    for id_, text in texts(lib, key):
        with contextlib.suppress(TypeError, ValueError):  # the user typed a word
            if math.isfinite(value := float(text or "")):
                found[id_] = value
    return found


class EmbeddingState(NamedTuple):
    """What is stored about one item's embedding.

    Attributes
    ----------
    size : int
        Length of the embedding's text; 0 if there is none.
    model : str or None
        The model that made it.
    embedded_file, file : str
        Properties of the file that was embedded, and of the file now (`attribute_text.file_properties`).
    status : str or None
        Why the last attempt failed.
    """

    id: int
    size: int
    model: str | None
    embedded_file: str | None
    status: str | None
    file: str


_STATE = """
    SELECT items.id,
        LENGTH(e.value),
        m.value, h.value, s.value, format, length, bitrate, samplerate
    FROM items
    LEFT JOIN item_attributes AS e ON e.entity_id = items.id AND e.key = ?
    LEFT JOIN item_attributes AS m ON m.entity_id = items.id AND m.key = ?
    LEFT JOIN item_attributes AS h ON h.entity_id = items.id AND h.key = ?
    LEFT JOIN item_attributes AS s ON s.entity_id = items.id AND s.key = ?
    WHERE items.id IN ({})
"""


def embedding_states(lib: Library, ids: Iterable[int]) -> Iterator[EmbeddingState]:
    """The states of these items, without loading them."""
    keys = (fields.EMBEDDING, fields.MODEL, fields.HEARD, fields.STATUS)
    for part in _parts(ids):
        with lib.transaction() as tx:
            rows = tx.query(_STATE.format(_marks(part)), (*keys, *part))
        for row in rows:
            id_, size, model, embedded_file, status, *file = row
            yield EmbeddingState(id_, size or 0, model, embedded_file, status, attribute_text.file_properties(*file))


def attributes(lib: Library, ids: Iterable[int], key: str) -> dict[int, str]:
    """One stored attribute of some items, without loading them: id -> text, of those that have it."""
    found: dict[int, str] = {}
    with lib.transaction() as tx:
        for part in _parts(ids):
            statement = f"SELECT entity_id, value FROM item_attributes WHERE key = ? AND entity_id IN ({_marks(part)})"
            found.update((row[0], row[1]) for row in tx.query(statement, (key, *part)))
    return found


def embeddings(lib: Library, ids: Iterable[int], model_id: str) -> dict[int, str]:
    """The stored embeddings of some items, without loading them: id -> text, of those that have one of this model."""
    models = attributes(lib, ids := list(ids), fields.MODEL)
    return attributes(lib, [id_ for id_ in ids if models.get(id_) == model_id], fields.EMBEDDING)


def ids_with(lib: Library, key: str) -> list[int]:
    """The ids of the items that have a stored attribute."""
    with lib.transaction() as tx:
        rows = tx.query("SELECT entity_id FROM item_attributes WHERE key = ? ORDER BY entity_id", (key,))
    return [row[0] for row in rows]


def ids_with_prefix(lib: Library, prefix: str) -> list[int]:
    """The ids of the items that have a stored attribute whose name begins so."""
    with lib.transaction() as tx:
        rows = tx.query(
            "SELECT DISTINCT entity_id FROM item_attributes WHERE SUBSTR(key, 1, ?) = ?", (len(prefix), prefix)
        )
    return [row[0] for row in rows]


def columns(lib: Library, ids: Iterable[int], names: tuple[str, ...]) -> dict[int, tuple[Any, ...]]:
    """Some columns of some items, without loading them; an empty (NULL) text or number as beets reads it."""
    found: dict[int, tuple[Any, ...]] = {}
    kinds = [Item._type(name) for name in names]
    nulls = [kind.null if kind.model_type in (str, int, float) else None for kind in kinds]
    with lib.transaction() as tx:
        for part in _parts(ids):
            for row in tx.query(f"SELECT id, {', '.join(names)} FROM items WHERE id IN ({_marks(part)})", part):
                found[row[0]] = tuple(
                    null if value is None else value for value, null in zip(tuple(row)[1:], nulls, strict=True)
                )
    return found


def _marks(part: Sequence[int]) -> str:
    return ",".join("?" * len(part))


def _parts(values: Iterable[T], size: int = PART) -> Iterator[Sequence[T]]:
    all_of_them = list(values)
    for first in range(0, len(all_of_them), size):
        yield all_of_them[first : first + size]
