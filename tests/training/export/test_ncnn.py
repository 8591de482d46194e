"""The converter from ONNX to ncnn: the same outputs, network by network."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.runtimes import without_rounding
from musrec_core import Card, Encoder
from musrec_core._files import atomic_write
from musrec_core.card import SHIPPED
from musrec_core.network import NcnnNetwork, OnnxNetwork
from training.__main__ import main
from training.export import ncnn_files
from training.export.export import _write_onnx, export
from training.export.ncnn_convert import convert
from training.export.ncnn_files import Difference, add_ncnn_files, difference, noise
from training.export.ncnn_tensors import NotConvertible
from training.model.encoder import ExportedEncoder, RawFeatures, new_encoder
from training.recipe import RecipeError, load_recipe

from .test_int8 import save, slow_waves, small

ncnn = pytest.importorskip("ncnn")


def in_ncnn(graph: str, weights: bytes, folder: Path, window: NDArray[np.float32], output: str) -> NDArray[np.float32]:
    """Read with ncnn's own loader of files."""
    (folder / "x.param").write_text(graph)
    (folder / "x.bin").write_bytes(weights)
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    assert net.load_param(str(folder / "x.param")) == 0
    assert net.load_model(str(folder / "x.bin")) == 0
    extractor = net.create_extractor()
    extractor.input("windows", ncnn.Mat(window).clone())
    status, answer = extractor.extract(output)
    assert status == 0
    return np.array(answer)


@pytest.mark.parametrize("name", ["vgg", "latent_cnn", "mfcc_cnn"])
def test_the_other_recipes_networks_are_the_same_in_both(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = load_recipe(name.replace("_", "-"), {})
    path = tmp_path / "network.onnx"
    _write_onnx(ExportedEncoder(new_encoder(recipe, 5), RawFeatures()).eval(), recipe, path)
    window = np.random.default_rng(0).standard_normal((128, recipe.front.window_frames), np.float32)
    for output in ("embedding", "genres"):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (expected,) = session.run([output], {"windows": window[None]})
        np.testing.assert_allclose(
            in_ncnn(*convert(onnx.load(path)), tmp_path, window, output), expected[0], rtol=1e-3, atol=1e-4
        )


def test_the_shipped_files_are_what_the_converter_makes_of_the_shipped_network(tmp_path: Path) -> None:
    graph, weights = convert(onnx.load(SHIPPED.with_suffix(".onnx")))
    assert graph == SHIPPED.with_suffix(".ncnn.param").read_text()
    assert weights == SHIPPED.with_suffix(".ncnn.bin").read_bytes()


def test_8_bit_convolutions_in_floats_are_the_same_too(tmp_path: Path) -> None:
    path = SHIPPED.with_suffix(".onnx")
    graph, weights = convert(onnx.load(path), int8=False)
    assert " 8=2 " not in graph
    card = Card.load(path)
    (window, *_), *_ = noise(card)
    (expected,) = onnxruntime.InferenceSession(path).run(["embedding"], {"windows": window[None]})
    assert in_ncnn(graph, weights, tmp_path, window, "embedding") @ expected[0] > 1 - 1e-4


def test_a_model_without_files_for_ncnn_gets_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(shutil.copytree(SHIPPED.parent, tmp_path / "model")) / "musrec-1.onnx"
    card = Card.load(path)
    for file in card.ncnn or ():
        (path.parent / file.file).unlink()
    replace(card, ncnn=None).save()
    assert main(["convert", str(path)]) == 0
    assert card.model_id in capsys.readouterr().out
    assert Card.load(path) == card
    found = difference(card, noise(card))
    assert found.vectors < 1e-6
    assert found.distances < 5e-4
    assert Encoder.load(path).card.ncnn is not None
    assert NcnnNetwork.name() != OnnxNetwork.name()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of musrec-1, whose convolutions are all in 8-bit integers."""
    return Path(shutil.copytree(SHIPPED.parent, tmp_path / "model")) / "musrec-1.onnx"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("most", [Difference(-1.0, 1.0), Difference(1.0, -1.0)])
def test_networks_that_differ_are_refused(most: Difference, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(model.parent)
    monkeypatch.setattr(ncnn_files, "MOST", most)
    with pytest.raises(RecipeError, match=r"differ from ONNX Runtime's: vectors by .* and distances between clips by"):
        add_ncnn_files(model, [next(noise(Card.load(model)))])
    assert contents(model.parent) == before
    assert Encoder.load(model).card.ncnn is not None


def test_a_network_that_does_not_round_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as good by itself, but its distances to songs that ONNX Runtime embedded would be 0.02 off."""
    plain = convert(without_rounding(onnx.load(model)))
    monkeypatch.setattr(ncnn_files, "convert", lambda _, int8: plain)
    with pytest.raises(RecipeError, match=r"vectors by \d\.\de-0[345]"):
        add_ncnn_files(model)


def test_an_interrupted_conversion_leaves_the_model_as_it_was(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(model.parent)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ncnn_files, "difference", interrupt)
    with pytest.raises(KeyboardInterrupt):
        add_ncnn_files(model)
    assert contents(model.parent) == before


def test_a_card_names_no_files_that_are_half_written(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full after the first of them; what they replace are the ones of other weights."""
    exact = convert(onnx.load(model), int8=False)

    def full(path: Path) -> Any:
        if path.suffix == ".bin":
            raise OSError(28, "No space left on device")
        return atomic_write(path)

    monkeypatch.setattr(ncnn_files, "convert", lambda _, int8: exact)
    monkeypatch.setattr(ncnn_files, "atomic_write", full)
    with pytest.raises(OSError, match="No space"):
        add_ncnn_files(model, [next(noise(Card.load(model)))])
    assert Encoder.load(model).card.ncnn is None
    monkeypatch.undo()
    assert add_ncnn_files(model, [next(noise(Card.load(model)))]) == Card.load(model)
    assert {path.name for path in model.parent.iterdir()} == {path.name for path in SHIPPED.parent.iterdir()}


def test_noise_is_as_varied_as_music() -> None:
    """Clips that all sound alike would say nothing of the distances between songs."""
    encoder = Encoder.load("musrec-1", threads=1)
    vectors = np.stack([encoder.embed_windows(w).vector for w in noise(encoder.card)])
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert cosines.min() < 0.5
    assert cosines.max() > 0.9


@pytest.mark.parametrize("content", [None, b"", b"no network"])
def test_what_is_no_model_is_one_sentence(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nope.onnx"
    if content is not None:
        path.write_bytes(content)
        path.with_suffix(".json").write_bytes(SHIPPED.read_bytes())
    assert main(["convert", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("training: ")


def test_an_encoder_that_ncnn_cannot_run_is_exported_for_onnx_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotConvertible("the operator Gelu")

    recipe = small(int8=False)
    cache = slow_waves(recipe)
    save(recipe, cache, tmp_path)
    monkeypatch.setattr(ncnn_files, "convert", refuse)
    path = export(recipe, cache, tmp_path)
    assert Encoder.load(path).card.ncnn is None
    assert {file.suffix for file in path.parent.iterdir()} == {".onnx", ".npy", ".json", ".md"}
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "ncnn" in line)
    assert line == (
        "fixed.onnx can't be converted for ncnn: it contains the operator Gelu; it needs ONNX Runtime: "
        "pip install 'beets-musrec[onnx]'"
    )


def graph_of(*nodes: onnx.NodeProto, **constants: NDArray[np.generic]) -> onnx.ModelProto:
    """Windows of 2 x 3 -> y."""
    windows = helper.make_tensor_value_info("windows", TensorProto.FLOAT, ["n", 2, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return helper.make_model(helper.make_graph(list(nodes), "g", [windows], [y], tensors))


@pytest.mark.parametrize(("node", "named"), [
    (helper.make_node("Gelu", ["windows"], ["y"]), "the operator Gelu"),
    (helper.make_node("Constant", [], ["y"], value_float=1.0), "the operator Constant"),
    (helper.make_node("Transpose", ["windows"], ["y"], perm=[2, 1, 0]), "a transposition"),
    (helper.make_node("Softmax", ["windows"], ["y"], axis=1), "a softmax of more than one axis"),
    (helper.make_node("Concat", ["windows", "windows"], ["y"], axis=1), "Concat of another axis"),
    (helper.make_node("MatMul", ["windows", "windows"], ["y"]), "which is not constant"),
    (helper.make_node("Split", ["windows"], ["y", "z"], axis=1, num_outputs=2), "the operator Split"),
    (helper.make_node("Dropout", ["windows"], ["y", "mask"]), "the operator Dropout"),
    (helper.make_node("Dropout", ["windows"], ["y"]), "the operator Dropout"),
    (helper.make_node("Transpose", ["windows"], ["y"]), "a transposition"),
    (helper.make_node("ReduceMean", ["windows"], ["y"], axes=[1, 2]), "a reduction of other axes"),
    (helper.make_node("ReduceMean", ["windows"], ["y"]), "a reduction of other axes"),
    (helper.make_node("ReduceSum", ["windows"], ["y"], axes=[1]), "a sum of another axis"),
    (helper.make_node("Unsqueeze", ["windows"], ["y"], axes=[2]), "Unsqueeze of another axis"),
    (helper.make_node("Clip", ["windows"], ["y"], min=0.0), "Clip with bounds that are attributes"),
    (helper.make_node("MaxPool", ["windows"], ["y"], kernel_shape=[2]), "the operator MaxPool in a form"),
    (helper.make_node("MaxPool", ["windows"], ["y"], kernel_shape=[2, 2], auto_pad="SAME_UPPER"), "automatic borders"),
    (helper.make_node("Conv", ["windows", "kernel"], ["y"], pads=[1, 1]), "not two-dimensional"),
    (helper.make_node("QuantizeLinear", ["windows", "scale"], ["y"]), "the operator QuantizeLinear in a form"),
])  # fmt: skip
def test_what_it_does_not_know_is_named(node: onnx.NodeProto, named: str) -> None:
    with pytest.raises(NotConvertible, match=named):
        convert(graph_of(node, kernel=np.ones((1, 2, 3), np.float32), scale=np.float32(1)))


def test_axes_may_be_an_attribute(tmp_path: Path) -> None:
    """As before opsets 13 and 18."""
    window = np.arange(6, dtype=np.float32).reshape(2, 3)
    channel = helper.make_node("Unsqueeze", ["windows"], ["x"], axes=[1])
    mean = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=0)
    assert in_ncnn(*convert(graph_of(channel, mean)), tmp_path, window, "y") == pytest.approx(2.5)


def test_an_encoder_has_one_input_of_windows() -> None:
    model = graph_of(helper.make_node("Relu", ["windows"], ["y"]))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["n", 2, 3]))
    with pytest.raises(NotConvertible, match="other inputs than windows"):
        convert(model)
