"""The decision numbers of comparisons and verdicts, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class OutlierThresholds:
    """When training rows are excluded because of gross errors.

    Attributes:
        min_rows: Fewer rows do not show which values are usual.
        max_rows: Among more rows a few errors have little effect.
        max_outlier_share: Of the rows; at least one row may be an outlier.
        min_gross_deviations: Robust standard deviations of the residuals.
        low_quantile: Lower quantile of the target, by which it is told whether it covers decades.
        fold_count: On which residuals are predicted, and fits compared.
    """

    min_rows: int = 20
    max_rows: int = 10_000
    max_outlier_share: float = 0.01
    min_gross_deviations: float = 30.0
    low_quantile: float = 0.1
    fold_count: int = 5


DEFAULT_OUTLIERS = OutlierThresholds()


@dataclass(frozen=True, kw_only=True)
class ResidualTestThresholds:
    """Statistics and draws of the test of residuals.

    Attributes:
        max_rows: Rows tested: a sample if there are more.
        power_draws: With a planted signal.
        clip_deviations: Robust standard deviations at which residuals are clipped.
        cosine_counts: Numbers of cosines of one column in a sum.
        neighbour_counts: Neighbours of every row by one column, or by all columns.
    """

    max_rows: int = 750
    power_draws: int = 100
    clip_deviations: float = 3.0
    cosine_counts: tuple[int, ...] = (1, 2, 4, 8, 16)
    neighbour_counts: tuple[int, ...] = (1, 6)


DEFAULT_RESIDUAL_TEST = ResidualTestThresholds()


@dataclass(frozen=True, kw_only=True)
class PartialDependenceThresholds:
    """Resolution and work of partial dependence.

    Attributes:
        curve_points: Values over the range of a number.
        max_categories: Values of a category.
        max_rows, min_rows: Of the sample whose predictions are averaged.
        max_classes: Classes with a curve, the most frequent.
        max_distribution_rows: For the distribution of a feature: every n-th if there are more.
        max_batch_values: Encoded values predicted at a time, so that memory does not grow with the columns.
        low_quantile: Lower quantile of the individual curves that is drawn.
    """

    curve_points: int = 41
    max_categories: int = 30
    max_rows: int = 500
    min_rows: int = 30
    max_classes: int = 12
    max_distribution_rows: int = 100_000
    max_batch_values: int = 2_000_000
    low_quantile: float = 0.1


DEFAULT_PARTIAL_DEPENDENCE = PartialDependenceThresholds()


@dataclass(frozen=True, kw_only=True)
class AssessmentThresholds:
    """When one candidate is better than another, and what may be said of a formula.

    Attributes:
        min_relative_gain: Of the mean squared error; a smaller gain is ignored.
        min_rows_per_constant: p constants from n rows add an error of noise · sqrt(p / n): with ten rows for
            each, a third of the noise.
        ridge_penalties: On standardised columns; the lowest are negligible.
        gamma_penalty: Of slopes on standardised columns; small, but needed for duplicate columns.
        logistic_strengths: Inverse penalties of logistic regression on standardised columns.
        max_fit_rows: For fitting a simple model; more rows change its errors by less than noise.
        max_refit_steps: Of Levenberg-Marquardt, starting from the constants found on all rows.
        clear_rmse_ratio: Of RMSEs, below which a model is better without a test.
        max_resamplings: Of the rows, on which the search is repeated.
        min_stability: Required share of resamplings that lead to similar predictions.
        significance_level: Of the residual test. Measured on 1,246 true formulas with 3 or 5 fitted constants
            (30 to 750 rows; 1, 3, 8 columns; noise normal, Student's t with 3 degrees of freedom, growing,
            exponential): 2.6 % false positives, without tangents 1.2 %; ``signal_left`` at its threshold has
            12 %, at 60 and 150 rows about 20 %.
        min_power: From which on a test that does not reject means clean residuals.
        max_exact_error: RMSE over the spread of the target, below which a formula is exact.

        boosting_rounds: Of boosting on the residuals.

        outliers: Of the exclusion of rows.
        residual_test: Of the test of residuals.
    """

    min_relative_gain: float = 0.02

    min_rows_per_constant: int = 10
    ridge_penalties: tuple[float, ...] = tuple(10.0**exponent for exponent in range(-9, 5))
    gamma_penalty: float = 1e-4
    logistic_strengths: tuple[float, ...] = (0.01, 1.0, 100.0)
    max_fit_rows: int = 10_000
    max_refit_steps: int = 20

    clear_rmse_ratio: float = 0.7
    max_resamplings: int = 4
    min_stability: float = 0.75
    significance_level: float = 0.03
    min_power: float = 0.8
    max_exact_error: float = 1e-7

    boosting_rounds: int = 60

    outliers: OutlierThresholds = DEFAULT_OUTLIERS
    residual_test: ResidualTestThresholds = DEFAULT_RESIDUAL_TEST


DEFAULT_ASSESSMENT = AssessmentThresholds()
