"""The decision numbers of comparisons and verdicts, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AssessmentThresholds:
    """When one candidate is better than another, and what may be said of a formula.

    Attributes:
        min_relative_gain: Of the mean squared error; a smaller gain is ignored.
        small_sample_rows: With so many rows a gain must be two standard errors, with many more rows one.
        min_share_standard_errors: Above one half, for the share of rows on which a candidate is better.

        min_log_std: Standard deviation of log y, above which the exponential of a line is a candidate.
        min_rows_per_constant: p constants from n rows add an error of noise · sqrt(p / n): with ten rows for
            each, a third of the noise.
        logistic_strengths: Inverse penalties of logistic regression on standardised columns.
        max_fit_rows: For fitting a simple model; more rows change its errors by less than noise.
        max_refit_steps: Of Levenberg-Marquardt, starting from the constants found on all rows.

        min_signal_per_noise, min_signal_per_spread: Share of the variance of the noise, and of the target,
            that a signal must have so that the residual test should detect it.
        max_relative_noise_p_value: Below which errors are taken to grow with the fitted values.
        clear_rmse_ratio: Of RMSEs, below which a model is better without a test.
        max_resamplings: Of the rows, on which the search is repeated.
        max_prediction_difference: Share of the RMS residual, within which two formulas predict similarly.
        min_stability: Required share of resamplings that lead to similar predictions.
        significance_level: Of the residual test. Measured on 1,246 true formulas with 3 or 5 fitted constants
            (30 to 750 rows; 1, 3, 8 columns; noise normal, Student's t with 3 degrees of freedom, growing,
            exponential): 2.6 % false positives, without tangents 1.2 %; ``signal_left`` at its threshold has
            12 %, at 60 and 150 rows about 20 %.
        min_power: From which on a test that does not reject means clean residuals.
    """

    min_relative_gain: float = 0.02
    small_sample_rows: int = 100
    min_share_standard_errors: float = 2.0

    min_log_std: float = 0.5
    min_rows_per_constant: int = 10
    logistic_strengths: tuple[float, ...] = (0.01, 1.0, 100.0)
    max_fit_rows: int = 10_000
    max_refit_steps: int = 20

    min_signal_per_noise: float = 0.25
    min_signal_per_spread: float = 0.01
    max_relative_noise_p_value: float = 1e-3
    clear_rmse_ratio: float = 0.7
    max_resamplings: int = 4
    max_prediction_difference: float = 0.5
    min_stability: float = 0.75
    significance_level: float = 0.03
    min_power: float = 0.8


DEFAULT_ASSESSMENT = AssessmentThresholds()
