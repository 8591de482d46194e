"""The embeddings of a beets library -> a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..._text import one_line
from ...card import Card
from ...errors import CatalogueError, NoDatasetError
from ..dataset import READERS, Catalogue
from ..schema import ModelColumns
from ..sql import id_in, sql_text
from ..writer import writing
from .changed_rows import ChangedRows, Places
from .ids import IdsOfItems, ItemIds
from .library import MODEL, BeetsItem, BeetsLibrary, shown_path
from .rows import FURTHER, LIBRARY, ItemRows, failure, is_embedded

DELETE_IDS = 5000


@dataclass
class ImportCounts:
    """What an import did with the items of a library.

    Attributes
    ----------
    model : str
        The dataset's.
    new, changed, unchanged : int
        Rows; of those, ``failed`` are of files that could not be embedded.
    not_embedded, damaged : int
        Items without an embedding, or with one that can't be read.
    other_models : dict of str to int
        A model's id -> how many items were left out because they have an embedding of it.
    without_id, repeated : int
        Items that have nothing in the column of the ids, or the same as an earlier one.
    elsewhere : int
        Items whose ids the dataset has of another library, or of none.
    gone, deleted : int
        Rows of this library whose items it does not have any more.
    """

    model: str
    items: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    failed: int = 0
    not_embedded: int = 0
    damaged: int = 0
    other_models: dict[str, int] = field(default_factory=dict)
    without_id: int = 0
    repeated: int = 0
    elsewhere: int = 0
    gone: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class ImportOptions:
    """How to import.

    Attributes
    ----------
    ids : ItemIds
    name : str
        Of the library, in the dataset's column ``beets_library``.
    force : bool
        Replace rows of the same ids that come from elsewhere.
    prune : bool
        Delete the rows of this library whose items it does not have any more.
    model : str or None
        As `Card.load` takes it: whose embeddings are imported. None: the dataset's, or for a new one the shipped one.
    storage_options : mapping
        Of the dataset.
    """

    ids: ItemIds
    name: str
    force: bool = False
    prune: bool = False
    model: str | None = None
    storage_options: Mapping[str, str] = field(default_factory=dict)


def library_name(path: str) -> str:
    """What a library is called in a dataset if nobody says it: its real path."""
    return os.fsencode(os.path.realpath(path)).decode("utf-8", "backslashreplace")


def import_library(
    library: BeetsLibrary,
    uri: str,
    options: ImportOptions,
    *,
    damaged: Callable[[BeetsItem], None] = lambda item: None,
    done: Callable[[int], object] = lambda items: None,
) -> ImportCounts:
    """Write what a library has of a model into a dataset, a new one or not; the same once more changes nothing.

    Parameters
    ----------
    uri : str
        ``DIR.lance``.
    damaged : callable
        Gets each item whose embedding can't be read.
    done : callable
        Gets the number of items of each part that is done.

    Raises
    ------
    CatalogueError
        The library has no song, or no embedding of the model; the dataset is of another one, or has the ids from
        elsewhere; or one of them can't be read or written.
    ModelError
        There is no such model.
    """
    known = options.ids.all_of(library, paths=True)
    if not len(library):
        raise CatalogueError(f"{shown_path(library.path)} has no songs")
    with writing(uri):
        catalogue = _open_or_create(uri, library, options)
        places = Places.find(catalogue, known, options.name)
        _check_places(catalogue, places, options)
        return _written(library, catalogue, options, known, places, damaged, done)


def _open_or_create(uri: str, library: BeetsLibrary, options: ImportOptions) -> Catalogue:
    try:
        catalogue = Catalogue.open(uri, storage_options=options.storage_options)
    except NoDatasetError:
        card = Card.load(options.model)
        _require_embedded(library, card.model_id)
        columns = ModelColumns.of_card(card)
        return Catalogue.create(uri, columns, FURTHER, storage_options=options.storage_options)
    if options.model is not None:
        catalogue.require_model(Card.load(options.model))
    _require_embedded(library, catalogue.columns.model)
    catalogue.add_columns(FURTHER)
    return catalogue


def _require_embedded(library: BeetsLibrary, model_id: str) -> None:
    models = library.models()
    if model_id not in models:
        others = ", ".join(f"{count} of {model}" for model, count in models.items())
        raise CatalogueError(
            f"{shown_path(library.path)} has no embedding of {model_id}, but {others}: --model names another"
            if models
            else f"{shown_path(library.path)} has no embeddings: run `beet embed`"
        )


def _check_places(catalogue: Catalogue, places: Places, options: ImportOptions) -> None:
    if places.elsewhere and not options.force and options.ids.column == "id":
        id_, owner = next(iter(places.elsewhere.items()))
        raise CatalogueError(
            f"{catalogue.uri} has the id {id_!r} from {one_line(owner or 'elsewhere')}: give the ids a --prefix, say "
            "with --name that it is the same library, or replace such tracks with --force"
        )
    if options.prune and places.gone and not places.rows:
        raise CatalogueError(
            f"nothing is pruned, as {catalogue.uri} and the library have no track in common: import without --prune "
            "first, or give it the --name, --prefix and --id-column of before"
        )


def _written(
    library: BeetsLibrary,
    catalogue: Catalogue,
    options: ImportOptions,
    known: IdsOfItems,
    places: Places,
    damaged: Callable[[BeetsItem], None],
    done: Callable[[int], object],
) -> ImportCounts:
    counts = ImportCounts(catalogue.columns.model, without_id=known.without, gone=len(places.gone))
    rows = ItemRows(catalogue.columns, catalogue.schema, options.ids, options.name)
    choice = _Choice(catalogue.columns.model, options, known, places, counts)
    writer = ChangedRows(catalogue, places)
    for items in library.items(rows.columns):
        chosen = [item for item in items if choice.takes(item)]
        usable = []
        for item, vector in zip(chosen, rows.vectors(chosen), strict=True):
            if vector is None and is_embedded(item):
                counts.damaged += 1
                damaged(item)
            else:
                usable.append((item, vector))
        writer.add(rows.table([item for item, _ in usable], [vector for _, vector in usable]))
        counts.items += len(items)
        done(len(items))
    writer.flush()
    counts.new, counts.changed, counts.unchanged = writer.new, writer.changed, writer.unchanged
    counts.failed = writer.failed
    if options.prune and places.gone:
        counts.deleted = _delete(catalogue, places.gone, options.name)
    if writer.commits or counts.deleted:
        catalogue.index_ids()
        catalogue.compact(keep=READERS)
    return counts


class _Choice:
    """Which items are imported; counts those that are not."""

    def __init__(
        self, model: str, options: ImportOptions, known: IdsOfItems, places: Places, counts: ImportCounts
    ) -> None:
        self._model, self._options, self._counts = model, options, counts
        self._known, self._elsewhere = known, {} if options.force else places.elsewhere

    def takes(self, item: BeetsItem) -> bool:
        """Whether an item has an embedding of the dataset's model, or failed, and an id for itself."""
        id_, counts = self._options.ids.of(item), self._counts
        model = item.attributes.get(MODEL, "")
        if id_ is None:
            return False  # counted already
        if self._known.items.setdefault(id_, item.id) != item.id:
            counts.repeated += 1
        elif id_ in self._elsewhere:
            counts.elsewhere += 1
        elif is_embedded(item) and model != self._model:
            counts.other_models[model] = counts.other_models.get(model, 0) + 1
        elif not is_embedded(item) and failure(item) is None:
            counts.not_embedded += 1
        else:
            return True
        return False


def _delete(catalogue: Catalogue, ids: Sequence[str], name: str) -> int:
    parts = [ids[first : first + DELETE_IDS] for first in range(0, len(ids), DELETE_IDS)]
    own = f"{LIBRARY} = {sql_text(name)}"
    return sum(catalogue.delete(f"{own} AND {id_in(part)}") for part in parts)
