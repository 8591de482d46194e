"""Something looks on while the main thread waits for Ray, and ends it: Ray waits for ever for much."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ...errors import CatalogueError


class _Woken(BaseException):
    """The main thread is to look why."""


@contextmanager
def watched(look: Callable[[], str | None], seconds: float) -> Iterator[None]:
    """Call ``look`` every so many seconds in a thread; a sentence that it gives ends the block.

    Only a main thread can be woken: in others nothing is watched, as on Windows.

    Raises
    ------
    CatalogueError
        The sentence.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main or not hasattr(signal, "pthread_kill"):
        yield
        return
    ended, ending = threading.Event(), threading.Lock()
    why: list[str] = []

    def watch() -> None:
        while not ended.wait(seconds):
            if sentence := look():
                with ending:
                    if not ended.is_set():  # a look may take longer than the block
                        why.append(sentence)
                        signal.pthread_kill(main.ident or 0, signal.SIGINT)
                return

    def wake(number: int, frame: FrameType | None) -> None:
        if why:
            if not ended.is_set():
                raise _Woken
        elif callable(before):
            before(number, frame)

    before = signal.signal(signal.SIGINT, wake)  # which is ignored in what a shell's script starts with &
    threading.Thread(target=watch, name="watch", daemon=True).start()
    try:
        try:
            yield
        finally:
            with ending:
                ended.set()
    except _Woken:
        if not why:  # another's, further out
            raise
        raise CatalogueError(why[0]) from None
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
