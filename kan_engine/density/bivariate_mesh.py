"""Points at which a network of two columns is evaluated: quadrature meshes, the penalty's lattice, and rows.

The grids of both columns do not change during training. Therefore the terms of the first layer are computed
once, and on a mesh only along each axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.density.thresholds import DEFAULT_DENSITY, DensityThresholds
from kan_engine.network.kan import KAN
from kan_engine.network.row_blocks import row_blocks
from kan_engine.numerics.quadrature import gauss_legendre
from kan_engine.splines.base_functions import SILU
from kan_engine.splines.basis import uniform_spacing
from kan_engine.splines.features import Features, evaluate_activations
from kan_engine.splines.knots import extend_knots

LATTICE_POINTS = 21  # along each column; the unit of λ depends on it


@dataclass(frozen=True, eq=False)
class WeightedPoints:
    """Weighted points, with the parts of a network's evaluation that training does not change.

    Args:
        terms: First-layer terms of each column. For rows both are [rows, 1, terms]; for a mesh of all pairs
            they are [m, 1, terms] and [1, n, terms].
        parabolas: Sum of the direct edges.
        weights: Weight of each point.
    """

    terms: tuple[Float[Tensor, "_ _ terms"], Float[Tensor, "_ _ terms"]]
    parabolas: Float[Tensor, " places"]
    weights: Float[Tensor, " places"]

    def __len__(self) -> int:
        return len(self.parabolas)

    def __getitem__(self, places: Int[Tensor, " _"]) -> WeightedPoints:
        """Selected points, as rows."""
        shape = self._shape
        # Positions along both axes; selected points no longer form a mesh
        row, column = places // shape[1], places % shape[1]
        first_terms, second_terms = (terms.expand(*shape, -1)[row, column][:, None] for terms in self.terms)
        return WeightedPoints((first_terms, second_terms), self.parabolas[places], self.weights[places])

    @property
    def _shape(self) -> tuple[int, int]:
        return self.terms[0].shape[0], self.terms[1].shape[1]

    def nodes(self, network: KAN) -> Float[Tensor, "places nodes"]:
        """Outputs of the first layer."""
        weight = network.stack[0].weight
        return (self.terms[0] @ weight[0] + self.terms[1] @ weight[1]).flatten(0, 1)

    def values(self, network: KAN) -> Float[Tensor, " places"]:
        """Outputs of the network."""
        nodes = self.nodes(network)
        if len(network.stack) == 1:
            return nodes[:, 0] + self.parabolas
        blocks = row_blocks(network, len(self))
        return torch.cat([_activations(network, nodes[block]).sum(1) for block in blocks]) + self.parabolas

    def jacobian(self, network: KAN) -> Float[Tensor, "places P"]:
        """Derivatives of the output in every weight, in the order layer, in, out, term."""
        features, slopes = self._last_layer_terms(network)
        size = network.stack[0].weight[0].numel()
        matrix = slopes.new_empty(len(self), 2 * size + features.shape[1])
        for place, terms in enumerate(self.terms):
            # Weights of the first layer: slope of the output in the node, times the term
            part = matrix[:, place * size : (place + 1) * size].view(*self._shape, slopes.shape[1], -1)
            torch.mul(slopes.view(*self._shape, -1, 1), terms[:, :, None], out=part)
        matrix[:, 2 * size :] = features
        return matrix

    def mean_slopes(self, network: KAN) -> Float[Tensor, " P"]:
        """Weighted mean of the Jacobian over rows."""
        features, slopes = self._last_layer_terms(network)
        # Products of slopes and terms are summed at once, without the Jacobian of all rows
        share = self.weights / self.weights.sum()
        blocks = [(share[:, None] * slopes).T @ terms[:, 0] for terms in self.terms]
        return torch.cat([*(part.flatten() for part in blocks), share @ features])

    def _last_layer_terms(
        self, network: KAN
    ) -> tuple[Float[Tensor, "places _"], Float[Tensor, "places nodes"]]:
        """Terms of the second layer, node by node, and slopes of the output in these nodes."""
        if len(network.stack) == 1:
            return self.parabolas.new_empty(len(self), 0), self.parabolas.new_ones(len(self), 1)
        nodes = self.nodes(network)
        features = network.stack[1].features(nodes)
        return features.flatten(1), _activations(network, nodes, derivative=1)


def _activations(
    network: KAN, nodes: Float[Tensor, "places nodes"], derivative: int = 0
) -> Float[Tensor, "places nodes"]:
    layer = network.stack[1]
    return evaluate_activations(
        nodes, layer.weight[:, :, 0], layer.knots, layer.order, layer.spacing(), layer.base, derivative
    )


@dataclass(frozen=True, eq=False)
class BivariateMesh:
    """Grids, support and moments of two columns on the unit scale.

    Args:
        points: Grid points of each column.
        ends: Lowest and highest value of each column's support; infinite on an unbounded side.
        means: Mean of each column.
        covariance: Covariance matrix of the columns.
        order: Order k of the splines.
        thresholds: Of densities on the mesh.
    """

    points: tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]
    ends: tuple[tuple[float, float], tuple[float, float]]
    means: tuple[float, float]
    covariance: Float[np.ndarray, "2 2"]
    order: int
    thresholds: DensityThresholds = DEFAULT_DENSITY

    @cached_property
    def knots(self) -> Float[Tensor, "2 knots"]:
        """Extended knots of both grids."""
        return extend_knots(torch.from_numpy(np.stack(self.points)), self.order)

    @property
    def stds(self) -> Float[np.ndarray, " 2"]:
        """Standard deviations of both columns."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def coarse_rule(self) -> WeightedPoints:
        """Quadrature nodes over the support with their weights, for training."""
        return self._quadrature_rule(parts=1, points=5)

    @cached_property
    def medium_rule(self) -> WeightedPoints:
        """The same with more panels, for comparisons."""
        return self._quadrature_rule(parts=2, points=5)

    @cached_property
    def fine_rule(self) -> WeightedPoints:
        """The same with the most nodes, for the final density."""
        return self._quadrature_rule(parts=3, points=6)

    @cached_property
    def lattice(self) -> WeightedPoints:
        """Lattice points of the penalty; they are dense where both grids are."""
        axes = [_resample_grid(grid, LATTICE_POINTS) for grid in self.points]
        return self._combine_axes(axes, [np.ones(LATTICE_POINTS)] * 2)

    def locate_rows(self, x: Float[Tensor, "rows 2"], weights: Float[Tensor, " rows"]) -> WeightedPoints:
        """Points for rows on the unit scale."""
        (first_terms, first_parabola), (second_terms, second_parabola) = (
            self._column_terms(place, x[:, place]) for place in (0, 1)
        )
        return WeightedPoints(
            (first_terms[:, None], second_terms[:, None]), first_parabola + second_parabola, weights
        )

    def _quadrature_rule(self, *, parts: int, points: int) -> WeightedPoints:
        lines = [gauss_legendre(self._panels(place, parts), points) for place in (0, 1)]
        return self._combine_axes([nodes for nodes, _ in lines], [weights for _, weights in lines])

    def _panels(
        self, place: int, parts: int, *, tail_stds: float = 4.0, tail_panels: int = 2
    ) -> Float[np.ndarray, " ends"]:
        """Quadrature panels between the ends, with tails beyond the grid.

        Args:
            tail_stds: Extent of integrals beyond the grid, in standard deviations.
            tail_panels: Quadrature panels over a tail, for each panel in a grid interval.
        """
        grid, (low, high) = self.points[place], self.ends[place]
        steps = np.linspace(0, 1, tail_panels * parts + 1)[1:]
        # On an unbounded side the panels continue several standard deviations beyond the grid
        far = tail_stds * self.stds[place] * steps
        below = grid[0] - far[::-1] if np.isinf(low) else np.zeros(0)
        above = grid[-1] + far if np.isinf(high) else np.zeros(0)
        return np.concatenate([below, _resample_grid(grid, parts * (len(grid) - 1) + 1), above])

    def _combine_axes(
        self, axes: list[Float[np.ndarray, " _"]], weights: list[Float[np.ndarray, " _"]]
    ) -> WeightedPoints:
        """All pairs of points of the two axes; weights are multiplied."""
        (first_terms, first_parabola), (second_terms, second_parabola) = (
            self._column_terms(place, torch.from_numpy(axis)) for place, axis in enumerate(axes)
        )
        parabolas = (first_parabola[:, None] + second_parabola).flatten()
        return WeightedPoints(
            (first_terms[:, None], second_terms[None]),
            parabolas,
            torch.from_numpy(np.outer(*weights).ravel()),
        )

    def _column_terms(
        self, place: int, x: Float[Tensor, " places"]
    ) -> tuple[Float[Tensor, "places terms"], Float[Tensor, " places"]]:
        """First-layer terms and parabola of one column at these values."""
        knots = self.knots[place : place + 1]
        spacing = uniform_spacing(knots, self.order)
        terms = Features.apply(x[:, None], knots, self.order, spacing, SILU)  # type: ignore[no-untyped-call]
        # The falling parabola of the direct edge, which makes the density integrable
        return terms[:, 0], -0.5 * ((x - self.means[place]) / float(self.stds[place])) ** 2


def _resample_grid(grid: Float[np.ndarray, " points"], count: int) -> Float[np.ndarray, " {count}"]:
    """``count`` points from the first to the last of a grid, with its local density."""
    places: np.ndarray = np.interp(np.linspace(0, len(grid) - 1, count), range(len(grid)), grid)
    return places
