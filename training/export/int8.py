"""Static quantisation of the convolutions to 8-bit integers: less than half of the time and of the bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from musrec_core.audio.features import windows

from ..data.cache import Cache

CALIBRATION_CLIPS = 100

# Heads and projection are cheap, and need their digits. A ReLU after a convolution goes into the integers' lower bound,
# so all of them stand for what it lets through; the maximum of integers is quicker than that of floats.
OPERATORS = ["Conv", "Relu", "MaxPool"]


def quantise_onnx(path: Path, cache: Cache, window_frames: int, least_share: float) -> None:
    """Rewrite an exported encoder by static quantisation (Jacob et al. 2018).

    Activations' ranges come from training clips. Weights keep 7 bits, so that products can't overflow on processors
    without VNNI. Convolutions with less than ``least_share`` of all multiplications cost too little to lose digits.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(prepared),
            str(path),
            _reader(quantization.CalibrationDataReader, cache, window_frames),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            op_types_to_quantize=OPERATORS,
            nodes_to_exclude=cheap_nodes(onnx.load(prepared), least_share),
        )


def cheap_nodes(model: onnx.ModelProto, least_share: float) -> list[str]:
    """Names of the convolutions with few multiplications, and of the maxima that are taken of what they give."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in graph.value_info}
    sizes = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    costs = [sizes[node.input[1]] * int(np.prod(shapes[node.output[0]][2:])) for node in convolutions]
    cheap = [node for node, cost in zip(convolutions, costs, strict=True) if cost < least_share * sum(costs)]
    given = {node.output[0] for node in cheap}
    for node in graph.node:  # in the order of computation
        if node.op_type in ("Relu", "MaxPool") and node.input[0] in given:
            cheap.append(node)
            given.add(node.output[0])
    return [node.name for node in cheap]


def _reader(base: type, cache: Cache, window_frames: int) -> Any:
    """What ONNX Runtime asks for calibration data: some windows of evenly chosen training clips."""
    train = cache.split("train")
    chosen = [train[i] for i in np.linspace(0, len(train) - 1, min(CALIBRATION_CLIPS, len(train))).astype(int)]
    batches: Iterator[dict[str, Any]] = ({"windows": windows(cache.clip(i), window_frames)[:4]} for i in chosen)

    class Reader(base):  # type: ignore[misc]  # ONNX Runtime has no types
        def get_next(self) -> dict[str, Any] | None:
            """The next batch, or None at the end."""
            return next(batches, None)

    return Reader()
