"""Ways to write a hidden node: as a function of a sum or of a product."""

from itertools import product

import numpy as np
import pytest

from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.reading.edge_candidates import Choice, ExtractionContext
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.network_curves import NodeCurves
from kan_engine.formulas.reading.node_candidates import (
    find_node_choices,
    fit_outer_functions,
    select_best_combinations,
)
from tests.support.engine.laws import Law, sampled
from tests.support.engine.readings import reading_of, write_shape

pytestmark = pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")

SAMPLE = sampled(lambda a, b: a + b, 2, 150)
A, B = SAMPLE.raw.numpy().T
READING = reading_of(SAMPLE)


def node_of(*curves: Array, leaving: Law, is_product: bool = False) -> NodeCurves:
    edges = np.stack(curves, 1)
    value = edges.prod(1) if is_product else edges.sum(1)
    return NodeCurves(dict(enumerate(curves)), value, leaving(value), is_product=is_product)


def best(node: NodeCurves, reading: ExtractionContext = READING) -> str:
    """The first choice, which must give what leaves the node."""
    choice = find_node_choices(node, reading)[0]
    np.testing.assert_allclose(values_of(choice), node.leaving, atol=1e-7 * np.abs(node.leaving).max())
    return write_shape(choice.total)


def values_of(choice: Choice) -> Array:
    return evaluate(choice.total.tree, {"x1": A, "x2": B})


@pytest.mark.parametrize(
    ("curves", "leaving", "expected"),
    [
        ((A**2, 3 * B), lambda z: np.exp(-z), "c0*exp(c1*x2 + c2*x1**2)"),
        ((A**2, -3 * B), np.sin, "c0*sin(c1*x2 + c2*x1**2 + c3)"),
        ((np.sin(A), B + 2), np.sqrt, "c0*sqrt(x2 + c1*sin(c2*x1) + c3)"),
        ((A, 1 / B), lambda z: 5 * z, "c0*x1 + c1/x2"),
    ],
)
def test_a_node_that_adds_is_a_function_of_a_sum(
    curves: tuple[Array, ...], leaving: Law, expected: str
) -> None:
    assert best(node_of(*curves, leaving=leaving)) == expected


def test_only_the_functions_that_are_given_leave_a_node() -> None:
    node = node_of(A, B, leaving=np.exp)
    cosine = next(fit for fit in fit_outer_functions(node, READING) if fit.function == "cos")
    choices = find_node_choices(node, READING, [cosine])
    assert {"cos" in to_text(choice.total.tree) for choice in choices} == {True}


@pytest.mark.parametrize(
    ("curves", "leaving", "expected"),
    [
        ((A + 0.5, B), lambda z: 2 * z, "c0*(x1 + c1)*x2"),
        ((A, B), lambda z: 2 * z, "c0*x1*x2"),
        ((2 * np.sin(A) + 1, B**2), lambda z: 3 * z, "c0*(sin(c1*x1) + c2)*x2**2"),
        ((A + 0.5, B), np.cos, "c0*cos(c1*(x1 + c2)*x2)"),
        ((A, B), lambda z: np.exp(z) - 1, "c0*exp(c1*x1*x2)"),
        ((A, B), lambda z: np.arctan(2 * z - 3), "c0*atan(c1*x1*x2 + c2)"),
    ],
)
def test_a_node_that_multiplies_has_factors_with_the_offsets_that_they_need(
    curves: tuple[Array, ...], leaving: Law, expected: str
) -> None:
    assert best(node_of(*curves, leaving=leaving, is_product=True)) == expected


def test_a_factor_that_does_not_vary_makes_no_product() -> None:
    assert find_node_choices(node_of(A, np.ones_like(B), leaving=lambda z: z, is_product=True), READING) == []


def test_choices_come_best_first_and_not_too_many() -> None:
    choices = find_node_choices(node_of(np.log(A), -np.log(B), leaving=np.sin), READING)
    scores = [choice.score for choice in choices]
    assert scores == sorted(scores)
    assert len(scores) == 24


@pytest.mark.parametrize("count", [1, 3, 100])
def test_combinations_come_in_the_order_of_their_sums(count: int) -> None:
    parts = [[0.0, 0.3, 0.9], [0.0, 0.5], [0.1, 0.2]]
    expected = sorted(product(*parts), key=sum)[:count]
    found = select_best_combinations(parts, count, lambda score: score)
    assert [sum(picks) for picks in found] == pytest.approx([sum(picks) for picks in expected])
