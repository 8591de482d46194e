"""Gated recurrent layers (Cho et al. 2014) of ONNX, in ncnn."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .ncnn_model import float_weights
from .ncnn_tensors import Blob, NotConvertible, Tensors, attributes

RESET, UPDATE, NEW = 1, 0, 2  # where ONNX has each gate; ncnn has them in this order


class Recurrent(Tensors):
    """Reads layers that run once along the rows of (rows, batch, columns), from a state of zeros."""

    def _op_gru(self, node: onnx.NodeProto) -> Blob:
        given, blob = attributes(node), self._real(node.input[0])
        names = [*node.input, "", "", ""][:6]
        weights, recurrent = (self._constant(name) for name in names[1:3])
        directions, outputs = recurrent.shape[0], recurrent.shape[2]
        rows, columns = blob.shape
        self._require_plain(given, names, directions)
        if blob.batch != 1:
            raise NotConvertible("a GRU whose first axis is not time")
        bias = self._constant(names[3])[0] if names[3] else np.zeros(6 * outputs)
        of_input, of_state = np.split(bias, 2)
        both = _gates(of_input + of_state)
        biases = [both[0], both[1], _gates(of_input)[2], _gates(of_state)[2]]  # the reset gate stands between these two
        parts = np.concatenate(_gates(weights[0])), np.stack(biases), np.concatenate(_gates(recurrent[0]))
        made = self.model.add(
            "GRU", [blob.name], {0: outputs, 1: 3 * outputs * columns}, *(float_weights(part) for part in parts)
        )
        return Blob(made, (rows, 1, outputs), batch=2)

    def _require_plain(self, given: dict[str, Any], names: list[str], directions: int) -> None:
        """Raise `NotConvertible` where a GRU is not one of torch's, forwards."""
        if given.get("direction", b"forward") != b"forward" or directions != 1:
            raise NotConvertible("a GRU that runs backwards")
        if not given.get("linear_before_reset", 0):
            raise NotConvertible("a GRU that resets its state before it is multiplied")
        if given.keys() & {"activations", "clip"} or given.get("layout", 0):
            raise NotConvertible("a GRU with other activations, bounds or another layout")
        if names[4] or (names[5] and self._constant(names[5]).any()):
            raise NotConvertible("a GRU with lengths, or whose first state is not zero")


def _gates(values: NDArray[Any]) -> list[NDArray[Any]]:
    """The rows of each gate, in ncnn's order."""
    gates = np.split(values, 3)
    return [gates[RESET], gates[UPDATE], gates[NEW]]
