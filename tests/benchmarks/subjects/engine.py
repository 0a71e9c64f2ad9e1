"""Our engine on sampled functions, without the service around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from kan_engine.network import KAN, KANConfig, initialise_
from kan_engine.training import Rows, TrainingConfig, train


def trained(
    width: Sequence[int],
    x: np.ndarray,
    y: np.ndarray,
    *,
    grids: Sequence[int],
    seed: int,
    order: int = 3,
) -> Iterator[tuple[int, KAN]]:
    """A network trained on one grid after the other, yielded with its grid after every step."""
    network = KAN(KANConfig(width=tuple(width), grid_size=grids[0], order=order))
    initialise_(network, torch.Generator().manual_seed(seed))
    rows = Rows.of(torch.from_numpy(x), torch.from_numpy(y))
    for step in train(network, rows, TrainingConfig(grid_schedule=tuple(grids), patience=1000)):
        yield step.grid_size, network


@torch.no_grad()
def rmse(network: KAN, x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared error over all outputs."""
    return float((network(torch.from_numpy(x)) - torch.from_numpy(y)).square().mean().sqrt())
