"""Formulas as networks: nodes that add and multiply, and functions of the library on the edges between them.

A node is a sum or a product of functions of other nodes, c · f(a·h + b) + d. It lies one layer after the last
of these; a value that is needed later is passed on by the identity from layer to layer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import prod

import torch

from kan_engine.errors import InvalidConfig
from kan_engine.expressions.evaluation import Expression, evaluate, variables
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import Add, Call, Mul, Number, Pow, Variable, call, mul, power
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge
from kan_engine.splines.base_functions import SILU

_IDENTITY = SymbolicEdge("x", 1.0, 0.0, 1.0, 0.0)
_POWERS: dict[Fraction | float, str] = {
    function.exponent: name for name, function in LIBRARY.items() if function.exponent is not None
}


@dataclass(frozen=True, eq=False)
class _Node:
    """A sum or a product of activations; an input has none."""

    activations: tuple[_Activation, ...]
    is_product: bool = False

    @cached_property
    def layer(self) -> int:
        """The first layer in which it can be; 0 for an input."""
        return max((activation.source.layer + 1 for activation in self.activations), default=0)

    def list_activations(self, layer: int) -> tuple[_Activation, ...]:
        """What enters it in its own layer; in a later one its value is passed on."""
        return self.activations if layer == self.layer else (_Activation(self, _IDENTITY),)

    def is_product_in(self, layer: int) -> bool:
        """Whether it multiplies there."""
        return self.is_product and layer == self.layer


@dataclass(frozen=True, eq=False)
class _Activation:
    """A function of the value of a node."""

    source: _Node
    edge: SymbolicEdge

    def scale(self, factor: float, shift: float = 0.0) -> _Activation:
        """Factor times the function, plus a shift."""
        edge = self.edge
        return _Activation(self.source, replace(edge, c=factor * edge.c, d=factor * edge.d + shift))


def build_formula_network(
    formulas: Sequence[Expression],
    names: Sequence[str],
    *,
    grid_size: int = 5,
    order: int = 3,
    base: str = SILU,
) -> KAN:
    """A network whose outputs are these formulas, to rounding.

    Every edge is a function of the library plus a spline that is zero. Powers that the library lacks are
    products of powers, or exp(p·log(u)).

    Args:
        formulas: One for each output, without parameters.
        names: Of the inputs.
        grid_size: Intervals of every grid.
        order: Of the splines.
        base: Base function of the activations.

    Raises:
        InvalidConfig: A formula has a variable that is no input.
    """
    builder = _Builder(names)
    layers = _arrange([_make_output(builder.write(formula)) for formula in formulas], builder.inputs)
    network = KAN(
        KANConfig(
            width=tuple(map(len, layers)),
            products=tuple(
                sum(node.is_product_in(at) for node in layers[at]) for at in range(1, len(layers))
            ),
            grid_size=grid_size,
            order=order,
            base=base,
        )
    )
    for at, layer in enumerate(network.stack, start=1):
        places = {id(source): place for place, source in enumerate(layers[at - 1])}
        layer.mask = torch.zeros_like(layer.mask)
        for j, node in enumerate(layers[at]):
            for activation in node.list_activations(at):
                place = places[id(activation.source)], j
                layer.symbolic[place] = replace(activation.edge, with_spline=True)
                layer.mask[place] = True
    return network


def _arrange(outputs: Sequence[_Node], inputs: Sequence[_Node]) -> list[list[_Node]]:
    """The nodes of every layer, first those that add, then those that multiply."""
    depth = max(node.layer for node in outputs)
    layers = [list(outputs)]
    for at in range(depth, 1, -1):
        sources = {id(part.source): part.source for node in layers[0] for part in node.list_activations(at)}
        layers.insert(0, sorted(sources.values(), key=lambda node: node.is_product_in(at - 1)))
    return [list(inputs), *layers]


class _Builder:
    """Writes formulas as activations of nodes; equal parts are written once."""

    def __init__(self, names: Sequence[str]) -> None:
        self.inputs = [_Node(()) for _ in names]
        self._written: dict[Expression, _Activation] = {
            Variable(name): _Activation(node, _IDENTITY)
            for name, node in zip(names, self.inputs, strict=True)
        }

    def write(self, tree: Expression) -> _Activation:
        """The formula as a function of one node."""
        if tree not in self._written:
            self._written[tree] = self._write(tree)
        return self._written[tree]

    def _write(self, tree: Expression) -> _Activation:
        if not variables(tree):
            value = float(evaluate(tree, {}))
            return _Activation(self.inputs[0], replace(_IDENTITY, c=0.0, d=value))
        match tree:
            case Add(terms):
                return self._join(terms, is_product=False)
            case Mul(factors):
                return self._join(factors, is_product=True)
            case Call(function, argument):
                return _apply(function, self.write(argument))
            case Pow(base, exponent):
                return self._write_power(base, exponent)
            case Variable(name):
                raise InvalidConfig(f"the formula has {name!r}, which is no input")
        raise TypeError(f"not a node of a formula without parameters: {tree!r}")

    def _join(self, operands: Sequence[Expression], *, is_product: bool) -> _Activation:
        """The sum or product; constants become the shift or the factor of a function of it."""
        constants = [float(evaluate(operand, {})) for operand in operands if not variables(operand)]
        # A factor that occurs twice is a square, a term that does is doubled
        counts = Counter(operand for operand in operands if variables(operand))
        merge = power if is_product else mul
        parts = [self.write(operand if n == 1 else merge(operand, n)) for operand, n in counts.items()]
        joined = _make_node(parts, is_product=is_product)
        return joined.scale(prod(constants)) if is_product else joined.scale(1.0, sum(constants))

    def _write_power(self, base: Expression, exponent: Expression) -> _Activation:
        value = exponent.value if isinstance(exponent, Number) else None
        if value in _POWERS:
            return _apply(_POWERS[value], self.write(base))
        if value is not None:
            # The largest power of the library that leaves another one, or an integer
            for step in sorted(_POWERS, key=lambda exponent: abs(float(exponent)), reverse=True):
                rest = value - step
                if 0 < rest / value < 1 and (rest in _POWERS or rest == int(rest)):
                    parts = [self.write(power(base, step)), self.write(power(base, rest))]
                    return _make_node(parts, is_product=True)
        return self.write(call("exp", mul(exponent, call("log", base))))


def _apply(function: str, argument: _Activation) -> _Activation:
    """A function of the library of an activation, which needs a node of its own unless it is a line."""
    edge = argument.edge
    if edge.function != _IDENTITY.function:
        argument = _Activation(_Node((argument,)), _IDENTITY)
        edge = _IDENTITY
    return _Activation(
        argument.source, SymbolicEdge(function, edge.c * edge.a, edge.c * edge.b + edge.d, 1, 0)
    )


def _make_node(parts: Sequence[_Activation], *, is_product: bool) -> _Activation:
    """The sum or product of activations as a node, unless it is a single one."""
    if len(parts) == 1:
        return parts[0]
    # One edge joins two nodes: a second activation of the same node takes a way through a node of its own
    sources, separate = set[int](), list[_Activation]()
    for part in parts:
        is_first = id(part.source) not in sources
        separate.append(part if is_first else _Activation(_Node((part,)), _IDENTITY))
        sources.add(id(part.source))
    return _Activation(_Node(tuple(separate), is_product), _IDENTITY)


def _make_output(output: _Activation) -> _Node:
    source, edge = output.source, output.edge
    if edge.function != _IDENTITY.function or source.is_product or not source.activations:
        return _Node((output,))
    first, *others = source.activations
    factor = edge.c * edge.a
    return _Node(
        (first.scale(factor, edge.c * edge.b + edge.d), *(activation.scale(factor) for activation in others))
    )
