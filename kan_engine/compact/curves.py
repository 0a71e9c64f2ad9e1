"""The curves of a network while it is searched: which there are, and their coefficients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float


class Edge(NamedTuple):
    """A curve.

    Attributes:
        layer: ``direct`` from a source to an output, ``inner`` from a source to a hidden node, ``outer`` from
            a hidden node to an output.
        start: Number of the source or node.
        end: Number of the node or output.
    """

    layer: Literal["direct", "inner", "outer"]
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve in its basis.

    Attributes:
        coefficients: Of the functions of its source or node.
        shrinkage: Penalty of its line per row.
        smoothing: Penalty of its curvature per row.
    """

    coefficients: Float[np.ndarray, " terms"]
    shrinkage: float
    smoothing: float


@dataclass(frozen=True, eq=False)
class Curves:
    """All curves of a network, and the constant of every output."""

    by_edge: Mapping[Edge, Curve]
    constants: Float[np.ndarray, " outputs"]

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, sorted."""
        return tuple(sorted(self.by_edge))

    def __len__(self) -> int:
        return len(self.by_edge)

    @cached_property
    def nodes(self) -> dict[int, tuple[tuple[Edge, ...], tuple[Edge, ...]]]:
        """Incoming and outgoing edges of every hidden node."""
        numbers = sorted(
            {e.end for e in self.edges if e.layer == "inner"}
            | {e.start for e in self.edges if e.layer == "outer"}
        )
        return {
            k: (
                tuple(e for e in self.edges if e.layer == "inner" and e.end == k),
                tuple(e for e in self.edges if e.layer == "outer" and e.start == k),
            )
            for k in numbers
        }

    @property
    def sources(self) -> tuple[int, ...]:
        """Numbers of the sources that are read."""
        return tuple(sorted({e.start for e in self.edges if e.layer != "outer"}))

    def remove(self, edges: Iterable[Edge]) -> Curves:
        """Remove edges, with those that then lead from or to nothing."""
        remainder = {edge: self.by_edge[edge] for edge in self.edges if edge not in set(edges)}
        # A node without incoming or without outgoing edges has no effect: its other edges go as well
        live_nodes = {e.end for e in remainder if e.layer == "inner"} & {
            e.start for e in remainder if e.layer == "outer"
        }
        by_edge = {
            e: curve
            for e, curve in remainder.items()
            if e.layer == "direct" or (e.end if e.layer == "inner" else e.start) in live_nodes
        }
        return replace(self, by_edge=by_edge)

    def add(self, curves: Mapping[Edge, Curve]) -> Curves:
        """Add or replace curves."""
        return replace(self, by_edge={**self.by_edge, **curves})
