"""Construction of ONNX graphs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 28  # the newest that onnxruntime 1.32 takes
LABELS_OPSET = 5  # of the domain with LabelEncoder
LABELS_DOMAIN = "ai.onnx.ml"

Shape = list[int | str | None]


class Graph:
    """A graph under construction; every method adds nodes or a constant and returns the name of the result.

    Args:
        reserved: Names of inputs and outputs, which no other value may have.
    """

    def __init__(self, interface_names: Iterable[str]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        # Inner names begin with a prefix that no input and output has
        self._prefix = "kan"
        while any(name.startswith(self._prefix) for name in interface_names):
            self._prefix += "_"

    def add(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        name = name or self._new_name()
        self.nodes.append(helper.make_node(operator, inputs, [name], domain=domain or None, **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.float64) -> str:
        """Add a tensor of numbers or booleans; equal ones are shared."""
        array = np.array(value, dtype=dtype, order="C")
        # Keys are bytes and not values: 0 and -0 differ, and equal NaN match
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._known:
            self._known[key] = self._new_name()
            self.constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def integers(self, *values: int) -> str:
        """Add a list of integers, such as axes and shapes."""
        return self.constant(values, np.int64)

    def texts(self, *values: str) -> str:
        """Add a list of strings."""
        name = self._new_name()
        self.constants.append(numpy_helper.from_array(np.array(values, dtype=object), name))
        return name

    def sum(self, x: str, *terms: str) -> str:
        """Write first + second + …, in this order."""
        for term in terms:
            x = self.add("Add", x, term)
        return x

    def scale(self, x: str, factor: Any) -> str:
        """x · factor."""
        return self.add("Mul", x, self.constant(factor))

    def shift(self, x: str, term: Any) -> str:
        """x + term."""
        return self.add("Add", x, self.constant(term))

    def clip(self, x: str, low: Any, high: Any) -> str:
        """Clip x to bounds, which may differ by column; the result for NaN depends on the runtime."""
        return self.add("Min", self.add("Max", x, self.constant(low)), self.constant(high))

    def cast_to_index(self, x: str) -> str:
        """Convert whole numbers to integers; NaN becomes 0, since indices must be valid."""
        number = self.add("Where", self.add("IsNaN", x), self.constant(0.0), x)
        return self.add("Cast", number, to=TensorProto.INT64)

    def cast_to_numbers(self, truths: str) -> str:
        """1 where true, else 0."""
        return self.add("Cast", truths, to=TensorProto.DOUBLE)

    def select_columns(self, x: str, places: Iterable[int]) -> str:
        """Selected columns of a matrix."""
        return self.add("Gather", x, self.integers(*places), axis=1)

    def concatenate(self, *parts: str) -> str:
        """Concatenate matrices along the columns."""
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=1)

    def fill_like(self, x: str, value: float, columns: int) -> str:
        """A matrix of one value, with as many rows as x."""
        rows = self.add("Shape", x, start=0, end=1)
        shape = self.add("Concat", rows, self.integers(columns), axis=0)
        return self.add(
            "ConstantOfShape", shape, value=helper.make_tensor("", TensorProto.DOUBLE, [1], [value])
        )

    def _new_name(self) -> str:
        return f"{self._prefix}{len(self.nodes) + len(self.constants)}"


def describe_tensor(name: str, kind: int, shape: Shape, meaning: str) -> onnx.ValueInfoProto:
    """An input or output."""
    return helper.make_tensor_value_info(name, kind, shape, doc_string=meaning)


def serialize_model(
    graph: Graph,
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    *,
    meaning: str,
    metadata: dict[str, str],
) -> bytes:
    """Serialise and check the model; equal graphs give equal bytes."""
    body = helper.make_graph(graph.nodes, "kan", inputs, outputs, graph.constants, doc_string=meaning)
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid(LABELS_DOMAIN, LABELS_OPSET)]
    model = helper.make_model(body, opset_imports=domains, producer_name="kan-service")
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
