"""How well a curve is known, and what a fit of it is worth.

Without noise the right function is orders of magnitude ahead, so that a unit of complexity has to win a
third of a digit. Under noise n rows tell n/2 · log₂(σ² + error²) bits, and a unit of complexity costs a few.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

PRICE = 0.3  # digits of error that a unit of complexity has to win
UNIT_BITS = 8.0  # of a unit of complexity, where bits are counted
MOST_UNSURE = 1e3  # factor by which a small part is known less well than the whole, at most


@dataclass(frozen=True)
class Precision:
    """How well a curve is known.

    Attributes:
        floor: Relative error of the curve, below which fits are equal.
        noise: Error below which a fit gains nothing, over the spread of the curve; that of the rows.
        price: Digits of error that a unit of complexity has to win.
    """

    floor: float
    noise: float
    price: float = PRICE

    @staticmethod
    def exact(floor: float) -> Precision:
        """Of a curve without noise."""
        return Precision(floor, floor)

    @staticmethod
    def noisy(floor: float, noise: float, rows: int) -> Precision:
        """Of a curve through so many rows with this noise."""
        return Precision(floor, noise, min(PRICE, UNIT_BITS / (rows * float(np.log2(10)))))

    @property
    def is_noisy(self) -> bool:
        """Whether bits are counted, and many fits are equal."""
        return self.price < PRICE

    def views(self) -> list[Precision]:
        """Ways to weigh fits, one after the other: under noise simple ones may win by that at first."""
        return [Precision.exact(self.floor), self] if self.is_noisy else [self]

    def score(self, error: float, complexity: float) -> float:
        """Digits of error, none below the noise, plus the price of the complexity: small is good."""
        return float(np.log10(np.hypot(error, self.noise))) + self.price * complexity

    def of_part(self, part: float, whole: float) -> Precision:
        """Of a part with this spread of a whole with that one: a small part is known less well."""
        factor = max(1.0, min(whole / (part + 1e-300), MOST_UNSURE))
        return replace(self, floor=self.floor * factor, noise=self.noise * factor)
