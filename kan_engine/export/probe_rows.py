"""Synthetic rows that test a predictor, generated from its encoding; they contain no rows of a client."""

from __future__ import annotations

import numpy as np

from kan_engine.data.datetime_parts import iso_of
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature

SEED = 20_261_127
ROWS = 256
SPARE = 32  # in addition to one row per category
OUTSIDE = 0.1  # of the range: distance of the farthest numbers beyond it
LARGEST = 1e308
UNSEEN = "a category that training never saw"

Columns = dict[str, np.ndarray]


def probe_columns(encoding: Encoding) -> Columns:
    """Columns of every feature; every call returns the same.

    Numbers cover the training range, with its ends and some values beyond them. Every category occurs, and
    one that training never saw. Missing values occur if training had some.
    """
    generator = np.random.default_rng(SEED)
    rows = max(ROWS, *(len(feature.categories + feature.rare) + SPARE for feature in encoding.features))
    return {feature.name: _column(feature, rows, generator) for feature in encoding.features}


def _column(feature: Feature, rows: int, generator: np.random.Generator) -> np.ndarray:
    column = np.empty(rows, dtype=object)
    if feature.type == "datetime":
        column[:] = [iso_of(round(number)) for number in _numbers(feature, rows, generator).tolist()]
    elif feature.type == "number":
        column[:] = _numbers(feature, rows, generator).tolist()
    else:
        known = (False, True) if feature.type == "boolean" else (*feature.categories, *feature.rare, UNSEEN)
        column[:] = [known[place % len(known)] for place in range(rows)]
    if feature.has_missing:
        column[-SPARE // 2 :] = None
    generator.shuffle(column)
    return np.array(column, dtype=np.float64) if feature.type == "number" else column


def _numbers(feature: Feature, rows: int, generator: np.random.Generator) -> np.ndarray:
    low, high = float(feature.min or 0.0), float(feature.max or 0.0)
    places = generator.uniform(size=rows)
    places[:6] = 0.0, 1.0, -OUTSIDE, -OUTSIDE / 10, 1 + OUTSIDE / 10, 1 + OUTSIDE
    with np.errstate(over="ignore"):
        numbers: np.ndarray = low * (1 - places) + high * places
    return numbers.clip(-LARGEST, LARGEST)
