"""The decision numbers of differential equations, each with its reason or what was measured.

A tuple of three has the values for equations in one, two and three variables.
"""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.expressions.thresholds import TextLimits
from kan_engine.numerics.damping_config import DampingConfig


@dataclass(frozen=True, kw_only=True)
class EquationLimits(TextLimits):
    """What an equation may contain, besides the limits of all formulas that clients write.

    Attributes:
        max_independent: Independent variables; the other thresholds have values for three at most.
        max_unknowns: Unknown functions, and coefficients.
        max_name_characters: Of each of them; longer ones are hardly names.
        max_derivative_order: In one variable.
        max_differentiated_nodes: Of an expression to differentiate: the size of a product's derivative grows
            with the square of the product's size.
        max_side_points: Of a side of the domain, at which the directions of characteristics are checked.
        min_speed: Of a characteristic that enters, relative to the fastest; a smaller one is rounding.
    """

    max_independent: int = 3
    max_unknowns: int = 10
    max_name_characters: int = 64
    max_derivative_order: int = 4
    max_differentiated_nodes: int = 500
    max_side_points: int = 400
    min_speed: float = 1e-9


@dataclass(frozen=True, kw_only=True)
class SolverThresholds:
    """When a grid is fine enough, a step the last, and a solution good. Jumps are relative to the unknowns.

    Attributes:
        initial_grid_sizes: Intervals along every axis.
        default_orders: Of the splines.
        spare_orders: Of a spline beyond the highest derivative.
        max_steps: Of Gauss-Newton on one grid.
        max_grid_levels: Successive grids.
        jump_tolerances: Smaller jumps need no finer grid.
        split_shares: Of the largest jump: intervals above it are halved; the next share if too many are.
        step_tolerance_share: Of the largest jump: smaller steps are below the error of the grid and end the
            descent.
        min_step_decrease: Relative; a step with less is the last, since small gains near a kink never end.
        min_relative_decrease: The same of starts and of estimates of coefficients.
        min_relative_step: Relative to the unknowns; a smaller step is the last.
        rounding_objective: Objective of a solution exact to rounding.
        damping: Of Gauss-Newton steps that fail undamped.
        first_damping: Of the step after an undamped one that failed.
        max_failed_free_steps: Consecutive failures of undamped steps, after which none is tried any more.
        change_tolerance, stall_ratio: The search ends if the relative change between grids is below the
            first, but above this share of the change before.
        max_step_multiplications, max_step_bytes: Of a step on a finer grid; more keep the grid as it is.
        max_chunk_numbers: Of a Jacobian that is assembled at a time.
        max_square_numbers: Of products of rows that are added at a time; more do not fit into the cache.
        large_bandwidth: Above it, ``should_stop`` is called while the normal equations are assembled.
        condition_weight: Of conditions relative to equations.
        start_constants: Initial values of nonlinear problems that are not solved by time marching.
        converged_change, solved_violation: Largest change in the last step, and largest relative violation,
            of a solution from such a start.
        contradiction: Least relative violation of a condition at an end that all characteristics leave, which
            contradicts the others; rounded values violate it less.
        marching_work_share: Of time marching in all work; an estimate.

        window_intervals: Of a window along the first axis; in three variables few, since the cost of a window
            grows with the third power of its terms.
        min_marching_gain: Linear problems are solved by windows, too, if the jumps of the whole exceed the
            tolerance of windows by this factor. A peak that moves in two dimensions is then right to 3e-6,
            on the finest grid of the whole to 5e-4.
        first_window_share: Of the whole length.
        max_window_steps: Of Gauss-Newton in one window.
        max_window_damping: A shorter window is better than a strongly damped step.
        window_converged_changes: Of the unknowns in the last step, relative.
        window_jump_tolerances: Smaller jumps need no shorter window. In one variable they are little above
            rounding: the phase of a relaxation oscillation is wrong by 1e6 times its jumps, and the step of
            all windows together leaves a coarse solution (van der Pol's with μ = 100: 3e-5 instead of 7e-9).
            At 1e-11 rounding shortens the windows of Robertson's reaction.
        max_window_jump_tolerances: The same where neither shorter windows nor finer grids reduce the jumps.
        min_growth, max_growth: Length of a window relative to the one before.
        min_window_share: Of the whole length; a shorter window ends the marching. At 1e-7 it ends at the
            jumps of van der Pol's oscillation with μ = 1000.
        rough_window_shares: Of the whole length; shorter windows are accepted with their jumps.
        max_cross_intervals: Along the other axes.
        min_split_share: Of another axis: intervals that are not wider are not halved.

        start_weights: Of the measurements relative to the equations on the initial grid, in this order.
        refinement_weights: On finer grids; the next one follows after a small change, since coarse grids
            violate equations.
        final_weight: In the last fit, after which the equations hold.
        small_change: Between grids, relative to the unknowns.
        undetermined_information: Of a coefficient, relative to the information with all unknowns fixed, in
            roundings; less leaves a direction open.
        max_undetermined_share: Squared share of a coefficient in open directions.

        check_points: At which violations are measured.
        continuation_step_size, continuation_steps: Towards the centre of the box, as a share of the distance,
            from a point at which a formula has no value; their number.
        min_derivative_share: Least size of a derivative, relative to the unknown over the half widths;
            smaller ones are rounding.
    """

    initial_grid_sizes: tuple[int, int, int] = (8, 8, 4)
    default_orders: tuple[int, int, int] = (7, 7, 5)
    spare_orders: int = 3
    max_steps: int = 40
    max_grid_levels: int = 12
    jump_tolerances: tuple[float, float, float] = (1e-11, 1e-8, 1e-5)
    split_shares: tuple[float, ...] = (1e-2, 1e-1, 0.5)
    step_tolerance_share: float = 1e-3
    min_step_decrease: float = 5e-2
    min_relative_decrease: float = 1e-3
    min_relative_step: float = 1e-12
    rounding_objective: float = 1e-20
    damping: DampingConfig = DampingConfig(decrease=1 / 30, increase=10.0, highest=1e6, tries=100)
    first_damping: float = 1e-8
    max_failed_free_steps: int = 2
    change_tolerance: float = 1e-8
    stall_ratio: float = 0.5
    max_step_multiplications: float = 3e10
    max_step_bytes: float = 2.0**31
    max_chunk_numbers: int = 2**22
    max_square_numbers: int = 2**14
    large_bandwidth: int = 500
    condition_weight: float = 10.0
    start_constants: tuple[float, ...] = (0.0, 1.0, -1.0)
    converged_change: float = 1e-6
    solved_violation: float = 1e-3
    contradiction: float = 1e-2
    marching_work_share: float = 0.6

    window_intervals: tuple[int, int, int] = (4, 4, 2)
    min_marching_gain: float = 10.0
    first_window_share: float = 1 / 32
    max_window_steps: int = 12
    max_window_damping: float = 1e-3
    window_converged_changes: tuple[float, float, float] = (1e-6, 1e-3, 1e-3)
    window_jump_tolerances: tuple[float, float, float] = (1e-10, 1e-5, 1e-4)
    max_window_jump_tolerances: tuple[float, float, float] = (0.0, 1e-3, 1e-3)
    min_growth: float = 0.25
    max_growth: float = 2.0
    min_window_share: float = 1e-9
    rough_window_shares: tuple[float, float, float] = (1e-9, 1e-3, 1e-2)
    max_cross_intervals: int = 192
    min_split_share: float = 2e-3

    start_weights: tuple[float, ...] = (100.0, 10.0, 1.0, 0.1)
    refinement_weights: tuple[float, ...] = (0.1, 0.01, 1e-3)
    final_weight: float = 1e-4
    small_change: float = 1e-2
    undetermined_information: float = 25.0
    max_undetermined_share: float = 1e-6

    check_points: int = 4000
    continuation_step_size: float = 0.02
    continuation_steps: int = 10
    min_derivative_share: float = 1e-3


@dataclass(frozen=True, kw_only=True)
class DistillationThresholds:
    """How a network of a requested shape is trained on a solution.

    Attributes:
        points_per_axis: Training points along every axis.
        min_points_per_interval: Of a grid.
        grid_sizes: Each refines the one before exactly.
        max_first_order_grids: Finer grids do not improve the result of first-order methods.
        default_order, spare_orders, max_order: Of the splines: least default, above the highest derivative,
            and largest default.
        max_second_order_steps, max_lbfgs_steps: On one grid, of Levenberg-Marquardt and of L-BFGS.
        max_distance_ratio: Distance relative to the grid before; a larger ratio ends the refinement.
    """

    points_per_axis: tuple[int, int, int] = (400, 48, 16)
    min_points_per_interval: int = 2
    grid_sizes: tuple[int, ...] = (3, 6, 12, 24, 48)
    max_first_order_grids: int = 2
    default_order: int = 7
    spare_orders: int = 3
    max_order: int = 10
    max_second_order_steps: int = 40
    max_lbfgs_steps: int = 400
    max_distance_ratio: float = 0.5


@dataclass(frozen=True, kw_only=True)
class SolutionLawThresholds:
    """When a closed form is the law of a solution.

    Attributes:
        sample_rows: That a law is fitted to; half as many validate it.
        min_error: Of a solution exact to rounding.
        max_search_error: Of a solution accurate enough to determine constants for a proof.
        proof_tolerance: Violation of an equation, relative to its terms, that counts as rounding error.
        snapping_rounds: Over all laws, since a shorter form has other constants.
        snapping_tolerance: Relative distance of a constant from a nice number.
        max_inverse_refit_steps: Of Levenberg-Marquardt for 4·atan(v) and log(v)/s.
        max_log_range: Of the logarithm of v; beyond it the small values of v are rounding.
        bell_fits: Of the relation of an error function, each to the better half of the points by the one
            before.
        bell_tolerance: Relative error of that relation; 2e-5 for the diffusion of a step, whose solution is
            inaccurate at the start.
        negligible_bell_share: Of a term in that relation; 3e-4 for a step, by the same errors.
        max_direction_ratio: Second over first singular value of the gradients of a wave.
        max_products: In a sum of products of functions of one variable.

        max_relation_order: Of a linear relation between derivatives.
        relation_tolerance: Relative error of a relation that counts as exact.
        double_rate_distance: Relative distance of two rates that count as a double rate.
        triple_rate_distance: The same for three, which rounding separates by its cube root.
        negligible_share: Relative size of rates and terms that count as 0.
        max_sum_refit_steps: Of Levenberg-Marquardt for a sum.
        max_choices: Sums that are fitted.
        max_terms: In one sum.
        max_log_exponential: Steeper exponentials have their origin at one end of the axis.

        max_power, max_power_with_rate: Of the variable: alone; times an exponential or oscillation.
        oscillation_rates: First rate, end and step of those tried, times the length of the axis.
        exponential_rates: First rate, last rate and number of those tried, in a geometric sequence.
        max_candidate_distance, span_tolerance: From the span: of candidates for refinement; of functions in
            it.
        min_new_share: Of a function outside the span of those found before.
    """

    sample_rows: int = 1000
    min_error: float = 1e-10
    max_search_error: float = 1e-6
    proof_tolerance: float = 1e-9
    snapping_rounds: int = 2
    snapping_tolerance: float = 1e-6
    max_inverse_refit_steps: int = 30
    max_log_range: float = 15.0
    bell_fits: int = 3
    bell_tolerance: float = 1e-4
    negligible_bell_share: float = 1e-3
    max_direction_ratio: float = 1e-6
    max_products: int = 6

    max_relation_order: int = 4
    relation_tolerance: float = 1e-5
    double_rate_distance: float = 1e-2
    triple_rate_distance: float = 1e-1
    negligible_share: float = 1e-7
    max_sum_refit_steps: int = 60
    max_choices: int = 8
    max_terms: int = 64
    max_log_exponential: float = 50.0

    max_power: int = 6
    max_power_with_rate: int = 1
    oscillation_rates: tuple[float, float, float] = (0.2, 100.0, 0.1)
    exponential_rates: tuple[float, float, int] = (0.1, 60.0, 200)
    max_candidate_distance: float = 0.3
    span_tolerance: float = 1e-5
    min_new_share: float = 1e-2


DEFAULT_LIMITS = EquationLimits()
DEFAULT_SOLVER = SolverThresholds()
DEFAULT_DISTILLATION = DistillationThresholds()
DEFAULT_SOLUTION_LAWS = SolutionLawThresholds()


@dataclass(frozen=True, kw_only=True)
class EquationThresholds:
    """All decision numbers of differential equations.

    Attributes:
        limits: Of the equations.
        solver: Of their solution.
        distillation: Of a network that is trained on it.
        laws: Of its closed form.
    """

    limits: EquationLimits = DEFAULT_LIMITS
    solver: SolverThresholds = DEFAULT_SOLVER
    distillation: DistillationThresholds = DEFAULT_DISTILLATION
    laws: SolutionLawThresholds = DEFAULT_SOLUTION_LAWS


DEFAULT_EQUATIONS = EquationThresholds()
