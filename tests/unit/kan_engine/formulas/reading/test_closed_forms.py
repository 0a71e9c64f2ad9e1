"""Closed forms of a curve: the cheap ones first, and no more than are needed."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.reading.closed_forms import (
    Effort,
    has_close_form,
    is_varying,
    iterate_closed_forms,
    select_best_forms,
)
from kan_engine.formulas.reading.curve_form import PLACEHOLDER, CurveForm
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, suggest
from tests.support.engine.readings import compute, write_shape

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]

U = np.linspace(0.4, 2.1, 300)
AXIS = FitPoints(U)


def values_of(form: CurveForm, u: Array = U) -> Array:
    return compute(form.total, u=u)


FINE, KNOWN, ROUGH = (NoiseModel.exact(floor) for floor in (1e-9, 1e-6, 1e-3))


def best(v: Array, effort: Effort, *, floor: float = 1e-9, axis: FitPoints = AXIS) -> CurveForm:
    known = NoiseModel.exact(floor)
    return select_best_forms(iterate_closed_forms(axis, v, known, effort), known, 1)[0]


def form(error: float, complexity: int = 1) -> CurveForm:
    return CurveForm(LinearSum({PLACEHOLDER: 1.0}), error, complexity)


@pytest.mark.parametrize("effort", Effort)
def test_a_curve_that_does_not_vary_is_a_constant(effort: Effort) -> None:
    (constant,) = iterate_closed_forms(AXIS, np.full(len(U), 2.5), KNOWN, effort)
    assert (constant.total.terms, constant.total.constant) == ({}, 2.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 2.0], True), ([1.0, 1.0 + 1e-12], False), ([0.0, 0.0], False), ([1.0, np.nan], False)],
)
def test_values_vary_if_they_are_different_numbers(values: list[float], expected: bool) -> None:
    assert is_varying(np.array(values)) is expected


@pytest.mark.parametrize("unit", [1e-100, 1e-60, 1e60, 1e100])
def test_powers_that_leave_the_numbers_are_no_candidates(unit: float) -> None:
    found = list(iterate_closed_forms(FitPoints(unit * U), np.sin(U) * U**3, KNOWN, Effort.PLAIN))
    assert found
    assert all(candidate.total.is_finite and all(candidate.total.terms.values()) for candidate in found)


def test_an_error_below_the_floor_earns_nothing() -> None:
    assert form(1e-12).score(ROUGH) == pytest.approx(form(1e-9).score(ROUGH), abs=1e-5)
    assert form(1e-12).score(ROUGH) < form(1e-1).score(ROUGH)


def test_a_more_complex_form_has_to_earn_its_price() -> None:
    assert form(1e-2, 3).score(FINE) < form(1e-3, 9).score(FINE)
    assert form(1e-2, 3).score(FINE) > form(1e-6, 9).score(FINE)


def test_a_form_stands_where_the_best_of_its_fits_does() -> None:
    first, second = (CurveForm.from_fit(fit) for fit in suggest(AXIS, U)[:2])
    assert first.shape != second.shape
    fits = [replace(first, error=1.0), replace(second, error=0.1), replace(first, error=1e-6)]
    assert [kept.error for kept in select_best_forms(fits, KNOWN, 2)] == [1e-6, 0.1]


def test_the_best_forms_are_sorted_by_score_cut_and_different() -> None:
    found = list(iterate_closed_forms(AXIS, np.exp(U), KNOWN, Effort.SINGLE))
    kept = select_best_forms([*found, *found], KNOWN, 4)
    scores = [candidate.score(KNOWN) for candidate in kept]
    assert scores == sorted(scores)
    assert scores[0] == min(candidate.score(KNOWN) for candidate in found)
    assert len({candidate.shape for candidate in kept}) == len(kept) == 4


@pytest.mark.parametrize(
    ("error", "complexity", "floor", "settled"),
    [
        (1e-9, 10, 1e-9, True),
        (1e-9, 10 + 1, 1e-9, False),  # too complex to need no rivals
        (1e-7, 1, 1e-9, False),
        (2e-9, 1, 1e-9, True),
        (2e-2, 1, 1e-2, False),  # too rough for a near miss to tell
        (1e-2, 1, 1e-2, True),
    ],
)
def test_the_search_is_settled_by_a_simple_form_that_is_as_close_as_can_be_told(
    error: float, complexity: int, floor: float, settled: bool
) -> None:
    assert has_close_form([form(0.1), form(error, complexity)], NoiseModel.exact(floor), 10) is settled


@pytest.mark.parametrize(
    "law",
    [
        lambda u: u + 2 * u**2 - 0.5 * u**4,
        lambda u: (u - 1) * (u - 2) * (u + 3),
        lambda u: u**8 - u,
    ],
)
def test_a_polynomial_is_found_with_its_coefficients(law: object) -> None:
    v = law(U)  # type: ignore[operator]
    found = best(v, Effort.PLAIN)
    np.testing.assert_allclose(values_of(found), v, atol=1e-8)
    assert len(found.total.terms) <= 3


@pytest.mark.parametrize(
    "law",
    [
        lambda u: (1 + u) / (3 + u**2),
        lambda u: 1 / (1 + u + u**2),
        lambda u: u / (1 + u**2),
        lambda u: (2 - u**2) / (5 + u),
        lambda u: u**4 / (1 + u**2),
    ],
)
def test_a_quotient_is_found_with_its_coefficients(law: object) -> None:
    v = law(U)  # type: ignore[operator]
    found = best(v, Effort.PLAIN)
    assert found.error < 1e-9
    beyond = np.linspace(0.1, 4.0, 50)
    np.testing.assert_allclose(values_of(found, beyond), law(beyond), rtol=1e-7)  # type: ignore[operator]


def test_a_quotient_with_a_pole_among_the_rows_is_no_form() -> None:
    u = np.linspace(-1.0, 1.0, 200)  # no row at the pole itself
    found = iterate_closed_forms(FitPoints(u), 1 / (u - 0.3), FINE, Effort.PLAIN)
    assert all(np.isfinite(values_of(candidate, u)).all() for candidate in found)


def test_a_quotient_that_a_single_row_makes_infinite_is_no_form() -> None:
    axis = FitPoints(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    found = iterate_closed_forms(axis, np.array([1.0, 1.0, 1.0, 1.0, 5.0]), FINE, Effort.PLAIN)
    assert all(np.isfinite(values_of(candidate, axis.u)).all() for candidate in found)


def test_a_power_beyond_the_library_is_found_as_a_polynomial() -> None:
    assert write_shape(best(3 * U**7 + 1, Effort.PLAIN).total) == "c0*u**7"


def test_a_curve_of_which_no_polynomial_explains_anything_has_none() -> None:
    v = 1e8 + 0.2 * np.sin(2 * np.pi * 30 * (U - U[0]) / (U[-1] - U[0]))
    found = iterate_closed_forms(AXIS, v, ROUGH, Effort.PLAIN)
    assert all(candidate.total.terms for candidate in found)


@pytest.mark.parametrize("name", ["exp", "sin", "log", "sqrt", "tanh"])
@pytest.mark.parametrize("constants", [(1.0, 0.0), (1.7, 0.3)])
def test_a_suggestion_is_a_term_with_its_coefficient(name: str, constants: tuple[float, float]) -> None:
    a, b = constants
    fits = suggest(AXIS, 2 * np.sin(a * U + b) + 1)
    fit = next(fit for fit in fits if fit.function == name)
    found = CurveForm.from_fit(fit)
    np.testing.assert_allclose(values_of(found), fit.c * _function(name, fit.a * U + fit.b) + fit.d)
    assert (len(found.total.terms), found.error) == (1, fit.error)


def _function(name: str, u: Array) -> Array:
    return np.asarray(getattr(np, name)(u))


def test_a_function_of_the_opposite_has_no_parameter_for_its_sign() -> None:
    axis = FitPoints(-U)
    found = best(np.sqrt(U), Effort.PLAIN, axis=axis)
    assert [to_text(term) for term in found.total.terms] == ["sqrt(-u)"]
    assert list(found.total.terms.values()) == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("law", "effort", "expected"),
    [
        (lambda u: 3 * np.sqrt(u), Effort.PLAIN, "c0*sqrt(u)"),
        (lambda u: 2 * np.exp(-1.3 * u), Effort.SINGLE, "c0*exp(c1*u)"),
        (lambda u: 2 * np.sin(1.3 * u) + 3 * u, Effort.SUMS, "c0*u + c1*sin(c2*u)"),
    ],
)
def test_more_effort_finds_more(law: object, effort: Effort, expected: str) -> None:
    v = law(U)  # type: ignore[operator]
    found = {
        level: select_best_forms(iterate_closed_forms(AXIS, v, FINE, level), FINE, 50) for level in Effort
    }
    with_it = [
        level for level, forms in found.items() if expected in [write_shape(form.total) for form in forms]
    ]
    assert with_it[0] == effort
    assert write_shape(found[effort][0].total) == expected
    assert found[effort][0].error < 1e-9


def test_a_plain_function_that_is_close_has_no_polynomials_as_rivals() -> None:
    close, far = (iterate_closed_forms(AXIS, v, FINE, Effort.PLAIN) for v in (np.log(U), np.sin(U)))
    assert max(len(candidate.total.terms) for candidate in close) == 1
    assert max(len(candidate.total.terms) for candidate in far) > 1


def test_constants_inside_of_a_sum_are_refined() -> None:
    v = 2 * np.sin(2.7 * U) - U
    found = best(v, Effort.SUMS)
    assert found.error < 1e-12
    assert "2.7*u" in to_text(found.total.tree).replace("2.7000000000000002", "2.7")


@pytest.mark.parametrize("exponent", [2.8, -0.43, 0.16])
def test_a_power_with_any_exponent_is_found(exponent: float) -> None:
    found = best(3 * U**exponent - 2, Effort.SINGLE)
    assert write_shape(found.total) == "c0*u**c1"
    np.testing.assert_allclose(values_of(found), 3 * U**exponent - 2)


def test_a_logarithm_that_hardly_bends_is_found() -> None:
    u = np.linspace(0.01, 0.1, 200)
    fits = iterate_closed_forms(FitPoints(u), 3 * np.log(1 + u), FINE, Effort.SINGLE)
    assert min(form.error for form in fits if write_shape(form.total) == "c0*log(u + c1)") < 1e-12


def test_a_sum_of_two_powers_is_found() -> None:
    found = best(4 * U**-12.0 - 4 * U**-6.0, Effort.SUMS)
    assert found.error < 1e-12
    assert write_shape(found.total) == "c0*u**c1 + c2*u**c3"
