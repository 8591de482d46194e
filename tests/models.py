"""Models for tests: the shipped network behind another filter bank, and one that takes no time."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from musrec_core.card import SHIPPED

NAME, QUICK = "other-1", "quick-1"
WIDTHS = {"embedding": 128, "genres": 16, "mood": 2}


def other_model(folder: Path) -> Path:
    """The ``.onnx`` of a second model, with its card: its vectors are others, and the first genre has another name."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in SHIPPED.parent.glob(f"{SHIPPED.stem}.*"):
        shutil.copy(path, folder / path.name.replace(SHIPPED.stem, NAME))
    bands = folder / f"{NAME}.mel.npy"
    np.save(bands, np.ascontiguousarray(np.load(bands)[::-1]))
    stored = json.loads(SHIPPED.read_text().replace(f'"{SHIPPED.stem}', f'"{NAME}'))
    stored["mel_basis"]["sha256"] = _hash(bands)
    stored["genres"][0] = {"label": "delta", "key": "delta"}
    (folder / f"{NAME}.json").write_text(json.dumps(stored))
    return folder / f"{NAME}.onnx"


def quick_model(folder: Path) -> Path:
    """The ``.onnx`` of a model for tests that embed many files and do not care what comes out.

    It hears what the shipped one hears. In ncnn its vector is a random projection of the mean spectrum, which takes a
    tenth of a millisecond in place of 25; where ncnn is missing, it is the shipped network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for ending in ("onnx", "mel.npy"):
        shutil.copy(SHIPPED.with_name(f"{SHIPPED.stem}.{ending}"), folder / f"{QUICK}.{ending}")
    stored: dict[str, Any] = json.loads(SHIPPED.read_text().replace(f'"{SHIPPED.stem}', f'"{QUICK}'))
    bands, frames = stored["front_end"]["n_mels"], stored["front_end"]["window_frames"]
    layers = [
        f"Input l0 0 1 windows 0={frames} 1={bands}",
        "Reduction l1 1 1 windows mean 0=3 1=0 -23303=1,1 4=0 5=1",
        "Split l2 1 3 mean mean_0 mean_1 mean_2",
        *(f"InnerProduct l{3 + k} 1 1 mean_{k} {name} 0={n} 1=1 2={n * bands}"
          for k, (name, n) in enumerate(WIDTHS.items())),
    ]  # fmt: skip
    rng = np.random.default_rng(0)
    weights = b"".join(
        bytes(4) + rng.standard_normal(n * bands, np.float32).tobytes() + bytes(4 * n) for n in WIDTHS.values()
    )  # four zeros: they are float32
    for part, content in (("param", "\n".join(["7767517", "6 8", *layers, ""]).encode()), ("bin", weights)):
        (folder / f"{QUICK}.ncnn.{part}").write_bytes(content)
    for part, ending in (("graph", "param"), ("weights", "bin")):
        stored["ncnn"][part]["sha256"] = _hash(folder / f"{QUICK}.ncnn.{ending}")
    del stored["words"]
    (folder / f"{QUICK}.json").write_text(json.dumps(stored))
    return folder / f"{QUICK}.onnx"


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
