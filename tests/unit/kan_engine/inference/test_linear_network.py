"""Linear functions as networks of straight lines and as formulas."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.expressions.evaluation import evaluate, variables
from kan_engine.inference.linear_network import build_linear_network, linear_formula


@given(seed=st.integers(0, 10_000), order=st.integers(1, 5), outputs=st.integers(1, 3))
def test_the_network_is_the_line_within_the_rows_and_far_beyond_them(
    seed: int, order: int, outputs: int
) -> None:
    generator = np.random.default_rng(seed)
    x = generator.normal(3, 10, (20, 3))
    slopes, intercepts = generator.normal(0, 5, (3, outputs)), generator.normal(0, 5, outputs)
    inputs = Standardizer.fit(x)
    scaler = TargetScaler.fit(x @ slopes + intercepts)
    network = build_linear_network(slopes, intercepts, inputs, scaler, order=order)
    for rows in (x, 1e4 * x):
        with torch.no_grad():
            found = scaler.inverse(network(torch.from_numpy(inputs.forward(rows))).numpy())
        np.testing.assert_allclose(found, rows @ slopes + intercepts, rtol=1e-8, atol=1e-6)


def test_columns_without_a_slope_have_no_edge_and_a_constant_has_one() -> None:
    inputs = Standardizer.fit(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    network = build_linear_network(np.array([[0.0], [2.0], [0.0]]), np.zeros(1), inputs, None)
    assert network.stack[0].mask[:, 0].tolist() == [False, True, False]
    constant = build_linear_network(np.zeros((3, 1)), np.array([7.0]), inputs, None)
    assert constant.edge_count == 1
    found = constant(torch.randn(4, 3, dtype=torch.float64)).detach()
    np.testing.assert_allclose(found, 7.0, rtol=1e-14)


def test_a_linear_formula_has_the_columns_that_count() -> None:
    tree = linear_formula(["a", "b", "c"], np.array([2.0, 0.0, -1.5]), 0.25)
    assert variables(tree) == ("a", "c")
    columns = {"a": np.array([1.0, 2.0]), "c": np.array([4.0, 0.0])}
    np.testing.assert_allclose(evaluate(tree, columns), [2 - 6 + 0.25, 4.25])
