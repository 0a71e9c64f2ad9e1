"""The decision numbers of the comparison of new rows with the training of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MonitoringThresholds:
    """When a model holds, and when a column has drifted.

    Attributes:
        reference_points: Quantiles of a number that training keeps; 33 bound the error of the
            Kolmogorov-Smirnov statistic by 3 %.
        max_reference_columns: Features whose distribution is kept, those that the model uses first.
        background_rows, background_values: Training rows that explanations average over, and the most
            numbers of all of them: with 64 rows the base value has an eighth of the spread of the predictions
            as standard error.

        deviations: Of a normal distribution: ends of a 90 % interval.
        tolerance: Ratio of the errors up to which the model holds even if the difference is significant.
        max_uncertain_ratio: If the interval of the ratio reaches beyond it, the rows are too few to say that
            the model holds.
        min_log_loss: Hold-out log losses below it count as it: their ratio says nothing.
        min_spread_rows: Fewest validation errors whose spread is used for that of the hold-out errors.
        levels: Coverage probabilities of the intervals that are checked.
        reliability_bins: Bins of the reliability curve.
        max_tested_columns: Encoded columns that the residual test reads, those that the model uses first.

        psi_bins: Bins of the population stability index of a number.
        min_psi: Index from which a significant difference is a drift: the usual limit of a moderate change.
        significance_level: Of the tests of all columns together.
        min_expected_count: Rows expected in a bin of the chi-squared test; rarer bins are joined.
        max_listed: Unseen categories that are listed.
        max_drift_columns: Columns that are listed, so that a history of evaluations stays small.
    """

    reference_points: int = 33
    max_reference_columns: int = 200
    background_rows: int = 64
    background_values: int = 40_000

    deviations: float = 1.645
    tolerance: float = 1.1
    max_uncertain_ratio: float = 1.5
    min_log_loss: float = 0.01
    min_spread_rows: int = 20
    levels: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)
    reliability_bins: int = 10
    max_tested_columns: int = 30

    psi_bins: int = 10
    min_psi: float = 0.1
    significance_level: float = 0.01
    min_expected_count: float = 5.0
    max_listed: int = 20
    max_drift_columns: int = 100


DEFAULT_MONITORING = MonitoringThresholds()
