"""A predictor as an ONNX graph in float64, from a client's columns to values, or labels and probabilities."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import onnx
from jaxtyping import Shaped
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from kan_engine.data.feature import Feature
from kan_engine.data.labels import Label, class_name
from kan_engine.data.scaling import MAX_OVERSHOOT_STDS, TargetScaler
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.errors import NotExportable
from kan_engine.export.onnx.encoding import describe_inputs, placeholder_text, write_encoding, write_scale
from kan_engine.export.onnx.functions import write_function
from kan_engine.export.onnx.graph import Graph, describe_tensor, serialize_model
from kan_engine.export.onnx.layers import write_network
from kan_engine.export.unused_features import drop_unused_features
from kan_engine.export.verification import RowPredictions
from kan_engine.inference.predictor import Predictor
from kan_engine.network.compiled.network import compile_network

VALUE, LABEL, PROBABILITIES = "value", "label", "probabilities"
MAX_EXACT_INTEGER = 2**53  # float64 represents all integers up to here exactly


def to_onnx(
    predictor: Predictor, *, units: Mapping[str, str] | None = None, max_symbolic_edges: int = 5_000
) -> bytes:
    """Export a predictor as an ONNX model.

    Its inputs are the features that the network uses, by their own names, a tensor [rows] each. The outputs
    are ``value`` of a regression, [rows] or [rows, outputs], and ``label`` [rows] and ``probabilities``
    [rows, classes] of a classifier. An output whose name is also an input gets a trailing "_".

    Args:
        predictor: The predictor to export.
        units: Units of columns, for the descriptions of the inputs.
        max_symbolic_edges: Each is about a dozen nodes of the graph.

    Raises:
        NotExportable: ONNX cannot express it.
    """
    part = drop_unused_features(predictor)
    _check_exportable(part, max_symbolic_edges)
    names = [feature.name for feature in part.encoding.features]
    default_names = (VALUE,) if part.classes is None else (LABEL, PROBABILITIES)
    outputs = output_names(names, default_names)
    g = Graph([*names, *outputs])
    inputs = write_encoding(g, part.encoding)
    raw = write_network(g, compile_network(part.network), write_scale(g, part.inputs, inputs))
    if part.outputs is not None:
        is_zero = None if part.support is None else _write_support_test(g, inputs, part.support)
        value_infos = _write_values(g, part.outputs, raw, outputs[0], part.target, is_zero)
    else:
        value_infos = _write_classes(g, part, raw, outputs)
    return serialize_model(
        g,
        describe_inputs(part.encoding, dict(units or {})),
        value_infos,
        meaning=f"A Kolmogorov-Arnold network that predicts {part.target!r}.",
        metadata={
            "target": part.target,
            "features": json.dumps(names),
            "classes": json.dumps(part.classes),
            "member": "accurate",  # the network, even if the model has formulas
        },
    )


def output_names(features: list[str], default_names: tuple[str, ...]) -> list[str]:
    """Output names that differ from all inputs."""
    input_names = set(features)
    return [_available_name(name, input_names) for name in default_names]


def _available_name(name: str, input_names: set[str]) -> str:
    return _available_name(f"{name}_", input_names) if name in input_names else name


def run_onnx(
    data: bytes, predictor: Predictor, columns: Mapping[str, Shaped[np.ndarray, " rows"]]
) -> RowPredictions:
    """Predictions of an exported model, with ONNX's reference implementation of the operators.

    Args:
        data: Result of ``to_onnx``.
        predictor: The exported predictor.
        columns: Columns as ``probe_columns`` returns them.
    """
    evaluator = ReferenceEvaluator(onnx.load_from_string(data))
    feed = to_tensors(predictor, columns)
    with np.errstate(all="ignore"):
        values, *probabilities = evaluator.run(None, {name: feed[name] for name in evaluator.input_names})
    if predictor.classes is None:
        return RowPredictions(np.asarray(values).reshape(-1, predictor.network.config.width[-1]))
    return RowPredictions(np.asarray(probabilities[0]), np.asarray(values))


def to_tensors(
    predictor: Predictor, columns: Mapping[str, Shaped[np.ndarray, " rows"]]
) -> dict[str, Shaped[np.ndarray, " rows"]]:
    """Convert columns to the input tensors of an exported model."""
    return {
        feature.name: _to_tensor(feature, columns[feature.name]) for feature in predictor.encoding.features
    }


def _to_tensor(feature: Feature, values: Shaped[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
    if feature.type == "category":
        missing = placeholder_text(feature)
        return np.array([missing if value is None else value for value in values.tolist()], dtype=object)
    if feature.type == "boolean" and not feature.has_missing:
        return values.astype(bool)
    # Booleans with missing values are numbers, since BOOL has no NaN
    return np.array([np.nan if value is None else value for value in values.tolist()], dtype=np.float64)


def _check_exportable(predictor: Predictor, max_symbolic_edges: int) -> None:
    if any(not feature.name for feature in predictor.encoding.features):
        raise NotExportable("an ONNX input needs a name; rename the column without one")
    times = [feature.name for feature in predictor.encoding.features if feature.type == "datetime"]
    if times:
        raise NotExportable(f"ONNX cannot parse the times in {times[0]!r}; export the model as python")
    symbolic_count = sum(len(layer.symbolic) for layer in predictor.network.all_layers)
    if symbolic_count > max_symbolic_edges:
        raise NotExportable(
            f"{symbolic_count} edges are symbolic functions; an ONNX graph may have {max_symbolic_edges}"
        )


def _write_values(
    g: Graph, scaler: TargetScaler, raw: str, name: str, target: str, is_zero: str | None
) -> list[onnx.ValueInfoProto]:
    """Values in the target's units; see ``TargetScaler.inverse``. A density is 0 outside of its support."""
    transform = TRANSFORMS[scaler.transform]
    # The image of the target under its transform
    image = g.shift(g.scale(raw, scaler.std), scaler.mean)
    # With bounds, outputs beyond the range of the transform are clipped to its ends
    if scaler.bounds is not None and np.isfinite(transform.reach).any():
        image = g.add("Where", g.add("IsNaN", image), image, g.clip(image, *transform.reach))
    # Without bounds, only a small overshoot counts as the end of the range; beyond it the value is NaN
    for end, outwards in zip(transform.ends, (-1.0, 1.0), strict=True):
        if np.isfinite(end) and scaler.bounds is None:
            beyond = g.scale(g.shift(image, -end), outwards)
            is_over = g.add("Greater", beyond, g.constant(0.0))
            is_near = g.add("Less", beyond, g.constant(MAX_OVERSHOOT_STDS * scaler.std))
            image = g.add("Where", g.add("And", is_over, is_near), g.constant(end), image)
    value = _write_inverse(g, scaler.transform, image)
    if scaler.bounds is not None:
        is_undefined = g.add("IsNaN", image)  # the result of Max and Min for NaN depends on the runtime
        value = g.add("Where", is_undefined, image, g.clip(value, *scaler.bounds))
    if is_zero is not None:
        value = g.add("Where", is_zero, g.constant(0.0), value)
    if len(scaler.mean) == 1:
        g.add("Squeeze", value, g.integers(1), name=name)
        return [describe_tensor(name, TensorProto.DOUBLE, ["rows"], target)]
    g.add("Identity", value, name=name)
    return [describe_tensor(name, TensorProto.DOUBLE, ["rows", len(scaler.mean)], target)]


def _write_support_test(g: Graph, inputs: str, support: tuple[tuple[float, float], ...]) -> str:
    """Whether each row is outside of the support, [rows, 1]."""
    low, high = (g.constant(ends) for ends in np.array(support).T)
    is_beyond = g.add("Or", g.add("Less", inputs, low), g.add("Greater", inputs, high))
    count = g.add("ReduceSum", g.cast_to_numbers(is_beyond), g.integers(1), keepdims=1)
    return g.add("Greater", count, g.constant(0.0))


def _write_inverse(g: Graph, transform: str, t: str) -> str:
    """The inverse of a transform in ``TRANSFORMS``."""
    sign, function = TRANSFORMS[transform].inverse_function
    value = t if function == "x" else write_function(g, function, t)
    return g.add("Neg", value) if sign < 0 else value


def _write_classes(g: Graph, part: Predictor, raw: str, names: list[str]) -> list[onnx.ValueInfoProto]:
    """Labels and probabilities; a label is arbitrary in rows without probabilities."""
    classes = part.classes or ()
    label, probabilities = names
    # Two classes share one output, the log-odds of the second
    if len(classes) == 2:
        sides = g.add("Sigmoid", g.add("Neg", raw)), g.add("Sigmoid", raw)
        g.add("Concat", *sides, axis=1, name=probabilities)
    else:
        g.add("Softmax", raw, axis=1, name=probabilities)
    # Weights change the decision, but not the probabilities
    scores = probabilities
    if part.decision_weights is not None:
        scores = g.scale(probabilities, part.decision_weights)
    label_index = g.add("ArgMax", scores, axis=1, keepdims=0)
    kind, table = _write_labels(g, classes)
    g.add("Gather", table, label_index, axis=0, name=label)
    return [
        describe_tensor(label, kind, ["rows"], part.target),
        describe_tensor(
            probabilities,
            TensorProto.DOUBLE,
            ["rows", len(classes)],
            "probability of each class, in the order of the metadata",
        ),
    ]


def _write_labels(g: Graph, classes: tuple[Label, ...]) -> tuple[int, str]:
    """The labels as a tensor: of their own type if ONNX has it and all share it, else as texts."""
    kinds = {type(label) for label in classes}
    if kinds == {bool}:
        return int(TensorProto.BOOL), g.constant(classes, np.bool_)
    if kinds <= {int, float} and all(
        abs(label) <= MAX_EXACT_INTEGER for label in classes if type(label) is int
    ):
        if kinds == {int}:
            return int(TensorProto.INT64), g.constant(classes, np.int64)
        return int(TensorProto.DOUBLE), g.constant(classes)
    return int(TensorProto.STRING), g.texts(*map(class_name, classes))
