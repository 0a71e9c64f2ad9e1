"""Decision numbers of the reading of compact networks as formulas."""

from __future__ import annotations

from dataclasses import dataclass, field

from kan_engine.formulas.core.thresholds import FunctionFitThresholds


@dataclass(frozen=True, kw_only=True)
class ReadingThresholds:
    """How curves are read.

    Attributes:
        max_curves: Of a network; with more, even short functions make a formula too long for a front.
        tolerances: Mean squared errors of a curve that are accepted beyond those of its best function, over
            the variance of the output. Every network is read once with each. With the smaller one alone, R²
            of the front of airfoil at 20 nodes falls from 0.735 to 0.698.
        fits: Of functions to a curve. The front fits all constants to the target afterwards, so that few
            points and steps suffice: with those of the extraction, the reading takes seven times as long.
    """

    max_curves: int = 12
    tolerances: tuple[float, ...] = (0.01, 0.003)
    fits: FunctionFitThresholds = field(
        default_factory=lambda: FunctionFitThresholds(
            max_points=60, starts_per_function=1, rounds=2, steps_per_round=2, min_relative_gain=0.05
        )
    )


DEFAULT_READING = ReadingThresholds()
