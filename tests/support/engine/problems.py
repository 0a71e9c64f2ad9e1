"""Small problems for training: rows of a law, weighted rows, and a network with all kinds of edges."""

import numpy as np
import torch

from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.network.layer import SymbolicEdge
from kan_engine.training.rows import TrainingRows

OUTPUTS: dict[str, int] = {"squared": 2, "logistic": 1, "softmax": 3}


def law_rows(rows: int, seed: int) -> TrainingRows:
    """exp(sin x1 - x2²), the survey's first formula."""
    x = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (rows, 2)))
    return TrainingRows.create(x, torch.exp(torch.sin(x[:, :1]) - x[:, 1:] ** 2))


def rows_of(loss: str, count: int = 40) -> TrainingRows:
    """Rows with unequal weights; targets as the loss wants them, in the number of ``OUTPUTS``."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(count, 2, dtype=torch.float64, generator=generator) * 2 - 1
    targets = {
        "squared": torch.rand(count, OUTPUTS[loss], dtype=torch.float64, generator=generator),
        "logistic": (x[:, :1] > 0).double(),
        "softmax": torch.randint(0, OUTPUTS[loss], (count, 1), generator=generator).double(),
    }[loss]
    weights = torch.rand(count, dtype=torch.float64, generator=generator) + 0.5
    return TrainingRows.create(x, targets, weights)


def mixed_network(loss: str, *, direct: bool = False, products: int | tuple[int, ...] = 0) -> KAN:
    """A network with a pruned and a symbolic edge, and perhaps direct ones and nodes that multiply."""
    config = KANConfig(width=(2, 3, OUTPUTS[loss]), grid_size=3, direct=direct, products=products)
    network = KAN(config)
    initialise_(network, torch.Generator().manual_seed(0), noise=0.5)
    network.layers[0].mask[0, 1] = False
    network.layers[0].symbolic[1, 2] = SymbolicEdge("sin", 1.5, 0.2, 0.7, 0.1)
    return network
