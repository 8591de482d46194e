"""The SQLite library of beets, read and written without beets."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..._text import one_line
from ...errors import CatalogueError

# What beetsplug.musrec stores for an item; a test holds the names to the plugin's.
EMBEDDING, GENRES, MOOD = "musrec_embedding", "musrec_genres", "musrec_mood"
MODEL, HEARD, STATUS = "musrec_model", "musrec_heard", "musrec_status"
ATTRIBUTES = (EMBEDDING, GENRES, MOOD, MODEL, HEARD, STATUS)
BUSY_SECONDS = 60.0  # to wait for a program that writes to the library
READ_ITEMS = 5000  # at a time: whoever wants to write meanwhile waits no longer than for these
PARAMETERS = 500  # of one statement: SQLite's limit was 999 for long

_NEEDED = {
    "items": {"id", "path"},
    "albums": {"id"},
    "item_attributes": {"entity_id", "key", "value"},
}
_LOCKED, _NOT_SQLITE = "locked", "not a database"  # parts of what SQLite says
_NOT_OPENED, _READ_ONLY = "unable to open", "readonly database"


class BeetsItem(NamedTuple):
    """What is read of one item.

    Attributes
    ----------
    path : bytes or None
        As the library has it: absolute, or relative to the music folder.
    values : tuple
        Of the columns asked for; None where the library has no such column.
    attributes : dict of str to str
        Those of ours.
    """

    id: int
    path: bytes | None
    values: tuple[Any, ...]
    attributes: dict[str, str]


class BeetsLibrary:
    """An open library. Made by `open_library`.

    Attributes
    ----------
    path : str
        As it was given.
    columns : frozenset of str
        Of the table of items.
    """

    def __init__(self, path: str, connection: sqlite3.Connection) -> None:
        self.path, self._connection = path, connection
        self.columns = frozenset(_checked_tables(path, connection)["items"])

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM items").fetchone()[0])

    def models(self) -> dict[str, int]:
        """A model's id -> how many items have an embedding of it; most first."""
        rows = self._connection.execute(
            "SELECT value, COUNT(*) FROM item_attributes AS m WHERE key = ? AND EXISTS "
            "(SELECT 1 FROM item_attributes AS e WHERE e.entity_id = m.entity_id AND e.key = ?) "
            "GROUP BY value ORDER BY COUNT(*) DESC, value",
            (MODEL, EMBEDDING),
        )
        return {str(model): count for model, count in rows}

    def items(self, columns: Sequence[str] = (), *, attributes: bool = True) -> Iterator[list[BeetsItem]]:
        """All items in the order of their ids, `READ_ITEMS` at a time.

        Each part is read at one moment; between two of them other programs can write.
        """
        last: int | None = None
        while True:
            with self._transaction("DEFERRED"):
                after = ("WHERE id > ?", (last,)) if last is not None else ("", ())
                rows = self._connection.execute(
                    f"SELECT {self._selected(columns)} FROM items {after[0]} ORDER BY id LIMIT ?",
                    (*after[1], READ_ITEMS),
                ).fetchall()
                if not rows:
                    return
                first, last = rows[0][0], rows[-1][0]
                stored = self._attributes("entity_id BETWEEN ? AND ?", (first, last)) if attributes else {}
            yield [_item(row, stored) for row in rows]

    def items_with(self, ids: Iterable[int], columns: Sequence[str] = ()) -> dict[int, BeetsItem]:
        """Some items by their ids, with their attributes; within `writing`, as they stay until its end."""
        found: dict[int, BeetsItem] = {}
        wanted = list(ids)
        for n in range(0, len(wanted), PARAMETERS):
            part = wanted[n : n + PARAMETERS]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(f"SELECT {self._selected(columns)} FROM items WHERE id IN ({marks})", part)
            stored = self._attributes(f"entity_id IN ({marks})", part)
            found.update((row[0], _item(row, stored)) for row in rows)
        return found

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that nobody else writes in; an exception rolls it back."""
        with self._transaction("IMMEDIATE"):
            yield

    def store(self, attributes: Mapping[int, Mapping[str, str]]) -> None:
        """Replace our attributes of some items; no other attribute and no other table is touched."""
        marks = ",".join("?" * len(ATTRIBUTES))
        self._connection.executemany(
            f"DELETE FROM item_attributes WHERE entity_id = ? AND key IN ({marks})",
            ((id_, *ATTRIBUTES) for id_ in attributes),
        )
        self._connection.executemany(
            "INSERT INTO item_attributes (entity_id, key, value) VALUES (?, ?, ?)",
            ((id_, key, value) for id_, values in attributes.items() for key, value in values.items()),
        )

    def error(self, error: sqlite3.Error, more: str) -> CatalogueError:
        """What to raise for what SQLite raised while this was written, with more to say."""
        return _told_error(self.path, "written", error, more)

    def _selected(self, columns: Sequence[str]) -> str:
        quoted = ('"' + name.replace('"', '""') + '"' if name in self.columns else "NULL" for name in columns)
        return ", ".join(["id", "CAST(path AS BLOB)", *quoted])

    def _attributes(self, where: str, values: Sequence[int]) -> dict[int, dict[str, str]]:
        """Our attributes; of a key that an item has twice, what was stored last."""
        marks = ",".join("?" * len(ATTRIBUTES))
        rows = self._connection.execute(
            f"SELECT entity_id, key, value FROM item_attributes WHERE {where} AND key IN ({marks}) "
            "ORDER BY entity_id, rowid",
            (*values, *ATTRIBUTES),
        )
        found: dict[int, dict[str, str]] = {}
        for id_, key, value in rows:
            found.setdefault(id_, {})[key] = text_of(value) or ""
        return found

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk has rolled back already
                self._connection.execute("ROLLBACK")
            raise


@contextmanager
def open_library(path: str, *, write: bool = False) -> Iterator[BeetsLibrary]:
    """Open a library that exists; what SQLite raises meanwhile becomes a `CatalogueError` of one sentence.

    Parameters
    ----------
    write : bool
        Without it the file is opened so that it can't be written.
    """
    _require_file(path)
    with _told(path, "written" if write else "read"), closing(_connect(path, write)) as connection:
        yield BeetsLibrary(path, connection)


def _connect(path: str, write: bool) -> sqlite3.Connection:
    uri = f"{Path(path).absolute().as_uri()}?mode={'rw' if write else 'ro'}"
    try:
        return _connected(uri)
    except sqlite3.OperationalError as error:
        if write or _NOT_OPENED not in str(error) or _files_beside(path):
            raise
    return _connected(f"{uri}&immutable=1")  # in WAL mode, in a folder that can't be written


def _connected(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _files_beside(path: str) -> list[str]:
    """The files with changes that are not in the library itself yet."""
    real = os.path.realpath(path)
    return [file for file in (f"{real}-wal", f"{real}-journal") if os.path.exists(file)]


def _require_file(path: str) -> None:
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError):
        raise CatalogueError(f"there is no library {shown_path(path)}") from None
    if not stat.S_ISREG(kind):
        raise CatalogueError(f"{shown_path(path)} is no file, and so no library of beets")


def _checked_tables(path: str, connection: sqlite3.Connection) -> dict[str, set[str]]:
    """The columns of each table; raises `CatalogueError` unless they are those of a library of beets."""
    tables: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"
    ):
        tables.setdefault(table, set()).add(column)
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    lacking = [table for table, columns in _NEEDED.items() if not columns <= tables.get(table, set())]
    if lacking or application:
        what = f"it has no table {lacking[0]} as beets makes it" if lacking else "it says that another program made it"
        raise CatalogueError(f"{shown_path(path)} is no library of beets: {what}")
    return tables


@contextmanager
def _told(path: str, what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _told_error(path, what, error) from error


def _told_error(path: str, what: str, error: sqlite3.Error, more: str = "") -> CatalogueError:
    text, shown = str(error), shown_path(path)
    if _NOT_SQLITE in text:
        return CatalogueError(f"{shown} is no library of beets: it is no SQLite file")
    if _LOCKED in text:
        return CatalogueError(
            f"{shown} is locked by another program, beets perhaps: run this again when that has ended{more}"
        )
    if what == "read" and (_NOT_OPENED in text or _READ_ONLY in text) and (beside := _files_beside(path)):
        return CatalogueError(
            f"{shown} can't be read without writing, as a program left {shown_path(beside[0])} beside it: run `beet "
            "stats` once, or copy both files to a folder that can be written and do it there"
        )
    return CatalogueError(f"{shown} can't be {what}: {one_line(text)}{more}")


def _item(row: tuple[Any, ...], stored: Mapping[int, dict[str, str]]) -> BeetsItem:
    return BeetsItem(row[0], row[1], row[2:], stored.get(row[0], {}))


# Values as SQLite has them, which may be of any type in any column; what is empty or 0 is not known.


def text_of(value: Any) -> str | None:
    """A text, or None."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return str(value) if value not in (None, "", 0) else None


def positive_number(value: Any) -> float | None:
    """A finite number above 0, or None."""
    try:
        number = float(value or 0)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < float("inf") else None


def positive_whole(value: Any) -> int | None:
    """A whole number above 0 that 64 bits hold, or None."""
    number = positive_number(value)
    return int(number) if number is not None and 1 <= number < 2**63 else None


def shown_path(path: str) -> str:
    """A path in a message."""
    return one_line(os.fsencode(path).decode("utf-8", "replace"))
