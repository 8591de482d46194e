"""The converter from ONNX to ncnn: the same outputs, network by network."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from musrec_core import Card, Encoder
from musrec_core.card import SHIPPED
from musrec_core.network import NcnnNetwork, OnnxNetwork
from training.__main__ import main
from training.export import ncnn_files
from training.export.export import _write_onnx
from training.export.ncnn_convert import convert
from training.export.ncnn_files import add_ncnn_files, difference, noise
from training.export.ncnn_tensors import NotConvertible
from training.model.encoder import ExportedEncoder, RawFeatures, new_encoder
from training.recipe import RecipeError, load_recipe

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
    path = Path(shutil.copytree(SHIPPED.parent, tmp_path / "model")) / "musrec-1.onnx"
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
    assert main(["convert", str(path)]) == 0
    assert card.model_id in capsys.readouterr().out
    assert Card.load(path) == card
    assert difference(card, noise(card)) < 1e-4
    assert Encoder.load(path).card.ncnn is not None
    assert NcnnNetwork.name() != OnnxNetwork.name()


def test_networks_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(shutil.copytree(SHIPPED.parent, tmp_path / "model")) / "musrec-1.onnx"
    before = Card.load(path)
    monkeypatch.setattr(ncnn_files, "MOST_DISTANCE", -1.0)
    with pytest.raises(RecipeError, match="differ from ONNX Runtime's by"):
        add_ncnn_files(path)
    assert Card.load(path) == before


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
])  # fmt: skip
def test_what_it_does_not_know_is_named(node: onnx.NodeProto, named: str) -> None:
    with pytest.raises(NotConvertible, match=named):
        convert(graph_of(node))
