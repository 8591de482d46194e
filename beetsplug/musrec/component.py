"""A part of the plugin that is built when it is first needed: the decorator of `Components`' methods."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

ComponentT = TypeVar("ComponentT")


class component(cached_property[ComponentT]):  # noqa: N801, used as a decorator
    """A part that is built once, even if several threads ask for it: beets runs each import stage in its own.

    From Python 3.12 on `cached_property` has no lock.
    """

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        with instance.lock:
            return super().__get__(instance, owner)
