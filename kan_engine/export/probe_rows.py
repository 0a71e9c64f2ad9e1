"""Synthetic rows that test a predictor, generated from its encoding; they contain no rows of a client."""

from __future__ import annotations

import numpy as np

from kan_engine.data.datetime_parts import format_iso_time
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature

PROBE_SEED = 20_261_127
MIN_PROBE_ROWS = 256
SPARE_ROWS = 32  # in addition to one row per category
OUTSIDE_SHARE = 0.1  # of the range: distance of the farthest numbers beyond it
MAX_PROBE_NUMBER = 1e308
UNSEEN_CATEGORY = "a category that training never saw"

Columns = dict[str, np.ndarray]


def probe_columns(encoding: Encoding) -> Columns:
    """Columns of every feature; every call returns the same.

    Numbers cover the training range, with its ends and some values beyond them. Every category occurs, and
    one that training never saw. Missing values occur if training had some.
    """
    generator = np.random.default_rng(PROBE_SEED)
    rows = max(
        MIN_PROBE_ROWS,
        *(len(feature.categories + feature.rare) + SPARE_ROWS for feature in encoding.features),
    )
    return {feature.name: _probe_column(feature, rows, generator) for feature in encoding.features}


def _probe_column(feature: Feature, rows: int, generator: np.random.Generator) -> np.ndarray:
    column = np.empty(rows, dtype=object)
    if feature.type == "datetime":
        column[:] = [
            format_iso_time(round(number)) for number in _probe_numbers(feature, rows, generator).tolist()
        ]
    elif feature.type == "number":
        column[:] = _probe_numbers(feature, rows, generator).tolist()
    else:
        known = (
            (False, True)
            if feature.type == "boolean"
            else (*feature.categories, *feature.rare, UNSEEN_CATEGORY)
        )
        column[:] = [known[place % len(known)] for place in range(rows)]
    if feature.has_missing:
        column[-SPARE_ROWS // 2 :] = None
    generator.shuffle(column)
    return np.array(column, dtype=np.float64) if feature.type == "number" else column


def _probe_numbers(feature: Feature, rows: int, generator: np.random.Generator) -> np.ndarray:
    low, high = float(feature.min or 0.0), float(feature.max or 0.0)
    places = generator.uniform(size=rows)
    places[:6] = 0.0, 1.0, -OUTSIDE_SHARE, -OUTSIDE_SHARE / 10, 1 + OUTSIDE_SHARE / 10, 1 + OUTSIDE_SHARE
    with np.errstate(over="ignore"):
        numbers: np.ndarray = low * (1 - places) + high * places
    return numbers.clip(-MAX_PROBE_NUMBER, MAX_PROBE_NUMBER)
