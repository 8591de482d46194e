"""A model's files on their way to the nodes of a cluster: nobody has to copy a model there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ...card import Card
from ...encoder import verify_files
from ...errors import ModelError

PREFIX = "musrec-model-"
STALE_SECONDS = 86_400.0  # after which a folder is of a killed process: those in use are touched more often


@dataclass(frozen=True)
class ModelFiles:
    """The card of a model and the files that embedding needs: some 5 MB.

    Attributes
    ----------
    card : str
        The card's path on the driver's machine; another may have it, too.
    files : dict of str to bytes
        Name -> content; the card's is first.
    digest : str
        SHA-256 of the card, which has those of the others.
    """

    card: str
    files: dict[str, bytes]
    digest: str

    @classmethod
    def of(cls, card: Card) -> ModelFiles:
        """Read them; raises `ModelError` where one is missing or has another hash than the card says."""
        verify_files(card)
        path = (card.folder.absolute() / card.weights).with_suffix(".json")
        ncnn = [file.file for file in card.ncnn or ()]
        try:
            files = {name: (path.parent / name).read_bytes()
                     for name in dict.fromkeys([path.name, card.weights, card.mel_basis, *ncnn])}  # fmt: skip
        except OSError as error:
            raise ModelError(f"the model {card.name} can't be read: {error.strerror}") from None
        return cls(str(path), files, hashlib.sha256(files[path.name]).hexdigest())


class UnpackedModel:
    """A model on this node: where the driver's path leads to the same one, it is used; else a copy in a new folder.

    Raises
    ------
    ModelError
        The copy does not have the hashes that the card says.
    OSError
        There is no room for it.
    """

    def __init__(self, model: ModelFiles) -> None:
        self._folder: Path | None = None
        here = Path(model.card)
        with contextlib.suppress(OSError, ModelError):  # there is none, or a damaged one
            if hashlib.sha256(here.read_bytes()).hexdigest() == model.digest:
                self.card = self._checked(here)
                return
        self.card = self._unpacked(model)

    @staticmethod
    def _checked(path: Path) -> Card:
        card = Card.load(path)
        verify_files(card)
        return card

    def _unpacked(self, model: ModelFiles) -> Card:
        _sweep(Path(tempfile.gettempdir()))
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            for name, content in model.files.items():
                (self._folder / name).write_bytes(content)
            return self._checked(self._folder / Path(model.card).name)
        except BaseException:
            self.close()
            raise

    def touch(self) -> None:
        """It is in use: no other process is to sweep it away."""
        if self._folder is not None:
            with contextlib.suppress(OSError):
                os.utime(self._folder)

    def close(self) -> None:
        """Delete the copy."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Delete what killed processes left."""
    for old in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # it may be another user's
            if old.stat().st_mtime < time.time() - STALE_SECONDS:
                shutil.rmtree(old)
