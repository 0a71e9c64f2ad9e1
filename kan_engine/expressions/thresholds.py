"""The decision numbers of recognised constants and of simplification, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """What a formula that a client writes may contain.

    Attributes:
        max_characters: Of the text.
        max_depth: Of nested brackets and powers.
        max_nodes: Each node is a number in every row.
        max_exponent: Of a number; a short text could otherwise mean a huge one.
    """

    max_characters: int = 10_000
    max_depth: int = 60
    max_nodes: int = 2_000
    max_exponent: int = 10_000


@dataclass(frozen=True, kw_only=True)
class NiceConstantThresholds:
    """Which constants count as nice, and when a float is one of them.

    Attributes:
        max_small_denominator: Up to which the nearest fraction of every denominator is considered.
        max_denominator: Of the one nearest fraction beyond these.
        max_multiple: Numerator p of p/q times π and the other units, or of √(p/q).
        max_fraction_value: Of the values that fractions are tried for.
        max_decimal_digits: Significant digits of a decimal.
        max_recognised_bits: A constant of so few bits equals a float of 53 bits by chance only rarely.
        relative_rounding: Error of the sums from which constants are computed; other processors compute
            other last digits. A constant of ``max_recognised_bits`` is as near by chance once in 4 million.
    """

    max_small_denominator: int = 12
    max_denominator: int = 500
    max_multiple: int = 100
    max_fraction_value: float = 1e15
    max_decimal_digits: int = 6
    max_recognised_bits: float = 24.0
    relative_rounding: float = 1e-14


DEFAULT_NICE_CONSTANTS = NiceConstantThresholds()


@dataclass(frozen=True, kw_only=True)
class SimplificationThresholds:
    """How long simplification searches, and when two forms are equal.

    Attributes:
        max_sample_rows: Rows, besides those of the extremes, on which rewritten forms are checked first.
        max_trials: Forms tried for one formula.
        max_rounds: Improvements of one node.
        max_extra_nodes: By which the result may be longer than the formula: exp(3*x) for exp(x)**3.
        max_detour_nodes: By which a form may be longer before its children are simplified.
        max_sympy_nodes: SymPy may take seconds for larger formulas.
        max_factored_terms, max_factored_exponent: Of a polynomial that SymPy factors.

        max_expanded_terms: Of an expanded sum.
        max_expanded_power: Of a sum that is expanded.
        max_paired_terms: Of a sum whose terms are combined in pairs.
        max_rescaled_terms: Of a sum that is written in other scales.
        max_division_steps: Of the long division of sums.
        max_factors_tried: Factors of a node that are moved into or out of sums.
        max_number_characters: Of each number left after a number is factored out: 2.4, 0.25, 15.0.

        negligible_ratio: Of a term to the largest term of a sum; a smaller term is dropped.
        max_exponent_shift: Largest measured |c| for which exp(c + …) becomes exp(c)·exp(…).
        relative_tolerance: Of a value to the same value of a rewritten form.
        peak_tolerance: The same over the largest value: rounding errors where a sum crosses zero.

        constants: Of recognised constants.
    """

    max_sample_rows: int = 60
    max_trials: int = 200
    max_rounds: int = 4
    max_extra_nodes: int = 1
    max_detour_nodes: int = 3
    max_sympy_nodes: int = 80
    max_factored_terms: int = 12
    max_factored_exponent: int = 8

    max_expanded_terms: int = 36
    max_expanded_power: int = 6
    max_paired_terms: int = 12
    max_rescaled_terms: int = 4
    max_division_steps: int = 4
    max_factors_tried: int = 6
    max_number_characters: int = 4

    negligible_ratio: float = 1e-15
    max_exponent_shift: float = 100.0
    relative_tolerance: float = 1e-12
    peak_tolerance: float = 2e-14

    constants: NiceConstantThresholds = DEFAULT_NICE_CONSTANTS


DEFAULT_SIMPLIFICATION = SimplificationThresholds()
