"""Template of exported programs; the exporter replaces this docstring and the data in MODEL."""

from __future__ import annotations

import base64
import csv
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np

Array = np.ndarray
Values = Sequence[Any] | Array
Columns = Mapping[str, Values]
Model = dict[str, Any]

ROWS_AT_A_TIME = 1_000  # so that memory does not grow with the rows


def predict(columns: Columns) -> Array:
    """The predicted value, or label, of every row.

    Args:
        columns: Values by column name, all of the same length; None or NaN for missing values. Columns that
            are not features are ignored.
    """
    return predict_rows(columns, _load_model())[0]


def probabilities(columns: Columns) -> Array:
    """The probability of every class, [rows, classes], in the order of ``classes``; only for a classifier."""
    chances = predict_rows(columns, _load_model())[1]
    if chances is None:
        raise ValueError("the target is a number: there are no probabilities")
    return chances


def formula(columns: Columns) -> Array:
    """The value of the formula in every row, NaN where it is not defined; only for a model with a formula."""
    return formula_values(columns, _load_model())


def predict_rows(columns: Columns, model: Model) -> tuple[Array, Array | None]:
    """Values and None, or labels and probabilities."""
    inputs = _encode_columns(columns, model["features"])
    blocks = [
        _evaluate_network(_standardize(inputs[start : start + ROWS_AT_A_TIME], model["scale"]), model)
        for start in range(0, max(1, len(inputs)), ROWS_AT_A_TIME)
    ]
    raw, end = np.concatenate(blocks), model["answer"]
    if "inverse" in end:
        values = _invert_transform(raw, end)
        if "low" in end:  # a density, which is 0 outside of its support
            values[((inputs < end["low"]) | (inputs > end["high"])).any(axis=1)] = 0.0
        return (values[:, 0] if values.shape[1] == 1 else values), None
    chances = _class_probabilities(raw)
    return _select_labels(chances, end["classes"], end["weights"]), chances


def formula_values(columns: Columns, model: Model) -> Array:
    """Values of the formulas: a number per row, or a column for each of several outputs."""
    if not model["formulas"]:
        raise ValueError("this file has no formula: the model has none, or none that is exact")
    inputs = _encode_columns(columns, model["features"])
    variables = dict(zip(model["encoded"], inputs.T, strict=True))
    with np.errstate(all="ignore"):
        parts = [np.broadcast_to(_evaluate_tree(tree, variables), len(inputs)) for tree in model["formulas"]]
    values = np.stack(parts, axis=1)
    values = np.where(np.isfinite(values), values, np.nan)
    return values[:, 0] if len(parts) == 1 else values


# Encoding of columns


def _encode_columns(columns: Columns, features: list[Model]) -> Array:
    missing = [feature["name"] for feature in features if feature["name"] not in columns]
    if missing:
        raise ValueError(f"the column {missing[0]!r} is absent")
    lengths = {len(columns[feature["name"]]) for feature in features}
    if len(lengths) > 1:
        raise ValueError(f"the columns differ in length: {sorted(lengths)}")
    blocks = [_ENCODERS[feature["type"]](columns[feature["name"]], feature) for feature in features]
    return np.concatenate(blocks, axis=1)


def _encode_numbers(values: Values, feature: Model) -> Array:
    numbers = np.array([_check_number(value, feature["name"]) for value in values], dtype=np.float64)
    missing = np.isnan(numbers)
    column = np.where(missing, feature["fill"], numbers)
    return np.stack([column, missing] if feature["has_missing"] else [column], axis=1)


def _check_number(value: Any, name: str) -> float:
    if value is None:
        return np.nan
    number = np.nan if isinstance(value, str) else float(value)
    if isinstance(value, str) or np.isinf(number):
        raise ValueError(f"the column {name!r} needs finite numbers, got {value!r}")
    return number


def _encode_categories(values: Values, feature: Model) -> Array:
    """A column of 0 and 1 per category; rare ones share one, missing values have one if training had any."""
    categories, rare = feature["categories"], feature["rare"]
    places = {name: place for place, name in enumerate(categories)} | dict.fromkeys(rare, len(categories))
    if feature["has_missing"]:
        places[None] = len(categories) + bool(rare)
    default = len(categories) if rare else -1
    indices = np.array([places.get(_format_category(value), default) for value in values], dtype=int)
    count = max(places.values()) + 1
    start = 1 if count == 2 else 0  # of two columns the second is sufficient
    return np.array(indices[:, None] == np.arange(start, count), dtype=np.float64)


def _format_category(value: Any) -> str | None:
    """A category as text; equal numbers give the same text."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if np.isnan(value):
        return None
    return str(int(value)) if value == int(value) else repr(value)


def _encode_times(values: Values, feature: Model) -> Array:
    """The parts of times that varied in training, cyclic ones as sine or cosine."""
    seconds = np.array([_parse_time(value, feature) for value in values], dtype=np.float64)
    missing = np.isnan(seconds)
    times = np.where(missing, feature["fill"], seconds)
    columns = []
    for name, wave, origin, period in feature["parts"]:
        part = np.array([_time_part(second, name) for second in times.tolist()])
        angle = 2 * np.pi * (part - origin) / period
        values = np.sin(angle) if wave == "sin" else np.cos(angle) if wave == "cos" else part
        columns.append(np.round(values, 15) if wave else values)
    return np.stack([*columns, missing] if feature["has_missing"] else columns, axis=1)


def _parse_time(value: Any, feature: Model) -> float:
    """Seconds since 1970."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return np.nan
    form = feature["form"] or ""
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        time = datetime.strptime(value.strip(), form)
        if "%Y" not in form:
            time = datetime.combine(_EPOCH, time.time())
    if time.tzinfo is not None:
        time = time.astimezone(timezone.utc).replace(tzinfo=None)  # noqa: UP017
    return (time - _EPOCH) / timedelta(seconds=1)


_EPOCH = datetime(1970, 1, 1)


def _time_part(seconds: float, name: str) -> float:
    time = _EPOCH + timedelta(days=seconds // 86400)
    if name == "hour":
        return (seconds - seconds // 86400 * 86400) / 3600
    return float(time.weekday() if name == "weekday" else getattr(time, name))


_ENCODERS = {
    "number": _encode_numbers,
    "boolean": _encode_numbers,
    "category": _encode_categories,
    "datetime": _encode_times,
}


def _standardize(x: Array, scale: Model) -> Array:
    """Scale from the units of the columns to the inputs of the network."""
    if "center" in scale:
        return np.asarray((x - scale["center"]) / scale["scale"])
    columns = [_interpolate(x[:, place], **curve) for place, curve in enumerate(scale["curves"])]
    return np.stack(columns, axis=1)


def _interpolate(x: Array, start: Array, end: Array, slopes: list[float]) -> Array:
    """Linear interpolation between points, with fixed slopes beyond the ends."""
    beyond = x - np.clip(x, start[0], start[-1])
    return np.asarray(np.interp(x, start, end) + beyond * np.where(beyond < 0, *slopes))


# The network: in every layer, nodes add or multiply the outputs of activations


def _evaluate_network(x: Array, model: Model) -> Array:
    with np.errstate(all="ignore"):
        h = x
        for layer in model["layers"]:
            h = _evaluate_layer(h, layer)
        if model["direct"] is not None:
            h = h + _evaluate_layer(x, model["direct"])
    # A row with a value that is not finite has no prediction
    return np.where(np.isfinite(x).all(axis=1, keepdims=True), h, np.nan)


def _evaluate_layer(h: Array, layer: Model) -> Array:
    y = np.zeros((len(h), layer["columns"]))
    if layer["splines"] is not None:
        splines = _evaluate_pieces if "table" in layer["splines"] else _evaluate_basis
        y = splines(h if layer["inputs"] is None else h[:, layer["inputs"]], **layer["splines"])
    for i, j, name, a, b, c, d in layer["fixed"]:
        y[:, j] += c * _evaluate_function(name, a * h[:, i] + b) + d
    start, nodes = layer["columns"] - sum(layer["factors"]), []
    for count in layer["factors"]:
        nodes.append(y[:, start : start + count].prod(axis=1))
        start += count
    return np.column_stack([y[:, : layer["columns"] - sum(layer["factors"])], *nodes])


def _evaluate_pieces(
    x: Array, find: Model, table: Array, low: Array, high: Array, base: Array | None, b: Any
) -> Array:
    """Splines as piecewise polynomials; the first and the last piece are the lines beyond the grid.

    ``table`` is [rows, powers, outputs]: the coefficients of all activations of an input, piece by piece.
    """
    rows, u = _locate_uniform(x, **find) if "low" in find else _locate_irregular(x, **find)
    # Pieces outside the grid are lines, whose higher powers need not grow
    near = np.clip(u, -1.0, 1.0)
    powers = [np.ones_like(u), u, near * near]
    while len(powers) < table.shape[1]:
        powers.append(powers[-1] * near)
    sides = np.stack(powers[: table.shape[1]], axis=2).reshape(len(x), 1, -1)
    # The coefficients of the pieces of all inputs form one matrix per row
    coefficients = table[np.clip(rows, 0, len(table) - 1)].reshape(len(x), sides.shape[2], table.shape[2])
    y = np.asarray((sides @ coefficients)[:, 0])
    return y if base is None else y + _apply(b, np.clip(x, low, high)) @ base


def _locate_uniform(
    x: Array, low: Array, density: Array, size: float, intervals: Array
) -> tuple[Array, Array]:
    """Row of the table, and position u in its piece, for every input; in an interval u is 0 to 1."""
    u = (x - low) * density
    piece = np.clip(np.floor(u), -1.0, size)
    return np.nan_to_num(piece + intervals).astype(int), u - piece


def _locate_irregular(x: Array, grids: Array, origins: Array, densities: Array) -> tuple[Array, Array]:
    """The same for grids with unequal intervals."""
    places = [np.searchsorted(grid, x[:, i], side="right") for i, grid in enumerate(grids)]
    rows = np.stack(places, axis=1) + np.arange(len(grids)) * (grids.shape[1] + 1)
    return rows, (x - origins[rows]) * densities[rows]


def _evaluate_basis(
    x: Array, low: Array, high: Array, density: Array, basis: Array, slopes: Array, weight: Array, b: Any
) -> Array:
    """Splines as basis functions of uniform grids; beyond the grid they continue along their tangents.

    ``basis`` are the nonzero basis functions in an interval, highest power first, and ``slopes`` their
    derivatives. ``weight`` is [inputs, terms, outputs], where the last term is the base function ``b``, given
    with its slope.
    """
    inputs, terms, outputs = weight.shape
    inside = np.clip(x, low, high)
    beyond, u = x - inside, (inside - low) * density
    interval = np.minimum(np.floor(u), terms - basis.shape[1] - 1.0)
    u = (u - interval)[..., None]
    local = _horner(basis, u) + _horner(slopes, u) * (beyond * density)[..., None]
    # The local functions of every input, at their places among all terms
    features = np.zeros((len(x), inputs, terms))
    start = np.clip(np.nan_to_num(interval), 0, terms - basis.shape[1] - 1).astype(int)
    np.put_along_axis(features, start[..., None] + np.arange(local.shape[2]), local, axis=2)
    value, slope = (_apply(operation, inside) for operation in b)
    features[..., -1] = value + slope * beyond
    return np.asarray(features.reshape(len(x), -1) @ weight.reshape(-1, outputs))


def _horner(coefficients: Array, u: Array) -> Array:
    total = coefficients[0] * u
    for c in coefficients[1:-1]:
        total = (total + c) * u
    return np.asarray(total + coefficients[-1])


def _apply(operation: Any, x: Array) -> Any:
    """A function of x: x itself, a number, or a function of NumPy and its operands."""
    if isinstance(operation, list):
        name, *operands = operation
        return getattr(np, name)(*[_apply(operand, x) for operand in operands])
    return x if operation == "x" else operation


FUNCTIONS: dict[str, Any] = {
    "x": lambda u: u,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": np.vectorize(math.erf, otypes=[float]),
}


def _evaluate_function(function: Any, u: Array) -> Any:
    """A function by its name, or by what it applies."""
    return FUNCTIONS[function](u) if isinstance(function, str) else _apply(function, u)


# Evaluation of formulas: numbers, columns, functions, sums, products and powers


def _evaluate_tree(tree: Model, variables: Mapping[str, Array]) -> Any:
    if "number" in tree:
        return float(Fraction(tree["number"]))
    if "constant" in tree:
        return {"pi": np.pi}[tree["constant"]]
    if "variable" in tree:
        return variables[tree["variable"]]
    if "call" in tree:
        return FUNCTIONS[tree["call"]](_evaluate_tree(tree["of"], variables))
    ((kind, parts),) = tree.items()
    value, *operands = [_evaluate_tree(part, variables) for part in parts]
    for operand in operands:
        value = _OPERATIONS[kind](value, operand)
    return value


_OPERATIONS: dict[str, Any] = {"add": np.add, "mul": np.multiply, "pow": np.float_power}


# Conversion of the outputs of the network to predictions


def _invert_transform(raw: Array, end: Model) -> Array:
    """Invert the transform of the target that the network was trained on.

    Outputs just beyond the range of the transform are set to its end; with bounds, all outputs beyond it are.
    """
    std, bounds = end["std"], end["bounds"]
    with np.errstate(all="ignore"):
        image = raw * std + end["mean"]
        if bounds is not None:
            value = end["sign"] * _evaluate_function(end["inverse"], np.clip(image, *end["reach"]))
            return np.asarray(np.clip(value, *bounds))
        # A small overshoot counts as the end of the range; beyond it the value is NaN
        for limit, outwards in zip(end["ends"], (-1, 1), strict=True):
            beyond = outwards * (image - limit)
            image = np.where((beyond > 0) & (beyond < 0.02 * std), limit, image)
        return np.asarray(end["sign"] * _evaluate_function(end["inverse"], image))


def _class_probabilities(logits: Array) -> Array:
    """Probabilities of two classes from one logit, of more classes from one logit each."""
    with np.errstate(all="ignore"):
        if logits.shape[1] == 1:
            return np.asarray(1 / (1 + np.exp(np.concatenate([logits, -logits], axis=1))))
        # Softmax, in which the largest exponent is 0 to prevent overflow
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _select_labels(chances: Array, classes: list[Any], weights: list[float] | None) -> Array:
    """The class with the largest weighted probability; None in rows without probabilities."""
    labels = np.empty(len(classes) + 1, dtype=object)
    labels[:-1] = classes
    best = (chances if weights is None else chances * np.array(weights)).argmax(axis=1)
    return np.asarray(labels[np.where(np.isfinite(chances).all(axis=1), best, -1)])


# Decoding of the data, and prediction of a CSV file


@cache
def _load_model() -> Model:
    model: Model = decode(MODEL)
    return model


def decode(value: Any) -> Any:
    """Decode arrays of float64 numbers in the data; long ones are in base64."""
    if isinstance(value, list):
        return [decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "float64" in value:
        data = value["float64"]
        numbers = (
            np.frombuffer(base64.b64decode(data), "<f8") if isinstance(data, str) else np.array(data, float)
        )
        return numbers.reshape(value["shape"])
    return {key: decode(part) for key, part in value.items()}


def main(path: str, out: TextIO) -> None:
    """Read rows from a CSV file and print their predictions as CSV."""
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    model = _load_model()
    columns = {
        feature["name"]: [
            _parse_cell(row.get(feature["name"]), feature, number) for number, row in enumerate(rows)
        ]
        for feature in model["features"]
    }
    values, chances = predict_rows(columns, model)
    head = [model["target"]] + [f"probability of {label}" for label in model["answer"].get("classes", [])]
    if values.ndim > 1:
        head = [f"{model['target']} {place + 1}" for place in range(values.shape[1])]
    sides = [values.reshape(len(rows), -1)] if chances is None else [values[:, None], chances]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for parts in zip(*sides, strict=True):
        writer.writerow([cell for part in parts for cell in part.tolist()])


def _parse_cell(text: str | None, feature: Model, row: int) -> Any:
    """Convert a cell to a value of a feature; an empty cell is a missing value."""
    if text is None:
        raise SystemExit(f"row {row} has no column {feature['name']!r}")
    text = text if feature["type"] == "category" else text.strip()
    if not text or feature["type"] in ("category", "datetime"):
        return text or None
    if feature["type"] == "boolean":
        text = {"true": "1", "false": "0"}.get(text.lower(), text)
    try:
        return float(text)
    except ValueError:
        raise SystemExit(f"{feature['name']!r} is {text!r} in row {row}, which is not a number") from None


MODEL: Model = {}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: python {sys.argv[0]} rows.csv")
    main(sys.argv[1], sys.stdout)
