"""Small networks with random activations, and rows for them."""

from typing import Any

import torch

from kan_engine.network.kan import KAN, KANConfig, initialise_


def random_network(
    width: tuple[int, ...],
    *,
    grid_size: int = 4,
    order: int = 3,
    direct: bool = False,
    groups: int = 1,
    products: int | tuple[int, ...] = 0,
    seed: int = 0,
) -> KAN:
    """A network far from any special case."""
    shape: dict[str, Any] = {"grid_size": grid_size, "order": order, "groups": groups, "products": products}
    network = KAN(KANConfig(width=width, direct=direct, **shape))
    initialise_(network, torch.Generator().manual_seed(seed), noise=1.0)
    return network


def fresh_network(width: tuple[int, ...] = (2, 1, 1), grid_size: int = 3) -> KAN:
    """A network as training begins with it."""
    network = KAN(KANConfig(width=width, grid_size=grid_size))
    initialise_(network, torch.Generator().manual_seed(0))
    return network


def uniform_rows(count: int, inputs: int, *, seed: int = 0) -> torch.Tensor:
    """Rows of [-1, 1]^inputs."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, inputs, dtype=torch.float64, generator=generator) - 1
