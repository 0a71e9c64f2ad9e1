"""Distillation of a solution into a network of a given shape.

The network is trained on the values of the solution at Chebyshev points of the box, which are dense at the
boundary, where derivatives are hardest to approximate. Its own derivatives, through all layers, give the
violations of the equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.differential.jets import Jet
from kan_engine.differential.networks.distillation_plan import DistillationPlan
from kan_engine.differential.networks.low_rank_network import box_standardizer
from kan_engine.differential.solution import Solution, Violation
from kan_engine.network.kan import KAN, KANConfig, copy_network
from kan_engine.network.row_blocks import row_blocks
from kan_engine.training.config import TrainingConfig
from kan_engine.training.loop import train
from kan_engine.training.multi_start import best_start
from kan_engine.training.rows import TrainingRows

Array = np.ndarray


@dataclass(frozen=True)
class DistilledNetwork:
    """A network that approximates a solution.

    Attributes:
        solution: The solution that it approximates.
        network: The network, from scaled inputs to scaled outputs.
        inputs: Scale of the independent variables.
        outputs: Scale of the unknowns.
    """

    solution: Solution
    network: KAN
    inputs: Standardizer
    outputs: TargetScaler

    @cached_property
    def distance(self) -> float:
        """Largest distance from the solution, relative to the size of each unknown."""
        points, zero_orders = self.solution.check_points, (0,) * len(self.inputs.center)
        values, sizes = self.solution.values(points), self.solution.spline.magnitudes()
        network_values = [
            self._jet_values(Jet(unknown, zero_orders, ()), points) for unknown in range(len(values))
        ]
        return float((np.abs(network_values - values).max(1) / sizes).max())

    @cached_property
    def violations(self) -> tuple[list[Violation], list[Violation]]:
        """Violations of every equation and of every condition by the network."""
        return self.solution.jet_violations(self._jet_values)

    def _jet_values(self, jet: Jet, points: Mapping[str, Float[Array, " rows"]]) -> Float[Array, " rows"]:
        rows = torch.from_numpy(np.stack(list(points.values()), 1))
        parts = [self._block_values(jet, rows[block]) for block in row_blocks(self.network, len(rows))]
        values: Array = torch.cat(parts).numpy()
        return values

    def _block_values(self, jet: Jet, rows: Float[Tensor, "rows axes"]) -> Float[Tensor, " rows"]:
        x = rows.clone().requires_grad_()
        z = (x - torch.from_numpy(self.inputs.center)) / torch.from_numpy(self.inputs.scale)
        values = self.outputs.inverse(self.network(z))[:, jet.unknown]
        # Repeated automatic differentiation; every graph is kept for the next derivative
        for axis, order in enumerate(jet.orders):
            for _ in range(order):
                (slopes,) = torch.autograd.grad(values.sum(), x, create_graph=True)
                values = slopes[:, axis]
        result: Tensor = values.detach()
        return result


def distill(
    solution: Solution,
    shape: DistillationPlan,
    *,
    steps: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    max_distance_ratio: float = 0.5,
) -> Iterator[DistilledNetwork]:
    """Train a network grid by grid, until its distance from the solution stops falling.

    Args:
        solution: The solution to approximate.
        shape: Shape of the network and settings of its training.
        steps: Maximum number of steps on one grid; None for the default.
        should_stop: Called after every step; once true, the current network is the last.
        max_distance_ratio: Distance relative to the grid before; a larger ratio ends the refinement.

    Yields:
        Networks whose distance from the solution decreases.
    """
    inputs = box_standardizer(solution.spline.axes)
    z, values = _sample_solution(solution, inputs, shape.places)
    outputs = TargetScaler.fit(values)
    rows = TrainingRows.create(torch.from_numpy(z), torch.from_numpy(outputs.forward(values)))
    max_steps = steps or shape.max_steps
    training = TrainingConfig(
        optimizer=shape.method, steps=max_steps, patience=max_steps
    )  # no early stopping
    config = KANConfig(width=shape.width, grid_size=shape.grids[0], order=shape.order)
    generator = torch.Generator().manual_seed(0)
    network = best_start(
        config,
        rows,
        training,
        starts=training.thresholds.auto_starts,
        generator=generator,
        should_stop=should_stop,
    )
    before = np.inf
    for size in shape.grids:
        stage = replace(training, grid_schedule=(size,))
        for _ in train(network, rows, stage, should_stop=should_stop):
            pass
        result = DistilledNetwork(solution, copy_network(network), inputs, outputs)
        if not result.distance < before:
            return
        yield result
        is_there = result.distance < solution.error
        if should_stop() or is_there or result.distance > max_distance_ratio * before:
            return
        before = result.distance


def _sample_solution(
    solution: Solution, inputs: Standardizer, places: int
) -> tuple[Float[Array, "rows axes"], Float[Array, "rows unknowns"]]:
    """All combinations of Chebyshev points along the axes, with the ends, and the unknowns there."""
    # Chebyshev points with the ends, on the scale of the network
    along = -np.cos(np.linspace(0, np.pi, places))
    axes = list(zip(inputs.center, inputs.scale, strict=True))
    z = np.stack(np.meshgrid(*[along] * len(axes), indexing="ij"), -1).reshape(-1, len(axes))
    values = solution.spline.evaluate_grid([center + scale * along for center, scale in axes])
    return z, values.reshape(len(values), -1).T
