"""Separability and symmetries of laws whose structure is known."""

from collections.abc import Callable

import numpy as np
import pytest
from jaxtyping import Float

from kan_engine.hypotheses.separability import find_separability, measure_composition, measure_one_variable
from kan_engine.hypotheses.symmetries import find_symmetries
from kan_engine.hypotheses.target_function import TargetFunction

Law = Callable[[Float[np.ndarray, "columns rows"]], Float[np.ndarray, " rows"]]
TOLERANCE = 1e-3


def examine(law: Law, count: int, low: float, high: float) -> TargetFunction:
    names = list("abcd"[:count])
    x = np.random.default_rng(0).uniform(low, high, (400, count))
    places = {name: (place,) for place, name in enumerate(names)}
    return TargetFunction(lambda rows: law(rows.T), x, places, frozenset(names))


def tilted(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[0] ** 2 + np.exp(x[1] + x[2]))


def scaled(x: np.ndarray) -> np.ndarray:
    return np.asarray(x[0] ** 2 * (x[1] + x[2]))


def norm(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((x**2).sum(0)))


def parallel(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 / x[0] + 1 / x[1]))


def entangled(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-x[0]) * np.sin(x[0] * x[1]))


def test_a_sum_separates_into_its_terms_and_is_no_product() -> None:
    function = examine(tilted, 3, -1, 1)
    found = find_separability(function, "sum", tolerance=TOLERANCE)
    assert (found.groups, round(found.error, 9)) == ((("a",), ("b", "c")), 0)
    assert len(find_separability(function, "product", tolerance=TOLERANCE).groups) == 1


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_a_product_separates_into_its_factors_also_beside_a_constant(constant: float) -> None:
    function = examine(lambda x: constant + scaled(x), 3, -1, 1)
    found = find_separability(function, "product", tolerance=TOLERANCE)
    assert found.groups == (("a",), ("b", "c"))
    assert found.offset == pytest.approx(constant, abs=1e-9)
    assert len(find_separability(function, "sum", tolerance=TOLERANCE).groups) == 1


def test_what_is_neither_sum_nor_product_may_be_a_function_of_a_sum() -> None:
    """The general separability of pykan (``test_general_separability``)."""
    function = examine(parallel, 2, 1, 3)
    assert [
        len(find_separability(function, mode, tolerance=TOLERANCE).groups) for mode in ("sum", "product")
    ] == [
        1,
        1,
    ]
    assert measure_composition(function, ["a"], ["b"]) < TOLERANCE
    assert measure_composition(examine(entangled, 2, 1, 3), ["a"], ["b"]) > 0.05


def test_columns_that_act_through_one_value_are_told_from_others() -> None:
    """The symmetry of pykan (``test_symmetry``)."""
    function = examine(scaled, 3, -1, 1)
    assert measure_one_variable(function, ["b", "c"]) < TOLERANCE
    assert measure_one_variable(function, ["a", "b"]) > 0.1


@pytest.mark.parametrize(
    ("law", "ends", "expected"),
    [
        (tilted, (-1, 1), {("shift", ("b", "c"), (1, -1), 0), ("mirror", ("a",), (1,), 1)}),
        (norm, (1, 3), {("scaling", ("a", "b", "c"), (1, 1, 1), 1), ("rotation", ("b", "c"), (1, 1), 0)}),
        (lambda x: np.sin(x[0] - x[1]) * x[2], (-1, 1), {("shift", ("a", "b"), (1, 1), 0)}),
        (lambda x: np.sin(x[0] - x[1]) * x[2], (-1, 1), {("exchange", ("a", "b"), (1, 1), -1)}),
        (lambda x: np.cos(3 * x[0] * x[1]) + x[2], (-1, 1), {("scaling", ("a", "b"), (1, -1), 0)}),
    ],
)
def test_symmetries_are_found(law: Law, ends: tuple[float, float], expected: set[tuple[object, ...]]) -> None:
    found = find_symmetries(examine(law, 3, *ends), tolerance=TOLERANCE)
    assert expected <= {(s.kind, s.columns, s.coefficients, s.factor) for s in found}


def test_symmetries_that_follow_from_others_are_not_told() -> None:
    found = find_symmetries(examine(lambda x: x[0] / (1 + x[1] * x[2]), 3, 1, 3), tolerance=TOLERANCE)
    assert {(s.kind, s.columns) for s in found} == {("scaling", ("a",)), ("scaling", ("b", "c"))}


def test_a_function_without_symmetries_has_none() -> None:
    assert find_symmetries(examine(entangled, 2, 1, 3), tolerance=TOLERANCE) == []
