"""NetworkHeader: the description of a network without its tensors, as artifacts store it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kan_engine.network.layer import SymbolicEdge
from kan_engine.splines.base_functions import SILU

_FLAGS = ("with_spline", "is_trained")
EdgePlace = tuple[int, int, int]  # number of the layer in ``all_layers``, input node, output node


@dataclass(frozen=True, kw_only=True)
class NetworkHeader:
    """Shape and fixed activations of a network.

    Attributes:
        width: Nodes per layer.
        order: Spline order k.
        direct: Whether there are direct edges from inputs to outputs.
        groups: Number of parallel networks; 1 in artifacts from before there were groups.
        products: Number of multiplication nodes, or their numbers by layer; see ``KANConfig``.
        base: Base function; SiLU in artifacts from before there was a choice.
        grid_sizes: Grid intervals of every layer of ``all_layers``.
        symbolic: The fixed activations.
    """

    width: tuple[int, ...]
    order: int
    direct: bool
    groups: int = 1
    products: int | tuple[int, ...] = 0
    base: str = SILU
    grid_sizes: tuple[int, ...]
    symbolic: Mapping[EdgePlace, SymbolicEdge]

    def to_dict(self) -> dict[str, Any]:
        """The header as JSON."""
        return vars(self) | {
            "symbolic": [
                {"layer": layer, "in": i, "out": j, **_describe_edge(edge)}
                for (layer, i, j), edge in self.symbolic.items()
            ]
        }

    @property
    def has_splines_beside_functions(self) -> bool:
        """Whether an edge is the sum of a function and a spline."""
        return any(edge.with_spline for edge in self.symbolic.values())

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "NetworkHeader":
        """The inverse of ``to_dict``; raise KeyError, TypeError or ValueError where a part is missing."""
        products = data.get("products", 0)
        return NetworkHeader(
            width=tuple(data["width"]),
            order=data["order"],
            direct=data["direct"],
            groups=data.get("groups", 1),
            products=products if isinstance(products, int) else tuple(products),
            base=data.get("base", SILU),
            grid_sizes=tuple(data["grid_sizes"]),
            symbolic={
                (entry["layer"], entry["in"], entry["out"]): SymbolicEdge(
                    entry["function"],
                    *(float(entry[key]) for key in "abcd"),
                    **{name: bool(entry.get(name)) for name in _FLAGS},
                )
                for entry in data["symbolic"]
            },
        )


def _describe_edge(edge: SymbolicEdge) -> dict[str, str | float]:
    """Function and constants; flags only where they are set, so that others stay as they were."""
    return {name: value for name, value in vars(edge).items() if name not in _FLAGS or value}
