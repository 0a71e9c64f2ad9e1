"""Formulas of networks whose activations are all functions of the library."""

from __future__ import annotations

from collections.abc import Sequence

from kan_engine.errors import InvalidConfig
from kan_engine.expressions.evaluation import Expression, Variable, add, apply_function, mul, number
from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.formulas.forms.template import InvalidForm, parse_form
from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer

Scale = tuple[Sequence[float], Sequence[float]]  # mean and standard deviation of every column


def write_formulas(
    network: KAN,
    names: Sequence[str],
    normalizer: Scale | None = None,
    output_normalizer: Scale | None = None,
) -> list[Expression]:
    """One formula per output.

    Args:
        network: A network without splines.
        names: Names of the inputs.
        normalizer: Mean and standard deviation by which the inputs were scaled, to undo it.
        output_normalizer: The same of the outputs.

    Raises:
        InvalidConfig: A live activation is a spline.
    """
    splines = [
        f"({place}, {i}, {j})"
        for place, layer in enumerate(network.all_layers)
        for i, j in list_splines(layer)
    ]
    if splines:
        listed = ", ".join(splines[:5])
        raise InvalidConfig(f"{len(splines)} activations are splines, first {listed}; fix a function on each")
    inputs: list[Expression] = [Variable(name) for name in names]
    if normalizer is not None:
        inputs = [(x - mean) / spread for x, mean, spread in zip(inputs, *normalizer, strict=True)]
    nodes = inputs
    for layer in network.stack:
        nodes = _write_layer(layer, nodes)
    if network.direct is not None:
        nodes = [add(*pair) for pair in zip(nodes, _write_layer(network.direct, inputs), strict=True)]
    if output_normalizer is not None:
        nodes = [node * spread + mean for node, mean, spread in zip(nodes, *output_normalizer, strict=True)]
    return nodes


def read_formula(text: str, names: Sequence[str]) -> Expression:
    """Read a formula of these inputs.

    Raises:
        InvalidForm: The text is none, or has other names.
    """
    form = parse_form(text, names)
    if unknown := [*form.constants, *(function.name for function in form.functions)]:
        raise InvalidForm(f"{unknown[0]} is no input; the inputs are {', '.join(names)}")
    return form.tree


def list_splines(layer: KANLayer) -> list[tuple[int, int]]:
    """The edges (i, j) whose activation is a spline, or a function plus a spline that is not zero."""
    is_open = layer.trainable_mask() & ((layer.weight != 0).any(1) | ~layer.symbolic_mask())
    return [(i, j) for i, j in is_open.nonzero().tolist()]


def _write_layer(layer: KANLayer, inputs: Sequence[Expression]) -> list[Expression]:
    """The sums, or products, of the functions that enter every node."""
    nodes = []
    for j in range(layer.out_dim):
        parts = [
            edge.c * apply_function(find_function(edge.function), edge.a * inputs[i] + edge.b) + edge.d
            for (i, into), edge in sorted(layer.symbolic.items())
            if into == j and layer.mask[i, j]
        ]
        join = mul if j >= layer.out_dim - layer.products else add
        nodes.append(join(*parts) if parts else number(0.0))
    return nodes
