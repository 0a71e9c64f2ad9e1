"""The path of compact networks of one target, from one curve up."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.network.kan import KAN


@dataclass(frozen=True, kw_only=True)
class CompactNetwork:
    """A network of few curves.

    Attributes:
        network: The network.
        curve_count: Number of its curves. A curve is a live edge; the edges from all levels of one category
            to one node are one curve, with a value per level.
        loss: Validation loss, in the units of training: half a squared error of the scaled target, or a log
            loss.
    """

    network: KAN
    curve_count: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class CompactPath:
    """Compact networks of one target.

    Attributes:
        networks: By number of curves, which strictly increases.
        inputs: Scale of the encoded columns.
        scaler: Of the target; None for a classifier.
    """

    networks: tuple[CompactNetwork, ...]
    inputs: Standardizer
    scaler: TargetScaler | None

    def select(self, max_curves: int) -> CompactNetwork:
        """The network with the lowest validation loss among those of at most ``max_curves`` curves.

        Of equal losses the network with more curves counts. The smallest is returned if all have more curves.
        """
        candidates = [entry for entry in self.networks if entry.curve_count <= max_curves]
        return min(candidates or self.networks[:1], key=lambda entry: (entry.loss, -entry.curve_count))
