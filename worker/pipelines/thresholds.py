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
        period_s: Least time between two models that are published; each takes some tenths of a second for
            1,000 rows.
    """

    after_s: float = 3.0
    at_once_s: float = 60.0
    period_s: float = 5.0


DEFAULT_PREVIEW = PreviewThresholds()


@dataclass(frozen=True, kw_only=True)
class PipelineThresholds:
    """Decision numbers of a training job, except those of the search.

    Attributes:
        min_distinct_share: Share of distinct values among the rows of a density below which a warning reports
            repeated values.
        max_history_points: Steps of the training in the record.
        preview: When the best model so far is published.
        baselines: The baselines.
        figures: The figures of a model of a table.
        density_figures: The figure of a density.
        density: Of the estimation of densities.
    """

    min_distinct_share: float = 0.5
    max_history_points: int = 500
    preview: PreviewThresholds = DEFAULT_PREVIEW
    baselines: BaselineThresholds = DEFAULT_BASELINES
    figures: FigureThresholds = DEFAULT_FIGURES
    density_figures: DensityFigureThresholds = DEFAULT_DENSITY_FIGURES
    density: DensityThresholds = DEFAULT_DENSITY


@dataclass(frozen=True, kw_only=True)
class EquationJobThresholds:
    """Decision numbers of a job that solves equations.

    Attributes:
        preview: When a solution is published before its law is searched for.
        figures: The figure of a solution.
        equations: Of parsing, solving, networks and laws.
    """

    preview: PreviewThresholds = DEFAULT_PREVIEW
    figures: SolutionFigureThresholds = DEFAULT_SOLUTION_FIGURES
    equations: EquationThresholds = DEFAULT_EQUATIONS


DEFAULT_PIPELINE = PipelineThresholds()
DEFAULT_EQUATION_JOB = EquationJobThresholds()
