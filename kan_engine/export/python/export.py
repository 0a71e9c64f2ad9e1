"""A predictor as one Python file that needs only NumPy: the code of the template, and data.

Names of columns and categories occur in the data and in the description, never in code; ``read_back``
verifies this for every file.
"""

from __future__ import annotations

import ast
import base64
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jaxtyping import Float, Num, Shaped

from kan_engine.data.datetime_parts import PERIODS, format_iso_time
from kan_engine.data.feature import Feature
from kan_engine.data.scaling import Standardizer
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.errors import NotExportable
from kan_engine.export.python import template
from kan_engine.export.recording import Recorded
from kan_engine.export.unused_features import drop_unused_features
from kan_engine.export.verification import RowPredictions
from kan_engine.expressions.evaluation import Expression, to_json, variables
from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.expressions.library import NumpyFunction
from kan_engine.inference.predictor import Predictor
from kan_engine.network.compiled.network import CompiledLayer, compile_network
from kan_engine.network.compiled.piecewise_layer import IrregularPieces, PiecewiseLayer, UniformPieces

Model = dict[str, Any]

MODEL_SLOT = "MODEL: Model = {}"  # line of the template that the data replace


def to_python(
    predictor: Predictor,
    *,
    title: str = "",
    units: Mapping[str, str] | None = None,
    trees: Sequence[Expression] = (),
) -> str:
    """Export a predictor as a Python program, which also predicts the rows of a CSV file.

    ``predict(columns)`` evaluates the network; ``formula(columns)`` evaluates the formulas, if any are given.

    Args:
        predictor: The predictor to export.
        title: Name of the model.
        units: Units of columns and of the target.
        trees: Formulas of the outputs; left out if they contain variables that the network does not use.

    Raises:
        NotExportable: The data read back from the text differ from the model.
    """
    part = drop_unused_features(predictor)
    names = [column.name for column in part.encoding.names]
    # The file cannot compute columns of features that the network does not use
    formulas = [to_json(tree) for tree in trees if set(variables(tree)) <= set(names)]
    formulas = formulas if len(formulas) == len(trees) else []
    model = _model_data(part) | {"encoded": names if formulas else [], "formulas": formulas}
    description = "\n".join(_description(part, title, dict(units or {}), has_formula=bool(formulas)))
    before, after = _template_code().split(MODEL_SLOT)
    text = f'"""{_escape_docstring(description)}"""{before}MODEL: Model = {_literal(model)}{after}'
    if read_back(text) != model:
        raise NotExportable("a Python file would change the data of this model; export it as safetensors")
    return text


def read_back(text: str) -> Model:
    """Read the data of an exported file.

    Raises:
        NotExportable: The code differs from the template, or the file has no data.
    """
    code, model = _split_program(text)
    if code != _template_tree():
        raise NotExportable("the code of the Python file differs from the template")
    # Only literals are read, so that nothing in the text is executed
    data: Model = ast.literal_eval(model)
    return data


def run_formula(
    text: str, columns: Mapping[str, Shaped[np.ndarray, " rows"]]
) -> Float[np.ndarray, " rows *outputs"] | None:
    """Values of the formula in an exported file; None if the file has no formula."""
    model = template.decode(read_back(text))
    return template.formula_values(columns, model) if model["formulas"] else None


def run_python(text: str, columns: Mapping[str, Shaped[np.ndarray, " rows"]]) -> RowPredictions:
    """Predictions of an exported file without executing it: its code is the template's, its data are read."""
    model = template.decode(read_back(text))
    values, probabilities = template.predict_rows(columns, model)
    if probabilities is None:
        return RowPredictions(values.reshape(len(values), -1))
    return RowPredictions(probabilities, values)


@cache
def _template_code() -> str:
    """The template without its docstring."""
    text = files("kan_engine.export.python").joinpath("template.py").read_text(encoding="utf-8")
    return text.split('"""', 2)[2]


@cache
def _template_tree() -> str:
    """The code of the template as a syntax tree dump."""
    return _split_program(f'""{_template_code()}')[0]


def _split_program(text: str) -> tuple[str, ast.expr]:
    """The code of a program without docstring and data, as a syntax tree dump, and the data."""
    _, *code = ast.parse(text).body
    for statement in code:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == "MODEL":
            value, statement.value = statement.value, None
            if value is not None:
                return ast.dump(ast.Module(code, type_ignores=[])), value
    raise NotExportable("the Python file contains no model data")


def _description(part: Predictor, title: str, units: dict[str, str], *, has_formula: bool) -> Iterator[str]:
    """Lines of the file's docstring."""
    unit = units.get(part.target)
    what = f"{part.target!r}{f' in {unit}' if unit else ''}"
    does = "predicts" if part.support is None else "estimates the density"
    yield f"A Kolmogorov-Arnold network that {does} {what}.{f' Model: {title}.' if title else ''}"
    yield ""
    yield "predict(columns) returns the predictions of the network, the member accurate of the service."
    if has_formula:
        yield "formula(columns) returns the values of the model's formula, NaN where it is not defined."
    yield ""
    yield "It needs only NumPy. As a program it prints predictions for the rows of a CSV file:"
    yield ""
    yield "    python model.py rows.csv"
    yield ""
    yield "As a module it has predict(columns), where columns maps these names to lists or arrays:"
    yield ""
    for feature in part.encoding.features:
        yield f"    {feature.name!r}: {_describe_feature(feature, units.get(feature.name))}"
    if part.classes is not None:
        yield ""
        yield f"predict returns labels; the columns of probabilities(columns) are {list(part.classes)!r}."
    yield ""


def _describe_feature(feature: Feature, unit: str | None) -> str:
    if feature.type == "number":
        return f"a number{f' in {unit}' if unit else ''}, {feature.min!r} to {feature.max!r} in training"
    if feature.type == "boolean":
        return "true or false"
    if feature.type == "datetime":
        span = f"{format_iso_time(feature.min or 0.0)} to {format_iso_time(feature.max or 0.0)} in training"
        return f"a time in ISO 8601{f' or in the format {feature.form!r}' if feature.form else ''}, {span}"
    return f"a category, such as {feature.categories[0]!r}"


def _escape_docstring(text: str) -> str:
    """Escape the text for a triple-quoted docstring in ASCII."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c == "\n" or " " <= c <= "~" else ascii(c)[1:-1] for c in plain)


def _model_data(part: Predictor) -> Model:
    network = compile_network(part.network)
    return {
        "target": part.target,
        "features": [_feature_data(feature) for feature in part.encoding.features],
        "scale": _scale_data(part.inputs),
        "layers": [_layer_data(layer) for layer in network.layers],
        "direct": None if network.direct is None else _layer_data(network.direct),
        "answer": _output_data(part),
    }


def _output_data(part: Predictor) -> Model:
    if part.outputs is not None:
        scaler = part.outputs
        transform = TRANSFORMS[scaler.transform]
        sign, inverse = transform.inverse_function
        data = {
            "inverse": _function_data(inverse),
            "sign": sign,
            "ends": _array_data(np.array(transform.ends)),
            "reach": _array_data(np.array(transform.reach)),
            "mean": _array_data(scaler.mean),
            "std": _array_data(scaler.std),
            "bounds": None if scaler.bounds is None else list(scaler.bounds),
        }
        if part.support is None:
            return data
        low, high = np.array(part.support).T
        return data | {"low": _array_data(low), "high": _array_data(high)}
    weights = part.decision_weights
    return {"classes": list(part.classes or ()), "weights": None if weights is None else list(weights)}


def _feature_data(feature: Feature) -> Model:
    data: Model = {"name": feature.name, "type": feature.type, "has_missing": feature.has_missing}
    if feature.type == "category":
        return data | {"categories": list(feature.categories), "rare": list(feature.rare)}
    if feature.type == "datetime":
        parts = [[part, wave, *PERIODS.get(part, (0.0, 1.0))] for part, wave in feature.parts]
        return data | {"fill": feature.fill, "form": feature.form, "parts": parts}
    return data | {"fill": feature.fill}


def _scale_data(inputs: Standardizer) -> Model:
    if inputs.curves is None:
        return {"center": _array_data(inputs.center), "scale": _array_data(inputs.scale)}
    return {
        "curves": [
            {
                "start": _array_data(curve.start),
                "end": _array_data(curve.end),
                "slopes": [float(s) for s in curve.slopes],
            }
            for curve in inputs.curves
        ]
    }


def _layer_data(layer: CompiledLayer) -> Model:
    return {
        "columns": layer.out_dim,
        "inputs": None if layer.inputs is None else layer.inputs.tolist(),
        "splines": _spline_data(layer),
        "fixed": [[i, j, _function_data(e.function), e.a, e.b, e.c, e.d] for i, j, e in layer.fixed],
        "factors": list(layer.factors),
    }


def _function_data(name: str) -> Any:
    """The name of an elementary function; of another one, what it applies."""
    function = find_function(name)
    return name if function.elementary else _record_operations(function.of)


def _spline_data(layer: CompiledLayer) -> Model | None:
    splines = layer.splines
    if splines is None:
        return None
    if isinstance(splines, PiecewiseLayer):
        # The powers are an axis of their own in the file
        shape = len(splines.table), splines.powers, splines.table.shape[1] // splines.powers
        return {
            "find": _piece_data(splines.find),
            "table": _array_data(splines.table.reshape(shape)),
            "low": _array_data(splines.low[:, 0]),
            "high": _array_data(splines.high[:, 0]),
            "base": None if splines.base is None else _array_data(splines.base),
            "b": _record_operations(splines.function.value),
        }
    # Weights by input, of which the last term belongs to the base function
    inputs, outputs = len(splines.low), splines.weight.shape[1]
    arrays = {name: _array_data(getattr(splines, name)) for name in ("low", "high", "density")}
    return arrays | {
        "basis": _array_data(np.stack([c.reshape(-1) for c in splines.polynomials])),
        "slopes": _array_data(np.stack([c.reshape(-1) for c in splines.slopes])),
        "weight": _array_data(splines.weight.reshape(inputs, -1, outputs)),
        "b": [_record_operations(f) for f in (splines.function.value, splines.function.slope)],
    }


def _record_operations(function: NumpyFunction) -> Any:
    """The ufuncs that a function of x applies, as lists of a name and its operands."""
    return function(Recorded("x", lambda ufunc, *operands: [ufunc.__name__, *operands])).value


def _piece_data(find: UniformPieces | IrregularPieces) -> Model:
    if isinstance(find, UniformPieces):
        arrays = {name: _array_data(getattr(find, name)[:, 0]) for name in ("low", "density", "intervals")}
        return arrays | {"size": find.size}
    return {
        "grids": _array_data(np.stack(find.grids)),
        "origins": _array_data(find.origins),
        "densities": _array_data(find.densities),
    }


def _array_data(values: Num[np.ndarray, "*dims"], max_inline: int = 12) -> Model:
    """Arrays of at most ``max_inline`` numbers as they are, longer ones in base64."""
    # Base64 of the bytes keeps every bit of long arrays
    array = np.ascontiguousarray(values, "<f8")
    # Literals of Python include neither NaN nor infinity
    is_short = array.size <= max_inline and bool(np.isfinite(array).all())
    data = array.ravel().tolist() if is_short else base64.b64encode(array.tobytes()).decode()
    return {"shape": list(array.shape), "float64": data}


def _literal(value: Any, indent: str = "", width: int = 88) -> str:
    """A Python literal in ASCII, with a line for each key, and lines of ``width`` for long texts."""
    inner = indent + "    "
    if isinstance(value, dict) and "float64" not in value:
        lines = [f"{inner}{key!a}: {_literal(part, inner, width)},\n" for key, part in value.items()]
        return "{\n" + "".join(lines) + indent + "}"
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return "[\n" + "".join(f"{inner}{_literal(part, inner, width)},\n" for part in value) + indent + "]"
    if (
        isinstance(value, dict)
        and len(text := str(value["float64"])) > width
        and isinstance(value["float64"], str)
    ):
        body = "".join(f"{inner}{line!a}\n" for line in _split_lines(text, width))
        return f'{{"shape": {value["shape"]!a}, "float64": (\n{body}{indent})}}'
    return ascii(value)


def _split_lines(text: str, width: int) -> Sequence[str]:
    return [text[start : start + width] for start in range(0, len(text), width)]
