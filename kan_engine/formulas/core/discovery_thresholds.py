"""The decision numbers of the direct law searches, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DiscoveryThresholds:
    """How far the searches for a law without a network go, and what they accept.

    Attributes:
        max_surrogate_terms_per_row: Limits the terms of a polynomial surrogate by the rows.
        max_surrogate_terms, max_surrogate_degree: Of a polynomial surrogate.

        max_product_inputs: Columns of which a product of powers is searched.
        max_exponent: Largest magnitude of an exponent of a product or a scaling.
        max_smooth_ratio: Mean square of the steps of the target over twice its variance; 1 if the target is
            independent of the product.
        max_ratio_to_second: Of this ratio of the best product to that of the second best.

        max_numerator_degree, max_denominator_degree: Of a quotient of polynomials.
        max_constant_degree, max_linear_degree: Of the polynomials of a quadratic equation without and with y.
        max_polynomial_degree: Of a polynomial of one variable.
        max_constant_degree: int = 4
    max_linear_degree: int = 2
    max_polynomial_degree: int = 16
    max_columns_per_row: Limits the columns of the matrix of monomials by the rows.
        max_columns, max_angle_columns: Of the matrix, without and with cosines and sines of the columns.
        max_null_singular_value: Over the largest singular value.
        negligible_coefficient: Over the largest coefficient on the unit scale; smaller terms are dropped.
        max_quotient_terms: More terms are an approximation, however close.

        univariate_rounding_error: Over the spread of the target.
        max_refits: Candidates refitted per class of forms, transform and variable.
        max_plausible_error: Of a form before its refit.
        refit_iterations: Of Levenberg-Marquardt.
        nearest_gap_divisor: The noise check uses the closest 1 in so many pairs of neighbours.
        max_noiseless_step: Their median step over the spread of the target; above it the target is noisy.

        max_size_deviations: Of log |y| from its line, over their median; rows with more are left out.
        max_slope_errors: Standard errors between the slope of log |y| and the exponent of a factor.
        min_slope_errors: Standard errors of such a slope, below which it may be 0.
        interior_share: Of the unit scale, where gradients are accurate.
        min_interior_rows: With fewer, gradients use all rows.
        max_group_inputs: Columns among which groups are searched.
        max_squared_inputs: Columns up to which exponents of a scaling reach ``max_exponent``; with more, 1.
        max_misfit: Residual of a condition on gradients over the size of its terms.
        max_tried_conditions: Conditions with the lowest misfits, whose surrogates are fitted.
        max_error_growth: Factor by which the error may grow, as it does by chance under noise.
        similar_error_ratio: Within this ratio of errors, the condition on the fewest columns is selected.
        max_surrogate_error: Over the spread; above it the gradients of a surrogate are useless.
        surrogate_rounding_error: Over the spread; surrogates with lower errors are equally good.
        max_degree_denominator: Of the degree of a scaling, a rational number.

        max_natural_constants: Constants of nature in one law; with three, sets by chance would be many.
        max_constant_sets: Sets of constants of nature that are tried, at a tenth of a second each.
        group_rounding_error: Over the spread; smaller differences between sets of constants are rounding. A
            law of relativity at ordinary speeds differs from that of Newton by 1e-10.
        max_group_error_growth: Factor by which dimensionless groups may predict worse than all columns.
        max_plain_error_growth: The same against groups with constants of nature, for groups without: a few
            large values of a target over decades decide the errors of both.
        max_constant_choices: Sets of constants of nature whose reductions are searched.
        max_bases: Choices of groups with the same constants that are searched.

        max_enumerated_inputs: Variables of which all short expressions are listed.
        max_operations: Of these expressions.
        max_expressions: Their number; those with more operations are left out first.
        max_expressions_per_row: To fit: among too many some agree with a few rows by chance.
        max_expression_value: Largest magnitude; beyond it and below its inverse nothing is gained.
        enumeration_rows: On which pairs of expressions are compared; the best are compared on all rows.
        max_left_expressions: Expressions that are paired with all others.
        max_undefined_share: Of the weight of rows, for which a transform of the target is not defined.
        max_pairs: Of every kind, number of operations and transform, that are compared on all rows.
        max_fitted_pairs: Whose constants are fitted.
    """

    max_surrogate_terms_per_row: float = 0.5
    max_surrogate_terms: int = 400
    max_surrogate_degree: int = 30

    max_product_inputs: int = 4
    max_exponent: int = 2
    max_smooth_ratio: float = 0.1
    max_ratio_to_second: float = 0.5

    max_numerator_degree: int = 6
    max_denominator_degree: int = 4
    max_constant_degree: int = 4
    max_linear_degree: int = 2
    max_polynomial_degree: int = 16
    max_columns_per_row: float = 0.7
    max_columns: int = 560
    max_angle_columns: int = 250
    max_null_singular_value: float = 3e-13
    negligible_coefficient: float = 1e-7
    max_quotient_terms: int = 14

    univariate_rounding_error: float = 1e-10
    max_refits: int = 3
    max_plausible_error: float = 3e-3
    refit_iterations: int = 30
    nearest_gap_divisor: int = 20
    max_noiseless_step: float = 5e-3

    max_size_deviations: float = 4.0
    max_slope_errors: float = 3.0
    min_slope_errors: float = 5.0
    interior_share: float = 0.9
    min_interior_rows: int = 50
    max_group_inputs: int = 8
    max_squared_inputs: int = 5
    max_misfit: float = 0.2
    max_tried_conditions: int = 8
    max_error_growth: float = 1.02
    similar_error_ratio: float = 10.0
    max_surrogate_error: float = 0.5
    surrogate_rounding_error: float = 1e-8
    max_degree_denominator: int = 3

    max_natural_constants: int = 2
    max_constant_sets: int = 30
    group_rounding_error: float = 1e-13
    max_group_error_growth: float = 1.2
    max_plain_error_growth: float = 2.0
    max_constant_choices: int = 2
    max_bases: int = 3

    max_enumerated_inputs: int = 4
    max_operations: int = 3
    max_expressions: int = 20_000
    max_expressions_per_row: int = 50
    max_expression_value: float = 1e8
    enumeration_rows: int = 128
    max_left_expressions: int = 1_000
    max_undefined_share: float = 0.1
    max_pairs: int = 6
    max_fitted_pairs: int = 20


DEFAULT_DISCOVERY = DiscoveryThresholds()
