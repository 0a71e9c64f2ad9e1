"""Evaluate formulas, differentiate them by their parameters, measure their complexity, store them as JSON.

The module also exports the nodes and builders of ``nodes.py``. Algebra is in ``simplification``, output as
text in ``printing``.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Num, Shaped
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
from kan_engine.numerics.work import charge_evaluation

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
    "Expression",
    "Mul",
    "Number",
    "Operand",
    "Parameter",
    "Pow",
    "Program",
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

# For mypy the numbers are float64; jaxtyping accepts only a class
if TYPE_CHECKING:
    FloatArray = NDArray[np.float64]
else:
    FloatArray = np.ndarray


def evaluate(
    tree: Expression,
    columns: Mapping[str, Shaped[np.ndarray, "*rows"]],
    parameters: Sequence[Any] | Num[np.ndarray, "parameters *sets"] = (),
) -> Float[FloatArray, "*values"]:
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
        value = _evaluate(tree, columns, parameters)
    # A formula without variables is one number, which also gets the shape of the columns
    shape = _broadcast_shapes(value, *columns.values())
    return np.array(np.broadcast_to(value, shape), dtype=np.float64)


def _evaluate(
    tree: Expression, columns: Mapping[str, Shaped[np.ndarray, "*rows"]], parameters: Any
) -> Values:
    parts = [_evaluate(part, columns, parameters) for part in children(tree)]
    value = evaluate_node(tree, parts, columns, parameters)
    charge_evaluation(np.size(value))
    return value


def _broadcast_shapes(*values: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*map(np.shape, values))


def value_and_jacobian(
    tree: Expression,
    columns: Mapping[str, Shaped[np.ndarray, "*rows"]],
    parameters: Sequence[Any] | Num[np.ndarray, "parameters *sets"],
) -> tuple[Float[FloatArray, "*values"], Float[FloatArray, "*values parameters"]]:
    """Return the values [N] and their derivatives with respect to the parameters [N, P]."""
    program = Program(tree, columns, len(parameters))
    return np.array(program.run(parameters), dtype=np.float64), program.compute_jacobian()


class Program:
    """A formula as a list of steps, for many evaluations in the same rows: no walk over the tree.

    Args:
        tree: The formula.
        columns: Arrays by the names of the variables, [N] each or of one shape.
        count: Number of parameters.
    """

    def __init__(
        self, tree: Expression, columns: Mapping[str, Shaped[np.ndarray, "*rows"]], count: int
    ) -> None:
        self._nodes: list[Expression] = []
        self._parts: list[tuple[int, ...]] = []
        self._values: list[Any] = []
        self._moving: list[int] = []  # nodes that depend on a parameter, children first
        self._depends: list[bool] = []
        self._columns, self._count = columns, count
        self._shape = self._run_shape = _broadcast_shapes(*columns.values())
        with np.errstate(all="ignore"):
            self._append(tree)

    def _append(self, node: Expression) -> int:
        parts = tuple(self._append(part) for part in children(node))
        depends = isinstance(node, Parameter) or any(self._depends[part] for part in parts)
        place = len(self._nodes)
        self._nodes.append(node)
        self._parts.append(parts)
        self._depends.append(depends)
        # Nodes without parameters never change: their values are computed once
        if depends:
            self._moving.append(place)
            self._values.append(0.0)
        else:
            self._values.append(evaluate_node(node, [self._values[part] for part in parts], self._columns))
        return place

    def run(
        self, parameters: Sequence[Any] | Num[np.ndarray, "parameters *sets"]
    ) -> Float[FloatArray, "*values"]:
        """Compute the values [N] for these parameters, which are numbers or arrays; not to be changed."""
        values = self._values
        charge_evaluation(len(self._moving) * prod(self._shape), trials=1)
        with np.errstate(all="ignore"):
            # Children come before their parents, so that one pass evaluates the tree
            for place in self._moving:
                parts = [values[part] for part in self._parts[place]]
                values[place] = evaluate_node(self._nodes[place], parts, self._columns, parameters)
        # Parameters may be arrays, and a formula of parameters alone has a smaller shape than the columns
        result = np.asarray(values[-1])
        if result.shape != self._shape:
            result = np.broadcast_to(result, np.broadcast_shapes(result.shape, self._shape))
        self._run_shape = result.shape
        return result

    def compute_jacobian(self) -> Float[FloatArray, "*values parameters"]:
        """Compute the derivatives with respect to the parameters [N, P], at those of the last ``run``.

        They come from one backward pass (reverse accumulation): every node passes its adjoint ∂v/∂node to its
        children, for all rows at once. The derivatives with respect to one parameter are contiguous.
        """
        jacobian = np.zeros((self._count, *self._run_shape))
        charge_evaluation((len(self._moving) + self._count) * prod(self._run_shape))
        # The adjoint of the root is 1. A node has one parent, so that its adjoint has one summand.
        adjoints: dict[int, Values] = {len(self._nodes) - 1: 1.0}
        with np.errstate(all="ignore"):
            for place in reversed(self._moving):
                node, adjoint = self._nodes[place], adjoints.pop(place)
                # A parameter may occur several times: its derivative is the sum over its places
                if isinstance(node, Parameter):
                    jacobian[node.index] += adjoint
                    continue
                places = self._parts[place]
                parts = [self._values[part] for part in places]
                for at, part in enumerate(places):
                    if self._depends[part]:
                        adjoints[part] = pass_adjoint(node, at, parts, self._values[place], adjoint)
        # The view has the parameters last, while each derivative stays contiguous
        return jacobian.transpose(*range(1, jacobian.ndim), 0)


def evaluate_node(
    tree: Expression,
    parts: Sequence[Values],
    columns: Mapping[str, Shaped[np.ndarray, "*rows"]],
    parameters: Any = (),
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
            # The product of the other factors and not value / factor, since a factor may be 0
            return prod((factor for at, factor in enumerate(parts) if at != place), start=adjoint)
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
    # A sign is part of the operator before the term, so that a factor of -1 does not count
    bodies = [
        mul(*term.factors[1:]) if isinstance(term, Mul) and term.factors[0] == MINUS_ONE else term
        for term in varying
    ]
    leading_sign = 1 if all(signs) else 0
    return sum(map(complexity, bodies)) + (count - len(varying)) + (count - 1) + leading_sign


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


def _parse_node(data: Any, levels: int, max_depth: int) -> Expression:
    """Parse one node with at most ``levels`` of the ``max_depth`` levels of nodes below it."""
    if levels < 0:
        raise ArtifactError(f"the formula is nested deeper than {max_depth} levels")
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
            tree = Call(function, _parse_node(argument, levels - 1, max_depth))
        case {"add": [_, _, *_] as terms}:
            tree = Add(tuple(_parse_node(term, levels - 1, max_depth) for term in terms))
        case {"mul": [_, _, *_] as factors}:
            tree = Mul(tuple(_parse_node(factor, levels - 1, max_depth) for factor in factors))
        case {"pow": [base, exponent]}:
            tree = Pow(_parse_node(base, levels - 1, max_depth), _parse_node(exponent, levels - 1, max_depth))
        case _:
            raise ArtifactError(f"this is not a node of a formula: {str(data)[:80]}")
    return tree


def _parse_number(text: str) -> Number:
    try:
        return Number(float(text) if set(text) & set(".enaif") else Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise ArtifactError(f"the formula contains {text[:80]!r} in place of a number") from error
