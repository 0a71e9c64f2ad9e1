"""Ways to write a hidden node: as a function of a sum, of a product, or of a product of powers."""

from dataclasses import replace
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
    search_outer_forms,
    select_best_combinations,
)
from tests.support.engine.laws import Law, make_sample, sampled
from tests.support.engine.readings import reading_of, write_shape

pytestmark = pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")

SAMPLE = sampled(lambda a, b: a + b, 2, 150)
A, B = SAMPLE.raw.numpy().T
READING = reading_of(SAMPLE)
OF_LOG = replace(READING, transform="log")


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


LOG_A, LOG_B = np.log(A), np.log(B)


@pytest.mark.parametrize(
    ("curves", "leaving", "expected"),
    [
        ((2 * LOG_A, -LOG_B), lambda z: np.sin(np.exp(z)), "c0*sin(c1*x1**2/x2)"),
        ((LOG_A / 2, LOG_B), lambda z: np.exp(-np.exp(2 * z)), "c0*exp(c1*x1*x2**2)"),
        ((0.7 * LOG_A, 1.4 * LOG_B), lambda z: np.exp(z / 0.7), "c0*x1*x2**2"),
        ((-LOG_A, 2 * LOG_B), lambda z: np.exp(z) + np.exp(3 * z), "c0*x2**2/x1 + c1*(x2**2/x1)**3"),
        ((LOG_A, LOG_B), lambda z: (1 + np.exp(z)) / (3 + np.exp(2 * z)), None),
    ],
)
def test_a_node_that_adds_logarithms_is_a_function_of_a_product_of_powers(
    curves: tuple[Array, ...], leaving: Law, expected: str | None
) -> None:
    found = best(node_of(*curves, leaving=leaving))
    assert expected is None or found == expected


@pytest.mark.parametrize(
    ("curves", "leaving", "expected"),
    [
        # m / √(1 - v²/c²): what is left beside a direct edge of log m
        (
            (LOG_A, -LOG_B),
            lambda z: -np.log(1 - (np.exp(z) / 4.5) ** 2) / 2,
            "-log(c0*(x1/x2)**2 + 1)/2",
        ),
        # Planck's law: 1 / (exp(f/T) - 1), beside a direct edge of 3 log f
        ((LOG_A, -LOG_B), lambda z: -np.log(np.expm1(np.exp(z))), "-log(c0*exp(c1*x1/x2) - 1)"),
        # m1² m2² (m1 + m2) with direct edges: the node knows of m1/m2 alone
        ((LOG_A, -LOG_B), lambda z: np.log(1 + np.exp(z)), "log(c0*x1/x2 + 1)"),
    ],
)
def test_where_the_network_gives_a_logarithm_such_a_node_is_one_of_a_simple_function(
    curves: tuple[Array, ...], leaving: Law, expected: str
) -> None:
    assert best(node_of(*curves, leaving=leaving), OF_LOG) == expected


def test_powers_may_move_between_a_node_and_direct_edges() -> None:
    shifted = node_of(LOG_A, -LOG_B, leaving=lambda z: np.log(1 + np.exp(z)) - z)
    assert is_exact(find_node_choices(shifted, OF_LOG)[0], shifted)


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        ((LOG_A, B), "an edge is no logarithm"),
        ((LOG_A, 0.41 * LOG_B), "an exponent is no half or third of another"),
        ((LOG_A, 7 * LOG_B), "an exponent is too large"),
        ((LOG_A, 0 * LOG_B), "an edge is flat"),
    ],
)
def test_other_nodes_are_no_products_of_powers(curves: tuple[Array, ...], reason: str) -> None:
    choices = find_node_choices(node_of(*curves, leaving=lambda z: z), READING)
    w = "x1*x2", "x1/x2", "x2/x1", "x1**"
    assert choices, reason
    assert not any(part in to_text(choice.total.tree) for choice in choices for part in w), reason


def test_over_inputs_that_are_not_positive_there_are_no_products_of_powers() -> None:
    sample = sampled(lambda a, b: a + b, 2, 150, low=-1.0, high=1.0)
    a, b = sample.raw.numpy().T
    choices = find_node_choices(node_of(a, b, leaving=np.exp), reading_of(sample))
    assert write_shape(choices[0].total) in ("c0*exp(c1*x1 + c2*x2)", "c0*exp(c1*x2 + c2*x1)")


def test_a_product_that_is_one_number_on_all_rows_is_none_to_read() -> None:
    raw = np.stack([A, 1 / A], 1)
    reading = reading_of(make_sample(raw, SAMPLE.rows.y))
    node = replace(node_of(LOG_A, -LOG_A, leaving=lambda z: z), leaving=A)
    assert not any("x1*x2" in to_text(choice.total.tree) for choice in find_node_choices(node, reading))


def test_choices_come_best_first_and_not_too_many() -> None:
    choices = find_node_choices(node_of(LOG_A, -LOG_B, leaving=np.sin), READING)
    scores = [choice.score for choice in choices]
    assert scores == sorted(scores)
    assert len(scores) == 24


@pytest.mark.parametrize("count", [1, 3, 100])
def test_combinations_come_in_the_order_of_their_sums(count: int) -> None:
    parts = [[0.0, 0.3, 0.9], [0.0, 0.5], [0.1, 0.2]]
    expected = sorted(product(*parts), key=sum)[:count]
    found = select_best_combinations(parts, count, lambda score: score)
    assert [sum(picks) for picks in found] == pytest.approx([sum(picks) for picks in expected])


def test_what_leaves_a_node_that_multiplies_may_be_a_sum() -> None:
    node = node_of(A - 1, B - 1, leaving=lambda z: z + np.sin(z), is_product=True)
    assert any(
        "sin" in to_text(choice.total.tree) and is_exact(choice, node)
        for choice in find_node_choices(node, READING)
    )


def test_what_leaves_a_node_that_adds_may_be_a_logarithm_of_a_function() -> None:
    node = node_of(A, -B, leaving=lambda z: 2 * np.log(np.cos(z / 2)))
    choices = find_node_choices(node, OF_LOG)
    assert any("cos(" in to_text(choice.total.tree) and is_exact(choice, node) for choice in choices)


def is_exact(choice: Choice, node: NodeCurves) -> bool:
    return bool(np.abs(values_of(choice) - node.leaving).max() < 1e-6)


def test_longer_forms_are_not_looked_for_where_one_function_will_do() -> None:
    node = node_of(A, B, leaving=np.exp)
    assert search_outer_forms(node, fit_outer_functions(node, READING), READING) == []
