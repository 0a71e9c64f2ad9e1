"""Our engine on sampled functions, without the service around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.loop import TrainingConfig, TrainingRows, train
from kan_engine.training.multi_start import best_start, create_network


def trained(
    width: Sequence[int],
    x: np.ndarray,
    y: np.ndarray,
    *,
    grids: Sequence[int],
    seed: int,
    order: int = 3,
    restarts: bool = False,
) -> Iterator[tuple[int, KAN]]:
    """A network trained on one grid after the other, yielded with its grid after every step.

    With restarts it begins at the best of as many coarse starts as the engine takes of itself.
    """
    config = KANConfig(width=tuple(width), grid_size=grids[0], order=order)
    training = TrainingConfig(grid_schedule=tuple(grids), patience=1000)
    rows, generator = (
        TrainingRows.create(torch.from_numpy(x), torch.from_numpy(y)),
        torch.Generator().manual_seed(seed),
    )
    if restarts:
        starts = training.thresholds.auto_starts
        network = best_start(config, rows, training, starts=starts, generator=generator)
    else:
        network = create_network(config, len(rows), training, generator)
    for step in train(network, rows, training):
        yield step.grid_size, network


@torch.no_grad()
def rmse(network: KAN, x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared error over all outputs."""
    return float((network(torch.from_numpy(x)) - torch.from_numpy(y)).square().mean().sqrt())
