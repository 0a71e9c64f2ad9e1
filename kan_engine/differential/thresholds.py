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
        max_unknowns: Unknown functions, and coefficients.
        max_derivative_order: In one variable.
        max_side_points: Of a side of the domain, at which the directions of characteristics are checked.
        min_speed: Of a characteristic that enters, relative to the fastest; a smaller one is rounding.
    """

    max_unknowns: int = 10
    max_derivative_order: int = 4
    max_side_points: int = 400
    min_speed: float = 1e-9


@dataclass(frozen=True, kw_only=True)
class SolverThresholds:
    """When a grid is fine enough, a step the last, and a solution good. Jumps are relative to the unknowns.

    Attributes:
        initial_grid_sizes: Intervals along every axis.
        spare_orders: Of a spline beyond the highest derivative.
        max_steps: Of Gauss-Newton on one grid.
        max_grid_levels: Successive grids.
        jump_tolerances: Smaller jumps need no finer grid.
        split_shares: Of the largest jump: intervals above it are halved; the next share if too many are.
        min_step_decrease: Relative; a step with less is the last, since small gains near a kink never end.
        rounding_objective: Objective of a solution exact to rounding.
        damping: Of Gauss-Newton steps that fail undamped.
        change_tolerance: Relative change between grids below which the search may end.
        max_step_multiplications, max_step_bytes: Of a step on a finer grid; more keep the grid as it is.
        max_chunk_numbers: Of a Jacobian that is assembled at a time.
        large_bandwidth: Above it, ``should_stop`` is called while the normal equations are assembled.
        marching_work_share: Of time marching in all work; an estimate.

        first_window_share: Of the whole length.
        max_window_steps: Of Gauss-Newton in one window.
        window_jump_tolerances: Smaller jumps need no shorter window. In one variable they are little above
            rounding: the phase of a relaxation oscillation is wrong by 1e6 times its jumps, and the step of
            all windows together leaves a coarse solution (van der Pol's with μ = 100: 3e-5 instead of 7e-9).
            At 1e-11 rounding shortens the windows of Robertson's reaction.
        min_growth, max_growth: Length of a window relative to the one before.
        min_window_share: Of the whole length; a shorter window ends the marching. At 1e-7 it ends at the
            jumps of van der Pol's oscillation with μ = 1000.
        rough_window_shares: Of the whole length; shorter windows are accepted with their jumps.

        start_weights: Of the measurements relative to the equations on the initial grid, in this order.
        refinement_weights: On finer grids; the next one follows after a small change, since coarse grids
            violate equations.

        check_points: At which violations are measured.
    """

    initial_grid_sizes: tuple[int, int, int] = (8, 8, 4)
    spare_orders: int = 3
    max_steps: int = 40
    max_grid_levels: int = 12
    jump_tolerances: tuple[float, float, float] = (1e-11, 1e-8, 1e-5)
    split_shares: tuple[float, ...] = (1e-2, 1e-1, 0.5)
    min_step_decrease: float = 5e-2
    rounding_objective: float = 1e-20
    damping: DampingConfig = DampingConfig(decrease=1 / 30, increase=10.0, highest=1e6, tries=100)
    change_tolerance: float = 1e-8
    max_step_multiplications: float = 3e10
    max_step_bytes: float = 2.0**31
    max_chunk_numbers: int = 2**22
    large_bandwidth: int = 500
    marching_work_share: float = 0.6

    first_window_share: float = 1 / 32
    max_window_steps: int = 12
    window_jump_tolerances: tuple[float, float, float] = (1e-10, 1e-5, 1e-4)
    min_growth: float = 0.25
    max_growth: float = 2.0
    min_window_share: float = 1e-9
    rough_window_shares: tuple[float, float, float] = (1e-9, 1e-3, 1e-2)

    start_weights: tuple[float, ...] = (100.0, 10.0, 1.0, 0.1)
    refinement_weights: tuple[float, ...] = (0.1, 0.01, 1e-3)

    check_points: int = 4000


@dataclass(frozen=True, kw_only=True)
class DistillationThresholds:
    """How a network of a requested shape is trained on a solution.

    Attributes:
        grid_sizes: Each refines the one before exactly.
        spare_orders, max_order: Of the splines, above the highest derivative, and largest default.
        max_second_order_steps, max_lbfgs_steps: On one grid, of Levenberg-Marquardt and of L-BFGS.
    """

    grid_sizes: tuple[int, ...] = (3, 6, 12, 24, 48)
    spare_orders: int = 3
    max_order: int = 10
    max_second_order_steps: int = 40
    max_lbfgs_steps: int = 400


@dataclass(frozen=True, kw_only=True)
class SolutionLawThresholds:
    """When a closed form is the law of a solution.

    Attributes:
        sample_rows: That a law is fitted to; half as many validate it.
        max_search_error: Of a solution accurate enough to determine constants for a proof.
        proof_tolerance: Violation of an equation, relative to its terms, that counts as rounding error.
        snapping_tolerance: Relative distance of a constant from a nice number.
        bell_tolerance: Relative error of the relation of an error function; 2e-5 for the diffusion of a step,
            whose solution is inaccurate at the start.
        negligible_bell_share: Of a term in that relation; 3e-4 for a step, by the same errors.
        max_products: In a sum of products of functions of one variable.

        relation_tolerance: Relative error of a relation that counts as exact.
        double_rate_distance: Relative distance of two rates that count as a double rate.
        negligible_share: Relative size of rates and terms that count as 0.
        max_terms: In one sum.
        max_log_exponential: Steeper exponentials have their origin at one end of the axis.

        oscillation_rates: First rate, end and step of those tried, times the length of the axis.
        exponential_rates: First rate, last rate and number of those tried, in a geometric sequence.
        span_tolerance: Distance from the span of functions in it.
        min_new_share: Of a function outside the span of those found before.
    """

    sample_rows: int = 1000
    max_search_error: float = 1e-6
    proof_tolerance: float = 1e-9
    snapping_tolerance: float = 1e-6
    bell_tolerance: float = 1e-4
    negligible_bell_share: float = 1e-3
    max_products: int = 6

    relation_tolerance: float = 1e-5
    double_rate_distance: float = 1e-2
    negligible_share: float = 1e-7
    max_terms: int = 64
    max_log_exponential: float = 50.0

    oscillation_rates: tuple[float, float, float] = (0.2, 100.0, 0.1)
    exponential_rates: tuple[float, float, int] = (0.1, 60.0, 200)
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
