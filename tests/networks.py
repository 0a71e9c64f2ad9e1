"""Small networks with random activations, and rows for them."""

from dataclasses import replace

import torch

from kan_engine.network import KAN, KANConfig, initialise_


def random_network(
    width: tuple[int, ...],
    *,
    grid_size: int = 4,
    order: int = 3,
    direct: bool = False,
    groups: int = 1,
    seed: int = 0,
) -> KAN:
    """A network far from any special case."""
    network = KAN(KANConfig(width=width, grid_size=grid_size, order=order, direct=direct, groups=groups))
    initialise_(network, torch.Generator().manual_seed(seed), noise=1.0)
    return network


def alone(network: KAN, group: int) -> KAN:
    """One of the networks side by side, with outputs of which those of all together are the mean."""
    groups, width = network.config.groups, network.config.width
    inner = (nodes // groups for nodes in width[1:-1])
    one = KAN(replace(network.config, width=(width[0], *inner, width[-1]), groups=1))
    for own, whole in zip(one.stack, network.stack, strict=True):
        is_first, is_last = own is one.stack[0], own is one.stack[-1]
        nodes_in = slice(None) if is_first else slice(group * own.in_dim, (group + 1) * own.in_dim)
        nodes_out = slice(None) if is_last else slice(group * own.out_dim, (group + 1) * own.out_dim)
        own.knots.copy_(whole.knots[nodes_in])
        own.mask.copy_(whole.mask[nodes_in, nodes_out])
        weight = whole.weight.detach()[nodes_in, :, nodes_out]
        own.weight.data.copy_(groups * weight if is_last else weight)
    if network.direct is not None and one.direct is not None:
        one.direct.load_state_dict(network.direct.state_dict())
    return one


def uniform_rows(count: int, inputs: int, *, seed: int = 0) -> torch.Tensor:
    """Rows of [-1, 1]^inputs."""
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(count, inputs, dtype=torch.float64, generator=generator) - 1
