"""What a person is told where no worker can do its work: one sentence with one piece of advice."""

from __future__ import annotations

import pickle

import pytest
from beets.ui import UserError

from beetsplug.musrec.embedding.embedder import map_files
from musrec_core import Card, ModelError
from musrec_core.errors import NoRuntimeError
from musrec_core.workers.pool import WorkerPool

MISSING = "the model musrec-1 needs ncnn, which is not installed: pip install ncnn"


@pytest.mark.parametrize(("error", "said"), [
    (NoRuntimeError(MISSING), MISSING),
    (ModelError("its sha256 differs"), "its sha256 differs; reinstall beets-musrec, or check `musrec.model`"),
])  # fmt: skip
def test_the_advice_is_the_one_that_helps(error: ModelError, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise pickle.loads(pickle.dumps(error))  # as it comes from a worker

    monkeypatch.setattr(WorkerPool, "map", refuse)
    with WorkerPool(Card.load(), workers=1) as pool, pytest.raises(UserError) as caught:
        list(map_files(pool, [b"song"]))
    assert str(caught.value) == said
