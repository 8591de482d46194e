"""What a client is told where there is no answer."""

from __future__ import annotations


class ServeError(Exception):
    """A request that can't be answered: an HTTP status and one sentence, which is all that the client gets."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
