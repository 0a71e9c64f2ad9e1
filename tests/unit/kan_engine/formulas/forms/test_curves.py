"""Unknown functions of forms as curves, fitted together with the constants."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.forms.curves import fit_curves
from kan_engine.formulas.forms.template import parse_form

X, Y, Z = np.random.default_rng(0).uniform(0, 3, (3, 150))
COLUMNS = {"x": X, "y": Y, "z": Z}


def make_rows(target: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns(COLUMNS, target)


def test_constants_and_a_curve_are_found_together() -> None:
    target = 3 * np.exp(-0.7 * Y) * (1 + X**2) + 1.5
    found = fit_curves(parse_form("exp(-b*y)*f(x) + c", COLUMNS), make_rows(target), 0)
    np.testing.assert_allclose(found.constants, [0.7, 1.5], rtol=0.02)
    np.testing.assert_allclose(found.functions[0], 3 * (1 + X**2), rtol=0.02)


@pytest.mark.parametrize(("text", "value"), [("a*f(x) + b*y", 1.0), ("f(x) + a + b*y", 0.0)])
def test_a_constant_that_a_curve_replaces_is_held(text: str, value: float) -> None:
    found = fit_curves(parse_form(text, COLUMNS), make_rows(np.sin(X) + 2 * Y), 0)
    assert found.replaced == ("a",)
    assert found.template.held == {"a": value}
    np.testing.assert_allclose(found.constants, [2.0], rtol=1e-3)


def test_a_function_of_two_columns_is_a_surface() -> None:
    found = fit_curves(parse_form("a*x + g(y, z)", COLUMNS), make_rows(2 * X + Y * Z), 0)
    np.testing.assert_allclose(found.functions[0], Y * Z, atol=0.05)
