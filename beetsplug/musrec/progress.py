"""A progress bar on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def bar(total: float, *, quiet: bool = False, **look: Any) -> tqdm[Any]:
    """A bar of tqdm; without a terminal, or with ``quiet``, one that draws nothing. ``look`` is tqdm's."""
    from tqdm import tqdm

    return tqdm(total=total, disable=quiet or not is_watched(), dynamic_ncols=True, leave=False, **look)


def is_watched() -> bool:
    """Whether standard error is a terminal; cron and `2>&-` may have closed it."""
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed since
        return False
