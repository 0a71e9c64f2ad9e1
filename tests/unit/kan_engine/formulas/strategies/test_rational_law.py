"""Quotients of polynomials: found without noise to rounding, and never with it."""

from collections.abc import Callable

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.strategies.exact.algebraic_laws import find_rational_law

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

Law = Callable[..., np.ndarray]


def rows(law: Law, inputs: str, count: int, seed: int, noise: float = 0.0) -> LabelledRows:
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(1, 3, count) for name in inputs}
    clean = law(*columns.values())
    return LabelledRows.from_columns(columns, clean + noise * generator.normal(size=count))


def found(law: Law, inputs: str, *, noise: float = 0.0, angles: bool = False) -> str | None:
    tree = find_rational_law(rows(law, inputs, 300, 0, noise), rows(law, inputs, 80, 1, noise), angles=angles)
    return None if tree is None else to_text(tree)


@pytest.mark.parametrize(
    ("law", "inputs", "text"),
    [
        (lambda u, v, c: (u + v) / (1 + u * v / c**2), "uvc", "(u + v)/(u*v/c**2 + 1)"),
        (lambda a, n: 2 * a * n / (5 - a * n / 3), "an", "6*a*n/(15 - a*n)"),
        (lambda a, b: a**2 - 3 * a * b + 0.5, "ab", "a**2 - 3*a*b + 1/2"),
    ],
)
def test_a_quotient_of_polynomials_comes_back_as_it_was_written(law: Law, inputs: str, text: str) -> None:
    assert found(law, inputs) == text


def test_a_polynomial_of_one_column_may_have_a_high_degree() -> None:
    parts = [np.random.default_rng(seed).uniform(-1, 1, 300) for seed in (0, 1)]
    tree = find_rational_law(*(LabelledRows.from_columns({"x": x}, x**12 + x**3 - x) for x in parts))
    assert tree is not None
    assert to_text(tree) == "x**12 + x**3 - x"


def test_the_root_of_a_quotient_is_found_by_the_square_of_the_target() -> None:
    assert found(lambda a, b: np.sqrt(a / (a + b**2)), "ab") in (
        "sqrt(a/(a + b**2))",
        "sqrt(a)/sqrt(a + b**2)",
    )


def test_angles_take_part_by_their_cosines_where_they_are_asked_for() -> None:
    def law(a: np.ndarray, t: np.ndarray) -> np.ndarray:
        return np.asarray(a / (2 + a * np.cos(t)))

    assert found(law, "at") is None
    assert found(law, "at", angles=True) == "a/(a*cos(t) + 2)"


def test_the_cosine_of_the_target_may_be_a_quotient() -> None:
    assert found(lambda a, b: np.arccos(a / (a + b)), "ab") == "acos(a/(a + b))"


def test_noise_leaves_no_such_law() -> None:
    assert found(lambda a, b: a / (a + b), "ab", noise=1e-4) is None


def test_a_law_that_is_no_quotient_is_not_found() -> None:
    assert found(lambda a, b: np.exp(a) + np.sin(3 * b), "ab") is None


def test_the_search_ends_when_it_is_told_to() -> None:
    data = rows(lambda a, b: a / b, "ab", 100, 0)
    assert find_rational_law(data, data, lambda: True) is None
