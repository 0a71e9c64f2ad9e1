"""The Python file of a model: it runs alone, and nothing that a client wrote is code in it."""

import ast
import csv
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kan_engine.data.scaling import TargetScaler
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.errors import NotExportable
from kan_engine.export.probe_rows import probe_columns
from kan_engine.export.python import template
from kan_engine.export.python.export import _function_data, _output_data, read_back, to_python
from kan_engine.expressions.evaluation import PI, Variable, call
from kan_engine.expressions.library import LIBRARY
from kan_engine.inference.formula_predictor import FormulaPredictor
from kan_engine.inference.predictor import Predictor
from tests.support import factories
from tests.support.predictors import TYPES, make_predictor, some_columns

HOSTILE = [
    '"); import os #',
    '"""\nimport os\n"""',
    "'''",
    "\\",
    "a\nb",
    "\x00",
    "größe",
    "{__import__}",
    "%s",
    "",
]


def run_alone(text: str, rows: str, folder: Path) -> list[list[str]]:
    """What the file prints for a CSV file, in a Python that knows nothing of this project."""
    (folder / "model.py").write_text(text, encoding="ascii")
    (folder / "rows.csv").write_text(rows, encoding="utf-8")
    command = [sys.executable, "-I", "model.py", "rows.csv"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return list(csv.reader(StringIO(done.stdout)))


def as_csv(columns: dict[str, np.ndarray]) -> str:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return out.getvalue()


def module_of(text: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "model"}
    exec(text, space)
    return space


def test_the_file_alone_predicts_the_rows_of_a_csv_file(tmp_path: Path) -> None:
    predictor = make_predictor(classes=("no", "yes, so"))
    columns = some_columns()
    head, *lines = run_alone(to_python(predictor), as_csv(columns), tmp_path)
    assert head == ["y", "probability of no", "probability of yes, so"]
    assert [line[0] for line in lines] == predictor.predict(columns).tolist()
    found = np.array([line[1:] for line in lines], float)
    np.testing.assert_allclose(found, predictor.probabilities(columns), atol=1e-15)


def test_hostile_names_are_data(tmp_path: Path) -> None:
    table = {name: ["no", "yes", name] for name in HOSTILE}
    predictor = factories.make_predictor(table, classes=HOSTILE[:3])
    text = to_python(predictor, title='"""; import os', units={HOSTILE[0]: '"""'})
    assert module_of(text)["predict"](table).tolist() == predictor.predict(as_arrays(table)).tolist()
    code = ast.unparse(ast.parse(text).body[1:-2])
    assert "os" not in {word.strip() for word in code.replace("(", " ").split()}


def as_arrays(table: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    return {name: np.array(values, dtype=object) for name, values in table.items()}


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text + "\nimport os\n",
        lambda text: text.replace("import sys", "import sys, os"),
        lambda text: text.replace("'target': 'y'", "'target': __import__('os').name"),
        lambda text: text.replace("0.02 * std", "0.03 * std"),
        lambda text: text.replace("MODEL: Model = {", "OTHER: Model = {"),
    ],
)
def test_a_file_with_other_code_than_the_template_is_no_export(change: Any) -> None:
    text = to_python(make_predictor())
    assert change(text) != text
    with pytest.raises((NotExportable, ValueError)):
        read_back(change(text))


def test_the_description_tells_the_model_its_columns_and_their_units() -> None:
    text = to_python(factories.make_predictor(), title="law, version 2", units={"x1": "m/s", "y": "kg"})
    told = ast.get_docstring(ast.parse(text)) or ""
    assert told.startswith("A Kolmogorov-Arnold network that predicts 'y' in kg. Model: law, version 2.")
    assert "'x1': a number in m/s, 0.0 to 1.0 in training" in told


@pytest.mark.parametrize("name", LIBRARY)
def test_the_functions_are_those_of_the_library_to_the_last_bit(name: str) -> None:
    u = np.concatenate([np.linspace(-3, 3, 61), [1e-9, 1e300, -700.0, 700.0]])
    with np.errstate(all="ignore"):
        found = template._evaluate_function(_function_data(name), u)
    if name == "erf":  # NumPy has none, and that of Python rounds otherwise than that of SciPy
        np.testing.assert_array_max_ulp(found, LIBRARY[name].value(u), 4)
    else:
        np.testing.assert_array_equal(found, LIBRARY[name].value(u))


@pytest.mark.parametrize("bounds", [None, (-3.0, 0.7)])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms_are_undone_as_here(transform: str, bounds: tuple[float, float] | None) -> None:
    scaler = TargetScaler(transform, np.array([0.5]), np.array([0.25]), bounds)
    raw = np.concatenate([np.linspace(-4, 4, 33), [2.001, 2.1, -2.001, -6.01]])[:, None]
    end = template.decode(_output_data(replace(make_predictor(), outputs=scaler)))
    found = template._invert_transform(raw, end)
    np.testing.assert_array_equal(found, scaler.inverse(raw))


def test_more_rows_than_are_computed_at_a_time_are_no_different(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = make_predictor()
    model = template.decode(read_back(to_python(predictor)))
    monkeypatch.setattr(template, "ROWS_AT_A_TIME", 7)
    found, _ = template.predict_rows(some_columns(), model)
    np.testing.assert_allclose(found, predictor.predict(some_columns()), rtol=1e-12)


def test_lists_and_numbers_for_categories_are_read_as_by_the_service() -> None:
    predictor = factories.make_predictor({"c": ["3", "true", "0.5", None]})
    values = [3, 3.0, True, 0.5, float("nan"), None, "other"]
    found = module_of(to_python(predictor))["predict"]({"c": values, "idle": [0] * 7})
    expected = predictor.predict({"c": np.array(values, dtype=object)})
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x1": [0.0]}, "the column 'x2' is absent"),
        ({"x1": [0.0], "x2": [0.0, 1.0]}, "differ in length"),
        ({"x1": ["3.5"], "x2": [0.0]}, "'x1' needs finite numbers"),
        ({"x1": [np.inf], "x2": [0.0]}, "'x1' needs finite numbers"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(columns: dict[str, list[Any]], message: str) -> None:
    predict = module_of(to_python(factories.make_predictor()))["predict"]
    with pytest.raises(ValueError, match=message):
        predict(columns)


def test_an_exact_formula_stands_beside_the_network() -> None:
    x, n = Variable("x"), Variable("n")
    trees = [call("exp", call("sin", x) / 3) - n ** Fraction(1, 2), Variable("c is red") * PI - 0.1 * x]
    predictor = make_predictor(outputs=2)
    space = module_of(to_python(predictor, trees=trees))
    rows = some_columns() | {"x": np.linspace(-100, 100, 40)}
    expected = FormulaPredictor.from_predictor(predictor, trees).predict(rows)
    np.testing.assert_allclose(space["formula"](rows), expected, rtol=1e-14)
    np.testing.assert_allclose(space["predict"](rows), predictor.predict(rows), rtol=1e-12)
    assert "formula(columns)" in space["__doc__"]


def test_where_the_formula_in_a_file_is_not_defined_it_gives_nan() -> None:
    found = module_of(to_python(factories.make_predictor(), trees=[call("log", Variable("x1"))]))["formula"]
    np.testing.assert_array_equal(found({"x1": [1.0, 0.0, -1.0], "x2": [0.0] * 3}), [0.0, np.nan, np.nan])


def test_a_file_without_a_formula_says_so() -> None:
    with pytest.raises(ValueError, match="no formula"):
        module_of(to_python(factories.make_predictor()))["formula"]({"x1": [0.5], "x2": [0.0]})


def test_several_outputs_are_columns() -> None:
    predictor: Predictor = make_predictor(outputs=2)
    rows = probe_columns(predictor.encoding)
    found = module_of(to_python(predictor))["predict"](rows)
    np.testing.assert_allclose(found, predictor.predict(rows), rtol=1e-12)
    assert set(TYPES) == set(rows)
