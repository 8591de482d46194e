"""What each runtime costs, and how far their vectors are apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import runtimes
from benchmarks.runtimes import ONNX, SHIPPED, without_rounding
from musrec_core.card import SHIPPED as CARD

from .conftest import rows

onnx = pytest.importorskip("onnx")
for needed in ("ncnn", "onnxruntime"):
    pytest.importorskip(needed)


def test_every_variant_is_compared_with_onnx_runtime(short: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "STARTS", 1)
    found = rows(runtimes.runtimes(short[:2], 1, markdown=True))
    apart = {
        name: [float(cell) for cell in cells[3:]]
        for name, cells in found.items()
        if name.startswith(("ncnn,", "ONNX Runtime,"))
    }
    assert len(apart) == 6
    assert max(apart.pop(ONNX)) < 1e-6
    shipped, distances = apart[SHIPPED]
    assert shipped < 1e-5
    assert distances < 1e-2
    assert all(
        np.isfinite(values).all() and values[0] > 1e-5 for name, values in apart.items() if "not rounded" in name
    )
    costs = {name: [float(cell) for cell in found[name]] for name in ("ncnn", "ONNX Runtime")}
    assert all(ms > 0 and memory > 0 and installed > 1 for ms, memory, installed in costs.values())


def test_nothing_that_flows_through_the_network_is_rounded_any_more() -> None:
    model = onnx.load(CARD.with_suffix(".onnx"))
    plain = without_rounding(model)
    constants = {tensor.name for tensor in plain.graph.initializer}
    assert not [node for node in plain.graph.node if node.op_type == "QuantizeLinear"]
    assert all(node.input[0] in constants for node in plain.graph.node if node.op_type == "DequantizeLinear")
    assert "QuantizeLinear" in {node.op_type for node in model.graph.node}  # the one that was given stays as it is
