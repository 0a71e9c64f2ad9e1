"""Functions of one edge: the right one comes first, with its constants."""

from functools import cache

import numpy as np
import pytest

from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, fit_plain_functions, suggest

U = np.linspace(0.4, 2.1, 300)
AXIS = FitPoints(U)

LAWS = {
    "x": (1.0, 0.0),
    "x^2": (1.0, 0.7),
    "1/x": (1.0, 0.5),
    "sqrt": (1.0, 0.3),
    "exp": (1.4, 0.0),
    "log": (1.0, 0.6),
    "sin": (2.2, 0.4),
    "tan": (0.5, -0.3),
    "tanh": (1.7, -2.0),
    "atan": (2.0, -2.5),
    "asin": (0.4, 0.05),
    "gaussian": (1.5, -1.8),
    "planck": (1.2, 0.1),
    "abs": (1.0, -1.1),
}


@cache
def suggestions(name: str) -> dict[str, Suggestion]:
    """The best fit of every function to the law of this name."""
    a, b = LAWS[name]
    v = -1.3 * LIBRARY[name].value(a * U + b) + 0.2
    return {fit.function: fit for fit in reversed(suggest(AXIS, v))}


@pytest.mark.parametrize("name", LAWS)
def test_the_function_behind_a_curve_fits_it_to_rounding(name: str) -> None:
    fit = suggestions(name)[name]
    assert fit.error < 1e-7
    assert fit.r2 == pytest.approx(1)


@pytest.mark.parametrize("name", ["sin", "tanh", "gaussian", "log"])
def test_a_wrong_function_is_orders_of_magnitude_behind(name: str) -> None:
    fits = suggestions(name)
    same = {"sin": {"cos"}, "tanh": {"sigmoid"}}.get(name, set())  # equal up to a and b
    others = [fit.error for function, fit in fits.items() if function not in {name} | same]
    assert min(others) > 1e3 * fits[name].error


def test_the_error_function_is_not_suggested_since_it_imitates_others() -> None:
    assert "erf" not in {fit.function for fit in suggest(AXIS, LIBRARY["erf"].value(U))}


def test_what_is_suggested_is_defined_on_the_whole_curve() -> None:
    u = np.linspace(-1, 1, 101)
    fits = suggest(FitPoints(u), u**3)
    assert "1/x" in {fit.function for fit in fits}  # with its pole beyond the curve
    assert all(np.isfinite(LIBRARY[fit.function].value(fit.a * u + fit.b)).all() for fit in fits)


def test_a_function_that_would_be_bent_straight_is_not_suggested() -> None:
    fits = suggest(AXIS, 3 * U - 1)
    reaches = [abs(fit.a) * (U[-1] - U[0]) for fit in fits if not LIBRARY[fit.function].is_scale_free]
    assert fits[0].function == "x"
    assert min(reaches) >= 0.1


def test_a_curve_that_does_not_vary_needs_no_function() -> None:
    assert all(fit.c == 0 for fit in suggest(AXIS, np.full(len(U), 2.5)))


def test_nothing_is_suggested_over_an_input_that_does_not_vary() -> None:
    assert suggest(FitPoints(np.full(50, 1.5)), np.linspace(0, 1, 50)) == []


def test_complexity_counts_the_constants_that_are_no_ones_or_zeros() -> None:
    plain, full = Suggestion("sin", 1, 0, 2, 3, r2=1, error=0), Suggestion("sin", 2, 1, 2, 3, r2=1, error=0)
    assert full.complexity == plain.complexity + 2


def test_rows_are_compared_in_the_order_of_what_enters() -> None:
    u = np.random.default_rng(0).permutation(U)
    axis = FitPoints(u)
    assert len(axis.u) == 120
    assert (np.diff(axis.u) > 0).all()
    np.testing.assert_array_equal(axis.subsample(u**2), axis.u**2)


def test_few_rows_are_all_compared() -> None:
    np.testing.assert_array_equal(FitPoints(np.array([3.0, 1.0, 2.0])).u, [1.0, 2.0, 3.0])


def test_the_order_of_the_rows_does_not_matter() -> None:
    u = np.random.default_rng(0).permutation(U)
    assert suggest(FitPoints(u), np.tanh(2 * u - 1)) == suggest(AXIS, np.tanh(2 * U - 1))


def test_plain_fits_are_functions_without_constants_inside() -> None:
    fits = fit_plain_functions(AXIS, 2 * np.sqrt(U) + 3)
    assert {(abs(fit.a), fit.b, fit.e) for fit in fits} == {(1.0, 0.0, 0.0)}
    best = min(fits, key=lambda fit: fit.error)
    assert best.function == "sqrt"
    assert (best.c, best.d) == pytest.approx((2, 3))


def test_a_root_of_what_is_negative_is_that_of_its_opposite() -> None:
    fit = min(fit_plain_functions(FitPoints(-U), np.sqrt(U)), key=lambda fit: fit.error)
    assert (fit.function, fit.a, fit.c) == ("sqrt", -1.0, pytest.approx(1))


AROUND = np.linspace(-1.0, 2.0, 200)


@pytest.mark.parametrize(
    ("name", "a", "b", "c", "e"),
    [
        ("exp", 1.3, 0.0, 1.0, -2.0),
        ("sin", 2.0, 0.3, 3.0, 0.5),
        ("log", 1.0, 2.0, 1.0, 1.0),
        ("x^3", 1.0, 0.0, -1.0, 4.0),
        ("tanh", 1.8, -0.7, 1.0, -0.3),
    ],
)
def test_a_function_is_found_beside_a_line(name: str, a: float, b: float, c: float, e: float) -> None:
    v = c * LIBRARY[name].value(a * AROUND + b) + 0.7 + e * AROUND
    best = next(f for f in suggest(FitPoints(AROUND), v, beside_a_line=True) if f.function == name)
    fitted = best.c * LIBRARY[name].value(best.a * AROUND + best.b) + best.d + best.e * AROUND
    assert best.error < 1e-7
    assert best.e == pytest.approx(e, abs=1e-5)
    np.testing.assert_allclose(fitted, v, atol=1e-6)


def test_a_line_is_added_only_where_it_may_be() -> None:
    v = np.exp(1.3 * AROUND) - 2 * AROUND
    alone, beside = (suggest(FitPoints(AROUND), v, beside_a_line=may) for may in (False, True))
    assert {fit.e for fit in alone} == {0.0}
    assert beside[0].error < 1e-7 < alone[0].error


@pytest.mark.parametrize("unit", [1e-40, 1e-19, 1e-6, 1e6, 1e19, 1e40])
def test_the_unit_of_the_input_does_not_matter(unit: float) -> None:
    best = suggest(FitPoints(unit * U), np.sin(3 * U))[0]
    assert best.function in {"sin", "cos"}
    assert best.error < 1e-7
