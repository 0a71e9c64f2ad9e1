"""Formulas that contain the columns that a client wants, for a search to begin with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

import numpy as np

from kan_engine.expressions.evaluation import Expression, add, mul
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.terms import generate_simple_curves


def complete_formula(
    tree: Expression,
    missing: Sequence[frozenset[str]],
    columns: Mapping[str, np.ndarray],
    scale: float,
    *,
    max_combinations: int = 24,
    start: float = 0.01,
) -> Iterator[Expression]:
    """Yield the formula with a curve of a variable of every group, as further summands and as factors.

    Args:
        tree: The formula; a number at the start of a search.
        missing: Groups of variables, none of which it contains.
        columns: Columns by variable.
        scale: Spread of the target, for the coefficients before they are fitted.
        max_combinations: Of curves that are tried with every formula.
        start: Of a coefficient before its fit, over ``scale``.
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
    for curves in islice(product(*offered), max_combinations):
        terms = [mul(make_measured(start * scale), curve) for curve in curves]
        yield add(tree, *terms)
        yield mul(tree, *curves)
        yield add(tree, mul(make_measured(start * scale), *curves))
