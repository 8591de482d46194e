"""A second model: the shipped network behind another filter bank, so that its vectors are others."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from musrec_core.card import SHIPPED

NAME = "other-1"


def other_model(folder: Path) -> Path:
    """Its ``.onnx``, with its card: the first genre has another name."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in SHIPPED.parent.glob(f"{SHIPPED.stem}.*"):
        shutil.copy(path, folder / path.name.replace(SHIPPED.stem, NAME))
    bands = folder / f"{NAME}.mel.npy"
    np.save(bands, np.ascontiguousarray(np.load(bands)[::-1]))
    stored = json.loads(SHIPPED.read_text().replace(f'"{SHIPPED.stem}', f'"{NAME}'))
    stored["mel_basis"]["sha256"] = hashlib.sha256(bands.read_bytes()).hexdigest()
    stored["genres"][0] = {"label": "delta", "key": "delta"}
    (folder / f"{NAME}.json").write_text(json.dumps(stored))
    return folder / f"{NAME}.onnx"
