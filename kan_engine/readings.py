"""A network taken apart: the ways to write all of its hidden nodes and direct edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from kan_engine.dictionary import PLACEHOLDER
from kan_engine.edge_readings import Choice, Reading, edge_choices, floor_of
from kan_engine.edges import Array, Axis, suggest
from kan_engine.expression import apply_function
from kan_engine.network import KAN
from kan_engine.node_readings import Node, as_score, node_choices, sum_choices

SHARED = 3  # functions tried beside a line that a node shares with direct edges


def variants(network: KAN, reading: Reading) -> Iterator[list[list[Choice]]]:
    """Choices of every live hidden node and of every direct edge, for every way to share a line.

    A node that adds, all of whose inputs have direct edges too, does not tell which multiple of its sum
    leaves it and which the direct edges bring: after the choices for what training left, those follow that
    make what leaves the node a single function.
    """
    nodes, direct = _taken_apart(network, reading)
    fixed = _fixed_into(len(network.all_layers) - 1, reading.output, reading)
    choices = [node_choices(node, reading) for node in nodes]
    yield [*choices, *edge_choices(direct, reading, fixed)]
    if reading.fixed:
        return
    for place, node in enumerate(nodes):
        if node.is_product or not set(node.inputs) <= set(direct):
            continue
        fits = suggest(Axis(node.value), node.leaving, beside_a_line=True)
        floor = floor_of(node.leaving, float(np.std(node.leaving)), reading)
        fits = [
            f for f in fits if f.function != "x" and reading.allows(apply_function(f.function, PLACEHOLDER))
        ]
        fits.sort(key=lambda fit: as_score(fit, floor))
        for fit in fits[:SHARED]:
            moved = {i: v + fit.e * node.curves[:, i] if i in node.inputs else v for i, v in direct.items()}
            own = sum_choices(node, reading, floor, [replace(fit, e=0.0)])
            yield [own, *choices[:place], *choices[place + 1 :], *edge_choices(moved, reading)]


def _fixed_into(layer: int, node: int, reading: Reading) -> dict[int, str]:
    """What edges into a node have to be, by their inputs."""
    return {i: function for (number, i, j), function in reading.fixed.items() if (number, j) == (layer, node)}


def _taken_apart(network: KAN, reading: Reading) -> tuple[list[Node], dict[int, Array]]:
    """Live hidden nodes, and the curves of the live direct edges by their inputs, in units of T(y)."""
    first, last = network.all_layers[0], network.all_layers[-1]
    with torch.no_grad():
        curves = first.postacts(reading.scaled).numpy()  # (batch, in, nodes)
        if len(network.stack) == 1:
            alive = torch.nonzero(first.mask[:, reading.output])[:, 0].tolist()
            if len(alive) == 1:
                return [], {alive[0]: reading.transformed}
            return [], {i: curves[:, i, reading.output] * reading.scale for i in alive}
        hidden = first(reading.scaled)
        outer = network.stack[1].postacts(hidden).numpy()
        direct = last.postacts(reading.scaled).numpy() if network.direct is not None else None
    nodes = [
        Node(
            curves=curves[:, :, place],
            inputs=tuple(torch.nonzero(first.mask[:, place])[:, 0].tolist()),
            value=hidden[:, place].numpy(),
            leaving=outer[:, place, reading.output] * reading.scale,
            is_product=place >= first.out_dim - first.products,
            functions=_fixed_into(0, place, reading),
            outer=reading.fixed.get((1, place, reading.output)),
        )
        for place in range(first.out_dim)
        if network.stack[1].mask[place, reading.output]
    ]
    if direct is None:
        return nodes, {}
    alive = torch.nonzero(last.mask[:, reading.output])[:, 0].tolist()
    return nodes, {i: direct[:, i, reading.output] * reading.scale for i in alive}
