"""A Lance dataset of embedded tracks: opening, making, writing, reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

import lance
import pyarrow as pa

from ..card import Card
from ..errors import CatalogueError, NoDatasetError
from .schema import HAS_VECTOR, ID, MODEL, OWN, VECTOR, ModelColumns, dataset_schema, metadata_of
from .sql import condition, sql_text

SUFFIX = ".lance"
ID_INDEX = "id_idx"
READ_ROWS = 8192  # of a batch
READERS = timedelta(hours=1)  # how long versions stay that others may be reading
PANIC = "PanicException"  # of Lance's code in Rust; it is no `Exception`
_SOURCE = re.compile(r",?\s*(?:\S*/)?[\w/.-]+\.rs:\d+:\d+.*", re.DOTALL)  # where in Lance's code an error arose
_PREFIX = re.compile(r"^(?:(?:LanceError\(\w+\)|Invalid user input|External error): )+")
_MESSAGE = re.compile(r"<Error>.*<Message>(.+?)</Message>")  # of an object storage
_OF_CONDITION = re.compile(r"(?!.*Lance file)(Invalid user input|.*Query Execution error|.*Arrow error)", re.DOTALL)
_NO_COLUMN = re.compile(r"Schema error: No field named (.+?)\. ?Valid fields are ([^.]*(?:\.[^.]+)*)\.?$")
_STATEMENT = re.compile(r"Error \w+ statement: .*\((?:sql parser error: )?([A-Z].*)\)$")  # Lance's, which quotes it


class Catalogue:
    """A Lance dataset, local or on object storage. Made by `open` or `create`.

    Attributes
    ----------
    uri : str
        ``DIR.lance``, or a URL of that form.
    columns : ModelColumns
        Its model, and what its columns look like.
    """

    def __init__(self, uri: str, dataset: lance.LanceDataset, storage_options: Mapping[str, str] | None) -> None:
        self.uri, self._dataset, self._options = uri, dataset, dict(storage_options or {})
        self.columns = ModelColumns.of_schema(dataset.schema, uri)

    @classmethod
    def open(cls, uri: str, *, storage_options: Mapping[str, str] | None = None) -> Catalogue:
        """Open one that exists; raises `CatalogueError`.

        Parameters
        ----------
        storage_options : mapping, optional
            What Lance's object stores take (``aws_endpoint`` ...); the environment's variables hold without it.
        """
        uri = checked_uri(uri)
        with lance_errors(uri, "can't be read"):
            try:
                dataset = lance.dataset(uri, storage_options=dict(storage_options or {}))
            except ValueError as error:
                if "not found" not in str(error):
                    raise
                raise NoDatasetError(f"there is no dataset {uri}") from None
        return cls(uri, dataset, storage_options)

    @classmethod
    def create(
        cls,
        uri: str,
        columns: ModelColumns,
        further: pa.Schema | None = None,
        *,
        storage_options: Mapping[str, str] | None = None,
    ) -> Catalogue:
        """Make an empty one; raises `CatalogueError` where there is one, or it can't be written."""
        uri, schema = checked_uri(uri), dataset_schema(columns, further)
        with lance_errors(uri, "can't be written"):
            dataset = lance.write_dataset(
                schema.empty_table(), uri, schema=schema, mode="create", storage_options=dict(storage_options or {})
            )
        return cls(uri, dataset, storage_options)

    @property
    def lance(self) -> lance.LanceDataset:
        """The dataset as Lance gives it, of the version that was last written or read here."""
        return self._dataset

    @property
    def schema(self) -> pa.Schema:
        """Its columns: ours, then further ones."""
        return self._dataset.schema

    @property
    def storage_options(self) -> dict[str, str]:
        """What it was opened with."""
        return dict(self._options)

    def __len__(self) -> int:
        return int(self._dataset.count_rows())

    def refresh(self) -> None:
        """See what others have written since."""
        with lance_errors(self.uri, "can't be read"):
            self._dataset = lance.dataset(self.uri, storage_options=self._options)

    def require_model(self, card: Card) -> None:
        """Raise `CatalogueError` unless its vectors are of this model."""
        if self.columns.model != card.model_id:
            raise CatalogueError(f"{self.uri} is of the model {self.columns.model}, and not of {card.model_id}")

    def require_columns(self, names: Iterable[str]) -> None:
        """Raise `CatalogueError` unless it has these columns."""
        for name in names:
            if name not in self.schema.names:
                others = ", ".join(each for each in self.schema.names if each != VECTOR)
                raise CatalogueError(f"{self.uri} has no column {name}; it has {others}")

    def require_limits(self, limits: Mapping[str, int]) -> None:
        """Raise `CatalogueError` unless each of these columns can say of how few tracks a value may be."""
        self.require_columns(limits)
        for name, most in limits.items():
            if most < 1:
                raise CatalogueError(f"at most {most} tracks of one {name} can't be: it has to be 1 or more")
            if pa.types.is_nested(self.schema.field(name).type):
                raise CatalogueError(f"the column {name} holds several values a track, of which none can be counted")

    @property
    def embedded(self) -> str:
        """The condition that a track has an embedding of its model, in SQL."""
        return f"{HAS_VECTOR} AND {MODEL} = {sql_text(self.columns.model)}"

    # Reading.

    def count(self, where: str | None = None) -> int:
        """The number of rows that fulfil an SQL condition; raises `CatalogueError` where it can't be understood."""
        with condition_errors(where, self.uri):
            return int(self._dataset.count_rows(condition(where)))

    def checked(self, where: str | None) -> str | None:
        """A user's condition, to be joined to others; raises `CatalogueError` where it can't be understood."""
        given = condition(where)
        if given is not None:
            with condition_errors(where, self.uri):
                self._dataset.scanner(columns=[ID], filter=given).explain_plan()
        return given

    def batches(
        self, names: Sequence[str], where: str | None = None, *, rows: int = READ_ROWS, in_order: bool = True
    ) -> Iterator[pa.RecordBatch]:
        """Some columns, a batch at a time; raises `CatalogueError` where the condition can't be understood."""
        with condition_errors(where, self.uri):
            scanner = self._dataset.scanner(
                columns=list(names), filter=condition(where), batch_size=rows, scan_in_order=in_order
            )
            yield from scanner.to_batches()

    # Writing: one process at a time.

    def merge(self, rows: pa.Table) -> None:
        """Write rows: a track that is here is replaced, others are added, in one transaction.

        They have all of our columns; further ones that they lack stay as they are. The same rows written once more
        change nothing: each id is here once. Raises `CatalogueError`.
        """
        names = [name for name in self.schema.names if name in OWN or name in rows.column_names]
        schema = pa.schema([self.schema.field(name) for name in names])
        with lance_errors(self.uri, "can't be written"):
            merging = self._dataset.merge_insert(ID).when_matched_update_all().when_not_matched_insert_all()
            merging.execute(rows.select(names).cast(schema))

    def update(self, rows: pa.Table) -> None:
        """Replace some columns, ``id`` among them, of tracks that are here; others are ignored."""
        with lance_errors(self.uri, "can't be written"):
            self._dataset.merge_insert(ID).when_matched_update_all().execute(rows)

    def delete(self, where: str) -> int:
        """Delete the rows that fulfil an SQL condition; gives their number."""
        with condition_errors(where, self.uri):
            return int(self._dataset.delete(condition(where))["num_deleted_rows"])

    def add_columns(self, further: pa.Schema) -> list[str]:
        """Add the further columns that it lacks, null in all rows; gives their names. Raises `CatalogueError`."""
        new = [field for field in further if field.name not in self.schema.names]
        if new:
            with lance_errors(self.uri, "can't be written"):
                self._dataset.add_columns(new)
            self.refresh()
        return [field.name for field in new]

    def index_ids(self) -> None:
        """Let the rows of some ids be found without reading all ids, as `merge` and `update` do.

        Raises `CatalogueError`.
        """
        with lance_errors(self.uri, "can't be written"):
            if any(index.name == ID_INDEX for index in self._dataset.describe_indices()):
                self._dataset.optimize.optimize_indices(index_names=[ID_INDEX])
            else:
                self._dataset.create_scalar_index(ID, "BTREE", name=ID_INDEX)
        self.refresh()

    def set_model(self, columns: ModelColumns) -> None:
        """From now on it is of another model, whose columns fit: its rows of the one before wait to be embedded."""
        if not self.columns.fits(columns):
            raise CatalogueError(
                f"{self.uri} is of the model {self.columns.model}, whose columns do not fit those of {columns.model}: "
                "name another dataset"
            )
        with lance_errors(self.uri, "can't be written"):
            self._dataset.update_schema_metadata(metadata_of(columns))
        self.refresh()
        self.columns = columns

    def compact(self, *, keep: timedelta = timedelta(0)) -> None:
        """Join small files, and remove versions that are older than ``keep``."""
        with lance_errors(self.uri, "can't be written"):
            self._dataset.optimize.compact_files()
        self.clean(keep=keep)

    def clean(self, *, keep: timedelta = READERS) -> None:
        """Remove the files, those of an index among them, that only versions older than ``keep`` need."""
        with lance_errors(self.uri, "can't be written"):
            self._dataset.cleanup_old_versions(older_than=keep)
        self.refresh()


def checked_uri(uri: str) -> str:
    """A dataset's place without a slash at its end.

    Raises
    ------
    CatalogueError
        It does not end in ``.lance``, or is a URL with a password, which later messages would show.
    """
    bare = uri.rstrip("/")
    _, is_url, place = bare.partition("://")
    if is_url and "@" in place.partition("/")[0]:
        raise CatalogueError(
            "credentials are not read from a dataset's URL: use options of its storage, or AWS_ACCESS_KEY_ID"
        )
    if not bare.endswith(SUFFIX) or bare.rpartition("/")[2] == SUFFIX:
        named = f"{bare.partition('?')[0]}?..." if is_url and "?" in bare else uri
        raise CatalogueError(f"a dataset's name has to end in {SUFFIX}, and {named} does not")
    return bare


@contextmanager
def lance_errors(uri: str, what: str) -> Iterator[None]:
    """What Lance raises about storage becomes a `CatalogueError` of one sentence; as does a panic."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise CatalogueError(f"{uri} {what}: {error_text(error)}") from error
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        raise CatalogueError(f"{uri} {what}, as it is damaged: {error_text(error)}") from error


@contextmanager
def condition_errors(where: str | None, uri: str = "the dataset") -> Iterator[None]:
    """What Lance raises about an SQL condition becomes a `CatalogueError`; the rest as by `lance_errors`."""
    with lance_errors(uri, "can't be read"):
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            if where is None or not _OF_CONDITION.match(str(error)):
                raise
            raise CatalogueError(f"the condition {where!r} can't be used: {error_text(error)}") from error


def error_text(error: BaseException) -> str:
    """An error of Lance or Arrow in one line, without the place in their code."""
    text = _SOURCE.sub("", " ".join(str(error).split()))
    if said := _MESSAGE.search(text):
        return said[1].rstrip(". ")
    if "commit conflict" in text:
        return "another process wrote to it at the same time: run the command again"
    text = _PREFIX.sub("", text)
    text = _STATEMENT.sub(r"\1", text)
    if unknown := _NO_COLUMN.search(text):
        known = [name for name in unknown[2].split(", ") if not name.startswith("_row")]
        return f"there is no column {unknown[1]}; there are {', '.join(known)}"
    return text.rstrip(". ") or type(error).__name__
