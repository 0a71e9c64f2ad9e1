"""Formulas of tensors have the values of the library, and derivatives of any order."""

import numpy as np
import pytest
import torch

from kan_engine.expressions.evaluation import Number, Parameter, Variable, call, evaluate
from kan_engine.expressions.library import LIBRARY
from kan_engine.network.tensor_formulas import evaluate_formula, evaluate_function


def points_of(name: str) -> torch.Tensor:
    low, high = LIBRARY[name].domain
    return torch.linspace(max(low, -1.7) + 0.13, min(high, 2.9) - 0.11, 9, dtype=torch.float64)


@pytest.mark.parametrize("name", LIBRARY)
def test_a_function_of_the_library_has_its_values_and_slopes(name: str) -> None:
    u = points_of(name).requires_grad_()
    value = evaluate_function(name, u)
    (slope,) = torch.autograd.grad(value.sum(), u)
    numbers = u.detach().numpy()
    np.testing.assert_allclose(value.detach(), LIBRARY[name].value(numbers), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(slope, LIBRARY[name].derivative(numbers), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["sin", "gaussian", "tanh", "x^1.5", "1/x", "planck", "erf"])
def test_its_second_derivative_is_that_of_autograd(name: str) -> None:
    u = points_of(name).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda u: evaluate_function(name, u), (u,))


def test_an_expression_is_evaluated_row_by_row_in_the_dtype_of_its_rows() -> None:
    x, y = Variable("x"), Variable("y")
    tree = 2.5 * call("exp", x * y) - x**y + call("log", Number(3))
    rows = {"x": np.array([0.5, 1.5, -2.0]), "y": np.array([2.0, 0.3, 0.5])}
    tensors = {name: torch.tensor(values, dtype=torch.float32) for name, values in rows.items()}
    value = evaluate_formula(tree, tensors)
    assert value.dtype == torch.float32
    np.testing.assert_allclose(value, evaluate(tree, rows), rtol=1e-5)
    assert value.isnan().tolist() == [False, False, True]


def test_a_formula_with_parameters_has_no_values() -> None:
    with pytest.raises(TypeError, match="without parameters"):
        evaluate_formula(Parameter(0), {"x": torch.zeros(1)})
