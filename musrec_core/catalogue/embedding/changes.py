"""What a manifest's rows ask for: to be embedded, to have their further columns written, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import CatalogueError
from ..dataset import Catalogue
from ..schema import HEARD, ID, OK, OWN, PATH, STATUS
from ..sql import id_in
from ..storage.breaker import CircuitBreaker
from ..storage.errors import StorageError
from ..storage.file_state import FileState, heard_text, is_foreign, parse_heard
from ..storage.storage import Storage
from .known_rows import MISSING, KnownRows, may_differ

DELETED = 1000  # ids by one condition


@dataclass(frozen=True)
class Changes:
    """What one batch of a manifest asks for.

    Attributes
    ----------
    embed : pa.Table
        Its rows whose files are to be embedded, as the manifest gave them: ``heard`` may be null.
    refresh : pa.Table
        ``id`` and the further columns of rows whose embedding stands: for `Catalogue.update`.
    unchanged : int
        Rows that ask for nothing.
    missing, unreachable : int
        Rows, of those and of ``refresh``, whose file is not there any more, or can't be looked at: they are kept.
    """

    embed: pa.Table
    refresh: pa.Table
    unchanged: int
    missing: int = 0
    unreachable: int = 0


class ChangeFinder:
    """Compares a manifest with a dataset, a batch at a time.

    A row is to be embedded where the dataset has none of its id, or one of another model, of another path, of the
    status ``storage``, or of another state of the file than now: so a bad file is tried again once it has changed. A
    row of a beets library, whose ``heard`` knows neither size nor time, stands while its path and model do.

    Parameters
    ----------
    catalogue : Catalogue
        Of the present model, or not yet; its schema has the manifest's further columns.
    model : str
        The id of the present model.
    further : pa.Schema
        Of the manifest.
    storage : Storage
        Asked for the states of known files where the manifest does not tell them.
    excerpts : int, optional
        How many of a file are wanted, where that is not what the model's card says.
    check_files : bool
        Whether it is asked at all.
    force : bool
        Embed all.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        model: str,
        further: pa.Schema,
        storage: Storage,
        *,
        excerpts: int | None = None,
        check_files: bool = True,
        force: bool = False,
    ) -> None:
        self._catalogue, self._storage = catalogue, storage
        self._check_files, self._force = check_files, force
        self._schema = {field.name: field.type for field in catalogue.schema if field.name not in OWN}
        self._further = [name for name in further.names if name in self._schema]
        self._known = KnownRows(catalogue, model, excerpts, self._further)
        self._breaker = CircuitBreaker()
        self._is_first = True

    def compare(self, batch: pa.Table) -> Changes:
        """What a batch of the manifest asks for.

        Raises
        ------
        CatalogueError
            Nothing of a bucket or host can be had, or a further column does not fit the dataset's.
        """
        batch = self._fitting(batch.combine_chunks())
        found = self._known.find(batch)
        embed = ~found.here | found.again | found.moved | self._force
        heard, missing, unreachable = batch[HEARD], 0, 0
        ask = ~embed & np.asarray(heard.is_null()) & self._check_files
        if (ask | embed).any():
            self._check_storage(batch)
        if ask.any():
            heard, missing, unreachable = self._with_states(batch, np.flatnonzero(ask))
        unsure = np.flatnonzero(~embed & may_differ(found, heard))
        embed[unsure] = self._have_changed(batch[ID].take(unsure).to_pylist(), heard.take(unsure).to_pylist())
        refresh = found.corrected & ~embed
        return Changes(
            batch.filter(pa.array(embed)),
            batch.filter(pa.array(refresh)).select([ID, *self._further]),
            int((~embed & ~refresh).sum()),
            missing,
            unreachable,
        )

    def _fitting(self, batch: pa.Table) -> pa.Table:
        """The batch with further columns of the dataset's types."""
        for name in self._further:
            if batch.schema.field(name).type != self._schema[name]:
                try:
                    column = batch[name].cast(self._schema[name])
                except pa.ArrowException as error:
                    raise CatalogueError(
                        f"the manifest's column {name} does not fit that of {self._catalogue.uri}, which is "
                        f"{self._schema[name]}: {error}"
                    ) from error
                batch = batch.set_column(batch.schema.get_field_index(name), name, column)
        return batch

    def _check_storage(self, batch: pa.Table) -> None:
        """Raise `CatalogueError` where nothing can be had of the first files that matter."""
        if self._is_first:
            self._is_first = False
            self._storage.check(batch[PATH].to_pylist())

    def _with_states(self, batch: pa.Table, asked: NDArray[np.int64]) -> tuple[pa.ChunkedArray, int, int]:
        """``heard`` with the states of files that the manifest does not tell; how many are missing, unreachable."""
        heard = batch[HEARD].to_pylist()
        paths = batch[PATH].take(asked).to_pylist()
        missing = unreachable = 0
        for row, path, state in zip(asked, paths, self._storage.states(paths), strict=True):
            if isinstance(state, StorageError):
                self._breaker.record(path, state.status, state.detail)
                missing += state.status == "missing"
                unreachable += state.status != "missing"
            else:
                self._breaker.record(path, OK)
                heard[row] = heard_text(state) or None
        return pa.chunked_array([pa.array(heard, pa.string())]), missing, unreachable

    def _have_changed(self, ids: Sequence[str], heard: Sequence[str]) -> list[bool]:
        """Whether files are others than those of the rows stored, which have other states."""
        stored = self._known.look_up(ids)
        return [
            id_ not in stored or _has_changed(stored[id_], parse_heard(text)[0])
            for id_, text in zip(ids, heard, strict=True)
        ]

    # Rows that the manifest does not have.

    @property
    def gone(self) -> int:
        """How many rows of the dataset the manifest does not have, once all batches were seen."""
        return len(self._known) - self._known.seen

    def prune(self, unread: Sequence[str] = ()) -> int:
        """Delete them; gives their number.

        Parameters
        ----------
        unread : sequence of str
            What the manifest could not read: its rows only seem to be gone.

        Raises
        ------
        CatalogueError
            Something was not read, or the manifest has no row of the dataset: it may be the wrong one.
        """
        if not self.gone:
            return 0
        if unread:
            raise CatalogueError(f"nothing is pruned, as the manifest was not read whole: {unread[0]}")
        if not self._known.seen:
            raise CatalogueError(
                f"nothing is pruned, as {self._catalogue.uri} and the manifest have no track in common: "
                "name the right ones"
            )
        gone = [ids[at : at + DELETED] for ids in self._known.unseen() for at in range(0, len(ids), DELETED)]
        return sum(self._catalogue.delete(id_in(ids)) for ids in gone)


def _has_changed(then: Mapping[str, object], now: FileState) -> bool:
    """Whether a file is another than that of a stored row."""
    text = then[HEARD]
    heard = str(text) if text else None
    if not now or is_foreign(heard):
        return False
    if then[STATUS] == MISSING:
        return True  # it is there now
    if heard is None:
        return then[STATUS] != OK
    return not now.is_of(parse_heard(heard)[0])
