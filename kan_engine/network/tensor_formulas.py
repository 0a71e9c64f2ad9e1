"""Formulas of tensors: functions of the library and expressions, differentiable to any order by autograd."""

from collections.abc import Mapping
from functools import cache, reduce

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.expressions.evaluation import (
    Add,
    Call,
    Constant,
    Expression,
    Mul,
    Number,
    Pow,
    Variable,
    apply_function,
    children,
    evaluate,
)
from kan_engine.expressions.formulas_of_x import find_function

_ARGUMENT = "u"


def evaluate_formula(
    tree: Expression, tensors: Mapping[str, Float[Tensor, "*rows"]]
) -> Float[Tensor, "*rows"]:
    """Evaluate a formula without parameters in every row; NaN or infinite where it is undefined.

    Args:
        tree: The formula.
        tensors: One or more columns by name, of one shape, dtype and device.
    """
    row_values = next(iter(tensors.values()))
    return _evaluate(tree, tensors).expand_as(row_values)


def _evaluate(tree: Expression, tensors: Mapping[str, Float[Tensor, "*rows"]]) -> Float[Tensor, "*values"]:
    parts = [_evaluate(part, tensors) for part in children(tree)]
    match tree:
        case Number() | Constant():
            value = next(iter(tensors.values())).new_tensor(float(evaluate(tree, {})))
        case Variable(name):
            value = tensors[name]
        case Add():
            value = reduce(torch.add, parts)
        case Mul():
            value = reduce(torch.mul, parts)
        case Pow(_, Number(exponent)):  # a number has simpler derivatives than a tensor
            value = torch.pow(parts[0], float(exponent))
        case Pow():
            value = torch.pow(parts[0], parts[1])
        case Call(function, _):
            value = getattr(torch, function)(parts[0])  # torch has all elementary functions by these names
        case _:
            raise TypeError(f"not a node of a formula without parameters: {tree!r}")
    return value


def evaluate_function(name: str, u: Float[Tensor, "*rows"]) -> Float[Tensor, "*rows"]:
    """Evaluate a function, by its name in the library or its formula in x."""
    return evaluate_formula(_write_function(name), {_ARGUMENT: u})


@cache
def _write_function(name: str) -> Expression:
    return apply_function(find_function(name), Variable(_ARGUMENT))
