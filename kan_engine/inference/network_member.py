"""NetworkMember: further networks of a model, such as compact ones, and the one of them that predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.errors import InvalidConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkMember:
    """Networks of a model beside its accurate one: those of few curves, or a linear one.

    Args:
        path: Networks by number of curves, with their own scales.
        selected: Index in the path of the network that predicts.
        residuals: Its absolute errors in the target's units, like ``Predictor.residuals``.
        decision_weights: Its decision weights, like ``Predictor.decision_weights``.
        serves: Whether it answers by default, in place of the accurate network.

    Raises:
        InvalidConfig: The parts do not fit together.
    """

    path: CompactPath
    selected: int
    residuals: Float[np.ndarray, " validation"]
    decision_weights: tuple[float, ...] | None = None
    serves: bool = False

    def __post_init__(self) -> None:
        """Check that the selected network exists and that the networks are ordered."""
        counts = [entry.curve_count for entry in self.path.networks]
        if not 0 <= self.selected < len(counts):
            raise InvalidConfig(f"there is no network {self.selected} among {len(counts)}")
        if counts != sorted(set(counts)):
            raise InvalidConfig(f"the numbers of curves of networks must increase, got {counts}")
        if any(math.isnan(entry.loss) for entry in self.path.networks):
            raise InvalidConfig("the losses of networks must be numbers")

    @property
    def network(self) -> CompactNetwork:
        """The network that predicts."""
        return self.path.networks[self.selected]
