"""Functions of one edge: the right one comes first, with its constants."""

from functools import cache

import numpy as np
import pytest

from kan_engine.edges import PLACEHOLDER, SCALE_FREE, Candidate, Suggestion, candidates, suggest
from kan_engine.expression import evaluate
from kan_engine.library import LIBRARY
from kan_engine.printers import to_text

U = np.linspace(0.4, 2.1, 300)

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
    "abs": (1.0, -1.1),
}


@cache
def suggestions(name: str) -> dict[str, Suggestion]:
    """The best fit of every function to the law of this name."""
    a, b = LAWS[name]
    v = -1.3 * LIBRARY[name].value(a * U + b) + 0.2
    return {fit.function: fit for fit in reversed(suggest(U, v))}


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


def test_what_is_suggested_is_defined_on_the_whole_curve() -> None:
    u = np.linspace(-1, 1, 101)
    fits = suggest(u, u**3)
    assert "1/x" in {fit.function for fit in fits}  # with its pole beyond the curve
    assert all(np.isfinite(LIBRARY[fit.function].value(fit.a * u + fit.b)).all() for fit in fits)


def test_a_function_that_would_be_bent_straight_is_not_suggested() -> None:
    fits = suggest(U, 3 * U - 1)
    reaches = [abs(fit.a) * (U[-1] - U[0]) for fit in fits if fit.function not in SCALE_FREE]
    assert fits[0].function == "x"
    assert min(reaches) >= 0.1


def test_a_curve_that_does_not_vary_is_a_constant() -> None:
    flat = np.full(len(U), 2.5)
    assert suggest(U, flat) == []
    (constant,) = candidates(U, flat, floor=1e-6, pairs=True, keep=5)
    assert (to_text(constant.tree), constant.parameters, constant.constant) == ("0", (), 2.5)


@pytest.mark.parametrize("unit", [1e-60, 1e60])
def test_powers_that_leave_the_numbers_are_no_candidates(unit: float) -> None:
    found = candidates(unit * U, np.sin(U) * U**3, floor=1e-6, pairs=False, keep=50)
    assert all(np.isfinite(form.parameters).all() and all(form.parameters) for form in found)


def test_complexity_counts_the_constants_that_are_no_ones_or_zeros() -> None:
    plain, full = Suggestion("sin", 1, 0, 2, 3, r2=1, error=0), Suggestion("sin", 2, 1, 2, 3, r2=1, error=0)
    assert full.complexity == plain.complexity + 2


def test_an_error_below_the_floor_earns_nothing() -> None:
    def form(error: float) -> Candidate:
        return Candidate(PLACEHOLDER, (), (), 0.0, error, complexity=1)

    assert form(1e-12).score(1e-3) == pytest.approx(form(1e-9).score(1e-3), abs=1e-5)
    assert form(1e-12).score(1e-3) < form(1e-1).score(1e-3)


def test_candidates_are_sorted_by_score_and_cut() -> None:
    found = candidates(U, np.exp(U), floor=1e-6, pairs=False, keep=4)
    scores = [form.score(1e-6) for form in found]
    assert scores == sorted(scores)
    assert len(found) == 4


def test_a_polynomial_is_found_with_its_coefficients() -> None:
    v = U + 2 * U**2 - 0.5 * U**4
    best = candidates(U, v, floor=1e-9, pairs=False, keep=5)[0]
    values = evaluate(best.tree, {PLACEHOLDER.name: U}, best.parameters) + best.constant
    np.testing.assert_allclose(values, v, atol=1e-8)
    assert len(best.parameters) <= 4


@pytest.mark.parametrize(
    "law",
    [
        lambda u: u * np.exp(-u) + 3 * u**2,
        lambda u: np.sin(u) + 0.5 * np.log(u),
        lambda u: 2 * u - np.cos(3 * u),
    ],
)
def test_a_sum_of_two_terms_is_found_in_closed_form(law: object) -> None:
    v = law(U)  # type: ignore[operator]
    best = candidates(U, v, floor=1e-9, pairs=True, keep=5)[0]
    values = evaluate(best.tree, {PLACEHOLDER.name: U}, best.parameters) + best.constant
    np.testing.assert_allclose(values, v, atol=1e-7)
