"""The rows that curves are fitted to, with the functions of every source at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from kan_engine.compact.curve_basis import CurveBasis, NodeBasis
from kan_engine.compact.curves import Curves
from kan_engine.compact.losses import loss_per_row

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The values of a network at some rows.

    Attributes:
        outputs: [rows, outputs].
        nodes: Of every hidden node its values, [rows], and the functions of its curves there, [rows, terms].
    """

    outputs: Float[Array, "rows outputs"]
    nodes: Mapping[int, tuple[Float[Array, " rows"], Float[Array, "rows terms"]]]


@dataclass(frozen=True, eq=False)
class Problem:
    """Rows and the functions of all curves.

    Attributes:
        bases: Of every source.
        node_basis: Of the curves of hidden nodes.
        features: Functions of every source at the rows, [rows, terms] each.
        targets: Values or probabilities, [rows, outputs].
        weights: Of the rows; their sum is the number of independent rows.
        loss: Of the target.
        required: Sets of sources, of each of which every network must read one.
    """

    bases: Sequence[CurveBasis]
    node_basis: NodeBasis
    features: Sequence[Float[Array, "rows _"]]
    targets: Float[Array, "rows outputs"]
    weights: Float[Array, " rows"]
    loss: str
    required: Sequence[frozenset[int]] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def select(self, rows: Int[Array, " selection"]) -> Problem:
        """Return some of the rows."""
        return replace(
            self,
            features=[values[rows] for values in self.features],
            targets=self.targets[rows],
            weights=self.weights[rows],
        )

    def append(self, addition: Problem) -> Problem:
        """Return these rows and then those of another problem with the same functions."""
        return replace(
            self,
            features=[np.concatenate(pair) for pair in zip(self.features, addition.features, strict=True)],
            targets=np.concatenate([self.targets, addition.targets]),
            weights=np.concatenate([self.weights, addition.weights]),
        )

    def node_values(self, curves: Curves, node: int) -> Float[Array, " rows"]:
        """Return the sum of the curves that enter a hidden node."""
        edges = curves.nodes[node][0]
        total: Array = sum(
            (self.features[e.start] @ curves.by_edge[e].coefficients for e in edges), np.zeros(len(self))
        )
        return total

    def evaluate(self, curves: Curves) -> Evaluation:
        """Return the outputs of a network, and the values of its hidden nodes."""
        total, nodes = np.tile(curves.constants, (len(self), 1)), {}
        for edge in curves.edges:
            if edge.layer == "direct":
                total[:, edge.end] += self.features[edge.start] @ curves.by_edge[edge].coefficients
        for node, (_, outer) in curves.nodes.items():
            u = self.node_values(curves, node)
            values = self.node_basis.evaluate(u)
            for edge in outer:
                total[:, edge.end] += values @ curves.by_edge[edge].coefficients
            # Derivatives of the outputs need both: the value for the slopes, and the functions themselves
            nodes[node] = u, values
        return Evaluation(total, nodes)

    def outputs(self, curves: Curves) -> Float[Array, "rows outputs"]:
        """Return the outputs of a network."""
        return self.evaluate(curves).outputs

    def mean_loss(self, curves: Curves) -> float:
        """Return the weighted mean loss of a network."""
        return self.mean_loss_of(self.outputs(curves))

    def mean_loss_of(self, outputs: Float[Array, "rows outputs"]) -> float:
        """Return the weighted mean loss of the outputs of a network."""
        losses = loss_per_row(self.loss, outputs, self.targets)
        return float(losses @ self.weights / self.weights.sum())
