"""The decision numbers of predictions and evaluations; the largest number of rows is a setting."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PredictionLimits:
    """What a prediction does on the event loop, and what its answer lists.

    Attributes:
        max_warnings: In an answer; all are counted.
        max_error_entries: Of one error.
        max_evaluations: Kept of a model; the oldest are deleted.
    """

    max_warnings: int = 100
    max_error_entries: int = 100
    max_evaluations: int = 1_000


DEFAULT_PREDICTION = PredictionLimits()
