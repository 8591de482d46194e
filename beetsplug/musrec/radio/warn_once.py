"""A filter of the log: what goes wrong again and again is told once."""

from __future__ import annotations

import logging


class WarnOnce(logging.Filter):
    """Lets a warning through once, until all is well again."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage()
        is_new = text not in self._told
        self._told.add(text)
        return is_new

    def forget(self) -> None:
        """All is well."""
        self._told.clear()
