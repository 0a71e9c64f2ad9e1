"""Data for the figure of a solution: its unknowns over the domain, and their measured values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from jaxtyping import Float

from kan_engine import Measurements, Solution
from kan_engine.assessment.diagnostics import Diagnostics
from service.schemas.figures import FiguresDocument, SolutionOut, UnknownOut
from worker.results.thresholds import SolutionFigureThresholds

EvaluateSolution = Callable[[Sequence[Float[np.ndarray, " _"]]], Float[np.ndarray, " unknowns *points"]]


def make_solution_figures(
    solution: Solution,
    values_at: EvaluateSolution,
    unknowns: list[str],
    measurements: Mapping[int, Measurements],
    thresholds: SolutionFigureThresholds,
) -> FiguresDocument:
    """The figures of a solution; a third variable is fixed at its middle.

    Args:
        solution: The solution, with its domain.
        values_at: Evaluates the unknowns [unknowns, ...] on the grid of the given axes.
        unknowns: Their names.
        measurements: Measurements, by the index of the unknown.
        thresholds: Sizes of the figure.
    """
    box = dict(zip(solution.problem.independent, solution.problem.domain, strict=True))
    axis_names, at = list(box)[:2], {name: sum(box[name]) / 2 for name in list(box)[2:]}
    points = thresholds.line_points if len(box) == 1 else thresholds.plane_points
    axes = [np.linspace(*box[name], points) for name in axis_names]
    # Variables beyond the second are fixed at the middle of their range
    places = [*axes, *(np.array([place]) for place in at.values())]
    values = values_at(places).reshape(-1, *map(len, axes))
    figure = SolutionOut(
        independent=axis_names,
        axes=[axis.tolist() for axis in axes],
        at=at,
        unknowns=[
            UnknownOut(
                name=name,
                values=_round_values(values[place], thresholds.significant_digits).tolist(),
                measured=None
                if at
                else _sample_measurements(
                    measurements.get(place), list(box.values()), thresholds.max_measurements
                ),
            )
            for place, name in enumerate(unknowns)
        ],
    )
    return FiguresDocument(
        measured_on="training", **asdict(Diagnostics(rows=0)), effects=[], importance=None, solution=figure
    )


def _round_values(values: Float[np.ndarray, "*points"], digits: int) -> Float[np.ndarray, "*points"]:
    largest = float(np.abs(values).max())
    # Decimals that give the largest value its significant digits; the 0.0 removes the sign of -0.0
    return np.round(values, digits - int(np.ceil(np.log10(largest)))) + 0.0 if largest else values


def _sample_measurements(
    measurements: Measurements | None, box: Sequence[tuple[float, float]], max_rows: int
) -> list[list[float]] | None:
    """A random sample of the measurements of an unknown inside the domain, each as point and value."""
    if measurements is None:
        return None
    low, high = np.transpose(box)
    is_inside = ((low <= measurements.points) & (measurements.points <= high)).all(1)
    rows = np.column_stack([measurements.points, measurements.values])[is_inside]
    # Sorted below, so that the sample keeps the order of the measurements
    sample = np.random.default_rng(0).permutation(len(rows))[:max_rows]
    points: list[list[float]] = rows[np.sort(sample)].tolist()
    return points
