"""The decision numbers of the extraction of formulas, each with its reason or what was measured.

Errors are over the spread of the target or of the curve. Complexity is the number of nodes of a formula.
"""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.expressions.thresholds import DEFAULT_SIMPLIFICATION, SimplificationThresholds


@dataclass(frozen=True, kw_only=True)
class ConstantThresholds:
    """When the constants of a formula become nice or short numbers, and what is rounding error.

    Attributes:
        max_exact_error: Validation error over the spread of the target; below it a formula is exact.
        max_error_growth: Factor by which the error of an exact form may grow with nice constants.
        coarse_rows: First rows, which suffice for a coarse fit.

        refit_steps: Of a form under noise, after a constant is replaced or rows are added.
        max_simple_numbers: Simple numbers tried per constant of a noisy form.
        max_standard_errors: Distance of a simple number from the constant under noise.

        min_relative_residual: Digits of the residuals below it are rounding error.
        min_singular_value: Of the normalised derivatives in the constants, for standard errors; below it
            constants are redundant.
    """

    max_exact_error: float = 1e-9
    max_error_growth: float = 10.0
    coarse_rows: int = 250

    refit_steps: int = 5
    max_simple_numbers: int = 2
    max_standard_errors: float = 3.0

    min_relative_residual: float = 1e-13
    min_singular_value: float = 1e-9


DEFAULT_CONSTANTS = ConstantThresholds()


@dataclass(frozen=True, kw_only=True)
class SymbolicThresholds:
    """What formulas are extracted from, and how they are refitted.

    Attributes:
        max_edges: Live edges of a network from which formulas are extracted.
        max_combinations: Combinations of closed forms of the parts of a network that are refitted jointly.
        max_refit_steps: Without noise, down to rounding error.
        max_noisy_refit_steps: With noise, fewer suffice.

        min_relative_range: Range of values over the largest magnitude; less is rounding error.
        min_independent_share: Squared share of a column or term that must be independent of the others.

        constants: Of the constants of a formula, and of description lengths.
        simplification: Of formulas.
    """

    max_edges: int = 24
    max_combinations: int = 24
    max_refit_steps: int = 40
    max_noisy_refit_steps: int = 25

    min_relative_range: float = 1e-9
    min_independent_share: float = 1e-7

    constants: ConstantThresholds = DEFAULT_CONSTANTS
    simplification: SimplificationThresholds = DEFAULT_SIMPLIFICATION


DEFAULT_SYMBOLIC = SymbolicThresholds()
