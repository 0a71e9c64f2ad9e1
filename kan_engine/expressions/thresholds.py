"""The decision numbers of recognised constants and of simplification, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TextLimits:
    """What a formula that a client writes may contain.

    Attributes:
        max_characters: Of the text.
        max_depth: Of nested brackets and powers.
    """

    max_characters: int = 10_000
    max_depth: int = 60


@dataclass(frozen=True, kw_only=True)
class NiceConstantThresholds:
    """Which constants count as nice, and when a float is one of them.

    Attributes:
        max_small_denominator: Up to which the nearest fraction of every denominator is considered.
        max_denominator: Of the one nearest fraction beyond these.
        max_multiple: Numerator p of p/q times π and the other units, or of √(p/q).
        max_decimal_digits: Significant digits of a decimal.
        relative_rounding: Error of the sums from which constants are computed; other processors compute
            other last digits. A constant of ``max_recognised_bits`` is as near by chance once in 4 million.
    """

    max_small_denominator: int = 12
    max_denominator: int = 500
    max_multiple: int = 100
    max_decimal_digits: int = 6
    relative_rounding: float = 1e-14


DEFAULT_NICE_CONSTANTS = NiceConstantThresholds()


@dataclass(frozen=True, kw_only=True)
class SimplificationThresholds:
    """How long simplification searches, and when two forms are equal.

    Attributes:
        max_sample_rows: Rows, besides those of the extremes, on which rewritten forms are checked first.
        max_trials: Forms tried for one formula.
        max_rounds: Improvements of one node.
        max_sympy_nodes: SymPy may take seconds for larger formulas.

        max_expanded_terms: Of an expanded sum.
        max_rescaled_terms: Of a sum that is written in other scales.
        max_factors_tried: Factors of a node that are moved into or out of sums.

        constants: Of recognised constants.
    """

    max_sample_rows: int = 60
    max_trials: int = 200
    max_rounds: int = 4
    max_sympy_nodes: int = 80

    max_expanded_terms: int = 36
    max_rescaled_terms: int = 4
    max_factors_tried: int = 6

    constants: NiceConstantThresholds = DEFAULT_NICE_CONSTANTS


DEFAULT_SIMPLIFICATION = SimplificationThresholds()
