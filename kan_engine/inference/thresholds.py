"""The decision numbers of calibration, decision rule, optimism correction and explanations, with reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class InferenceThresholds:
    """How probabilities are calibrated and labels chosen, and how the selection bias is corrected.

    Attributes:
        log_scale_deviation, shift_deviation: Standard deviations of the normal priors: of log s, of every b.
        max_newton_steps: Of the fit of a calibration.

        max_optimism_rows: With more rows the bias is negligible: it fell from 5 % to 2 % from 20 to 50 rows.

        max_interacting_features: Of a term whose Shapley values are enumerated: 2^10 sets.
        max_explanation_operations: Activations, or operations of formulas, of all predictions of an
            explanation: several seconds.
        max_batch_values: Encoded values predicted at a time.
    """

    log_scale_deviation: float = 1.0
    shift_deviation: float = 0.5
    max_newton_steps: int = 50

    max_optimism_rows: int = 1_000

    max_interacting_features: int = 10
    max_explanation_operations: int = 300_000_000
    max_batch_values: int = 2_000_000


DEFAULT_INFERENCE = InferenceThresholds()
