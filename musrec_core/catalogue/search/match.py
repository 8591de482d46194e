"""The tracks that answer a question, and which of a ranking may stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Match:
    """A track and its distance; ``columns`` holds those that were asked for."""

    id: str
    distance: float
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """How many answers, which columns of them, and at most how many that share a value of a column."""

    count: int
    columns: tuple[str, ...]
    max_per: Mapping[str, int]

    @property
    def read(self) -> list[str]:
        """The columns to read."""
        return list(dict.fromkeys((*self.columns, *self.max_per)))

    def chosen(self, ranked: list[Match], left_out: Collection[str]) -> list[Match]:
        """The first of a ranking that may stay."""
        seen: Counter[tuple[str, Any]] = Counter()
        kept: list[Match] = []
        for match in ranked:
            keys = [(name, match.columns[name]) for name in self.max_per if match.columns[name] is not None]
            if match.id in left_out or any(seen[key] >= self.max_per[key[0]] for key in keys):
                continue
            seen.update(keys)
            kept.append(Match(match.id, match.distance, {name: match.columns[name] for name in self.columns}))
            if len(kept) == self.count:
                break
        return kept
