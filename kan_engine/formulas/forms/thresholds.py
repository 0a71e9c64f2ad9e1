"""The decision numbers of forms, each with its reason or what was measured. Must not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.expressions.thresholds import TextLimits

_TEXT_LIMITS = TextLimits()


@dataclass(frozen=True, kw_only=True)
class FormThresholds:
    """What a form may contain, and how its constants are searched for.

    Attributes:
        text: Of the text; formulas that are printed, of up to 110 terms, are within.
        max_constants: That are fitted; the search for a global optimum covers no more.
        max_functions, max_arguments: Unknown functions, and columns of each.

        max_rows: Rows that constants are fitted to.
        screen_rows: Rows on which random starts are compared.
        screen_block: Numbers of one array while starts are compared: 16 MB.
        starts: Random starts of the constants that enter nonlinearly, per round.
        rounds: Of random starts; later rounds also start near the best constants so far.
        max_tie: Relative difference of sums of squares that are equal: the constants that are positive and
            small are then taken.
        kept_starts: Best starts of a round, which are then refined.
        finished_starts: Distinct minima of a round that are refined on all rows.
        refine_steps, final_steps: Evaluations of a refinement, and of the last one.
        scale_decades: Standard deviation of the decades of a start around the scale of the data.
        positive_share: Of the starts of a constant without bounds.
        uniform_share: Of the starts of a constant beside a column, within the range of that column; of a
            frequency, up to the highest one that the rows resolve.
        near_share, near_decades: Of the starts of later rounds near the best constants, and their spread.
        ridge: Of the normal equations of constants that enter linearly, relative to their diagonal.
        min_relative_gain: Relative fall of the sum of squares; a smaller one ends a refinement.
        max_bound_distance: Relative distance from a bound at which a constant counts as at it.

        curve_intervals: Of the splines of unknown functions, of which cross-validation chooses.
        max_coefficient_share: Of constants and coefficients of curves, relative to the rows.
        max_redundant_share: Of the effect of a constant that no curve can replace; below it it is held.
        searched_groups: Largest groups whose constants are searched for from all starts.
        read_groups, min_group_rows: Largest groups whose rows alone are searched for a formula, where no form
            is given, and the rows that they must have.
        max_grouped_formulas: Formulas of the search whose constants are fitted to groups.
        max_exhaustive_constants: Of a form, up to which all choices of a group's own constants are fitted.

        min_function_weight: Of a row in the curve of an unknown function, relative to the mean; rows below it
            do not determine the curve.
        max_readings: Formulas of one unknown function that are tried in the form.
        function_time_share: Of the time of a job, to read one unknown function as a formula.

        level: Of intervals.
        profile_steps: Secant steps to one end of an interval; each refits the other constants.
        profile_evaluations, profile_gain: Evaluations of such a refit, and the relative fall of the sum of
            squares that ends it.
        max_profile_errors: Distance of an end in standard errors, beyond which there is none.
        profile_tolerance: Of an end of an interval, in units of t.
        max_profile_rows: With more rows an interval is that of t, which then hardly differs.
        max_relative_error: Standard error over the constant, beyond which the rows do not determine it.
    """

    text: TextLimits = _TEXT_LIMITS
    max_constants: int = 20
    max_functions: int = 4
    max_arguments: int = 4

    max_rows: int = 20_000
    screen_rows: int = 200
    screen_block: int = 2_000_000
    starts: int = 3_000
    rounds: int = 2
    max_tie: float = 1e-7
    kept_starts: int = 16
    finished_starts: int = 3
    refine_steps: int = 60
    final_steps: int = 400
    scale_decades: float = 1.0
    positive_share: float = 0.75
    uniform_share: float = 0.5
    near_share: float = 0.3
    near_decades: float = 0.3
    ridge: float = 1e-11
    min_relative_gain: float = 1e-13
    max_bound_distance: float = 1e-6

    curve_intervals: tuple[int, ...] = (3, 5, 8, 12)
    max_coefficient_share: float = 0.35
    max_redundant_share: float = 1e-2
    searched_groups: int = 4
    read_groups: int = 2
    min_group_rows: int = 15
    max_grouped_formulas: int = 5
    max_exhaustive_constants: int = 6

    min_function_weight: float = 1e-6
    max_readings: int = 3
    function_time_share: float = 0.15

    level: float = 0.95
    profile_steps: int = 14
    profile_evaluations: int = 100
    profile_gain: float = 1e-8
    max_profile_errors: float = 50.0
    profile_tolerance: float = 0.01
    max_profile_rows: int = 5_000
    max_relative_error: float = 1e4


DEFAULT_FORMS = FormThresholds()
