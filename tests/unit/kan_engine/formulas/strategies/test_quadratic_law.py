"""Roots of quadratic equations with polynomials, found without noise to rounding, and never with it."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.strategies.exact.algebraic_laws import find_quadratic_law

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

Law = Callable[..., np.ndarray]


def rows(law: Law, inputs: str, count: int, seed: int, noise: float = 0.0) -> LabelledRows:
    generator = np.random.default_rng(seed)
    columns = {name: generator.uniform(1, 3, count) for name in inputs}
    target = law(*columns.values()) + noise * generator.normal(size=count)
    return LabelledRows.from_columns(columns, target)


def found(law: Law, inputs: str, *, noise: float = 0.0, angles: bool = False) -> str | None:
    tree = find_quadratic_law(rows(law, inputs, 300, 0, noise), rows(law, inputs, 80, 1), angles=angles)
    return None if tree is None else to_text(tree)


def distance(c: np.ndarray, a: np.ndarray, b: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.asarray(c + np.sqrt(a**2 + b**2 - 2 * a * b * np.cos(t)))


def bound_ligand(k: np.ndarray, p: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.asarray((k + p + x - np.sqrt((k + p + x) ** 2 - 4 * p * x)) / 2)


def test_a_root_beside_a_column_is_found() -> None:
    assert (
        found(lambda x, y, z: x + np.sqrt(x**2 + y**2 + 3 * z**2), "xyz") == "x + sqrt(x**2 + y**2 + 3*z**2)"
    )


def test_the_root_with_the_sign_of_the_rows_is_found() -> None:
    text = found(bound_ligand, "kpx")
    assert text is not None
    assert "- sqrt(" in text


def test_the_law_of_cosines_needs_angles() -> None:
    assert found(distance, "cabt") is None
    assert found(distance, "cabt", angles=True) == "sqrt(a**2 - 2*a*b*cos(t) + b**2) + c"


def test_noise_leaves_no_such_law() -> None:
    assert found(bound_ligand, "kpx", noise=1e-4) is None


@settings(max_examples=15, deadline=None)
@given(p=st.integers(1, 5), q=st.integers(-4, 4).filter(bool), r=st.integers(1, 3))
def test_the_positive_root_of_any_equation_comes_back(p: int, q: int, r: int) -> None:
    """r·y² + q·u·y = p·v."""

    def law(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray((-q * u + np.sqrt((q * u) ** 2 + 4 * r * p * v)) / (2 * r))

    tree = find_quadratic_law(rows(law, "uv", 200, 0), rows(law, "uv", 60, 1))
    assert tree is not None
    fresh = rows(law, "uv", 50, 2)
    np.testing.assert_allclose(evaluate(tree, fresh.columns), fresh.y, rtol=1e-9)


def test_values_that_are_not_finite_leave_no_such_law() -> None:
    whole = rows(bound_ligand, "kpx", 100, 0)
    broken = whole.with_target(np.where(np.arange(100) == 3, np.inf, whole.y))
    with np.errstate(all="ignore"):
        assert find_quadratic_law(broken, whole) is None
