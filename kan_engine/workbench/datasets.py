"""Rows of a function, inputs that depend on others, and derivatives row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Function = Callable[[Float[Tensor, "rows in_dim"]], Float[Tensor, "rows ..."]]


@dataclass(frozen=True)
class Dataset:
    """Rows to train on, and rows to test on."""

    train_input: Float[Tensor, "rows in_dim"]
    train_label: Float[Tensor, "rows out_dim"]
    test_input: Float[Tensor, "test_rows in_dim"]
    test_label: Float[Tensor, "test_rows out_dim"]


def create_dataset(
    function: Function,
    n_var: int = 2,
    *,
    ranges: Sequence[tuple[float, float]] = ((-1.0, 1.0),),
    train_num: int = 1000,
    test_num: int = 1000,
    normalize: bool = False,
    seed: int = 0,
) -> Dataset:
    """Draw inputs evenly at random, with the values of a function.

    Args:
        function: Takes the inputs of all rows; returns a value per row, or a column per output.
        n_var: Number of inputs.
        ranges: Ends of each input, or of all of them.
        train_num, test_num: Numbers of rows.
        normalize: Whether inputs and labels get the mean 0 and the standard deviation 1 of the training rows.
        seed: Of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    ends = torch.tensor(ranges, dtype=torch.float64).expand(n_var, 2)
    shares = torch.rand(train_num + test_num, n_var, generator=generator, dtype=torch.float64)
    x = ends[:, 0] + shares * (ends[:, 1] - ends[:, 0])
    y = function(x).reshape(len(x), -1)
    if normalize:
        x, y = ((values - values[:train_num].mean(0)) / values[:train_num].std(0) for values in (x, y))
    return Dataset(x[:train_num], y[:train_num], x[train_num:], y[train_num:])


def augment_input(
    functions: Sequence[Function], x: Float[Tensor, "rows in_dim"]
) -> Float[Tensor, "rows augmented"]:
    """Inputs with further columns, one for each function of the inputs."""
    return torch.cat([x, *(function(x).reshape(len(x), -1) for function in functions)], 1)


def batch_jacobian(
    function: Function, x: Float[Tensor, "rows in_dim"]
) -> Float[Tensor, "rows out_dim in_dim"]:
    """Derivatives of the outputs in the inputs of the same row; differentiable themselves."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    return _differentiate(function(x), x)


def batch_hessian(
    function: Function, x: Float[Tensor, "rows in_dim"]
) -> Float[Tensor, "rows out_dim in_dim in_dim"]:
    """Second derivatives of the outputs in the inputs of the same row; differentiable themselves."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    slopes = batch_jacobian(function, x)
    return _differentiate(slopes.flatten(1), x).view(*slopes.shape, x.shape[1])


def _differentiate(
    values: Float[Tensor, "rows columns"], x: Float[Tensor, "rows in_dim"]
) -> Float[Tensor, "rows columns in_dim"]:
    """One backward pass per column: rows are independent, so that their sum has the derivatives of all."""
    columns = values.unbind(1) if values.requires_grad else ()
    slopes = [
        torch.autograd.grad(column.sum(), x, create_graph=True, materialize_grads=True)[0]
        for column in columns
    ]
    return torch.stack(slopes, 1) if slopes else values.new_zeros(*values.shape, x.shape[1])
