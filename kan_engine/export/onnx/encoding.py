"""Encoding of a client's columns to the scaled inputs of the network, as ONNX nodes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature
from kan_engine.data.scaling import PiecewiseLinearMap, Standardizer
from kan_engine.export.onnx.graph import LABELS_DOMAIN, Graph, describe_tensor

UNKNOWN_CATEGORY = -1  # index of a category that training never saw


def describe_inputs(encoding: Encoding, units: dict[str, str]) -> list[onnx.ValueInfoProto]:
    """One tensor [rows] per feature, with its description."""
    return [
        describe_tensor(
            feature.name, _tensor_type(feature), ["rows"], describe_feature(feature, units.get(feature.name))
        )
        for feature in encoding.features
    ]


def describe_feature(feature: Feature, unit: str | None) -> str:
    """Description of a feature for users."""
    if feature.type == "number":
        missing = "; NaN for missing values" if feature.has_missing else ""
        span = f"{feature.min!r} to {feature.max!r} in training"
        return f"a number{f' in {unit}' if unit else ''}, {span}{missing}"
    if feature.type == "boolean":
        return "1, 0, or NaN for missing values" if feature.has_missing else "true or false"
    missing = f"; {placeholder_text(feature)!r} for missing values" if feature.has_missing else ""
    return f"a category; numbers as '3' and '0.5', booleans as 'true' and 'false'{missing}"


def placeholder_text(feature: Feature) -> str:
    """The text for a missing category: empty, unless that is a category itself."""
    text = ""
    while text in feature.categories + feature.rare:
        text = f"{text}_" if text else "missing"
    return text


def _tensor_type(feature: Feature) -> int:
    """Data type of an input; boolean columns with missing values are numeric, since BOOL has no NaN."""
    if feature.type == "category":
        return int(TensorProto.STRING)
    is_truth = feature.type == "boolean" and not feature.has_missing
    return int(TensorProto.BOOL if is_truth else TensorProto.DOUBLE)


def write_encoding(g: Graph, encoding: Encoding) -> str:
    """The encoded table [rows, columns]; see ``Encoding``."""
    return g.concatenate(*(_write_feature(g, feature) for feature in encoding.features))


def _write_feature(g: Graph, feature: Feature) -> str:
    x = g.add("Unsqueeze", feature.name, g.integers(1))
    if feature.type == "category":
        return _write_category(g, feature)
    if _tensor_type(feature) == TensorProto.BOOL:
        return g.cast_to_numbers(x)
    # A missing number is replaced, and a column of 0 and 1 indicates it
    is_missing = g.add("IsNaN", x)
    values = g.add("Where", is_missing, g.constant(feature.fill), x)
    return g.concatenate(values, g.cast_to_numbers(is_missing)) if feature.has_missing else values


def _write_category(g: Graph, feature: Feature) -> str:
    """Compare the index of each category with the indices of the columns."""
    slots = {
        placeholder_text(feature) if name is None else name: place for name, place in feature.slots.items()
    }
    place = g.add(
        "LabelEncoder",
        feature.name,
        domain=LABELS_DOMAIN,
        keys_strings=list(slots),
        values_int64s=list(slots.values()),
        default_int64=len(feature.categories) if feature.rare else UNKNOWN_CATEGORY,
    )
    width = len(feature.columns)
    # Of two columns of a category the second is sufficient
    start = 1 if width == 1 and max(slots.values()) == 1 else 0
    columns = g.constant(np.arange(start, start + width), np.int64)
    return g.cast_to_numbers(g.add("Equal", g.add("Unsqueeze", place, g.integers(1)), columns))


def write_scale(g: Graph, inputs: Standardizer, x: str) -> str:
    """Scale from raw units to the unit scale; see ``Standardizer``."""
    if inputs.curves is None:
        return g.add("Div", g.shift(x, -inputs.center), g.constant(inputs.scale))
    columns = [
        _write_curve(g, curve, g.select_columns(x, [place])) for place, curve in enumerate(inputs.curves)
    ]
    return g.concatenate(*columns)


def _write_curve(g: Graph, curve: PiecewiseLinearMap, x: str) -> str:
    """Linear interpolation between points, with fixed slopes beyond the ends; x is [rows, 1]."""
    start, end = curve.start, curve.end
    inside = g.clip(x, start[0], start[-1])
    beyond = g.add("Sub", x, inside)
    low_slope, high_slope = (g.constant(slope) for slope in curve.slopes)
    slope = g.add("Where", g.add("Less", beyond, g.constant(0.0)), low_slope, high_slope)
    off = g.add("Mul", beyond, slope)
    if len(start) == 1:
        return g.shift(off, end[0])
    # ONNX has no bisection: the number of inner points at or below x is the piece
    is_reached = g.add("GreaterOrEqual", inside, g.constant(start[1:-1]))
    piece = g.add("ReduceSum", g.add("Cast", is_reached, to=TensorProto.INT64), g.integers(1))
    # Start and width of the piece, and the values there
    origin, width, value, rise = (
        g.add("Gather", g.constant(table), piece, axis=0)
        for table in (start[:-1], np.diff(start), end[:-1], np.diff(end))
    )
    share = g.add("Div", g.add("Sub", inside, origin), width)
    return g.sum(value, g.add("Mul", share, rise), off)
