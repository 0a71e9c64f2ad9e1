"""Equal factors of products as powers."""

import pytest

from kan_engine.expressions.evaluation import Expression, Variable, call, count_nodes, mul, power
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.factors import merge_factors

A, B, C = Variable("a"), Variable("b"), make_measured(1.5)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (mul(C, A, A), mul(C, power(A, 2))),
        (mul(A, B, power(A, 2), B), mul(power(A, 3), power(B, 2))),
        (mul(C, power(A, -1), A, B), mul(C, B)),
        (call("log", mul(A, A)) + 1, call("log", power(A, 2)) + 1),
        (mul(call("exp", A), call("exp", A)), power(call("exp", A), 2)),
    ],
    ids=["a square", "several", "a reciprocal", "inside", "a function"],
)
def test_equal_factors_become_a_power(tree: Expression, expected: Expression) -> None:
    assert merge_factors(tree) == expected


def test_other_products_stay() -> None:
    tree = mul(C, A, B, power(A, make_measured(0.5)), call("exp", A)) + A
    assert merge_factors(tree) == tree
    assert count_nodes(merge_factors(A)) == 1
