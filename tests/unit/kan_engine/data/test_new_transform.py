"""A transform of the target that the table gets by one entry scales, is exported and undone in formulas."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine.data.scaling import TargetScaler
from kan_engine.data.transforms import TRANSFORMS, Transform, is_defined, namespace
from kan_engine.export.onnx.export import run_onnx, to_onnx
from kan_engine.export.probe_rows import probe_columns
from kan_engine.export.python.export import run_python, to_python
from kan_engine.expressions.evaluation import Variable, evaluate
from kan_engine.formulas.core.transforms import invert_transform
from tests.support.predictors import make_predictor

ARSINH = Transform(
    lambda y: namespace(y).asinh(y),
    lambda t: namespace(t).sinh(t),
    "sinh",
    np.isfinite,
    ("arsinh(", ")"),
)
Y = np.linspace(-20.0, 20.0, 41)[:, None]


@pytest.fixture(autouse=True)
def _arsinh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRANSFORMS, "arsinh", ARSINH)


def test_it_scales_the_target_and_back() -> None:
    assert is_defined("arsinh", Y)
    scaler = TargetScaler.fit(Y, "arsinh")
    assert float(scaler.forward(Y).std()) == pytest.approx(1)
    np.testing.assert_allclose(scaler.inverse(scaler.forward(Y)), Y, rtol=1e-12)


def test_files_undo_it_as_here() -> None:
    predictor = replace(make_predictor(), outputs=TargetScaler.fit(Y, "arsinh"))
    columns = probe_columns(predictor.encoding)
    expected = predictor.predict(columns)
    for found in (
        run_onnx(to_onnx(predictor), predictor, columns),
        run_python(to_python(predictor), columns),
    ):
        np.testing.assert_allclose(found.numbers[:, 0], expected, rtol=1e-9, atol=1e-12)


def test_a_formula_on_it_is_undone() -> None:
    tree = invert_transform("arsinh", Variable("t"))
    np.testing.assert_allclose(evaluate(tree, {"t": np.arcsinh(Y[:, 0])}), Y[:, 0], rtol=1e-12, atol=1e-12)
