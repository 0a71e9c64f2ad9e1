"""Closed forms of a curve: the cheap ones first, and no more than are needed."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.thresholds import DEFAULT_CLOSED_FORMS
from kan_engine.formulas.reading.closed_forms import (
    Candidate,
    Effort,
    find_closed_forms,
    has_close_form,
    is_varying,
    select_best_forms,
    to_candidate,
)
from kan_engine.formulas.reading.dictionary_regression import PLACEHOLDER
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, suggest
from tests.support.engine.readings import SMALL_DICTIONARY

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

U = np.linspace(0.4, 2.1, 300)
AXIS = FitPoints(U)


def values_of(form: Candidate, u: Array = U) -> Array:
    return evaluate(form.tree, {PLACEHOLDER.name: u}, form.parameters) + form.constant


FINE, KNOWN, ROUGH = (NoiseModel.exact(floor, SMALL_DICTIONARY) for floor in (1e-9, 1e-6, 1e-3))


def best(v: Array, effort: Effort, *, floor: float = 1e-9, axis: FitPoints = AXIS) -> Candidate:
    known = NoiseModel.exact(floor, SMALL_DICTIONARY)
    return select_best_forms(find_closed_forms(axis, v, known=known, effort=effort), known, 1)[0]


def form(error: float, complexity: int = 1) -> Candidate:
    return Candidate(PLACEHOLDER, (), (), 0.0, error, complexity)


@pytest.mark.parametrize("effort", Effort)
def test_a_curve_that_does_not_vary_is_a_constant(effort: Effort) -> None:
    (constant,) = find_closed_forms(AXIS, np.full(len(U), 2.5), known=KNOWN, effort=effort)
    assert (to_text(constant.tree), constant.parameters, constant.constant) == ("0", (), 2.5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 2.0], True), ([1.0, 1.0 + 1e-12], False), ([0.0, 0.0], False), ([1.0, np.nan], False)],
)
def test_values_vary_if_they_are_different_numbers(values: list[float], expected: bool) -> None:
    assert is_varying(np.array(values), 1e-9) is expected


@pytest.mark.parametrize("unit", [1e-100, 1e-60, 1e60, 1e100])
def test_powers_that_leave_the_numbers_are_no_candidates(unit: float) -> None:
    found = find_closed_forms(FitPoints(unit * U), np.sin(U) * U**3, known=KNOWN, effort=Effort.PLAIN)
    assert found
    assert all(np.isfinite(candidate.parameters).all() and all(candidate.parameters) for candidate in found)


def test_an_error_below_the_floor_earns_nothing() -> None:
    assert form(1e-12).score(ROUGH) == pytest.approx(form(1e-9).score(ROUGH), abs=1e-5)
    assert form(1e-12).score(ROUGH) < form(1e-1).score(ROUGH)


def test_a_more_complex_form_has_to_earn_its_price() -> None:
    assert form(1e-2, 3).score(FINE) < form(1e-3, 9).score(FINE)
    assert form(1e-2, 3).score(FINE) > form(1e-6, 9).score(FINE)


def test_a_form_stands_where_the_best_of_its_fits_does() -> None:
    first, second = (to_candidate(fit) for fit in suggest(AXIS, U)[:2])
    assert first.tree != second.tree
    fits = [replace(first, error=1.0), replace(second, error=0.1), replace(first, error=1e-6)]
    assert [kept.error for kept in select_best_forms(fits, KNOWN, 2)] == [1e-6, 0.1]


def test_the_best_forms_are_sorted_by_score_cut_and_different() -> None:
    found = find_closed_forms(AXIS, np.exp(U), known=KNOWN, effort=Effort.SINGLE)
    kept = select_best_forms([*found, *found], KNOWN, 4)
    scores = [candidate.score(KNOWN) for candidate in kept]
    assert scores == sorted(scores)
    assert scores[0] == min(candidate.score(KNOWN) for candidate in found)
    assert len({candidate.tree for candidate in kept}) == len(kept) == 4


@pytest.mark.parametrize(
    ("error", "complexity", "floor", "settled"),
    [
        (1e-9, DEFAULT_CLOSED_FORMS.max_close_complexity, 1e-9, True),
        (1e-9, DEFAULT_CLOSED_FORMS.max_close_complexity + 1, 1e-9, False),  # too complex to need no rivals
        (1e-7, 1, 1e-9, False),
        (2e-9, 1, 1e-9, True),
        (2e-2, 1, 1e-2, False),  # too rough for a near miss to tell
        (1e-2, 1, 1e-2, True),
    ],
)
def test_the_search_is_settled_by_a_simple_form_that_is_as_close_as_can_be_told(
    error: float, complexity: int, floor: float, settled: bool
) -> None:
    assert has_close_form([form(0.1), form(error, complexity)], NoiseModel.exact(floor)) is settled


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
    assert len(found.parameters) <= 3
    assert found.linear == tuple(range(len(found.parameters)))


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
    found = find_closed_forms(FitPoints(u), 1 / (u - 0.3), known=FINE, effort=Effort.PLAIN)
    assert all(np.isfinite(values_of(candidate, u)).all() for candidate in found)


def test_a_quotient_that_a_single_row_makes_infinite_is_no_form() -> None:
    axis = FitPoints(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
    found = find_closed_forms(axis, np.array([1.0, 1.0, 1.0, 1.0, 5.0]), known=FINE, effort=Effort.PLAIN)
    assert all(np.isfinite(values_of(candidate, axis.u)).all() for candidate in found)


def test_a_power_beyond_the_library_is_found_as_a_polynomial() -> None:
    assert to_text(best(3 * U**7 + 1, Effort.PLAIN).tree) == "c0*u**7"


def test_a_curve_of_which_no_polynomial_explains_anything_has_none() -> None:
    v = 1e8 + 0.2 * np.sin(2 * np.pi * 30 * (U - U[0]) / (U[-1] - U[0]))
    found = find_closed_forms(AXIS, v, known=ROUGH, effort=Effort.PLAIN)
    assert all(candidate.linear for candidate in found)


@pytest.mark.parametrize("name", ["exp", "sin", "log", "sqrt", "tanh"])
@pytest.mark.parametrize("constants", [(1.0, 0.0), (1.7, 0.3)])
def test_a_suggestion_is_a_tree_whose_first_parameter_scales_it(
    name: str, constants: tuple[float, float]
) -> None:
    a, b = constants
    fits = suggest(AXIS, 2 * np.sin(a * U + b) + 1)
    fit = next(fit for fit in fits if fit.function == name)
    found = to_candidate(fit)
    np.testing.assert_allclose(values_of(found) - found.constant, fit.c * _function(name, fit.a * U + fit.b))
    assert (found.linear, found.constant, found.error) == ((0,), fit.d, fit.error)
    assert found.parameters[0] == fit.c


def _function(name: str, u: Array) -> Array:
    return np.asarray(getattr(np, name)(u))


def test_a_function_of_the_opposite_has_no_parameter_for_its_sign() -> None:
    axis = FitPoints(-U)
    found = best(np.sqrt(U), Effort.PLAIN, axis=axis)
    assert (to_text(found.tree), found.parameters) == ("c0*sqrt(-u)", pytest.approx((1.0,)))


@pytest.mark.parametrize(
    ("law", "effort", "expected"),
    [
        (lambda u: 3 * np.sqrt(u), Effort.PLAIN, "c0*sqrt(u)"),
        (lambda u: np.exp(-1.3 * u), Effort.SINGLE, "c0*exp(c1*u)"),
        (lambda u: np.sin(1.3 * u) + u, Effort.SUMS, "c0*u + c1*sin(c2*u)"),
    ],
)
def test_more_effort_finds_more(law: object, effort: Effort, expected: str) -> None:
    v = law(U)  # type: ignore[operator]
    found = {
        level: select_best_forms(find_closed_forms(AXIS, v, known=FINE, effort=level), FINE, 50)
        for level in Effort
    }
    with_it = [level for level, forms in found.items() if expected in [to_text(form.tree) for form in forms]]
    assert with_it[0] == effort
    assert to_text(found[effort][0].tree) == expected
    assert found[effort][0].error < 1e-9


def test_a_plain_function_that_is_close_has_no_polynomials_as_rivals() -> None:
    close, far = (find_closed_forms(AXIS, v, known=FINE, effort=Effort.PLAIN) for v in (np.log(U), np.sin(U)))
    assert max(len(candidate.parameters) for candidate in close) == 1
    assert max(len(candidate.parameters) for candidate in far) > 1


def test_constants_inside_of_a_sum_are_refined() -> None:
    v = 2 * np.sin(2.7 * U) - U
    found = best(v, Effort.SUMS)
    assert found.error < 1e-12
    assert any(value == pytest.approx(2.7) for value in map(abs, found.parameters))


@pytest.mark.parametrize("exponent", [2.8, -0.43, 0.16])
def test_a_power_with_any_exponent_is_found(exponent: float) -> None:
    found = best(3 * U**exponent - 2, Effort.SINGLE)
    assert to_text(found.tree) == "c0*u**c1"
    assert found.parameters == pytest.approx((3, exponent))
    assert found.constant == pytest.approx(-2)


def test_a_logarithm_that_hardly_bends_is_found() -> None:
    u = np.linspace(0.01, 0.1, 200)
    fits = find_closed_forms(FitPoints(u), np.log(1 + u), known=FINE, effort=Effort.SINGLE)
    assert min(form.error for form in fits if to_text(form.tree) == "c0*log(u + c1)") < 1e-12


def test_a_sum_of_two_powers_is_found() -> None:
    found = best(4 * U**-12.0 - 4 * U**-6.0, Effort.SUMS)
    assert found.error < 1e-12
    assert to_text(found.tree) == "c0*u**c1 + c2*u**c3"
