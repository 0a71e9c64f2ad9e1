"""The decision numbers of the direct law searches that several of them, or tests, share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DiscoveryThresholds:
    """How far the searches for a law without a network go, and what they accept.

    Attributes:
        max_surrogate_terms: Of a polynomial surrogate.
        max_surrogate_error: Over the spread; above it the gradients of a surrogate are useless.
        max_exponent: Largest magnitude of an exponent of a product or a scaling.
        max_group_inputs: Columns among which groups are searched.

        max_columns_per_row: Limits the columns of the matrix of monomials by the rows.
        max_angle_columns: Of the matrix with cosines and sines of the columns.
        negligible_coefficient: Over the largest coefficient on the unit scale; smaller terms are dropped.
        max_quotient_terms: More terms are an approximation, however close.

        max_enumerated_inputs: Variables of which all short expressions are listed.
        max_operations: Of these expressions.
        max_expressions: Their number; those with more operations are left out first.
        max_expression_value: Largest magnitude; beyond it and below its inverse nothing is gained.
        max_left_expressions: Expressions that are paired with all others.
    """

    max_surrogate_terms: int = 400
    max_surrogate_error: float = 0.5
    max_exponent: int = 2
    max_group_inputs: int = 8

    max_columns_per_row: float = 0.7
    max_angle_columns: int = 250
    negligible_coefficient: float = 1e-7
    max_quotient_terms: int = 14

    max_enumerated_inputs: int = 4
    max_operations: int = 3
    max_expressions: int = 20_000
    max_expression_value: float = 1e8
    max_left_expressions: int = 1_000


DEFAULT_DISCOVERY = DiscoveryThresholds()
