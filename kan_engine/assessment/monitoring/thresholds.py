"""The decision numbers of the comparison of new rows with the training of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MonitoringThresholds:
    """When a model holds, and when a column has drifted.

    Attributes:
        background_rows: Training rows that explanations average over: with 64 rows the base value has an
            eighth of the spread of the predictions as standard error.

        deviations: Of a normal distribution: ends of a 90 % interval.
        tolerance: Ratio of the errors up to which the model holds even if the difference is significant.
        min_log_loss: Hold-out log losses below it count as it: their ratio says nothing.
        min_spread_rows: Fewest validation errors whose spread is used for that of the hold-out errors.
        levels: Coverage probabilities of the intervals that are checked.

        significance_level: Of the tests of all columns together.
    """

    background_rows: int = 64

    deviations: float = 1.645
    tolerance: float = 1.1
    min_log_loss: float = 0.01
    min_spread_rows: int = 20
    levels: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)

    significance_level: float = 0.01


DEFAULT_MONITORING = MonitoringThresholds()
