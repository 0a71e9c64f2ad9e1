"""Synthetic rows that test a predictor, generated from its encoding; they contain no rows of a client."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

from kan_engine.data.datetime_parts import format_iso_time
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature
from kan_engine.export.thresholds import DEFAULT_PROBES, ProbeThresholds

UNSEEN_CATEGORY = "a category that training never saw"

Columns = dict[str, Shaped[np.ndarray, " rows"]]


def probe_columns(encoding: Encoding, thresholds: ProbeThresholds = DEFAULT_PROBES) -> Columns:
    """Columns of every feature; every call returns the same.

    Numbers cover the training range, with its ends and some values beyond them. Every category occurs, and
    one that training never saw. Missing values occur if training had some.
    """
    generator = np.random.default_rng(thresholds.seed)
    rows = max(
        thresholds.min_rows,
        *(len(feature.categories + feature.rare) + thresholds.spare_rows for feature in encoding.features),
    )
    return {
        feature.name: _probe_column(feature, rows, generator, thresholds) for feature in encoding.features
    }


def _probe_column(
    feature: Feature, rows: int, generator: np.random.Generator, limits: ProbeThresholds
) -> Shaped[np.ndarray, " {rows}"]:
    column = np.empty(rows, dtype=object)
    if feature.type == "datetime":
        column[:] = [
            format_iso_time(round(number))
            for number in _probe_numbers(feature, rows, generator, limits).tolist()
        ]
    elif feature.type == "number":
        column[:] = _probe_numbers(feature, rows, generator, limits).tolist()
    else:
        values = (
            (False, True)
            if feature.type == "boolean"
            else (*feature.categories, *feature.rare, UNSEEN_CATEGORY)
        )
        column[:] = [values[place % len(values)] for place in range(rows)]
    # The shuffle distributes the missing values over the rows
    if feature.has_missing:
        column[-limits.spare_rows // 2 :] = None
    generator.shuffle(column)
    return np.array(column, dtype=np.float64) if feature.type == "number" else column


def _probe_numbers(
    feature: Feature,
    rows: int,
    generator: np.random.Generator,
    limits: ProbeThresholds,
    *,
    outside_share: float = 0.1,
) -> Float[np.ndarray, " {rows}"]:
    """Draw numbers at, within and beyond the ends of a range.

    Args:
        outside_share: Of the range: distance of the farthest numbers beyond it.
    """
    low, high = float(feature.min or 0.0), float(feature.max or 0.0)
    places = generator.uniform(size=rows)
    # Both ends of the training range, and points slightly and far beyond each
    places[:6] = 0.0, 1.0, -outside_share, -outside_share / 10, 1 + outside_share / 10, 1 + outside_share
    # A weighted mean of the ends, since their difference may overflow
    with np.errstate(over="ignore"):
        numbers: np.ndarray = low * (1 - places) + high * places
    return numbers.clip(-limits.max_number, limits.max_number)
