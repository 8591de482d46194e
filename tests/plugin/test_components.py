"""The components are built once each, whatever the number of threads that ask for them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import RLock

from beetsplug.musrec.component import component


class Slow:
    def __init__(self) -> None:
        self.lock, self.built = RLock(), 0

    @component
    def inner(self) -> object:
        time.sleep(0.01)
        self.built += 1
        return object()

    @component
    def outer(self) -> tuple[object, object]:
        return self.inner, self.inner


def test_one_is_built_for_all_threads() -> None:
    slow = Slow()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: slow.outer, range(8)))
    assert slow.built == 1
    assert all(pair is found[0] for pair in found)
