"""Noise model of a curve, and the score of a fit under it.

Without noise, the error of the correct function is lower by orders of magnitude. Therefore a unit of
complexity has to reduce the error by a third of a digit. Under noise, n rows give n/2 · log₂(σ² + error²)
bits, and a unit of complexity costs a few bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kan_engine.network.kan import KAN
from kan_engine.numerics.ties import round_rank

MAX_PRICE = 0.3
"""Digits by which a unit of complexity has to reduce the error, without noise."""


@dataclass(frozen=True)
class NoiseModel:
    """Accuracy of the values of a curve.

    Attributes:
        floor: Relative error of the curve; fits with lower errors are equally good.
        noise: Noise of the rows over the spread of the curve; lower errors do not improve the score.
        price: Digits by which a unit of complexity has to reduce the error.
    """

    floor: float
    noise: float
    price: float

    @staticmethod
    def exact(floor: float) -> NoiseModel:
        """Model of a curve without noise."""
        return NoiseModel(floor, floor, MAX_PRICE)

    @staticmethod
    def noisy(floor: float, noise: float, rows: int, bits_per_complexity: float = 8.0) -> NoiseModel:
        """Model of a curve fitted to ``rows`` rows with this noise."""
        return NoiseModel(floor, noise, min(MAX_PRICE, bits_per_complexity / (rows * float(np.log2(10)))))

    @property
    def is_noisy(self) -> bool:
        """Whether the score is based on bits, so that many fits are nearly equal."""
        return self.price < MAX_PRICE

    def is_precise(self, max_floor: float = 1e-3) -> bool:
        """Whether sums of terms can be distinguished."""
        return self.floor < max_floor

    def get_close_error(self, factor: float = 3.0) -> float:
        """Largest error of a fit that is as close as the precision of the curve allows."""
        return factor * self.floor if self.is_precise() else self.floor

    def weightings(self) -> list[NoiseModel]:
        """Models to use one after the other: a noisy curve is first treated as exact."""
        return [NoiseModel.exact(self.floor), self] if self.is_noisy else [self]

    def score(self, error: float, complexity: float) -> float:
        """log₁₀ √(error² + noise²) plus the price of the complexity; lower is better."""
        return round_rank(float(np.log10(np.hypot(error, self.noise))) + self.price * complexity)

    def scale(self, factor: float) -> NoiseModel:
        """Model with errors that are larger by a factor."""
        return replace(self, floor=self.floor * factor, noise=self.noise * factor)

    def scale_to_part(self, part: float, total: float, max_factor: float = 1e3) -> NoiseModel:
        """Model of a part of a curve: the relative errors of a small part are larger.

        Args:
            part: Spread of the part.
            total: Spread of the whole curve.
            max_factor: Limit of the ratio of the relative errors.
        """
        return self.scale(max(1.0, min(total / (part + 1e-300), max_factor)))


def estimate_precision(
    error: float, network: KAN, rows: int, *, is_noisy: bool, max_error: float = 0.03
) -> NoiseModel:
    """Precision of a network's curves: that of the network itself, unless its error is noise.

    Args:
        error: Of the network, over the spread of the target.
        network: The network.
        rows: Number of rows that it was fitted to.
        is_noisy: Whether the error is noise.
        max_error: Upper bound of the error within which fits of an edge's curve count as equal.
    """
    if not is_noisy:
        return NoiseModel.exact(_clamp_error(error, max_error))
    # A fit of p parameters to n rows retains p/n of the variance of the noise
    noise_share = min(1.0, network.parameter_count / rows) ** 0.5  # share of the noise that the fit retains
    return NoiseModel.noisy(_clamp_error(error * noise_share, max_error), error, rows)


def _clamp_error(error: float, max_error: float) -> float:
    return min(max(2 * error, 1e-6), max_error)
