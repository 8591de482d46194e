"""Operators of ONNX that move numbers, or say how many there are, in ncnn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from .ncnn_tensors import Blob, NotConvertible, Tensors, attributes

# Operators that exporters use to compute shapes; where all their inputs are known, ncnn does not see them.
COMPUTED = {"Concat", "Expand", "Gather", "Mul", "Reshape", "Slice", "Squeeze", "Unsqueeze"}


class Shapes(Tensors):
    """Reads operators of shapes; what the shapes alone decide is computed here, for a batch of one window."""

    def _is_known(self, node: onnx.NodeProto) -> bool:
        """Whether `_known` can compute a node."""
        given = [name for name in node.input if name]
        if node.op_type == "Shape":
            return given[0] in self._blobs
        return node.op_type in COMPUTED and bool(given) and all(name in self._constants for name in given)

    def _known(self, node: onnx.NodeProto) -> NDArray[Any]:
        """What a node gives."""
        if node.op_type == "Shape":
            given = attributes(node)
            return np.array(self._blobs[node.input[0]].axes[given.get("start", 0) : given.get("end")], np.int64)
        inputs = {name: self._constants[name] for name in node.input if name}
        ends = [[helper.make_value_info(name, onnx.TypeProto()) for name in part] for part in (inputs, node.output)]
        graph = helper.make_graph([node], "node", inputs=ends[0], outputs=ends[1])
        (value,) = ReferenceEvaluator(helper.make_model(graph, opset_imports=self._opsets)).run(None, inputs)
        return np.asarray(value)

    def _op_unsqueeze(self, node: onnx.NodeProto) -> Blob:
        blob = self._value(node.input[0])
        if self._axes(node) != (1,) or len(blob.shape) != 2:
            raise NotConvertible("Unsqueeze of another axis than the channels'")
        height, width = blob.shape
        made = self.model.add("Reshape", [blob.name], {0: width, 1: height, 2: 1})
        return Blob(made, (1, height, width))

    def _op_squeeze(self, node: onnx.NodeProto) -> Blob:
        blob = self._real(node.input[0])
        gone = {axis % len(blob.axes) for axis in self._axes(node)}
        kept = [axis for axis in range(len(blob.axes)) if axis not in gone]
        shape = tuple(blob.axes[axis] for axis in kept if axis != blob.batch)
        if blob.batch in gone or len(shape) != 2 or len(blob.shape) != 3:
            raise NotConvertible("Squeeze of other axes than one of three")
        return self._rows(blob, shape, kept.index(blob.batch))

    def _op_reshape(self, node: onnx.NodeProto) -> Blob:
        blob, shape = self._real(node.input[0]), self._constant(node.input[1]).tolist()
        size = int(np.prod(blob.shape))
        if not blob.batch and len(shape) == 2 and shape[1] in (size, -1):
            return Blob(self.model.add("Flatten", [blob.name]), (size,))
        rows, width = blob.shape[0], blob.shape[-1]
        if blob.batch and rows * width == size and shape in ([rows, 1, width], [rows, -1, width]):
            return self._rows(blob, (rows, width), 1)
        raise NotConvertible(f"Reshape to {shape}")

    def _rows(self, blob: Blob, shape: tuple[int, ...], batch: int) -> Blob:
        """The same numbers in rows."""
        height, width = shape
        return Blob(self.model.add("Reshape", [blob.name], {0: width, 1: height}), shape, batch=batch)

    def _op_transpose(self, node: onnx.NodeProto) -> Blob:
        blob = self._real(node.input[0])
        order = list(attributes(node).get("perm", reversed(range(len(blob.axes)))))
        batch = order.index(blob.batch)
        sides = [axis for axis in order if axis != blob.batch]
        moved = [axis for axis in sides if blob.axes[axis] > 1]
        if moved == sorted(moved) and (batch or len(sides) == 2):
            return replace(blob, shape=tuple(blob.axes[axis] for axis in sides), batch=batch)
        if len(sides) != 2:
            raise NotConvertible("a transposition of other axes than the last two")
        height, width = blob.shape
        return Blob(self.model.add("Permute", [blob.name], {0: 1}), (width, height), batch=batch)

    def _op_gather(self, node: onnx.NodeProto) -> Blob:
        blob, index = self._real(node.input[0]), self._constant(node.input[1])
        axis = attributes(node).get("axis", 0) % len(blob.axes)
        if len(blob.shape) != 2 or axis != (0 if blob.batch else 1) or index.ndim:
            raise NotConvertible("Gather of anything but one row")
        rows, width = blob.shape
        row = int(index) % rows
        return Blob(self.model.add("Flatten", [self._cut(blob, row, row + 1)]), (width,))

    def _split(self, node: onnx.NodeProto) -> None:
        blob = self._value(node.input[0])
        if attributes(node).get("axis", 0) != 1 or len(blob.shape) != 1 or len(node.input) < 2:
            raise NotConvertible("the operator Split, but for features and with sizes")
        ends = np.cumsum(self._constant(node.input[1])).tolist()
        for output, begin, end in zip(node.output, [0, *ends], ends, strict=False):
            if output in self._readers:
                self._blobs[output] = Blob(self._cut(blob, begin, end), (end - begin,))

    def _cut(self, blob: Blob, begin: int, end: int) -> str:
        """A part of the first axis."""
        return self.model.add("Crop", [blob.name], {9: [begin], 10: [end], 11: [0]})

    def _op_expand(self, node: onnx.NodeProto) -> Blob:
        return self._value(node.input[0])  # where it is read, ncnn does it

    def _op_concat(self, node: onnx.NodeProto) -> Blob:
        blobs = [self._value(name) for name in node.input]
        if attributes(node)["axis"] != 1 or any(len(blob.shape) != 1 for blob in blobs):
            raise NotConvertible("Concat of another axis than the features'")
        name = self.model.add("Concat", [blob.name for blob in blobs], {0: 0})
        return Blob(name, (sum(blob.shape[0] for blob in blobs),))
