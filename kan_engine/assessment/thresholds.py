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
        min_distance_ratio: To the largest residual of all other rows.
        low_quantile, min_wide_ratio: A target whose other quantile is so many times this one covers decades;
            its values are far from all others only if their logarithms are, too.
        fold_count: On which residuals are predicted, and fits compared.
        tree_count: Of boosting.
        min_better_folds: In which excluding the outliers must improve the predictions.
        max_error_ratio: Of the mean squared errors without and with the outliers.
        max_named_rows: In a warning.
    """

    min_rows: int = 20
    max_rows: int = 10_000
    max_outlier_share: float = 0.01
    min_gross_deviations: float = 30.0
    min_distance_ratio: float = 5.0
    low_quantile: float = 0.1
    min_wide_ratio: float = 100.0
    fold_count: int = 5
    tree_count: int = 50
    min_better_folds: int = 4
    max_error_ratio: float = 0.95
    max_named_rows: int = 10


DEFAULT_OUTLIERS = OutlierThresholds()


@dataclass(frozen=True, kw_only=True)
class ResidualTestThresholds:
    """Statistics and draws of the test of residuals.

    Attributes:
        min_degrees_of_freedom: Rows beyond the fitted constants; with fewer, random signs hardly reach the
            level.
        max_rows: Rows tested: a sample if there are more.
        max_paired_columns: Columns whose pairs are tested: a sample if there are more.
        bootstrap_draws, power_draws: Under the null hypothesis, and with a planted signal.
        clip_deviations: Robust standard deviations at which residuals are clipped.
        cosine_counts: Numbers of cosines of one column in a sum.
        product_counts: Numbers of cosines of each of two columns whose products are in a sum.
        neighbour_counts: Neighbours of every row by one column, or by all columns.
        pair_neighbour_counts: Neighbours of every row by two columns.
        kernel_widths: Of the Gaussian kernel of all columns, over the median distance of rows.
    """

    min_degrees_of_freedom: int = 10
    max_rows: int = 750
    max_paired_columns: int = 12
    bootstrap_draws: int = 300
    power_draws: int = 100
    clip_deviations: float = 3.0
    cosine_counts: tuple[int, ...] = (1, 2, 4, 8, 16)
    product_counts: tuple[int, ...] = (1, 2, 3)
    neighbour_counts: tuple[int, ...] = (1, 6)
    pair_neighbour_counts: tuple[int, ...] = (3,)
    kernel_widths: tuple[float, ...] = (0.5, 1.0)


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
        low_quantile, high_quantile: Of the individual curves.
    """

    curve_points: int = 41
    max_categories: int = 30
    max_rows: int = 500
    min_rows: int = 30
    max_classes: int = 12
    max_distribution_rows: int = 100_000
    max_batch_values: int = 2_000_000
    low_quantile: float = 0.1
    high_quantile: float = 0.9


DEFAULT_PARTIAL_DEPENDENCE = PartialDependenceThresholds()


@dataclass(frozen=True, kw_only=True)
class AssessmentThresholds:
    """When one candidate is better than another, and what may be said of a formula.

    Attributes:
        min_relative_gain: Of the mean squared error; a smaller gain is ignored.
        small_gain_standard_errors: Of the paired differences, that a smaller gain in log loss must exceed.
        small_sample_rows: With so many rows a gain must be two standard errors, with many more rows one.
        min_share_standard_errors: Above one half, for the share of rows on which a candidate is better.
        min_heavy_share_standard_errors: The same where the mean squares tell nothing.
        max_ratio_p_value: Of the F test of two mean squares.
        max_wild_share: Of the rows, besides one, that cannot decide a comparison at either end.

        min_log_std: Standard deviation of log y, above which the exponential of a line is a candidate.
        min_rows_per_constant: p constants from n rows add an error of noise · sqrt(p / n): with ten rows for
            each, a third of the noise.
        ridge_penalties: On standardised columns; the lowest are negligible.
        gamma_penalty: Of slopes on standardised columns; small, but needed for duplicate columns.
        logistic_strengths: Inverse penalties of logistic regression on standardised columns.
        max_fit_rows: For fitting a simple model; more rows change its errors by less than noise.
        max_refit_steps: Of Levenberg-Marquardt, starting from the constants found on all rows.

        min_signal_per_noise, min_signal_per_spread: Share of the variance of the noise, and of the target,
            that a signal must have so that the residual test should detect it.
        max_relative_noise_p_value: Below which errors are taken to grow with the fitted values.
        bits_per_exponent: Price of an exponent of a product of powers, as a reference for errors.
        min_relative_bits: By which errors that are a share of the value must describe the residuals better
            than equal ones: 10 are odds of 1,000 to 1.
        clear_rmse_ratio: Of RMSEs, below which a model is better without a test.
        max_resamplings: Of the rows, on which the search is repeated.
        max_prediction_difference: Share of the RMS residual, within which two formulas predict similarly.
        min_stability: Required share of resamplings that lead to similar predictions.
        min_probability: Of a consistent formula, that it is the law up to its constants.
        significance_level: Of the residual test. Measured on 1,246 true formulas with 3 or 5 fitted constants
            (30 to 750 rows; 1, 3, 8 columns; noise normal, Student's t with 3 degrees of freedom, growing,
            exponential): 2.6 % false positives, without tangents 1.2 %; ``signal_left`` at its threshold has
            12 %, at 60 and 150 rows about 20 %.
        min_power: From which on a test that does not reject means clean residuals.
        max_exact_error: RMSE over the spread of the target, below which a formula is exact.

        boosting_rounds, boosting_learning_rate: Of the signal left in residuals; slow enough that boosting
            hardly fits noise.
        max_usual_residuals: Standard deviation of residuals over the median of their sizes, above which a few
            residuals decide it; 1.5 for the normal distribution, 2.3 for Student's t with 3 degrees of
            freedom.
        boosting_leaves, boosting_leaf_rows: Most leaves of its trees, and fewest rows of a leaf.

        outliers: Of the exclusion of rows.
        residual_test: Of the test of residuals.
    """

    min_relative_gain: float = 0.02
    small_gain_standard_errors: float = 2.0
    small_sample_rows: int = 100
    min_share_standard_errors: float = 2.0
    min_heavy_share_standard_errors: float = 4.0
    max_ratio_p_value: float = 0.01
    max_wild_share: float = 0.01

    min_log_std: float = 0.5
    min_rows_per_constant: int = 10
    ridge_penalties: tuple[float, ...] = tuple(10.0**exponent for exponent in range(-9, 5))
    gamma_penalty: float = 1e-4
    logistic_strengths: tuple[float, ...] = (0.01, 1.0, 100.0)
    max_fit_rows: int = 10_000
    max_refit_steps: int = 20

    min_signal_per_noise: float = 0.25
    min_signal_per_spread: float = 0.01
    max_relative_noise_p_value: float = 1e-3
    bits_per_exponent: float = 6.0
    min_relative_bits: float = 10.0
    clear_rmse_ratio: float = 0.7
    max_resamplings: int = 4
    max_prediction_difference: float = 0.5
    min_stability: float = 0.75
    min_probability: float = 0.8
    significance_level: float = 0.03
    min_power: float = 0.8
    max_exact_error: float = 1e-7

    boosting_rounds: int = 60
    boosting_learning_rate: float = 0.05
    boosting_leaves: int = 8
    boosting_leaf_rows: int = 20
    max_usual_residuals: float = 4.0

    outliers: OutlierThresholds = DEFAULT_OUTLIERS
    residual_test: ResidualTestThresholds = DEFAULT_RESIDUAL_TEST


DEFAULT_ASSESSMENT = AssessmentThresholds()
