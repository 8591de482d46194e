"""An exported encoder's graph, ONNX -> ncnn: the same numbers to the rounding of floats, 8-bit ones included."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .ncnn_convolutions import Convolutions
from .ncnn_model import float_weights, floats
from .ncnn_recurrent import Recurrent
from .ncnn_shapes import Shapes
from .ncnn_tensors import ADD, MUL, Blob, NotConvertible, attributes

SUB, DIV = 1, 3  # of BinaryOp
SQRT = 5  # of UnaryOp
SUM, L2 = 0, 8  # of Reduction


class Converter(Convolutions, Recurrent, Shapes):
    """Reads a graph of ONNX node by node; without ``int8``, 8-bit convolutions become float ones of rounded numbers."""

    def read(self, node: onnx.NodeProto) -> None:
        """Append what computes a node; raises `NotConvertible`."""
        try:
            self._read(node)
        except (IndexError, KeyError, ValueError) as error:
            raise NotConvertible(f"the operator {node.op_type} in a form that is not known") from error

    def _read(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        if kind == "Split":
            self._split(node)
            return
        if len(node.output) != 1 or attributes(node).get("auto_pad", b"NOTSET") != b"NOTSET":
            raise NotConvertible(f"the operator {kind} with several outputs, or automatic borders")
        (output,) = node.output
        if self._is_known(node):
            self._constants[output] = self._known(node)
        elif kind in ("QuantizeLinear", "DequantizeLinear"):
            self._quantisation(node)
        elif method := getattr(self, f"_op_{kind.lower()}", None):
            self._blobs[output] = method(node)
        else:
            raise NotConvertible(f"the operator {kind}")

    def output(self, name: str) -> str:
        """The blob with a tensor's real values."""
        return self._value(name).name

    # Elementwise

    def _op_relu(self, node: onnx.NodeProto) -> Blob:
        blob = self._rounded(node.input[0])
        _, low, high = self._unit_of_reader(node.output[0])
        if blob.low >= 0 or (high < np.inf and low == 0):  # the quantisation's lower bound does it
            return blob
        return replace(self._unary(blob, "ReLU", {}), low=0.0)

    def _op_add(self, node: onnx.NodeProto) -> Blob:
        if any(name in self._constants for name in node.input):
            return self._binary(node, ADD)
        a, b = (self._rounded(name) for name in node.input)
        if a.shape != b.shape:
            return self._binary(node, ADD)
        unit, _, _ = self._unit_of_reader(node.output[0])
        name = self.model.add("Eltwise", [a.name, b.name], {0: 1, 1: [a.unit / unit, b.unit / unit]})
        return Blob(name, a.shape, unit)

    def _op_sub(self, node: onnx.NodeProto) -> Blob:
        return self._binary(node, SUB)

    def _op_mul(self, node: onnx.NodeProto) -> Blob:
        return self._binary(node, MUL)

    def _op_div(self, node: onnx.NodeProto) -> Blob:
        return self._binary(node, DIV)

    def _binary(self, node: onnx.NodeProto, operation: int) -> Blob:
        a = self._value(node.input[0])
        if node.input[1] not in self._constants:
            b = self._value(node.input[1])
            return Blob(self.model.add("BinaryOp", [a.name, b.name], {0: operation}), a.shape)
        constant = self._constants[node.input[1]]
        if constant.size == 1:
            return Blob(self.model.add("BinaryOp", [a.name], {0: operation, 1: 1, 2: float(constant.item())}), a.shape)
        if constant.shape[-1:] != a.shape or constant.size != a.shape[0]:
            raise NotConvertible(f"{node.op_type} with a constant of the shape {constant.shape}")
        data = self.model.add("MemoryData", [], {0: constant.size}, floats(constant))
        return Blob(self.model.add("BinaryOp", [a.name, data], {0: operation}), a.shape)

    def _op_sigmoid(self, node: onnx.NodeProto) -> Blob:
        blob = self._value(node.input[0])
        return Blob(self.model.add("Sigmoid", [blob.name]), blob.shape)

    def _op_sqrt(self, node: onnx.NodeProto) -> Blob:
        blob = self._value(node.input[0])
        return Blob(self.model.add("UnaryOp", [blob.name], {0: SQRT}), blob.shape)

    def _op_clip(self, node: onnx.NodeProto) -> Blob:
        blob = self._value(node.input[0])
        if attributes(node):
            raise NotConvertible("Clip with bounds that are attributes")
        low, high = ([float(self._constant(name)) if name else None for name in node.input[1:]] + [None, None])[:2]
        bounds = {key: value for key, value in ((0, low), (1, high)) if value is not None}
        return Blob(self.model.add("Clip", [blob.name], bounds), blob.shape)

    def _op_softmax(self, node: onnx.NodeProto) -> Blob:
        blob = self._value(node.input[0])
        if len(blob.shape) != 1:
            raise NotConvertible("a softmax of more than one axis")
        return Blob(self.model.add("Softmax", [blob.name], {0: 0, 1: 1}), blob.shape)

    def _op_batchnormalization(self, node: onnx.NodeProto) -> Blob:
        blob = self._value(node.input[0])
        slope, bias, mean, variance = (self._constant(name) for name in node.input[1:])
        epsilon = float(attributes(node).get("epsilon", 1e-5))
        data = [floats(values) for values in (slope, mean, variance, bias)]
        return Blob(self.model.add("BatchNorm", [blob.name], {0: len(slope), 1: epsilon}, *data), blob.shape)

    # Products

    def _op_gemm(self, node: onnx.NodeProto) -> Blob:
        given = attributes(node)
        if given.get("transA", 0) or given.get("alpha", 1.0) != 1 or given.get("beta", 1.0) != 1:
            raise NotConvertible("a Gemm with factors")
        weights = self._constant(node.input[1])
        weights = weights if given.get("transB", 0) else weights.T
        bias = self._constant(node.input[2]) if len(node.input) > 2 else np.zeros(len(weights))
        return self._product(node.input[0], weights, bias)

    def _op_matmul(self, node: onnx.NodeProto) -> Blob:
        weights = self._constant(node.input[1]).T
        return self._product(node.input[0], weights, np.zeros(len(weights)))

    def _product(self, name: str, weights: NDArray[Any], bias: NDArray[Any]) -> Blob:
        blob = self._value(name)
        outputs = len(weights)
        parameters = {0: outputs, 1: 1, 2: weights.size}
        made = self.model.add("InnerProduct", [blob.name], parameters, float_weights(weights), floats(bias))
        return Blob(made, (*blob.shape[:-1], outputs))

    # Sums

    def _op_reducesum(self, node: onnx.NodeProto) -> Blob:
        return self._reduction(node, SUM)

    def _op_reducel2(self, node: onnx.NodeProto) -> Blob:
        return self._reduction(node, L2)

    def _reduction(self, node: onnx.NodeProto, kind: int) -> Blob:
        blob = self._value(node.input[0])
        if self._axes(node) != (1,) or len(blob.shape) != 1 or not attributes(node).get("keepdims", 1):
            raise NotConvertible("a sum of another axis than the features'")
        return Blob(self.model.add("Reduction", [blob.name], {0: kind, 1: 1, 4: 1, 5: 1}), (1,))


def convert(model: onnx.ModelProto, *, int8: bool = True) -> tuple[str, bytes]:
    """An encoder's graph -> ncnn's ``.param`` and ``.bin``; raises `NotConvertible`."""
    converter = Converter(model, int8=int8)
    for node in model.graph.node:
        converter.read(node)
    outputs = {output.name: converter.output(output.name) for output in model.graph.output}
    return converter.model.param(outputs), bytes(converter.model.weights)
