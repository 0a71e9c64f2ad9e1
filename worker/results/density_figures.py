"""Data for the figure of a density: its curve or map, its law, and the distribution of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from kan_engine import Predictor
from kan_engine.density.law_recognition import RecognisedLaw
from worker.data.density_rows import DensityRows

LINE_POINTS, PLANE_POINTS = 241, 61
MAX_BARS = 60
MAX_DOTS = 1_000
SHOWN_QUANTILES = 0.002, 0.998  # range of a figure; with long tails the full range would hide the middle
MARGIN_SHARE = 0.15  # on each side, as a share of the distance between the quantiles


def make_density_figures(
    predictor: Predictor, rows: DensityRows, law: RecognisedLaw | None
) -> dict[str, Any]:
    """The body of ``GET /models/{id}/figures`` for a density."""
    axes = [
        _make_axis(values, LINE_POINTS if len(rows.names) == 1 else PLANE_POINTS)
        for values in rows.training.T
    ]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    places = mesh.reshape(-1, len(axes))
    shape = mesh.shape[:-1]
    told = {
        "columns": rows.names,
        "axes": [axis.tolist() for axis in axes],
        "density": predictor.predict(places).reshape(shape).tolist(),
        "law": None if law is None else law.name,
        "law_density": None if law is None else np.exp(law.log_density(places)).reshape(shape).tolist(),
    }
    return {
        "measured_on": rows.evaluation_split,
        "rows": len(rows.evaluation_values),
        "parity": None,
        "confusion": None,
        "roc": None,
        "reliability": None,
        "effects": [],
        "importance": None,
        "density": told
        | (
            _make_histogram(rows.evaluation_values[:, 0], axes[0])
            if len(axes) == 1
            else _sample_dots(rows.evaluation_values)
        ),
    }


def _make_axis(values: np.ndarray, points: int) -> np.ndarray:
    """Points over the range of nearly all rows plus a margin, which ends just beyond the outermost rows."""
    low, high = np.quantile(values, SHOWN_QUANTILES)
    room = MARGIN_SHARE * float(high - low)
    return np.linspace(
        max(low - room, _extend_range(values, -1)), min(high + room, _extend_range(values, 1)), points
    )


def _extend_range(values: np.ndarray, side: int) -> float:
    """The outermost value on one side, extended by 5 % of the range."""
    last = float(values.max() if side > 0 else values.min())
    return last + side * 0.05 * float(np.ptp(values))


def _make_histogram(values: np.ndarray, axis: np.ndarray) -> dict[str, Any]:
    """Density of the rows in bars of equal width (Freedman and Diaconis 1981)."""
    lower, upper = np.quantile(values, [0.25, 0.75])
    width = 2 * float(upper - lower) * len(values) ** (-1 / 3)
    reach = float(np.ptp(axis))
    bars = int(np.clip(np.ceil(reach / width) if width > 0 else 1, 5, MAX_BARS))
    counts, edges = np.histogram(values, bars, (axis[0], axis[-1]))
    return {
        "edges": edges.tolist(),
        "bars": (counts / (len(values) * np.diff(edges))).tolist(),
        "dots": None,
    }


def _sample_dots(rows: np.ndarray) -> dict[str, Any]:
    """A random sample of the rows."""
    some = rows[np.random.default_rng(0).permutation(len(rows))[:MAX_DOTS]]
    return {"edges": None, "bars": None, "dots": some.tolist()}
