"""Evaluate formulas, differentiate them by their parameters, measure their complexity, store them as JSON.

The module also exports the nodes and builders of ``nodes.py``. Algebra is in ``simplification``, output as
text in ``printing``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kan_engine.errors import ArtifactError
from kan_engine.expressions.library import LIBRARY, Values, power_value
from kan_engine.expressions.nodes import (
    CONSTANTS,
    HALF,
    MINUS_ONE,
    ONE,
    PI,
    ZERO,
    Add,
    Call,
    Constant,
    Expression,
    Mul,
    Number,
    Operand,
    Parameter,
    Pow,
    Variable,
    add,
    apply_function,
    bind,
    call,
    children,
    is_affine,
    is_constant,
    mul,
    number,
    parametrize_floats,
    power,
    rebuild,
    substitute,
    to_expression,
    variables,
    walk,
)

__all__ = [
    "CONSTANTS",
    "HALF",
    "MINUS_ONE",
    "ONE",
    "PI",
    "ZERO",
    "Add",
    "Call",
    "Constant",
    "Evaluation",
    "Expression",
    "Mul",
    "Number",
    "Operand",
    "Parameter",
    "Pow",
    "TreeJson",
    "Variable",
    "add",
    "apply_function",
    "bind",
    "call",
    "children",
    "complexity",
    "count_nodes",
    "evaluate",
    "evaluate_node",
    "from_json",
    "is_affine",
    "is_constant",
    "mul",
    "number",
    "parametrize_floats",
    "pass_adjoint",
    "power",
    "rebuild",
    "substitute",
    "to_expression",
    "to_json",
    "value_and_jacobian",
    "variables",
    "walk",
]

# One node; its first key names the kind. What checks types at run time cannot resolve the recursion.
if TYPE_CHECKING:
    TreeJson = dict[str, "str | int | TreeJson | list[TreeJson]"]
else:
    TreeJson = dict


def evaluate(
    tree: Expression, columns: Mapping[str, NDArray[Any]], parameters: Sequence[Any] | NDArray[Any] = ()
) -> NDArray[np.float64]:
    """Evaluate the formula in every row.

    Args:
        tree: The formula.
        columns: Arrays by the names of the variables, all of one shape.
        parameters: A number for each Parameter, or arrays that broadcast with the columns: of shape
            [P, B, 1] they evaluate B parameter sets at once.

    Returns:
        Values of the broadcast shape; NaN or infinite where the formula is undefined, without a warning.
    """
    with np.errstate(all="ignore"):
        value = _trace_values(tree, columns, parameters).value
    return np.array(np.broadcast_to(value, _broadcast_shape(value, columns)), dtype=np.float64)


def value_and_jacobian(
    tree: Expression, columns: Mapping[str, NDArray[Any]], parameters: Sequence[Any] | NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values [N] and their derivatives with respect to the parameters [N, P].

    The derivatives come from one backward pass (reverse accumulation): every node passes its adjoint ∂v/∂node
    to its children, for all rows at once.
    """
    evaluation = Evaluation.at(tree, columns, parameters)
    return evaluation.values(), evaluation.jacobian()


@dataclass(slots=True)
class _Trace:
    """A node with its value, for the backward pass."""

    tree: Expression
    value: Values
    parts: tuple["_Trace", ...]
    depends: bool  # whether the node contains a parameter


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A formula evaluated in every row with one set of parameters."""

    _trace: _Trace
    _columns: Mapping[str, NDArray[Any]]
    _parameter_count: int

    @staticmethod
    def at(
        tree: Expression, columns: Mapping[str, NDArray[Any]], parameters: Sequence[Any] | NDArray[Any]
    ) -> "Evaluation":
        """Evaluate the formula."""
        with np.errstate(all="ignore"):
            return Evaluation(_trace_values(tree, columns, parameters), columns, len(parameters))

    def move(self, parameters: Sequence[Any] | NDArray[Any]) -> "Evaluation":
        """Evaluate the formula with other parameters; parts without a parameter keep their values."""
        with np.errstate(all="ignore"):
            trace = _retrace_values(self._trace, self._columns, parameters)
        return Evaluation(trace, self._columns, len(parameters))

    def values(self) -> NDArray[np.float64]:
        """Return the values [N]."""
        return np.array(np.broadcast_to(self._trace.value, self._shape), dtype=np.float64)

    def jacobian(self) -> NDArray[np.float64]:
        """Return the derivatives with respect to the parameters [N, P]."""
        gradients: list[Values] = [0.0] * self._parameter_count
        with np.errstate(all="ignore"):
            _accumulate_gradients(self._trace, 1.0, gradients)
        jacobian = np.empty((*self._shape, len(gradients)))
        for index, gradient in enumerate(gradients):
            jacobian[..., index] = gradient
        return jacobian

    @property
    def _shape(self) -> tuple[int, ...]:
        return _broadcast_shape(self._trace.value, self._columns)


def _broadcast_shape(value: Values, columns: Mapping[str, NDArray[Any]]) -> tuple[int, ...]:
    return np.broadcast_shapes(np.shape(value), *(np.shape(column) for column in columns.values()))


def _trace_values(tree: Expression, columns: Mapping[str, NDArray[Any]], parameters: Any) -> _Trace:
    parts = tuple(_trace_values(part, columns, parameters) for part in children(tree))
    value = evaluate_node(tree, [part.value for part in parts], columns, parameters)
    return _Trace(tree, value, parts, isinstance(tree, Parameter) or any(part.depends for part in parts))


def _retrace_values(trace: _Trace, columns: Mapping[str, NDArray[Any]], parameters: Any) -> _Trace:
    if not trace.depends:
        return trace
    parts = tuple(_retrace_values(part, columns, parameters) for part in trace.parts)
    value = evaluate_node(trace.tree, [part.value for part in parts], columns, parameters)
    return _Trace(trace.tree, value, parts, depends=True)


def evaluate_node(
    tree: Expression, parts: Sequence[Values], columns: Mapping[str, NDArray[Any]], parameters: Any = ()
) -> Values:
    """Evaluate one node, given the values of its children."""
    value: Values
    match tree:
        case Number(exact):
            value = float(exact)
        case Constant(name):
            value = CONSTANTS[name]
        case Parameter(index):
            value = parameters[index]
        case Variable(name):
            value = np.asarray(columns[name], dtype=np.float64)
        case Add():
            value = sum(parts[1:], start=parts[0])
        case Mul():
            value = prod(parts[1:], start=parts[0])
        case Pow():
            value = _evaluate_power(parts[0], parts[1])
        case Call(function, _):
            value = LIBRARY[function].of(parts[0])
        case _:
            raise TypeError(f"not a node of a formula: {tree!r}")
    return value


def _evaluate_power(base: Values, exponent: Values) -> Values:
    return power_value(base, exponent) if isinstance(exponent, float) else np.power(base, exponent)


def _accumulate_gradients(trace: _Trace, adjoint: Values, gradients: list[Values]) -> None:
    """Add the contribution of ``trace`` to the gradients, given ``adjoint`` = ∂v/∂trace."""
    if isinstance(trace.tree, Parameter):
        gradients[trace.tree.index] = gradients[trace.tree.index] + adjoint
        return
    values = [part.value for part in trace.parts]
    for place, part in enumerate(trace.parts):
        if part.depends:
            passed = pass_adjoint(trace.tree, place, values, trace.value, adjoint)
            _accumulate_gradients(part, passed, gradients)


def pass_adjoint(
    tree: Expression, place: int, parts: Sequence[Values], value: Values, adjoint: Values
) -> Values:
    """Compute the adjoint ∂v/∂child of a node's child from that of the node.

    Args:
        tree: The node.
        place: Index of the child.
        parts: Values of all children.
        value: Value of the node.
        adjoint: ∂v/∂node.
    """
    match tree:
        case Add():
            return adjoint
        case Mul():
            return prod((other for at, other in enumerate(parts) if at != place), start=adjoint)
        case Pow() if place == 0:
            base, exponent = parts
            return adjoint * exponent * _evaluate_power(base, exponent - 1)
        case Pow():
            slope = np.where(value == 0, 0.0, value * np.log(parts[0]))  # 0^e stays 0
            return adjoint * slope
        case Call(function, _):
            steepness: Values = LIBRARY[function].slope(parts[0])
            return adjoint * steepness
    raise TypeError(f"not a node with children: {tree!r}")


def count_nodes(tree: Expression) -> int:
    """Return the number of nodes of a tree, which is that of SymPy: 9 for ``exp(sin(x1) - x2**2)``.

    Symbolic regression measures the size of a model so (SRBench, La Cava et al., NeurIPS 2021).
    """
    return sum(1 for _ in walk(tree))


def complexity(tree: Expression) -> int:
    """Return the number of symbols in a formula: 6 for ``exp(sin(x1) - x2**2)`` (exp, sin, x1, -, **, x2).

    Variables, functions and binary operators count 1 each. A constant counts 1, however it is written
    (2, 0.37, 3*pi/2). An exponent that is an integer or 1/2 is part of its operator. A sign that turns an
    addition into a subtraction counts 0, and so does a reciprocal that turns a multiplication into a
    division; any other sign or reciprocal counts 1.
    """
    if is_constant(tree):
        return 1
    match tree:
        case Add(terms):
            return _complexity_of_sum(terms)
        case Mul(factors):
            return _complexity_of_product(factors)
        case Pow(base, exponent):
            return _complexity_of_power(base, exponent) + (1 if _is_negative(exponent) else 0)
        case Call(_, argument):
            return 1 + complexity(argument)
    return 1


def _complexity_of_sum(terms: tuple[Expression, ...]) -> int:
    varying = [term for term in terms if not is_constant(term)]
    count = len(varying) + (1 if len(varying) < len(terms) else 0)
    signs = [_is_negative(term.factors[0] if isinstance(term, Mul) else term) for term in terms]
    unsigned = [
        mul(*term.factors[1:]) if isinstance(term, Mul) and term.factors[0] == MINUS_ONE else term
        for term in varying
    ]
    leading_sign = 1 if all(signs) else 0
    return sum(map(complexity, unsigned)) + (count - len(varying)) + (count - 1) + leading_sign


def _complexity_of_product(factors: tuple[Expression, ...]) -> int:
    varying = [factor for factor in factors if not is_constant(factor)]
    has_constant = len(varying) < len(factors)
    parts = [
        _complexity_of_power(factor.base, factor.exponent) if isinstance(factor, Pow) else complexity(factor)
        for factor in varying
    ]
    if has_constant and [factor for factor in factors if is_constant(factor)] == [MINUS_ONE]:
        return sum(parts) + len(varying)  # the sign counts 1, the operators len(varying) - 1
    only_divisors = not has_constant and all(isinstance(f, Pow) and _is_negative(f.exponent) for f in varying)
    count = len(varying) + (1 if has_constant else 0)
    return sum(parts) + (1 if has_constant else 0) + (count - 1) + (1 if only_divisors else 0)


def _complexity_of_power(base: Expression, exponent: Expression) -> int:
    """Return the complexity of the power with the absolute value of its exponent."""
    if not is_constant(exponent):
        return complexity(base) + 1 + complexity(exponent)
    value = exponent.value if isinstance(exponent, Number) else Fraction(1, 3)  # counts like π: as a constant
    whole_or_half = float(value).is_integer() or abs(value) == 0.5
    operator = 0 if value == -1 else 1
    return complexity(base) + operator + (0 if whole_or_half else 1)


def _is_negative(tree: Expression) -> bool:
    return isinstance(tree, Number) and tree.value < 0


def to_json(tree: Expression) -> TreeJson:
    """Return the tree as JSON, with numbers as strings ("1/3", "0.1"), which no parser rounds."""
    match tree:
        case Number(value):
            data: TreeJson = {"number": str(value) if isinstance(value, Fraction) else repr(float(value))}
        case Constant(name):
            data = {"constant": name}
        case Parameter(index):
            data = {"parameter": index}
        case Variable(name):
            data = {"variable": name}
        case Call(function, argument):
            data = {"call": function, "of": to_json(argument)}
        case _:
            kind = {Add: "add", Mul: "mul", Pow: "pow"}[type(tree)]
            data = {kind: [to_json(part) for part in children(tree)]}
    return data


def from_json(data: Any, *, max_depth: int = 200) -> Expression:
    """Restore a tree from the output of ``to_json``, without folding or reordering.

    Args:
        data: The JSON.
        max_depth: Largest number of nested levels.

    Raises:
        ArtifactError: The data are not a formula, or it is nested too deeply.
    """
    return _parse_node(data, max_depth, max_depth)


def _parse_node(data: Any, levels: int, most: int) -> Expression:
    """Parse one node with at most ``levels`` of the ``most`` levels of nodes below it."""
    if levels < 0:
        raise ArtifactError(f"the formula is nested deeper than {most} levels")
    match data:
        case {"number": str(text)}:
            tree: Expression = _parse_number(text)
        case {"constant": str(name)} if name in CONSTANTS:
            tree = Constant(name)
        case {"parameter": int(index)} if index >= 0:
            tree = Parameter(index)
        case {"variable": str(name)}:
            tree = Variable(name)
        case {"call": str(function), "of": argument} if function in LIBRARY and LIBRARY[function].elementary:
            tree = Call(function, _parse_node(argument, levels - 1, most))
        case {"add": [_, _, *_] as terms}:
            tree = Add(tuple(_parse_node(term, levels - 1, most) for term in terms))
        case {"mul": [_, _, *_] as factors}:
            tree = Mul(tuple(_parse_node(factor, levels - 1, most) for factor in factors))
        case {"pow": [base, exponent]}:
            tree = Pow(_parse_node(base, levels - 1, most), _parse_node(exponent, levels - 1, most))
        case _:
            raise ArtifactError(f"this is not a node of a formula: {str(data)[:80]}")
    return tree


def _parse_number(text: str) -> Number:
    try:
        return Number(float(text) if set(text) & set(".enaif") else Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise ArtifactError(f"the formula contains {text[:80]!r} in place of a number") from error
