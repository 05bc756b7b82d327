"""A device whose latencies are worked out from the ONNX models, by a rule of blocks of channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from amc.latency.timing import Estimate, Timing

BLOCK = 4
FINGERPRINT = {"cpu": "Abacus 1", "runtime": "onnxruntime 1.0", "threads": 1, "system": "any", "cores": 1}


class PretendedDevice:
    """Counts what it is asked; each answer is off by about `noise`, relative to it."""

    def __init__(self, noise: float = 0.0) -> None:
        self.fingerprint = dict(FINGERPRINT)
        self.target, self.runtime = "local", "onnxruntime 1.0, 1 thread(s)"
        self.models = 0
        self._noise = noise
        self._rng = np.random.default_rng(0)

    def __enter__(self) -> PretendedDevice:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def measure(self, models: Sequence[bytes], precision: float = 0.01, limit: float = 1.0) -> Timing:
        """As `amc.latency.measuring_device.Device.measure`."""
        del precision, limit
        self.models += len(models)
        times = [milliseconds(model) * (1 + self._noise * self._rng.normal()) for model in models]
        return Timing([_sure(each) for each in times], [_sure(each / times[0]) for each in times], 10)


def milliseconds(content: bytes) -> float:
    """What the device takes for a model: a little for each, and for each layer by blocks of channels."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    weights = {each.name: tuple(each.dims) for each in model.graph.initializer}
    sizes = {
        each.name: [dimension.dim_value for dimension in each.type.tensor_type.shape.dim]
        for each in (*model.graph.input, *model.graph.value_info, *model.graph.output)
    }
    total = 0.02
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        weight = weights[node.input[1]]
        if node.op_type == "Conv":
            groups = next((each.i for each in node.attribute if each.name == "group"), 1)
            positions = int(np.prod(sizes[node.output[0]][2:]))
            total += 1e-5 * positions * groups * _blocks(weight[0] // groups, weight[1]) * int(np.prod(weight[2:]))
        else:
            total += 1e-5 * _blocks(*weight)
    return total


def _blocks(*widths: int) -> int:
    return int(np.prod([-(-width // BLOCK) * BLOCK for width in widths]))


def _sure(value: float) -> Estimate:
    return Estimate(value, value, value)
