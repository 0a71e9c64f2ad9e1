"""Data for the figure of a density: its curve or map, its law, and the distribution of the rows."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from jaxtyping import Float

from kan_engine import Predictor
from kan_engine.assessment.diagnostics import Diagnostics
from kan_engine.density.law_recognition import RecognisedLaw
from service.schemas.figures import DensityOut, FiguresDocument
from worker.data.density_rows import DensityRows
from worker.results.thresholds import DensityFigureThresholds


def make_density_figures(
    predictor: Predictor,
    rows: DensityRows,
    law: RecognisedLaw | None,
    thresholds: DensityFigureThresholds,
    *,
    max_bars: int = 60,
    max_dots: int = 1_000,
) -> FiguresDocument:
    """The figures of a density.

    Args:
        max_bars: Bars of a histogram.
        max_dots: Rows of a sample.
    """
    points = thresholds.line_points if len(rows.names) == 1 else thresholds.plane_points
    axes = [_make_axis(values, points) for values in rows.training.T]
    # All combinations of the points of the axes, flattened for the predictor
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    places = mesh.reshape(-1, len(axes))
    shape = mesh.shape[:-1]
    figure = DensityOut(
        columns=rows.names,
        axes=[axis.tolist() for axis in axes],
        density=predictor.predict(places).reshape(shape).tolist(),
        law=None if law is None else law.name,
        law_density=None if law is None else np.exp(law.log_density(places)).reshape(shape).tolist(),
        edges=None,
        bars=None,
        dots=None,
    )
    if len(axes) == 1:
        _add_histogram(figure, rows.evaluation_values[:, 0], axes[0], max_bars)
    else:
        figure.dots = _sample_rows(rows.evaluation_values, max_dots).tolist()
    return FiguresDocument(
        measured_on=rows.evaluation_split,
        **asdict(Diagnostics(rows=len(rows.evaluation_values))),
        effects=[],
        importance=None,
        density=figure,
    )


def _make_axis(
    values: Float[np.ndarray, " rows"],
    points: int,
    *,
    shown_quantiles: tuple[float, float] = (0.002, 0.998),
    margin_share: float = 0.15,
) -> Float[np.ndarray, " points"]:
    """Points over the range of nearly all rows plus a margin, which ends just beyond the outermost rows.

    Args:
        shown_quantiles: Range of an axis; with long tails the full range would hide the middle.
        margin_share: Margin on each side, as a share of the distance between the quantiles.
    """
    # Quantiles instead of extremes: an outlier would leave little room for the others
    low, high = np.quantile(values, shown_quantiles)
    room = margin_share * float(high - low)
    return np.linspace(
        max(low - room, _extend_range(values, -1)), min(high + room, _extend_range(values, 1)), points
    )


def _extend_range(values: Float[np.ndarray, " rows"], side: int) -> float:
    """The outermost value on one side, extended by 5 % of the range."""
    end = float(values.max() if side > 0 else values.min())
    return end + side * 0.05 * float(np.ptp(values))


def _add_histogram(
    figure: DensityOut,
    values: Float[np.ndarray, " rows"],
    axis: Float[np.ndarray, " points"],
    max_bars: int,
) -> None:
    """Add the density of the rows in at most ``max_bars`` equal bars (Freedman and Diaconis 1981)."""
    # The interquartile range is robust: heavy tails would widen the bars by the standard deviation
    lower, upper = np.quantile(values, [0.25, 0.75])
    width = 2 * float(upper - lower) * len(values) ** (-1 / 3)
    reach = float(np.ptp(axis))
    bars = int(np.clip(np.ceil(reach / width) if width > 0 else 1, 5, max_bars))
    counts, edges = np.histogram(values, bars, (axis[0], axis[-1]))
    # Shares of all rows per unit, comparable with the density: rows beyond the axis count as well
    figure.edges = edges.tolist()
    figure.bars = (counts / (len(values) * np.diff(edges))).tolist()


def _sample_rows(
    rows: Float[np.ndarray, "rows columns"], max_rows: int
) -> Float[np.ndarray, "sample columns"]:
    """A random sample of the rows."""
    return rows[np.random.default_rng(0).permutation(len(rows))[:max_rows]]
