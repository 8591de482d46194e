"""A model's files are data: nothing in them runs, and damage is one sentence."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from musrec_core import Encoder, ModelError
from musrec_core.card import SHIPPED

from ..faults.mutate import DAMAGES, Damage


class Bomb:
    """Touches a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


def model_with(folder: Path, key: str, content: bytes) -> Path:
    """A copy of the shipped model one of whose files has other bytes, which the card says are right.

    Where that is the ``.onnx``, ONNX Runtime has to load it.
    """
    shutil.copytree(SHIPPED.parent, folder)
    card = json.loads((folder / SHIPPED.name).read_text())
    if key == "weights":
        pytest.importorskip("onnxruntime")
        del card["ncnn"]
    part = card["ncnn"][key.removeprefix("ncnn.")] if key.startswith("ncnn.") else card[key]
    (folder / part["file"]).write_bytes(content)
    part["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / SHIPPED.name).write_text(json.dumps(card))
    return folder / SHIPPED.name


def bombs(target: Path) -> dict[str, bytes]:
    objects = io.BytesIO()
    np.save(objects, np.array([Bomb(target)], dtype=object), allow_pickle=True)
    archive = io.BytesIO()
    np.savez(archive, a=np.array([Bomb(target)], dtype=object))
    return {"pickle": pickle.dumps(Bomb(target)), "npy": objects.getvalue(), "npz": archive.getvalue()}


@pytest.mark.parametrize("kind", ["pickle", "npy", "npz"])
@pytest.mark.parametrize("key", ["mel_basis", "weights", "ncnn.graph", "ncnn.weights"])
def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path, kind: str, key: str) -> None:
    if key.startswith("ncnn."):
        pytest.importorskip("ncnn")
    target = tmp_path / "exploded"
    content = bombs(target)[kind]
    with pytest.raises(ModelError) as caught:
        Encoder.load(model_with(tmp_path / "model", key, content))
    assert not target.exists()
    assert len(str(caught.value).splitlines()) == 1
    pickle.loads(pickle.dumps(Bomb(target)))
    assert target.exists()  # the bomb does explode where somebody unpickles it


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\0\xff\xff{", b"PK\x03\x04", b"\x80\x04."])
def test_a_filter_bank_of_any_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match="filter bank"):
        Encoder.load(model_with(tmp_path / "model", "mel_basis", content))


def test_a_filter_bank_that_claims_petabytes_is_refused(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000000), }"
    content = b"\x93NUMPY\x01\0" + (len(header) + 1).to_bytes(2, "little") + header + b"\n"
    with pytest.raises(ModelError, match="filter bank"):
        Encoder.load(model_with(tmp_path / "model", "mel_basis", content))


@pytest.mark.parametrize("value", [np.float32("nan"), np.float32("inf"), 1j, "x"])
def test_a_filter_bank_without_numbers_is_refused(tmp_path: Path, value: object) -> None:
    stored = io.BytesIO()
    np.save(stored, np.full((96, 257), value))
    with pytest.raises(ModelError, match="finite"):
        Encoder.load(model_with(tmp_path / "model", "mel_basis", stored.getvalue()))


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize(("key", "ending"), [("weights", ".onnx"), ("ncnn.weights", ".ncnn.bin")])
def test_damaged_weights_load_or_are_refused(tmp_path: Path, key: str, ending: str, damage: Damage) -> None:
    """The card's hash is right, as if somebody had signed the damage."""
    if key.startswith("ncnn."):
        pytest.importorskip("ncnn")
    whole = SHIPPED.with_suffix(ending).read_bytes()
    path = model_with(tmp_path / "model", key, bytes(damage(bytearray(whole), random.Random(1))))
    try:
        outcome = str(Encoder.load(path, threads=1).card.dimensions)
    except ModelError as error:  # and nothing else
        outcome = str(error)
    assert outcome == "128" or path.stem in outcome
