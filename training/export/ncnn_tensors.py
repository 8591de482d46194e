"""The tensors of a graph of ONNX while it becomes one of ncnn: their units, their rounding, and their shapes.

ONNX computes with batches of windows, ncnn with one window: ONNX' axis of the batch is missing in shapes here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ..recipe import RecipeError
from .ncnn_model import NcnnModel

ADD, MUL = 0, 2  # of BinaryOp
ROUND = 18  # of UnaryOp


class NotConvertible(RecipeError):
    """The graph contains what ncnn does not have, or what this converter does not know."""


@dataclass(frozen=True)
class Blob:
    """A tensor: ``blob * unit``, of a shape without the batch.

    Attributes
    ----------
    low, high : float
        Between which the blob's numbers are known to lie.
    zero_point : int, or None
        The tensor was quantised, to ``unit`` and this zero point, and has not been rounded yet.
    batch : int
        Which of ONNX' axes is the batch's.
    """

    name: str
    shape: tuple[int, ...]
    unit: float = 1.0
    low: float = -np.inf
    high: float = np.inf
    zero_point: int | None = None
    batch: int = 0

    @property
    def axes(self) -> tuple[int, ...]:
        """ONNX' shape for one window."""
        return (*self.shape[: self.batch], 1, *self.shape[self.batch :])


@dataclass(frozen=True)
class Quantised:
    """Constant weights in integers: ``integers * scale``."""

    integers: NDArray[Any]
    scale: NDArray[np.float64]  # [shape=(output channels,)]


class Tensors:
    """What has been read of a graph; `model` grows as layers are needed."""

    def __init__(self, onnx_model: onnx.ModelProto) -> None:
        graph = onnx_model.graph
        self.model = NcnnModel()
        self._opsets = onnx_model.opset_import
        self._constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self._quantised: dict[str, Quantised] = {}
        self._blobs: dict[str, Blob] = {}
        self._outputs = {output.name for output in graph.output}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        shapes = [[dim.dim_value for dim in given.type.tensor_type.shape.dim] for given in graph.input]
        if [len(shape) for shape in shapes] != [3]:
            raise NotConvertible("other inputs than windows")
        (windows,), ((_, height, width),) = graph.input, shapes
        self._blobs[windows.name] = Blob(
            self.model.add_named(windows.name, "Input", [], {0: width, 1: height}), (height, width)
        )

    def _value(self, name: str) -> Blob:
        """A tensor in unit 1, of windows side by side."""
        blob = self._real(name)
        if blob.batch:
            raise NotConvertible("a transposition of the batch before an operator that reads windows")
        return blob

    def _real(self, name: str) -> Blob:
        """A tensor in unit 1."""
        return self._in_unit(self._rounded(name), 1.0)

    def _rounded(self, name: str) -> Blob:
        """A tensor after its quantisation, if it has one."""
        if name not in self._blobs:
            raise NotConvertible(f"the constant {name} as an input")
        blob = self._blobs[name]
        if blob.zero_point is None:
            return blob
        low, high = -blob.zero_point, 255 - blob.zero_point
        bounded = blob.low >= low and blob.high <= high
        made = self._unary(blob, "UnaryOp", {0: ROUND})
        if not bounded:
            made = self._unary(made, "Clip", {0: float(low), 1: float(high)})
        made = replace(made, low=max(low, blob.low), high=min(high, blob.high), zero_point=None)
        self._blobs[name] = made
        return made

    def _in_unit(self, blob: Blob, unit: float) -> Blob:
        if blob.unit == unit:
            return blob
        factor = blob.unit / unit
        made = self._unary(blob, "BinaryOp", {0: MUL, 1: 1, 2: factor})
        return replace(made, unit=unit, low=blob.low * factor, high=blob.high * factor)

    def _unary(self, blob: Blob, kind: str, parameters: dict[int, Any], *weights: bytes) -> Blob:
        return replace(blob, name=self.model.add(kind, [blob.name], parameters, *weights))

    def _constant(self, name: str) -> NDArray[Any]:
        if name not in self._constants:
            raise NotConvertible(f"{name}, which is not constant")
        return self._constants[name]

    def _axes(self, node: onnx.NodeProto) -> tuple[int, ...]:
        """An input; before opset 13 or 18 an attribute."""
        given = attributes(node).get("axes") if len(node.input) < 2 else self._constant(node.input[1])
        return tuple(int(axis) for axis in (() if given is None else given))

    def _quantisation(self, node: onnx.NodeProto) -> None:
        source, scale_name, zero_name = node.input
        scale, zero = self._constant(scale_name).astype(np.float64), self._constant(zero_name)
        (output,) = node.output
        if source in self._constants:
            self._constant_quantisation(output, self._constants[source], scale, zero)
        elif node.op_type == "DequantizeLinear":  # of what `QuantizeLinear` has noted
            self._blobs[output] = self._blobs[source]
        elif zero.dtype == np.uint8 and zero.ndim == 0:
            noted = self._blobs.get(source)
            if noted is None or (noted.unit, noted.zero_point) != (float(scale), int(zero)):  # else it is this already
                noted = self._in_unit(self._rounded(source), float(scale))
            self._blobs[output] = replace(noted, zero_point=int(zero))
        else:
            raise NotConvertible("a quantisation that is not to uint8 with one scale")

    def _constant_quantisation(
        self, output: str, integers: NDArray[Any], scale: NDArray[np.float64], zero: NDArray[Any]
    ) -> None:
        if zero.any():
            raise NotConvertible("weights with a zero point")
        self._quantised[output] = Quantised(integers, np.broadcast_to(scale, len(integers)))
        columns = scale.reshape(-1, *[1] * (integers.ndim - 1))
        self._constants[output] = (integers.astype(np.float64) * columns).reshape(integers.shape)

    def _unit_of_reader(self, name: str) -> tuple[float, float, float]:
        """In which unit a tensor is read, and within which bounds: those of its quantisation, if that is all."""
        readers = self._readers.get(name, [])
        if len(readers) != 1:
            return 1.0, -np.inf, np.inf
        (reader,) = readers
        if reader.op_type == "Relu":
            unit, low, high = self._unit_of_reader(reader.output[0])
            return unit, (max(low, 0.0) if high < np.inf else low), high
        if reader.op_type != "QuantizeLinear":
            return 1.0, -np.inf, np.inf
        zero = int(self._constant(reader.input[2]))
        low = float(-zero)
        (back,) = self._readers[reader.output[0]]
        if {node.op_type for node in self._readers.get(back.output[0], [])} == {"Relu"}:
            low = 0.0
        return float(self._constant(reader.input[1])), low, float(255 - zero)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes by name."""
    reader: Callable[[onnx.AttributeProto], Any] = onnx.helper.get_attribute_value
    return {attribute.name: reader(attribute) for attribute in node.attribute}
