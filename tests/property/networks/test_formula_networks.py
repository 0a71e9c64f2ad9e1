"""Laws of networks that are formulas: exact to rounding, then trained as any other network."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.errors import InvalidConfig
from kan_engine.expressions.evaluation import Expression, add, apply_function, evaluate, mul, power
from kan_engine.expressions.nodes import Variable, number
from kan_engine.network.formula_network import build_formula_network
from kan_engine.network.kan import KAN
from kan_engine.training.loop import TrainingConfig, train
from kan_engine.training.rows import TrainingRows
from kan_engine.workbench.formulas import read_formula
from tests.support.engine.networks import uniform_rows

NAMES = ("x", "y")
X = uniform_rows(100, 2) + 1.5  # positive, for powers and logarithms

columns = st.sampled_from([Variable(name) for name in NAMES])
powers = st.builds(power, columns, st.sampled_from([Fraction(n, 6) for n in range(-18, 19)]) | columns)


def larger(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Sums, products and functions that no digits are lost in."""
    operands = st.lists(parts, min_size=2, max_size=3)
    return st.one_of(
        operands.map(lambda terms: add(*terms)),
        operands.map(lambda factors: mul(*factors)),
        st.builds(apply_function, st.sampled_from(["sin", "tanh", "gaussian", "sqrt(1+x^2)"]), parts),
    )


formulas = st.recursive(columns | powers | st.floats(-3, 3).map(number), larger, max_leaves=5)


@torch.no_grad()
def assert_is(network: KAN, trees: list[Expression]) -> None:
    for output, tree in zip(network(X).numpy().T, trees, strict=True):
        values = np.broadcast_to(evaluate(tree, dict(zip(NAMES, X.numpy().T, strict=True))), len(X))
        np.testing.assert_allclose(output, values, rtol=0, atol=1e-8 * (1 + np.abs(values).max()))


@given(st.lists(formulas, min_size=1, max_size=3))
def test_a_network_is_its_formulas(trees: list[Expression]) -> None:
    assert_is(build_formula_network(trees, NAMES), trees)


@pytest.mark.parametrize(
    ("formula", "width", "products"),
    [
        ("exp(sin(pi*x) + y**2)", (2, 1, 1), 0),
        ("x*y", (2, 1, 1), 1),
        ("3 - 2*(x + sin(y))", (2, 1), 0),
        ("x + sin(x)", (2, 2, 1), 0),  # one of two ways from x to the sum has a node of its own
        ("sqrt(x)*x**2 + 0*y", (2, 2, 1, 1), (0, 1, 0)),
        ("x**13 + y", (2, 3, 3, 2, 1), (0, 1, 1, 0)),
        ("x", (2, 1), 0),
        ("sin(x*y)/(x*y)", (2, 1, 2, 1, 1), (1, 0, 1, 0)),  # equal parts are one node
    ],
)
def test_a_formula_has_as_few_nodes_as_it_needs(
    formula: str, width: tuple[int, ...], products: int | tuple[int, ...]
) -> None:
    tree = read_formula(formula, NAMES)
    network = build_formula_network([tree], NAMES)
    assert_is(network, [tree])
    assert (network.config.width, network.config.products) == (width, products)


def test_a_formula_with_another_name_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="'z', which is no input"):
        build_formula_network([Variable("z")], NAMES)


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "lbfgs", "adam"])
def test_training_corrects_a_formula(optimizer: str) -> None:
    x, y = X.T
    network = build_formula_network([read_formula("x*y**2/2", NAMES)], NAMES)
    rows = TrainingRows.create(X, (x * y**2 / 2 * (1 + 0.05 * torch.sin(4 * y)))[:, None])
    before = rows.loss(network, "squared")
    for _ in train(network, rows, TrainingConfig(optimizer=optimizer, steps=40)):
        pass
    assert rows.loss(network, "squared") < 0.3 * before
