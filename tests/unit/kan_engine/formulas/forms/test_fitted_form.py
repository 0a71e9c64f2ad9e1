"""Constants of forms: the best ones from any start, with their errors."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.formulas.forms.fitted_form import FittedForm, fit_form
from kan_engine.formulas.forms.template import ConstantLimits, parse_form
from tests.benchmarks.subjects.textbook_forms import FORMS, fit

BY_NAME = {form.name: form for form in FORMS}
T = np.linspace(0.0, 10.0, 60)
NOISE = np.random.default_rng(1).normal(0, 0.05, 60)


def make_rows(target: np.ndarray, **columns: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns(columns, target)


@pytest.mark.parametrize("name", ["Hill", "damped oscillation"])
def test_no_better_constants_are_found_from_the_true_ones(name: str) -> None:
    form = BY_NAME[name]
    assert fit(form, form.draw(80, 0.05, 0), seed=0)[1]


def test_a_line_has_the_errors_and_intervals_of_linear_regression() -> None:
    target = 2 * T + 1 + NOISE
    fitted = fit_form(parse_form("a*t + b", ["t"]), make_rows(target, t=T), seed=0)
    design = np.stack([T, np.ones(60)], 1)
    best, squares, *_ = np.linalg.lstsq(design, target, rcond=None)
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * squares[0] / 58)
    np.testing.assert_allclose(fitted.values, best, rtol=1e-8)
    np.testing.assert_allclose([each.standard_error for each in fitted.constants], error, rtol=1e-6)
    half = [(each.high - each.low) / 2 for each in fitted.constants]  # type: ignore[operator]
    np.testing.assert_allclose(half, 2.0017 * error, rtol=0.01)  # t of 58 degrees of freedom


def test_known_errors_of_rows_determine_errors_and_intervals() -> None:
    sigma = np.linspace(0.1, 1.0, 60)
    rows = LabelledRows.from_columns({"t": T}, 2 * T + 1 + NOISE, 4 / sigma**2, unit_error=2.0)
    fitted = fit_form(parse_form("a*t + b", ["t"]), rows, seed=0)
    design = np.stack([T, np.ones(60)], 1) / sigma[:, None]
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    np.testing.assert_allclose(fitted.values, np.linalg.lstsq(design, rows.y / sigma)[0], rtol=1e-8)
    np.testing.assert_allclose([each.standard_error for each in fitted.constants], error, rtol=1e-6)
    half = [(each.high - each.low) / 2 for each in fitted.constants]  # type: ignore[operator]
    np.testing.assert_allclose(half, 1.96 * error, rtol=0.01)


def test_two_rows_with_known_errors_determine_two_constants() -> None:
    rows = LabelledRows.from_columns({"t": T[[0, -1]]}, np.array([1.0, 3.0]), np.ones(2), unit_error=0.1)
    b = fit_form(parse_form("a*t + b", ["t"]), rows, seed=0).constants[1]
    assert (b.low, b.high) == pytest.approx((1 - 0.196, 1 + 0.196), rel=0.01)


def test_constants_stay_within_their_bounds() -> None:
    limits = {"b": ConstantLimits(min=0.0, max=0.2)}
    fitted = fit_form(
        parse_form("a*exp(-b*t)", ["t"], limits), make_rows(3 * np.exp(-0.5 * T) + NOISE, t=T), seed=0
    )
    b = fitted.constants[1]
    assert b.value == pytest.approx(0.2)
    assert b.is_at_bound
    assert b.standard_error is None
    assert b.high == 0.2
    assert "at a bound" in fitted.warnings[0]


def test_a_held_constant_keeps_its_value_and_has_no_error() -> None:
    form = parse_form("a + g*t**2/2", ["t"], {"g": ConstantLimits(value=9.81)})
    fitted = fit_form(form, make_rows(1 + 9.81 * T**2 / 2 + NOISE, t=T), seed=0)
    assert [each.name for each in fitted.constants] == ["a", "g"]
    assert fitted.constants[1].value == 9.81
    assert fitted.constants[1].is_held
    assert len(fitted.correlation) == 1


def test_constants_that_replace_each_other_are_reported() -> None:
    fitted = fit_form(parse_form("a*b*t", ["t"]), make_rows(6 * T + NOISE, t=T), seed=0)
    assert [each.standard_error for each in fitted.constants] == [None, None]
    assert "do not determine a, b" in fitted.warnings[0]


def test_a_form_without_values_is_refused() -> None:
    with pytest.raises(InvalidData, match="no finite values"):
        fit_form(parse_form("log(-a**2 - t)", ["t"]), make_rows(T, t=T), seed=0)


def test_the_same_seed_gives_the_same_constants() -> None:
    form, rows = BY_NAME["Hill"], BY_NAME["Hill"].draw(60, 0.05, 3)
    first, second = (fit_form(form.template, rows, seed=4) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)


def test_a_fitted_form_survives_json() -> None:
    fitted = fit_form(parse_form("a*t + b", ["t"]), make_rows(T + NOISE, t=T), seed=0)
    assert FittedForm.from_dict(fitted.to_dict()) == fitted
