"""Laws T⁻¹(α·A + β·B) and T⁻¹(α·A·B) of short expressions A and B, by trying all of them.

Noise hides what gradients and curves would tell, but not which of millions of short formulas is closest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TRANSFORMS, TRANSFORMS_BY_SEARCH
from kan_engine.expressions.evaluation import Number, Parameter, add, evaluate, mul
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm
from kan_engine.formulas.core.description_length import price_form
from kan_engine.formulas.core.reduction import MAX_ENUMERATED_INPUTS
from kan_engine.formulas.core.transforms import INVERSE_TRANSFORMS
from kan_engine.formulas.strategies.enumeration.bilinear_scan import Pair, rank_corrections, rank_pairs
from kan_engine.formulas.strategies.enumeration.expression_table import ExpressionTable

LARGEST_WEIGHT = 100.0  # over the median: where T is flat, its errors tell nothing
NEAR = 0.1  # relative difference up to which a constant may be a multiple of 1/2


def enumerate_laws(
    rows: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    max_operations: int = 3,
    max_expressions: int = 20_000,
    max_expressions_per_row: int = 50,
    max_left: int = 1_000,
    max_rows: int = 128,
    max_undefined_share: float = 0.1,
    max_pairs: int = 6,
    most: int = 20,
) -> list[ParametricForm]:
    """Return the closest forms of a few variables with two constants at most, best first.

    Args:
        rows: Rows to fit.
        should_stop: Called between transforms of the target.
        max_operations: Of an expression.
        max_expressions: Their number; those with more operations are left out first.
        max_expressions_per_row: Among too many expressions some agree with a few rows by chance.
        max_left: Expressions that are paired with all others.
        max_rows: On which pairs of expressions are compared; the best are compared on all rows.
        max_undefined_share: Of the weight of rows, for which a transform of the target is not defined.
        max_pairs: Of every kind, number of operations and transform, that are compared on all rows.
        most: Number of forms.
    """
    columns, target, weights = rows.columns, rows.y, rows.weights
    if not 1 <= len(columns) <= MAX_ENUMERATED_INPUTS:
        return []
    few = _select_rows(len(target), max_rows)
    table = ExpressionTable.build(
        {name: values[few] for name, values in columns.items()},
        max_operations=max_operations,
        most=min(max_expressions, max_expressions_per_row * len(target)),
    )
    found: list[tuple[float, ParametricForm]] = []
    for name in TRANSFORMS_BY_SEARCH["enumeration"]:
        if should_stop():
            break
        moved, scaled = _transform(name, target, weights)
        if weights[scaled == 0].sum() > max_undefined_share * weights.sum():
            continue
        known = table.values, moved[few], scaled[few], table.levels
        pairs = rank_pairs(*known, min(max_left, len(table.nodes)), max_pairs)
        if table.one is not None:
            pairs += rank_corrections(*known, table.one, max_pairs)
        found += _measure_pairs(pairs, table, rows, moved, scaled, name)
    bits = {
        place: len(target) / 2 * np.log2(max(error, 1e-300)) + price_form(form.numeric_tree)
        for place, (error, form) in enumerate(found)
    }
    order = sorted(bits, key=lambda place: bits[place])
    return [form for _, form in _drop_repeated([found[place] for place in order])][:most]


def _select_rows(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _transform(name: str, target: Array, weights: Array) -> tuple[Array, Array]:
    """T(y), and weights with which errors of T(y) count as those of y do; 0 where T is not defined."""
    step = 1e-6 * (np.abs(target) + 1e-3 * float(np.std(target)))
    side = TRANSFORMS[name]
    with np.errstate(all="ignore"):
        moved, ahead = side.forward(target), side.forward(target + step)
        slopes = (ahead - moved) / step
        is_known = np.isfinite(moved) & (np.abs(side.inverse(moved) - target) < 1e-6 * (1 + np.abs(target)))
        scaled = np.where(is_known & (slopes != 0), weights / slopes**2, 0.0)
    most = LARGEST_WEIGHT * float(np.median(scaled[is_known])) if is_known.any() else 0.0
    return np.where(is_known, moved, 0.0), np.clip(np.nan_to_num(scaled), 0.0, most)


def _measure_pairs(
    pairs: list[Pair],
    table: ExpressionTable,
    rows: LabelledRows,
    moved: Array,
    scaled: Array,
    name: str,
) -> Iterator[tuple[float, ParametricForm]]:
    """Yield the forms of pairs with their constants by least squares, and the errors of y on all rows.

    Constants near multiples of 1/2 are tried as such, too, and stay: √(1 + u² - 2·u·cos v) is undefined with
    others, and a formula without measured constants has a shorter description.
    """
    root = np.sqrt(scaled)
    for pair in pairs:
        parts = [table.make_tree(pair.first), table.make_tree(pair.second)]
        terms = parts if pair.kind == "sum" else [mul(*parts)]
        with np.errstate(all="ignore"):
            matrix = np.stack([np.broadcast_to(evaluate(t, rows.columns), moved.shape) for t in terms], 1)
            weighed = matrix * root[:, None]
            if not np.isfinite(weighed).all():
                continue
            found, *_ = np.linalg.lstsq(weighed, moved * root)
            values = np.asarray(found, dtype=np.float64)
            rounded: Array = np.round(2 * values) / 2
            is_near = bool((np.abs(rounded - values) <= NEAR * np.abs(rounded)).all())
            for constants in (values, rounded) if is_near else (values,):
                fitted = TRANSFORMS[name].inverse(matrix @ constants)
                error = float(np.average((fitted - rows.y) ** 2, weights=rows.weights))
                if np.isfinite(error):
                    exact = [Number(Fraction(c)) for c in rounded]
                    free = [Parameter(place) for place in range(len(terms))]
                    inside = add(*map(mul, exact if constants is rounded else free, terms))
                    kept = constants[:0] if constants is rounded else constants
                    yield error, ParametricForm(INVERSE_TRANSFORMS[name](inside), kept)


def _drop_repeated(found: list[tuple[float, ParametricForm]]) -> Iterator[tuple[float, ParametricForm]]:
    """Yield the first of forms that are equal to rounding."""
    seen = set[str]()
    for error, form in found:
        key = f"{error:.9g}"
        if key not in seen:
            seen.add(key)
            yield error, form
