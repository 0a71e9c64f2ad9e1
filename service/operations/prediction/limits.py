"""The decision numbers of predictions and evaluations; the largest number of rows is a setting."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PredictionLimits:
    """What a prediction does on the event loop, and what its answer lists.

    Attributes:
        max_loop_rows: Up to here predicting takes less time than a thread switch.
        max_warnings: In an answer; all are counted.
        max_error_entries: Of one error.
        max_evaluated_values: Rows times columns of an evaluation in a request: 80 MB.
        max_evaluations: Kept of a model; the oldest are deleted.
        max_drawn_evaluations: In a picture, the newest.
    """

    max_loop_rows: int = 32
    max_warnings: int = 100
    max_error_entries: int = 100
    max_evaluated_values: int = 10_000_000
    max_evaluations: int = 1_000
    max_drawn_evaluations: int = 200


DEFAULT_PREDICTION = PredictionLimits()
