"""Functions of one edge: the right one comes first, with its constants."""

import numpy as np
import pytest

from kan_engine.edges import PLACEHOLDER, candidates, suggest
from kan_engine.expression import evaluate
from kan_engine.library import LIBRARY

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


@pytest.mark.parametrize("name", LAWS)
def test_the_function_behind_a_curve_fits_it_to_rounding(name: str) -> None:
    a, b = LAWS[name]
    v = -1.3 * LIBRARY[name].value(a * U + b) + 0.2
    fits = {fit.function: fit for fit in reversed(suggest(U, v))}
    assert fits[name].error < 1e-7
    assert fits[name].r2 == pytest.approx(1)


@pytest.mark.parametrize("name", ["sin", "tanh", "gaussian", "log"])
def test_a_wrong_function_is_orders_of_magnitude_behind(name: str) -> None:
    a, b = LAWS[name]
    v = LIBRARY[name].value(a * U + b)
    errors = sorted(
        {fit.function: fit.error for fit in reversed(suggest(U, v))}.items(), key=lambda item: item[1]
    )
    same = {"sin": {"cos"}, "tanh": {"sigmoid"}}.get(name, set())  # equal up to a and b
    others = [error for function, error in errors if function not in {name} | same]
    assert others[0] > 1e3 * dict(errors)[name]


def test_functions_that_are_not_defined_on_the_curve_are_not_suggested() -> None:
    names = {fit.function for fit in suggest(np.linspace(-1, 1, 100), np.linspace(-1, 1, 100) ** 3)}
    assert "1/x" not in names or all(np.isfinite(fit.c) for fit in suggest(U, U))


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
