"""The decision numbers of the extraction of formulas, each with its reason or what was measured.

Errors are over the spread of the target or of the curve. Complexity is the number of nodes of a formula.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kan_engine.expressions.thresholds import DEFAULT_SIMPLIFICATION, SimplificationThresholds
from kan_engine.numerics.damping_config import DampingConfig


@dataclass(frozen=True, kw_only=True)
class FunctionFitThresholds:
    """How functions c·f(a·u + b) + d are fitted to a curve.

    Attributes:
        max_points: Of a curve.
        starts_per_function: That are refined, per function and set of inner constants.
        scales, max_periodic_scale: Smallest and largest |a| times half the range; the largest of periodic
            functions.
        scale_count, joint_scale_count: Of values of a in the grid, alone and together with b.
        center_count, phase_count: Of values of b, of other and of periodic functions.
        far_shifts: Over half the range: for nearly straight curves, such as log(1 + x) at small x.
        damping, ridge: Of the refinement; the ridge is relative to the diagonal of the normal matrix.
        steps_per_round, rounds, min_relative_gain: Of the refinement. A start whose error fell by at most
            this share in every step of a round takes no part in the next one.
        min_reach: Of a·u; over a shorter range f is nearly linear.
        max_relative_shift: Over the range or its ends.
        max_relative_constant: Of d, over the values of the curve; a larger one cancels.
    """

    max_points: int = 120
    starts_per_function: int = 3
    scales: tuple[float, float] = (0.15, 8.0)
    max_periodic_scale: float = 30.0
    scale_count: int = 28
    joint_scale_count: int = 14
    center_count: int = 7
    phase_count: int = 8
    far_shifts: tuple[float, ...] = (6.0, 9.0, 14.0, 22.0, 34.0)
    damping: DampingConfig = DampingConfig(
        decrease=0.1, increase=8.0, lowest=1e-14, highest=1e10, min_diagonal=0.0
    )
    ridge: float = 1e-12
    steps_per_round: int = 6
    rounds: int = 7
    min_relative_gain: float = 1e-3
    min_reach: float = 0.1
    max_relative_shift: float = 40.0
    max_relative_constant: float = 1e4


DEFAULT_FUNCTION_FIT = FunctionFitThresholds()


@dataclass(frozen=True, kw_only=True)
class ClosedFormThresholds:
    """How widely closed forms of one curve are searched.

    Attributes:
        functions: Of fits of single functions.
        max_complexity_price: Digits by which a unit of complexity has to reduce the error, without noise.
        bits_per_complexity: The same under noise, in bits.
        max_part_factor: Limit of the ratio of the relative errors of a part and of the whole.
        max_plain_complexity: Of a close form among plain forms that ends the search.
        max_close_complexity: The same among all forms.
        max_precise_floor: Below this floor of the noise model, ``close_floor_factor`` floors are close; above
            it, one. Sums of terms are searched only below it.
        close_floor_factor: See ``max_precise_floor``.
        refit_steps: Of a joint refit of all constants of a form.

        max_polynomial_degree: Of polynomials.
        min_coefficient_share: Of the largest coefficient of a polynomial on the unit scale; smaller ones are
            dropped.
        quotient_degrees: Of numerator and denominator.
        reweighting_steps: Of the linearised fit of a quotient (Sanathanan and Koerner, 1963).
        power_exponents: Exponents p of u^p in the grid.
        max_refitted_powers: The best of them, whose exponents are refitted.
        power_complexity: Of u^p with a real exponent, without its coefficient.

        max_dictionary_factors: The simplest terms, which are multiplied with each other.
        coarse_exponents: Exponents p of u^p in the dictionary for every curve.
        max_paired_terms: The cheapest terms, which form pairs.
        max_considered_pairs: Best pairs, before pairs of the same kinds are dropped.
        max_single_terms, max_pairs, max_triples: Sums of one, two and three terms that are kept, per
            dictionary and tail.
        max_extended_pairs: Pairs that are extended to triples.
        tail_lengths: Numbers of powers 1, u, u², … (the tail) that a sum has besides its terms; the last one
            only with single terms.
        min_share_beyond_tail: Length of a term orthogonal to the tail, over its length about its mean.

        max_oscillations: Terms of a sum of exponentials and oscillations.
        min_points_per_oscillation: An oscillation has up to four constants.
        oscillation_rates: Rate times the length of the range; exp(-0.5) is nearly a line.
        oscillation_periods: Periods within the range.
        max_rate_exponent: Largest |rate·u|: the logarithm of an exponential's factor relative to u = 0.
        oscillation_refit_steps: Of the joint refit of all terms.
        max_oscillation_error_ratio: Of errors; another term has to lower the error to this share at least.
        max_error_growth: Factor by which dropping a constant of an oscillation may raise the error.
        min_independent_pair_share: Squared share of a sine or cosine that must be independent of the other
            columns.

        max_logarithm_forms: Closed forms of exp(s·v) per s.
        logarithm_factors: s in exp(s·v), which is fitted in place of v.
        max_product_logarithm_factors: The first of them, for forms with inner constants of a product of
            powers.
        min_relative_offset: Constant of a factor over its largest value; a smaller one is dropped.
        max_candidates, max_noisy_candidates: Forms kept per edge; under noise more forms have nearly equal
            scores.
    """

    functions: FunctionFitThresholds = DEFAULT_FUNCTION_FIT
    max_complexity_price: float = 0.3
    bits_per_complexity: float = 8.0
    max_part_factor: float = 1e3
    max_plain_complexity: int = 4
    max_close_complexity: int = 10
    max_precise_floor: float = 1e-3
    close_floor_factor: float = 3.0
    refit_steps: int = 30

    max_polynomial_degree: int = 8
    min_coefficient_share: float = 1e-9
    quotient_degrees: tuple[tuple[int, int], ...] = (
        *((1, 1), (0, 2), (1, 2), (2, 1), (2, 2)),
        *((3, 1), (3, 2), (2, 3), (4, 1), (4, 2)),
    )
    reweighting_steps: int = 4
    power_exponents: tuple[float, ...] = tuple(p / 4 for p in range(-32, 33) if p)
    max_refitted_powers: int = 2
    power_complexity: int = 3

    max_dictionary_factors: int = 200
    coarse_exponents: tuple[float, ...] = (
        *(-12.0, -9.0, -6.0, -4.5, -3.5, -2.5, -1.5, -0.7, -0.3),
        *(0.2, 0.35, 0.7, 1.4, 2.5, 3.5, 4.5, 6.0, 8.0),
    )
    max_paired_terms: int = 1000
    max_considered_pairs: int = 2000
    max_single_terms: int = 4
    max_pairs: int = 8
    max_triples: int = 4
    max_extended_pairs: int = 24
    tail_lengths: tuple[int, ...] = (1, 2, 4)
    min_share_beyond_tail: float = 1e-8

    max_oscillations: int = 3
    min_points_per_oscillation: int = 15
    oscillation_rates: tuple[float, ...] = tuple(np.geomspace(0.5, 30.0, 12).tolist())
    oscillation_periods: tuple[float, ...] = (0.0, *np.arange(0.5, 25.0, 0.25).tolist())
    max_rate_exponent: float = 50.0
    oscillation_refit_steps: int = 40
    max_oscillation_error_ratio: float = 0.8
    max_error_growth: float = 1.05
    min_independent_pair_share: float = 1e-6

    max_logarithm_forms: int = 3
    logarithm_factors: tuple[float, ...] = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 0.25, -0.25)
    max_product_logarithm_factors: int = 2
    min_relative_offset: float = 1e-4
    max_candidates: int = 5
    max_noisy_candidates: int = 24

    @property
    def max_logarithm_complexity(self) -> int:
        """Complexity of a close form log F that ends the search: that of a plain F and of the logarithm."""
        return self.max_plain_complexity + 2


DEFAULT_CLOSED_FORMS = ClosedFormThresholds()


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
    """What formulas are extracted from, and how many are tried.

    Attributes:
        max_edges: Live edges of a network from which formulas are extracted.
        rounding_error: Error of values that do not come from a spline; a lower one counts as zero.
        min_relative_range: Range of values over the largest magnitude; less is rounding error.
        min_independent_share: Squared share of a column or term that must be independent of the others.

        max_noisy_complexity: Noise hides more complex edges if there are several inputs.
        max_node_choices: Closed forms of a hidden node.
        max_inner_candidates, max_outer_functions: Candidates per incoming edge, and functions of the output
            edge, to combine.
        max_outer_forms: Forms of the output edge that are not single functions.
        max_logarithm_error: Over the spread of the node; below it, an edge counts as a logarithm.
        max_exponent: Of a product of powers.
        max_snap_distance, max_noisy_snap_distance: Of an exponent from a whole number, half or third.
        exponent_shifts: Exponents t of w^t, which may move between a node and the direct edges.
        max_shared_functions: Functions tried for a node that shares a linear term with direct edges.

        max_combinations: Combinations of choices that are refitted jointly.
        max_refit_steps: Without noise, down to rounding error.
        max_noisy_refit_steps: With noise, fewer suffice.
        max_solved_error: Validation error below which a form ends the refits.
        max_law_parts: Parts of a network that may be a law; with more parts a formula is an approximation.
        noisy_sweeps: Over all parts.
        choices_per_sweep: Choices tried for one part at a time.
        max_close_forms: Best forms under noise, refitted on all rows, since noise may have decided their
            order.
        ranking_refit_steps, final_refit_steps: On all rows, of these forms and of those that are finalized.
        max_final_forms, max_noisy_final_forms: Forms that are finalized.

        default_max_complexity: Of shorter formulas if the client sets none.
        complexity_slack: Complexity that simplification may save.
        max_short_combinations: Combinations from the simplest to the most accurate one.
        max_short_error_ratio: Of squared errors; a longer combination has to lower the error to this share.
        short_refit_steps: Of a shorter formula on all rows.

        closed_forms: Of curves.
        constants: Of the constants of a formula, and of description lengths.
        simplification: Of formulas.
    """

    max_edges: int = 24
    rounding_error: float = 1e-9
    min_relative_range: float = 1e-9
    min_independent_share: float = 1e-7

    max_noisy_complexity: int = 9
    max_node_choices: int = 24
    max_inner_candidates: int = 4
    max_outer_functions: int = 5
    max_outer_forms: int = 3
    max_logarithm_error: float = 3e-3
    max_exponent: int = 6
    max_snap_distance: float = 0.02
    max_noisy_snap_distance: float = 0.12
    exponent_shifts: tuple[int, ...] = (0, 1, -1, 2, -2)
    max_shared_functions: int = 3

    max_combinations: int = 24
    max_refit_steps: int = 40
    max_noisy_refit_steps: int = 25
    max_solved_error: float = 1e-11
    max_law_parts: int = 6
    noisy_sweeps: int = 2
    choices_per_sweep: int = 8
    max_close_forms: int = 12
    ranking_refit_steps: int = 10
    final_refit_steps: int = 60
    max_final_forms: int = 2
    max_noisy_final_forms: int = 4

    default_max_complexity: int = 60
    complexity_slack: int = 4
    max_short_combinations: int = 8
    max_short_error_ratio: float = 0.8
    short_refit_steps: int = 20

    closed_forms: ClosedFormThresholds = DEFAULT_CLOSED_FORMS
    constants: ConstantThresholds = DEFAULT_CONSTANTS
    simplification: SimplificationThresholds = DEFAULT_SIMPLIFICATION


DEFAULT_SYMBOLIC = SymbolicThresholds()
