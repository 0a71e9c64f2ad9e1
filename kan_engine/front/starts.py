"""Formulas that contain the columns that a client wants, for a search to begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

import numpy as np

from kan_engine.expressions.evaluation import Expression, add, mul
from kan_engine.front.dictionary import generate_simple_curves, make_measured
from kan_engine.front.thresholds import FrontThresholds


def complete_formula(
    tree: Expression,
    missing: Sequence[frozenset[str]],
    columns: Mapping[str, np.ndarray],
    scale: float,
    thresholds: FrontThresholds,
) -> Iterator[Expression]:
    """Yield the formula with a curve of a variable of every group, as further summands and as factors.

    Args:
        tree: The formula; a number at the start of a search.
        missing: Groups of variables, none of which it contains.
        columns: Columns by variable.
        scale: Spread of the target, for the coefficients before they are fitted.
        thresholds: Number of combinations of curves.
    """
    offered = [
        [
            curve
            for name in sorted(group)
            if name in columns
            for curve in generate_simple_curves(name, columns[name])
        ]
        for group in missing
    ]
    for curves in islice(product(*offered), thresholds.max_start_combinations):
        terms = [mul(make_measured(thresholds.start_coefficient * scale), curve) for curve in curves]
        yield add(tree, *terms)
        yield mul(tree, *curves)
        yield add(tree, mul(make_measured(thresholds.start_coefficient * scale), *curves))
