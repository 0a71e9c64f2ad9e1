"""KANConfig and KAN: composed layers (eq. 2.4), with optional direct edges from inputs to outputs."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kan_engine.errors import ArtifactError, InvalidConfig
from kan_engine.network.header import NetworkHeader
from kan_engine.network.layer import KANLayer
from kan_engine.splines.base_functions import BASE_FUNCTIONS, SILU

Network = TypeVar("Network", bound="KAN")
"""The network of a function that returns one of the same class."""


@dataclass(frozen=True, kw_only=True)
class KANConfig:
    """Shape of a network.

    Args:
        width: Nodes per layer, [n_0, …, n_L].
        grid_size: Number of grid intervals G of every layer.
        order: Spline order k.
        direct: Whether every input also has a direct edge to every output.
        groups: Number of parallel networks. The nodes of every hidden layer form this many equal groups,
            without edges between different groups. The outputs are sums over all groups.
        products: Number of multiplication nodes, the last of their layer: of the only hidden layer, or of
            every layer after the inputs. Such a node multiplies the activations of its incoming edges.
        base: Base function of the activations, of ``base_functions.BASE_FUNCTIONS``.
    """

    width: tuple[int, ...]
    grid_size: int = 5
    order: int = 3
    direct: bool = False
    groups: int = 1
    products: int | tuple[int, ...] = 0
    base: str = SILU

    def __post_init__(self) -> None:
        """Validate the shape."""
        if len(self.width) < 2 or min(self.width) < 1:
            raise InvalidConfig(f"width needs at least two layers of at least one node, got {self.width}")
        if not 1 <= self.grid_size <= 10_000:
            raise InvalidConfig(f"grid_size must be between 1 and 10000, got {self.grid_size}")
        if not 0 <= self.order <= 10:
            raise InvalidConfig(f"order must be between 0 and 10, got {self.order}")
        if self.groups < 1 or any(nodes % self.groups for nodes in self.width[1:-1]):
            raise InvalidConfig(f"hidden layers of {self.width} do not form {self.groups} equal groups")
        if self.groups > 1 and len(self.width) == 2:
            raise InvalidConfig(f"more than one group needs hidden layers, got width {self.width}")
        self._check_products()
        if self.base not in BASE_FUNCTIONS:
            raise InvalidConfig(f"base must be one of {', '.join(BASE_FUNCTIONS)}, got {self.base!r}")

    @property
    def product_counts(self) -> tuple[int, ...]:
        """Multiplication nodes of every layer after the inputs."""
        if isinstance(self.products, tuple):
            return self.products
        return tuple(self.products if number == 1 else 0 for number in range(1, len(self.width)))

    def _check_products(self) -> None:
        if not isinstance(self.products, tuple) and self.products and len(self.width) != 3:
            raise InvalidConfig(f"{self.products} multiplication nodes: give their number for every layer")
        counts, nodes = self.product_counts, self.width[1:]
        if len(counts) != len(nodes) or not all(0 <= p <= n for p, n in zip(counts, nodes, strict=True)):
            raise InvalidConfig(f"layers of {nodes} nodes cannot have {counts} multiplication nodes")
        if any(counts) and self.groups > 1:
            raise InvalidConfig("multiplication nodes need a single group")
        # One form for each network: a number where those of the only hidden layer are meant
        if not any(counts) or (len(counts) == 2 and not counts[1]):
            object.__setattr__(self, "products", counts[0] if any(counts) else 0)


class KAN(nn.Module):
    """A Kolmogorov-Arnold network: x → Φ_{L-1} ∘ … ∘ Φ_0 (x), plus Φ_direct(x) if there are direct edges.

    A new network is in float64: second-order training and formula extraction need this precision.
    ``network.to(…)`` changes dtype or device, and all functions that change a network preserve both.
    """

    def __init__(self, config: KANConfig) -> None:
        super().__init__()
        self.config = config
        shape: dict[str, Any] = {"grid_size": config.grid_size, "order": config.order, "base": config.base}
        last_number = len(config.width) - 2
        self.layers = nn.ModuleList(
            KANLayer(
                n_in,
                n_out,
                groups=config.groups if 0 < number < last_number else 1,
                products=config.product_counts[number],
                **shape,
            )
            for number, (n_in, n_out) in enumerate(pairwise(config.width))
        )
        self.direct = KANLayer(config.width[0], config.width[-1], **shape) if config.direct else None

    @property
    def stack(self) -> list[KANLayer]:
        """The composed layers, without the direct edges."""
        return list(self.layers)  # type: ignore[arg-type]

    @property
    def all_layers(self) -> list[KANLayer]:
        """All layers in order; the layer of direct edges, if any, is the last."""
        return self.stack if self.direct is None else [*self.stack, self.direct]

    @property
    def parameter_count(self) -> int:
        """Number of trainable weights, and of trained constants of functions."""
        return sum(
            int(layer.trainable_mask().sum()) * layer.weight.shape[1]
            + 4 * len(layer.list_trained_functions())
            for layer in self.all_layers
        )

    @property
    def edge_count(self) -> int:
        """Number of edges that are not pruned."""
        return sum(int(layer.mask.sum()) for layer in self.all_layers)

    def forward(
        self, x: Float[Tensor, "batch in_dim"], features: Float[Tensor, "batch in_dim terms"] | None = None
    ) -> Float[Tensor, "batch out_dim"]:
        """Outputs of the last layer, plus those of the direct edges.

        Args:
            x: Inputs.
            features: Features of the first layer at ``x``, if they are known.
        """
        first_layer, *later_layers = self.stack
        h: Tensor = first_layer(x, features)
        for layer in later_layers:
            h = layer(h)
        return h if self.direct is None else h + self.direct(x)

    @torch.no_grad()
    def preacts(self, x: Float[Tensor, "batch in_dim"]) -> list[Float[Tensor, "batch _"]]:
        """Inputs of every layer in ``all_layers``, in that order."""
        inputs = [x]
        for layer in self.stack[:-1]:
            inputs.append(layer(inputs[-1]))
        return inputs if self.direct is None else [*inputs, x]

    def to_header(self) -> NetworkHeader:
        """Description of the network without its tensors."""
        return NetworkHeader(
            width=self.config.width,
            order=self.config.order,
            direct=self.direct is not None,
            groups=self.config.groups,
            products=self.config.products,
            base=self.config.base,
            grid_sizes=tuple(layer.grid_size for layer in self.all_layers),
            symbolic={
                (number, i, j): edge
                for number, layer in enumerate(self.all_layers)
                for (i, j), edge in sorted(layer.symbolic.items())
            },
        )

    @classmethod
    def from_header(cls: "type[Network]", header: NetworkHeader) -> "Network":
        """A network of the described shape, whose tensors must be loaded afterwards.

        Raises:
            ArtifactError: The header does not describe a network.
        """
        try:
            config = KANConfig(
                width=header.width,
                grid_size=header.grid_sizes[0],
                order=header.order,
                direct=header.direct,
                groups=header.groups,
                products=header.products,
                base=header.base,
            )
            network = cls(config)
            for layer, grid_size in zip(network.all_layers, header.grid_sizes, strict=True):
                resize_grid_(layer, grid_size)
            for (number, i, j), edge in header.symbolic.items():
                network.all_layers[number].symbolic[i, j] = edge
        except (TypeError, ValueError, IndexError) as error:
            raise ArtifactError(f"the header does not describe a network: {error}") from error
        return network


def copy_network(network: Network) -> Network:
    """A deep copy of the network, with the same dtype and device."""
    twin = type(network).from_header(network.to_header()).to(network.stack[0].weight)
    twin.load_state_dict(network.state_dict())
    return twin


@torch.no_grad()
def extract_group(network: KAN, group: int) -> KAN:
    """One of the parallel networks as a network of its own.

    Its outputs are scaled so that the outputs of ``network`` are the mean over all groups.
    """
    config = network.config
    inner = tuple(nodes // config.groups for nodes in config.width[1:-1])
    alone = KAN(replace(config, width=(config.width[0], *inner, config.width[-1]), groups=1))
    alone.to(network.stack[0].weight)
    for number, (layer, source) in enumerate(zip(alone.all_layers, network.all_layers, strict=True)):
        resize_grid_(layer, source.grid_size)
        # The group owns its slice of every hidden layer; inputs and outputs belong to all groups
        is_inner_in, is_inner_out = layer.in_dim < source.in_dim, layer.out_dim < source.out_dim
        rows = slice(group * layer.in_dim, (group + 1) * layer.in_dim) if is_inner_in else slice(None)
        columns = slice(group * layer.out_dim, (group + 1) * layer.out_dim) if is_inner_out else slice(None)
        layer.knots, layer.mask = source.knots[rows].clone(), source.mask[rows, columns].clone()
        # The outputs are sums over the groups, so one group is scaled to represent their mean
        share = config.groups if number == len(inner) else 1
        layer.weight = nn.Parameter(source.weight[rows, :, columns] * share)
    return alone


def resize_grid_(layer: KANLayer, grid_size: int) -> None:
    """Resize the tensors of a layer for another grid size; the caller must then set knots and weights."""
    fresh = KANLayer(layer.in_dim, layer.out_dim, grid_size=grid_size, order=layer.order).to(layer.weight)
    layer.knots = fresh.knots
    layer.weight = fresh.weight


@torch.no_grad()
def initialise_(network: KAN, generator: torch.Generator, *, noise: float = 0.3) -> None:
    """Initialise every activation near a random line, in place.

    Slopes are random, of order 1/√in, with a small random deviation of the spline coefficients. Hidden nodes
    then spread over the grid and differ from each other. The spline coefficients of a line are its values at
    the Greville points (de Boor, chapter XI). Each of several parallel networks is initialised as it would be
    alone, and the outputs are their mean. The random numbers are the same for every dtype and device.

    Args:
        network: Changed in place.
        generator: Source of the random numbers.
        noise: Bound of the random deviation of the coefficients, before scaling by 1/√in.
    """
    groups = network.config.groups
    for layer in network.all_layers:
        greville = greville_points(layer)  # (in_dim, G + k)
        # Random slope of every edge, and a random deviation of its coefficients
        slopes = torch.empty(layer.in_dim, layer.out_dim, dtype=torch.float64)
        slopes.uniform_(-1, 1, generator=generator)
        wiggle = torch.empty(layer.in_dim, greville.shape[1], layer.out_dim, dtype=torch.float64)
        wiggle.uniform_(-noise, noise, generator=generator)
        is_first, is_last = layer is network.stack[0], layer is network.stack[-1]
        # The spread of a node grows with the root of its incoming edges, which the scale compensates
        scale = (layer.in_dim / (1 if is_first else groups)) ** -0.5 / (groups if is_last else 1)
        # The Greville points are the coefficients of the identity, their multiples those of lines
        lines = greville.double().cpu().unsqueeze(-1) * slopes.unsqueeze(1)
        layer.weight.zero_()
        layer.weight[:, :-1] = (scale * (lines + wiggle)).to(layer.weight)


def greville_points(layer: KANLayer) -> Float[Tensor, "in_dim basis"]:
    """Means of k neighbouring knots; the spline with these coefficients is the identity."""
    if layer.order == 0:
        return (layer.knots[:, :-1] + layer.knots[:, 1:]) / 2
    return layer.knots[:, 1:-1].unfold(1, layer.order, 1).mean(-1)
