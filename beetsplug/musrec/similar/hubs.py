"""The library's hubs: what `beet similar --hubs` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beets.dbcore.query import InvalidQueryError
from beets.ui import UserError

from .. import progress
from ..console import formatted, print_text
from ..library import coverage, sql

if TYPE_CHECKING:
    from beets.library import Library

    from musrec_core.search.index import Metric

    from ..components import Components
    from ..config import Space

K = 10


def print_hubs(
    plugin: Components, lib: Library, args: list[str], count: int, *, space: Space, metric: Metric, template: str
) -> None:
    """Print the songs that are among the ten nearest of most others; with a query, those of them that it matches."""
    import numpy as np

    from musrec_core.search import hubness, knn

    known = plugin.vectors.get(lib, space)
    coverage.require_current(known.counts, plugin.card.model_id, plugin._log)
    index = known.index
    if len(index) < 2:
        raise UserError("hubs need two embedded songs or more")
    with progress.bar(len(index), unit=" songs") as bar:
        found = knn.neighbourhoods(index, K, metric=metric, progress=bar.update)
    counts = hubness.occurrences(found.rows, len(index))
    wanted = _matching(lib, args)
    order = np.lexsort((index.ids, -counts))
    worst = [row for row in order.tolist() if wanted is None or int(index.ids[row]) in wanted][:count]
    for item in sql.items_of(lib, [int(index.ids[row]) for row in worst]):
        times = int(counts[index.ids == item.id][0])
        print_text(f"{times:6}  {formatted(item, template)}")
    k = found.rows.shape[1]
    print_text(
        f"The number says how many of the {len(index)} songs have this one among their {k} nearest.\n"
        f"Average {k}, skewness {hubness.skewness(counts):.2f} (0: no hubs); "
        f"{hubness.share_never(counts):.0%} of the songs are nobody's neighbour."
    )


def _matching(lib: Library, args: list[str]) -> set[int] | None:
    if not args:
        return None
    try:
        ids = set(sql.matching_ids(lib, sql.parse(args)))
    except InvalidQueryError as error:
        raise UserError(str(error)) from None
    if not ids:
        raise UserError(f"no song matches: {' '.join(args)}")
    return ids
