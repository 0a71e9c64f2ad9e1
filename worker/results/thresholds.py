"""Sizes of the figures and of the record of a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FigureThresholds:
    """Sizes of the figures of a model of a table.

    Attributes:
        max_features: Features with a partial dependence and an importance.
        max_activations: Activations per kind of figure: about half a second.
        max_sample_rows: Rows that are drawn with the model: as many dots as a chart can still tell apart.
    """

    max_features: int = 50
    max_activations: int = 150_000_000
    max_sample_rows: int = 2_000


@dataclass(frozen=True, kw_only=True)
class DensityFigureThresholds:
    """Sizes of the figure of a density.

    Attributes:
        line_points: Points of the axis of one column.
        plane_points: Points of each axis of two columns.
    """

    line_points: int = 241
    plane_points: int = 61


@dataclass(frozen=True, kw_only=True)
class SolutionFigureThresholds:
    """Sizes of the figure of a solution.

    Attributes:
        line_points: Points of the axis of one variable.
        plane_points: Points of each axis of two variables.
        max_measurements: Measurements per unknown.
        significant_digits: Of the largest value; smaller digits are noise that contour lines would follow.
    """

    line_points: int = 401
    plane_points: int = 61
    max_measurements: int = 1_000
    significant_digits: int = 7


DEFAULT_FIGURES = FigureThresholds()
DEFAULT_DENSITY_FIGURES = DensityFigureThresholds()
DEFAULT_SOLUTION_FIGURES = SolutionFigureThresholds()
