"""Sums of terms out of a dictionary: which are found, and in what form they come."""

import numpy as np
import pytest

from kan_engine.expressions.evaluation import parametrize_floats
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.reading.curve_form import CurveForm
from kan_engine.formulas.reading.dictionary_regression import fit_term_sums
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints
from tests.support.engine.readings import compute, write_shape

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

U = np.linspace(0.4, 2.1, 120)
AXIS = FitPoints(U)  # of all tests: its dictionaries are made once


def best(v: Array, *, axis: FitPoints = AXIS) -> CurveForm:
    found = fit_term_sums(axis, v, NoiseModel.exact(1e-9))
    return min(found, key=lambda s: np.log10(s.error + 1e-9) + 0.3 * s.complexity)


def values_of(found: CurveForm, u: Array = U) -> Array:
    return compute(found.total, u=u)


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (lambda u: np.log(u) + u * np.sin(u), "c0*log(u) + c1*u*sin(u)"),
        (lambda u: np.sin(u**2) * np.cos(u), "c0*cos(u)*sin(u**2)"),
        (lambda u: u + np.sin(u**2), "c0*u + c1*sin(u**2)"),
        (lambda u: u * np.exp(-u) + 3 * u**2, "c0*u**2 + c1*u*exp(-u)"),
        (lambda u: np.sin(u) + 0.5 * np.log(u), "c0*log(u) + c1*sin(u)"),
        (lambda u: 2 * u - np.cos(3 * u), "c0*u + c1*cos(3*u)"),
        (lambda u: np.log(u + 1) + np.log(u**2 + 1), "c0*log(u + 1) + c1*log(u**2 + 1)"),
        (lambda u: np.exp(-(u**2) / 2), "c0*exp(-u**2/2)"),
    ],
)
def test_a_sum_of_a_few_nice_terms_is_found_in_closed_form(law: object, expected: str) -> None:
    v = law(U)  # type: ignore[operator]
    found = best(v)
    np.testing.assert_allclose(values_of(found), v, atol=1e-9)
    assert _terms(write_shape(found.total.scale(3.7))) == _terms(expected)


def _terms(text: str) -> set[str]:
    """Terms without their coefficients, whose order is a matter of taste."""
    return {term.partition("*")[2] for term in text.split(" + c")}


@pytest.mark.parametrize("power", [1, 2, 3])
def test_low_powers_may_stand_beside_the_terms(power: int) -> None:
    v = np.sin(np.pi * U) + 2 * U**power - U + 4
    found = best(v)
    assert found.error < 1e-9
    np.testing.assert_allclose(values_of(found), v, atol=1e-8)


def test_of_any_curve_constants_inside_come_from_a_grid() -> None:
    starts = AXIS.starts
    is_alone = (starts.functions == list(LIBRARY).index("tanh")) & (starts.may_move.sum(1) == 1)
    scales = sorted(starts.constants[is_alone, 0].tolist())
    a = scales[len(scales) // 2]
    v = np.tanh(a * U) - 0.3 * np.log(U)
    found = best(v)
    assert found.error < 1e-9
    inner = [value for term in found.total.terms for value in parametrize_floats(term)[1]]
    assert any(value == pytest.approx(a) for value in inner)


def test_terms_of_any_curve_may_be_multiplied_with_the_input() -> None:
    found = best(U * np.log(U) + U**2)
    assert "u*log(u)" in write_shape(found.total)
    assert found.error < 1e-9


def test_the_error_is_that_of_the_sum_over_the_spread_of_the_curve() -> None:
    v = np.sin(9 * U) ** 3 + U
    for found in list(fit_term_sums(AXIS, v, NoiseModel.exact(1e-3)))[:10]:
        error = np.sqrt(np.mean((values_of(found) - v) ** 2)) / np.std(v)
        assert found.error == pytest.approx(error, rel=1e-6)


def test_terms_that_are_no_numbers_take_no_part() -> None:
    axis = FitPoints(np.linspace(-1.0, 1.0, 121))  # with 0, where logarithms and poles are none
    v = axis.u**2 + axis.u**3 + np.abs(axis.u)
    found = best(v, axis=axis)
    assert found.error < 1e-9
    assert np.isfinite(values_of(found, axis.u)).all()


def test_over_a_single_point_there_are_no_sums() -> None:
    point = FitPoints(np.full(20, 2.0))
    assert list(fit_term_sums(point, np.linspace(0, 1, 20), NoiseModel.exact(1e-9))) == []
