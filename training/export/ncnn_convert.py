"""The operators of an exported encoder, ONNX -> ncnn: the same numbers to the rounding of floats, 8-bit ones included.

An 8-bit convolution of ONNX reads ``q`` in 0..255, which stands for ``(q - zero_point) * scale``; one of ncnn reads
``code`` in -127..127, which stands for ``code * scale``. So ``code = q - 127``, and what the 127 add to the sums, the
same for each output channel, goes into the bias. ``q = 255`` is read as 254. Where that is too much, and where there
are few channels, the convolution reads the same rounded numbers as floats, which is exact and takes twice as long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .ncnn_model import float_weights, floats, int8_weights
from .ncnn_recurrent import Recurrent
from .ncnn_tensors import MUL, Blob, NotConvertible, Quantised, attributes

MIDDLE = 127  # of the codes
NO_WINOGRAD = 64  # feature mask: in 8 bits it is slower than the plain product, up to three times
LEAST_CHANNELS = 4  # of an 8-bit convolution; below, ncnn is quicker in float
ADD, SUB, DIV = 0, 1, 3  # of BinaryOp
SQRT = 5  # of UnaryOp
CLIP = 3  # as a convolution's activation
SUM, L2 = 0, 8  # of Reduction


class Converter(Recurrent):
    """Reads a graph of ONNX node by node; without ``int8``, 8-bit convolutions become float ones of rounded numbers."""

    def __init__(self, model: onnx.ModelProto, *, int8: bool) -> None:
        super().__init__(model)
        self._least_channels = LEAST_CHANNELS if int8 else np.inf
        self._codes: dict[tuple[str, int], Blob] = {}

    def read(self, node: onnx.NodeProto) -> None:
        """Append what computes a node; raises `NotConvertible`."""
        try:
            self._read(node)
        except (IndexError, KeyError, ValueError) as error:
            raise NotConvertible(f"the operator {node.op_type} in a form that is not known") from error

    def _read(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
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

    # Convolutions

    def _op_conv(self, node: onnx.NodeProto) -> Blob:
        given = attributes(node)
        weights = self._constant(node.input[1])
        outputs, inputs, *kernel = weights.shape
        if len(kernel) != 2 or given.get("group", 1) != 1 or set(given.get("dilations", [1])) != {1}:
            raise NotConvertible("a convolution that is grouped, dilated or not two-dimensional")
        top, left, bottom, right = given.get("pads", [0, 0, 0, 0])
        strides = given.get("strides", [1, 1])
        bias = self._constant(node.input[2]) if len(node.input) > 2 else np.zeros(outputs)
        unit, low, high = self._unit_of_reader(node.output[0])
        common: dict[int, Any] = {0: outputs, 1: kernel[1], 11: kernel[0], 3: strides[1], 13: strides[0], 5: 1,
                                  6: weights.size}  # fmt: skip
        if high < np.inf:
            common |= {9: CLIP, 10: [low, high]}
        pads = {4: left, 14: top, 15: right, 16: bottom}
        source = self._blobs[node.input[0]]
        quantised = self._quantised.get(node.input[1])
        if quantised and source.zero_point is not None and inputs >= self._least_channels:
            name = self._conv_in_int8(source, quantised, bias, unit, common, pads)
        else:
            source = self._rounded(node.input[0])
            data = float_weights(weights * source.unit / unit)
            name = self.model.add("Convolution", [source.name], common | pads, data, floats(bias / unit))
        _, height, width = source.shape
        shape = (
            outputs,
            (height + top + bottom - kernel[0]) // strides[0] + 1,
            (width + left + right - kernel[1]) // strides[1] + 1,
        )
        return Blob(name, shape, unit, low, high)

    def _conv_in_int8(
        self, source: Blob, weights: Quantised, bias: NDArray[Any], unit: float, common: dict[int, Any],
        pads: dict[int, int],
    ) -> str:  # fmt: skip
        assert source.zero_point is not None
        shift = MIDDLE - source.zero_point  # what a code of 0 stands for
        codes = self._shifted(source, -shift)
        if any(pads.values()):
            codes = self._with_border(codes, pads, float(-shift))
        scale = source.unit * weights.scale / unit  # of a product
        sums = weights.integers.reshape(len(weights.integers), -1).sum(axis=1, dtype=np.int64)
        return self.model.add(
            "Convolution",
            [codes.name],
            common | {8: 2, 31: NO_WINOGRAD},
            int8_weights(weights.integers),
            floats(bias / unit + shift * sums * scale),
            floats(1 / scale),
            floats([1.0]),
        )

    def _shifted(self, blob: Blob, by: int) -> Blob:
        key = (blob.name, by)
        if key not in self._codes:
            self._codes[key] = self._unary(blob, "BinaryOp", {0: ADD, 1: 1, 2: float(by)}) if by else blob
        return self._codes[key]

    def _with_border(self, blob: Blob, pads: dict[int, int], value: float) -> Blob:
        """ncnn's own border of an 8-bit convolution can't be negative."""
        return self._unary(blob, "Padding", {0: pads[14], 1: pads[16], 2: pads[4], 3: pads[15], 4: 0, 5: value})

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

    # Pooling and sums

    def _op_maxpool(self, node: onnx.NodeProto) -> Blob:
        return self._pooling(node, {0: 0})

    def _op_averagepool(self, node: onnx.NodeProto) -> Blob:
        return self._pooling(node, {0: 1, 6: int(attributes(node).get("count_include_pad", 0))})

    def _pooling(self, node: onnx.NodeProto, kind: dict[int, int]) -> Blob:
        given, blob = attributes(node), self._value(node.input[0])
        kernel, strides = given["kernel_shape"], given.get("strides", [1, 1])
        top, left, bottom, right = given.get("pads", [0, 0, 0, 0])
        if given.get("ceil_mode", 0) or set(given.get("dilations", [1])) != {1}:
            raise NotConvertible("a pooling that is dilated or rounds up")
        parameters = {1: kernel[1], 11: kernel[0], 2: strides[1], 12: strides[0], 3: left, 13: top, 14: right,
                      15: bottom, 5: 1}  # fmt: skip
        channels, height, width = blob.shape
        shape = (
            channels,
            (height + top + bottom - kernel[0]) // strides[0] + 1,
            (width + left + right - kernel[1]) // strides[1] + 1,
        )
        return Blob(self.model.add("Pooling", [blob.name], kind | parameters), shape)

    def _op_reducemean(self, node: onnx.NodeProto) -> Blob:
        return self._global_pooling(node, 1)

    def _op_reducemax(self, node: onnx.NodeProto) -> Blob:
        return self._global_pooling(node, 0)

    def _global_pooling(self, node: onnx.NodeProto, kind: int) -> Blob:
        blob = self._value(node.input[0])
        if sorted(axis % 4 for axis in self._axes(node)) != [2, 3] or attributes(node).get("keepdims", 1):
            raise NotConvertible("a reduction of other axes than height and width")
        return Blob(self.model.add("Pooling", [blob.name], {0: kind, 4: 1}), blob.shape[:1])

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
