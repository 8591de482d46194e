"""Branches, exported: recurrent read-outs, maxima of any size and further heads, in torch, ONNX Runtime and ncnn."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from musrec_core import Card, Encoder
from musrec_core.network import NcnnNetwork, OnnxNetwork
from training.__main__ import main
from training.data.cache import Cache, Track, quantise_cache, save_cache
from training.export.export import _write_onnx
from training.export.ncnn_convert import convert
from training.export.ncnn_files import add_ncnn_files, difference
from training.export.ncnn_tensors import NotConvertible
from training.model.encoder import ExportedEncoder, TrackVector, TrainableEncoder, new_encoder
from training.model.inference import new_vector
from training.recipe import RECIPES, Recipe, load_recipe

from ... import music
from .test_ncnn import in_ncnn

pytest.importorskip("ncnn")

GENRES = ["high", "low"]
MELS, FRAMES = 25, 95  # maxima leave some of both over
PLAIN = {"widths": [9, 10, 6], "pools": [[2, 3], [3, 4], [4, 5]], "embedding": 6, "tags": 5}
RECURRENT = {"widths": [5, 7, 9], "pools": [[2, 2], [3, 3], [4, 2]], "states": ["one", "two"], "embedding": 4,
             "tags": 3}  # fmt: skip
FRONT = {"clip_seconds": 4.0, "n_mels": MELS, "window_frames": FRAMES, "mean_db": -30.0}


def recipe_of(folder: Path, *, int8: bool = True, taught: tuple[int, ...] = ()) -> Path:
    """The recipe of musrec-2, made small."""
    recipe = yaml.safe_load((RECIPES / "musrec_2.yaml").read_text(encoding="utf-8"))
    teacher = {"file": "teacher.onnx", "samples": 100, "maps": ["a", "b", "c"]}
    recipe["name"] = "branches"
    recipe["front_end"] |= FRONT
    recipe["network"] |= {"branches": [teacher | PLAIN, teacher | RECURRENT], "features": 8, "embedding": 6}
    recipe["network"]["taught"] = [{"teacher": f"t{n}", "tags": n} for n in taught]
    recipe["loss"]["taught"] = float(bool(taught))
    recipe["vector"] = {"tags": 1.0, "genres": 0.8, "taught": float(bool(taught))}
    recipe["export"] = {"int8": int8}
    path = folder / "branches.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def encoder_of(recipe: Recipe) -> TrainableEncoder:
    """Weights drawn from a seed, loud enough that windows differ in what is said of them."""
    torch.manual_seed(0)
    encoder = new_encoder(recipe, len(GENRES)).eval()
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.mul_(2)
    return encoder


def vector_of(recipe: Recipe, encoder: TrainableEncoder, x: torch.Tensor) -> TrackVector:
    """Centred on these windows."""
    vector = new_vector(recipe, 0)
    assert isinstance(vector, TrackVector)
    with torch.no_grad():
        return vector.fit(vector.parts(encoder(x))).eval()


def noise_windows(count: int) -> NDArray[np.float32]:
    """Coloured noise, each window in another way [shape=(count, mels, frames)]."""
    rng = np.random.default_rng(0)
    colours = rng.standard_normal((count, MELS, 1)) + rng.standard_normal((count, 1, FRAMES))
    return (rng.standard_normal((count, MELS, FRAMES)) + colours).astype(np.float32)


@pytest.mark.parametrize("taught", [(), (7,), (4, 3)])
def test_branches_are_the_same_in_all_three(taught: tuple[int, ...], tmp_path: Path) -> None:
    recipe = load_recipe(recipe_of(tmp_path, taught=taught))
    x = noise_windows(4)
    encoder = encoder_of(recipe)
    model = ExportedEncoder(encoder, vector_of(recipe, encoder, torch.from_numpy(noise_windows(40)))).eval()
    path = tmp_path / "branches.onnx"
    _write_onnx(model, recipe, path)
    with torch.no_grad():
        expected = [output.numpy() for output in model(torch.from_numpy(x))]
    assert np.abs(np.corrcoef(expected[0])[np.triu_indices(4, 1)]).max() < 0.99
    found = onnxruntime.InferenceSession(path).run(None, {"windows": x})
    graph = convert(onnx.load(path))
    for n, name in enumerate(["embedding", "genres", "mood"]):
        np.testing.assert_allclose(found[n], expected[n], atol=1e-5)
        ours = [in_ncnn(*graph, tmp_path, window, name) for window in x]
        np.testing.assert_allclose(ours, expected[n], atol=1e-5)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the command, with 8-bit convolutions."""
    folder = tmp_path_factory.mktemp("branches")
    file = recipe_of(folder, taught=(4, 3))
    recipe = load_recipe(file)
    frames = 150
    clips = [np.pad(x, ((0, 0), (0, frames - FRAMES)), mode="wrap").T for x in noise_windows(12)]
    tracks = [Track(f"x-{n}", f"artist {n}", "train", (GENRES[n % 2],), (GENRES[n % 2],)) for n in range(len(clips))]
    cache = Cache(
        quantise_cache(np.concatenate(clips)), np.arange(len(clips)) * frames, np.full(len(clips), frames), tracks,
        recipe.front, GENRES,
    )  # fmt: skip
    save_cache(cache, folder / "cache")
    encoder = encoder_of(recipe)
    vector = vector_of(recipe, encoder, torch.from_numpy(noise_windows(40)))
    state = {"encoder": encoder.state_dict(), "vector": vector.state_dict(), "recipe": recipe.name}
    torch.save(state | {"vocabulary": GENRES}, folder / "encoder.pt")
    assert main(["export", "--recipe", str(file), "--out", str(folder)]) == 0
    return folder / "export" / "branches.onnx"


def test_the_command_exports_8_bit_branches_for_both_runtimes(exported: Path) -> None:
    assert {path.name for path in exported.parent.iterdir()} == {
        f"branches.{ending}" for ending in ("onnx", "ncnn.param", "ncnn.bin", "mel.npy", "json", "md")
    }
    graph = exported.with_suffix(".ncnn.param").read_text()
    assert graph.count("GRU") == 2
    assert " 8=2 " in graph  # convolutions in integers
    card = Card.load(exported)
    assert card.front_end.normalise == "level"
    found = difference(card, [x[None] for x in noise_windows(12)])
    assert found.vectors < 1e-5
    assert found.distances < 1e-3


def test_beet_can_embed_with_it(exported: Path, tmp_path: Path) -> None:
    encoder = Encoder.load(exported, threads=1)
    assert isinstance(encoder._network, NcnnNetwork)
    song = music.encode(music.STYLES["Piano Waltz"](5, np.random.default_rng(0)), tmp_path / "song.flac")
    track = encoder.embed_file(song)
    assert track.vector.shape == (6,)
    assert np.linalg.norm(track.vector) == pytest.approx(1, abs=1e-5)
    other = Encoder(encoder.card, OnnxNetwork(encoder.card, threads=1), encoder._mel_basis).embed_file(song)
    assert track.vector @ other.vector > 1 - 1e-5
    assert track.genres == pytest.approx(other.genres, abs=5e-3)
    assert track.mood == pytest.approx(other.mood, abs=5e-3)


def test_integers_stand_for_nothing_that_relu_stops(exported: Path) -> None:
    """The last convolution of each branch costs next to nothing, and keeps its digits."""
    model = onnx.load(exported)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    after = {node.output[0] for node in model.graph.node if node.op_type == "Conv"}
    rounded = [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] in after]
    assert (len(after), len(rounded)) == (6, 4)
    assert all(constants[node.input[2]] == 0 for node in rounded)
    (last,) = (weights for name, weights in constants.items() if name.endswith("branches.0.convolutions.2.weight"))
    assert last.dtype == np.float32


def test_a_recurrent_layer_that_ncnn_lacks_is_refused(exported: Path, tmp_path: Path) -> None:
    card = Card.load(exported)
    model = onnx.load(exported)
    for node in model.graph.node:
        if node.op_type == "GRU":
            node.attribute.append(helper.make_attribute("clip", 100.0))
    path = tmp_path / "branches.onnx"
    onnx.save(model, path)
    (tmp_path / card.mel_basis).write_bytes((exported.parent / card.mel_basis).read_bytes())
    replace(card, folder=tmp_path, ncnn=None, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest()).save()
    with pytest.raises(
        NotConvertible, match=r"branches\.onnx can't be converted for ncnn: it contains a GRU with other"
    ):
        add_ncnn_files(path)
    assert Encoder.load(path).card.ncnn is None


# Recurrent layers by themselves

ROWS, COLUMNS, STATES = 4, 3, 2


def recurrent(
    before: tuple[int, ...] = (2, 0, 1), row: int = -1, outputs: int = 1, **changes: Any
) -> onnx.ModelProto:  # fmt: skip
    """Windows (n, columns, rows) -> the state y (n, states) after a row; changes are inputs or attributes."""
    rng = np.random.default_rng(0)
    inputs = {
        "weights": rng.standard_normal((1, 3 * STATES, COLUMNS), np.float32),
        "recurrence": rng.standard_normal((1, 3 * STATES, STATES), np.float32),
        "bias": rng.standard_normal((1, 6 * STATES), np.float32),
    }
    inputs |= {name: changes.pop(name) for name in ("bias", "lengths", "first") if name in changes}
    tensors = [numpy_helper.from_array(value, name) for name, value in inputs.items() if value is not None]
    tensors += [numpy_helper.from_array(np.array(value), name) for name, value in (("row", row), ("axes", [1]))]
    names = ["weights", "recurrence", "bias", "lengths", "first"]
    read = ["x", *(name if inputs.get(name) is not None else "" for name in names)]
    nodes = [
        helper.make_node("Transpose", ["windows"], ["x"], perm=before),
        helper.make_node(
            "GRU", read, ["all", "last"][:outputs], **{"hidden_size": STATES, "linear_before_reset": 1} | changes
        ),
        helper.make_node("Squeeze", ["all", "axes"], ["states"]),
        helper.make_node("Gather", ["states", "row"], ["y"], axis=0),
    ]
    ends: list[tuple[str, list[str | int]]] = [("windows", ["n", COLUMNS, ROWS]), ("y", ["n", STATES])]
    windows, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends)
    graph = helper.make_graph(nodes, "g", [windows], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("changes", [
    {}, {"row": 0}, {"row": 2}, {"bias": None}, {"first": np.zeros((1, 1, STATES), np.float32)},
    {"direction": "forward", "layout": 0},
])  # fmt: skip
def test_the_state_after_any_row_is_the_same(changes: dict[str, Any], tmp_path: Path) -> None:
    model = recurrent(**changes)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    window = np.random.default_rng(1).standard_normal((COLUMNS, ROWS), np.float32)
    (expected,) = session.run(None, {"windows": window[None]})
    assert in_ncnn(*convert(model), tmp_path, window, "y") == pytest.approx(expected[0], abs=1e-6)


@pytest.mark.parametrize(("changes", "named"), [
    ({"direction": "reverse"}, "a GRU that runs backwards"),
    ({"linear_before_reset": 0}, "a GRU that resets its state before"),
    ({"clip": 3.0}, "a GRU with other activations, bounds"),
    ({"activations": ["Sigmoid", "Relu"]}, "a GRU with other activations"),
    ({"layout": 1}, "a GRU with other activations, bounds or another layout"),
    ({"lengths": np.array([ROWS], np.int32)}, "a GRU with lengths"),
    ({"first": np.ones((1, 1, STATES), np.float32)}, "a GRU with lengths, or whose first state is not zero"),
    ({"before": (0, 2, 1)}, "a GRU whose first axis is not time"),
    ({"outputs": 2}, "the operator GRU with several outputs"),
])  # fmt: skip
def test_what_a_recurrent_layer_may_not_be_is_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(NotConvertible, match=named):
        convert(recurrent(**changes))
