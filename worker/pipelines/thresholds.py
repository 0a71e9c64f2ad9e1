"""Decision numbers of the pipelines, from a table or from equations to a model and its records."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.density.thresholds import DEFAULT_DENSITY, DensityThresholds
from kan_engine.differential.thresholds import DEFAULT_EQUATIONS, EquationThresholds
from worker.evaluation.thresholds import (
    DEFAULT_BASELINES,
    BaselineThresholds,
)
from worker.results.thresholds import (
    DEFAULT_DENSITY_FIGURES,
    DEFAULT_FIGURES,
    DEFAULT_SOLUTION_FIGURES,
    DensityFigureThresholds,
    FigureThresholds,
    SolutionFigureThresholds,
)


@dataclass(frozen=True, kw_only=True)
class PreviewThresholds:
    """When a job publishes its best model so far.

    Attributes:
        after_s: Of a search or a solution, after which its first model is published; quicker ones need none.
        at_once_s: Time limit below which it is published as soon as possible: one long step on a busy machine
            could take the time.
        at_once_cells: Rows times columns from which it is, for that reason.
        period_s: Least time between two models that are published; each takes some tenths of a second for
            1,000 rows.
    """

    after_s: float = 3.0
    at_once_s: float = 60.0
    at_once_cells: int = 200_000
    period_s: float = 5.0


DEFAULT_PREVIEW = PreviewThresholds()


@dataclass(frozen=True, kw_only=True)
class PipelineThresholds:
    """Decision numbers of a training job, except those of the search.

    Attributes:
        min_distinct_share: Share of distinct values among the rows of a density below which a warning reports
            repeated values.
        max_history_points: Steps of the training in the record.
        min_function_r2: R² on an edge's activation below which a warning reports the function that replaced
            it.
        preview: When the best model so far is published.
        baselines: The baselines.
        figures: The figures of a model of a table.
        density_figures: The figure of a density.
        density: Of the estimation of densities.
    """

    min_distinct_share: float = 0.5
    max_history_points: int = 500
    min_function_r2: float = 0.9
    preview: PreviewThresholds = DEFAULT_PREVIEW
    baselines: BaselineThresholds = DEFAULT_BASELINES
    figures: FigureThresholds = DEFAULT_FIGURES
    density_figures: DensityFigureThresholds = DEFAULT_DENSITY_FIGURES
    density: DensityThresholds = DEFAULT_DENSITY


@dataclass(frozen=True, kw_only=True)
class EquationJobThresholds:
    """Decision numbers of a job that solves equations.

    Attributes:
        solved_progress: Progress of the job once the functions are found.
        solved_progress_before_training: The same if a network is trained on them; then also the share of the
            time to solve.
        training_start: Progress at the start of the training of a network.
        training_end: Progress at its end.
        comparison_points: Points at which formulas are compared with the functions.
        min_product_precision: Smallest relative error up to which products may be left out of the network.
        max_violation: Relative violation of an equation above which a warning says that it is not solved.
        min_reported_violation: A warning about a network needs a violation above this.
        max_violation_ratio: Such a warning also needs a violation above this multiple of the solution's.
        preview: When a solution is published before its law is searched for.
        figures: The figure of a solution.
        equations: Of parsing, solving, networks and laws.
    """

    solved_progress: float = 0.7
    solved_progress_before_training: float = 0.4
    training_start: float = 0.5
    training_end: float = 0.95
    comparison_points: int = 1000
    min_product_precision: float = 1e-13
    max_violation: float = 1e-3
    min_reported_violation: float = 1e-4
    max_violation_ratio: float = 10.0
    preview: PreviewThresholds = DEFAULT_PREVIEW
    figures: SolutionFigureThresholds = DEFAULT_SOLUTION_FIGURES
    equations: EquationThresholds = DEFAULT_EQUATIONS


DEFAULT_PIPELINE = PipelineThresholds()
DEFAULT_EQUATION_JOB = EquationJobThresholds()
