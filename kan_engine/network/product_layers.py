"""Products of sums, and sums with scale and shift: layers of identities after the layers of their sums."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kan_engine.errors import InvalidConfig
from kan_engine.network.kan import KAN
from kan_engine.network.layer import SymbolicEdge

Nodes = int | tuple[int, int]
"""Sums of a layer, or its sums and products."""


@dataclass(frozen=True)
class LayerPlan:
    """The layers of a network with products of sums.

    Attributes:
        width: Nodes per layer.
        products: How many of them multiply, for every layer after the inputs.
        joins: By number of a layer of identities: the node of that layer that each node before it enters.
        affine: Whether the constants of these identities are trained.
    """

    width: tuple[int, ...]
    products: tuple[int, ...]
    joins: dict[int, list[int]]
    affine: bool

    def link_(self, network: KAN) -> None:
        """Make the layers of identities what they are, in place."""
        identity = SymbolicEdge("x", 1.0, 0.0, 1.0, 0.0, is_trained=self.affine)
        for number, targets in self.joins.items():
            layer = network.stack[number]
            layer.mask = torch.zeros_like(layer.mask)
            layer.mask[range(len(targets)), targets] = True
            layer.symbolic = dict.fromkeys(enumerate(targets), identity)


def plan_layers(
    width: Sequence[Nodes], mult_arity: int | Sequence[Sequence[int]] = 2, *, affine: bool = False
) -> LayerPlan:
    """Plan the layers of a network; a layer with products becomes one of sums and one that joins them.

    The nodes of such a layer are those of MultKAN (KAN 2.0, arXiv:2408.10205, section 2): what enters each
    factor of a product is a sum of activations of all nodes before it.

    Args:
        width: Nodes of every layer.
        mult_arity: Factors of every product, or of each product, for every layer with the inputs.
        affine: Whether every sum of a hidden layer, factors among them, has a trained scale and shift.

    Raises:
        InvalidConfig: A layer of products does not say how many factors each has, or the inputs multiply.
    """
    pairs = [(nodes, 0) if isinstance(nodes, int) else nodes for nodes in width]
    if not pairs or pairs[0][1]:
        raise InvalidConfig(f"width begins with the number of inputs, got {tuple(width)}")
    sizes, products, joins = [pairs[0][0]], list[int](), dict[int, list[int]]()
    for number, (sums, multiplied) in enumerate(pairs[1:], start=1):
        is_hidden = number < len(pairs) - 1
        if not multiplied and not (affine and is_hidden):
            sizes.append(sums)
            products.append(0)
            continue
        factors = [mult_arity] * multiplied if isinstance(mult_arity, int) else list(mult_arity[number])
        if len(factors) != multiplied or min(factors, default=2) < 2:
            raise InvalidConfig(
                f"layer {number} has {multiplied} products; mult_arity gives {factors} factors, needs "
                "2 or more for each"
            )
        # Each sum is a node of its own; the factors of a product follow each other
        targets = [*range(sums), *(sums + place for place, count in enumerate(factors) for _ in range(count))]
        joins[len(sizes)] = targets
        sizes += [len(targets), sums + multiplied]
        products += [0, multiplied]
    return LayerPlan(tuple(sizes), tuple(products), joins, affine)
