"""Convolutions and pooling of ONNX, in ncnn.

An 8-bit convolution of ONNX reads ``q`` in 0..255, which stands for ``(q - zero_point) * scale``; one of ncnn reads
``code`` in -127..127, which stands for ``code * scale``. So ``code = q - 127``, and what the 127 add to the sums, the
same for each output channel, goes into the bias. ``q = 255`` is read as 254. Where that is too much, and where there
are few channels, the convolution reads the same rounded numbers as floats, which is exact and takes twice as long.

The maximum of a convolution is taken before anything else: rounding and ReLU keep the order of numbers, so it is the
same, and what they read is several times smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .ncnn_model import float_weights, floats, int8_weights
from .ncnn_tensors import ADD, Blob, NotConvertible, Quantised, Tensors, attributes

MIDDLE = 127  # of the codes
NO_WINOGRAD = 64  # feature mask: in 8 bits it is slower than the plain product, up to three times
LEAST_CHANNELS = 4  # of an 8-bit convolution; below, ncnn is quicker in float
AT_ONCE = 8  # output channels of a float convolution of few inputs: with more, ncnn takes a way that is 5 times slower
CLIP = 3  # as a convolution's activation
MAX, MEAN = 0, 1  # of Pooling


@dataclass(frozen=True)
class _Frame:
    """What moves over height and width."""

    kernel: Sequence[int]
    strides: Sequence[int]
    pads: Sequence[int]  # top, left, bottom, right

    @staticmethod
    def of(node: onnx.NodeProto, kernel: Sequence[int]) -> _Frame:
        given = attributes(node)
        return _Frame(kernel, given.get("strides", [1, 1]), given.get("pads", [0, 0, 0, 0]))

    def shape(self, channels: int, blob: Blob) -> tuple[int, ...]:
        """Of what comes out."""
        _, *sides = blob.shape
        (height, width), (top, left, bottom, right) = self.kernel, self.pads
        room = sides[0] + top + bottom - height, sides[1] + left + right - width
        return (channels, *(free // stride + 1 for free, stride in zip(room, self.strides, strict=True)))

    def numbered(self, kernel: tuple[int, int], strides: tuple[int, int]) -> dict[int, int]:
        """Kernel and strides as parameters of these numbers."""
        return {kernel[1]: self.kernel[1], kernel[0]: self.kernel[0], strides[1]: self.strides[1],
                strides[0]: self.strides[0]}  # fmt: skip

    def borders(self, top: int, left: int, bottom: int, right: int) -> dict[int, int]:
        """The borders as parameters of these numbers."""
        return dict(sorted(zip((top, left, bottom, right), self.pads, strict=True)))


@dataclass(frozen=True)
class _Convolution:
    """A convolution whose sums come out in ``unit``, within bounds."""

    frame: _Frame
    weights: NDArray[Any]  # [shape=(outputs, inputs, height, width)]
    bias: NDArray[Any]
    unit: float
    low: float
    high: float

    def parameters(self) -> dict[int, Any]:
        """All but the borders."""
        bounds = {9: CLIP, 10: [self.low, self.high]} if self.high < np.inf else {}
        return {0: len(self.weights)} | self.frame.numbered((11, 1), (13, 3)) | {5: 1, 6: self.weights.size} | bounds

    def groups(self) -> list[_Convolution]:
        """The same, a few output channels at a time."""
        parts = [slice(n, n + AT_ONCE) for n in range(0, len(self.weights), AT_ONCE)]
        return [replace(self, weights=self.weights[part], bias=self.bias[part]) for part in parts]


class Convolutions(Tensors):
    """Reads what has channels, height and width; without ``int8``, convolutions are float ones of rounded numbers."""

    def __init__(self, model: onnx.ModelProto, *, int8: bool) -> None:
        super().__init__(model)
        self._int8 = int8
        self._codes: dict[tuple[str, int], Blob] = {}
        self._taken: set[str] = set()  # maxima that have been taken already

    def _op_conv(self, node: onnx.NodeProto) -> Blob:
        given, weights = attributes(node), self._constant(node.input[1])
        outputs, inputs, *kernel = weights.shape
        if len(kernel) != 2 or given.get("group", 1) != 1 or set(given.get("dilations", [1])) != {1}:
            raise NotConvertible("a convolution that is grouped, dilated or not two-dimensional")
        bias = self._constant(node.input[2]) if len(node.input) > 2 else np.zeros(outputs)
        convolution = _Convolution(_Frame.of(node, kernel), weights, bias, *self._unit_of_reader(node.output[0]))
        maximum = self._maximum_of(node.output[0])
        quantised = self._quantised.get(node.input[1])
        if self._int8 and quantised and inputs >= LEAST_CHANNELS and self._blobs[node.input[0]].zero_point is not None:
            return self._with_maximum(self._conv_in_int8(self._blobs[node.input[0]], convolution, quantised), maximum)
        source = self._rounded(node.input[0])
        if not maximum or inputs >= LEAST_CHANNELS or outputs <= AT_ONCE:
            return self._with_maximum(self._conv_in_floats(source, convolution), maximum)
        parts = [self._with_maximum(self._conv_in_floats(source, part), maximum) for part in convolution.groups()]
        name = self.model.add("Concat", [part.name for part in parts], {0: 0})
        return replace(parts[0], name=name, shape=(outputs, *parts[0].shape[1:]))

    def _conv_in_floats(self, source: Blob, convolution: _Convolution) -> Blob:
        parameters = convolution.parameters() | convolution.frame.borders(14, 4, 16, 15)
        data = float_weights(convolution.weights * source.unit / convolution.unit)
        bias = floats(convolution.bias / convolution.unit)
        return self._convolved(source, convolution, parameters, data, bias)

    def _conv_in_int8(self, source: Blob, convolution: _Convolution, weights: Quantised) -> Blob:
        assert source.zero_point is not None
        shift = MIDDLE - source.zero_point  # what a code of 0 stands for
        codes = self._shifted(source, -shift)
        scale = source.unit * weights.scale / convolution.unit  # of a product
        sums = weights.integers.reshape(len(weights.integers), -1).sum(axis=1, dtype=np.int64)
        return self._convolved(
            self._with_border(codes, convolution.frame, float(-shift)),
            convolution,
            convolution.parameters() | {8: 2, 31: NO_WINOGRAD},
            int8_weights(weights.integers),
            floats(convolution.bias / convolution.unit + shift * sums * scale),
            floats(1 / scale),
            floats([1.0]),
        )

    def _convolved(self, source: Blob, convolution: _Convolution, parameters: dict[int, Any], *weights: bytes) -> Blob:
        name = self.model.add("Convolution", [source.name], parameters, *weights)
        shape = convolution.frame.shape(len(convolution.weights), source)
        return Blob(name, shape, convolution.unit, convolution.low, convolution.high)

    def _shifted(self, blob: Blob, by: int) -> Blob:
        key = (blob.name, by)
        if key not in self._codes:
            self._codes[key] = self._unary(blob, "BinaryOp", {0: ADD, 1: 1, 2: float(by)}) if by else blob
        return self._codes[key]

    def _with_border(self, blob: Blob, frame: _Frame, value: float) -> Blob:
        """ncnn's own border of an 8-bit convolution can't be negative."""
        if not any(frame.pads):
            return blob
        return self._unary(blob, "Padding", frame.borders(0, 2, 1, 3) | {4: 0, 5: value})

    # Pooling

    def _op_maxpool(self, node: onnx.NodeProto) -> Blob:
        if node.output[0] in self._taken:
            return self._blobs[node.input[0]]
        return self._pooling(node, {0: MAX}, self._value(node.input[0]))

    def _op_averagepool(self, node: onnx.NodeProto) -> Blob:
        included = int(attributes(node).get("count_include_pad", 0))
        return self._pooling(node, {0: MEAN, 6: included}, self._value(node.input[0]))

    def _maximum_of(self, name: str) -> onnx.NodeProto | None:
        """The pooling that takes a tensor's maximum, after nothing but what keeps the order of numbers."""
        readers = self._readers.get(name, [])
        if len(readers) != 1 or name in self._outputs:
            return None
        if readers[0].op_type in ("QuantizeLinear", "DequantizeLinear", "Relu"):
            return self._maximum_of(readers[0].output[0])
        return readers[0] if readers[0].op_type == "MaxPool" else None

    def _with_maximum(self, blob: Blob, maximum: onnx.NodeProto | None) -> Blob:
        if maximum is None:
            return blob
        self._taken.add(maximum.output[0])
        return self._pooling(maximum, {0: MAX}, blob)

    def _pooling(self, node: onnx.NodeProto, kind: dict[int, int], blob: Blob) -> Blob:
        given = attributes(node)
        if given.get("ceil_mode", 0) or set(given.get("dilations", [1])) != {1}:
            raise NotConvertible("a pooling that is dilated or rounds up")
        frame = _Frame.of(node, given["kernel_shape"])
        parameters = kind | frame.numbered((11, 1), (12, 2)) | frame.borders(13, 3, 15, 14) | {5: 1}
        return replace(self._unary(blob, "Pooling", parameters), shape=frame.shape(blob.shape[0], blob))

    def _op_reducemean(self, node: onnx.NodeProto) -> Blob:
        return self._global_pooling(node, MEAN)

    def _op_reducemax(self, node: onnx.NodeProto) -> Blob:
        return self._global_pooling(node, MAX)

    def _global_pooling(self, node: onnx.NodeProto, kind: int) -> Blob:
        blob = self._value(node.input[0])
        if sorted(axis % 4 for axis in self._axes(node)) != [2, 3] or attributes(node).get("keepdims", 1):
            raise NotConvertible("a reduction of other axes than height and width")
        return Blob(self.model.add("Pooling", [blob.name], {0: kind, 4: 1}), blob.shape[:1])
