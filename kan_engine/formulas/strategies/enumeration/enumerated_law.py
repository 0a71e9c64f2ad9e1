"""Laws T⁻¹(α·A + β·B) and T⁻¹(α·A·B) of short expressions A and B, by trying all of them.

Noise hides what gradients and curves would tell, but not which of millions of short formulas is closest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS, TRANSFORMS_BY_SEARCH
from kan_engine.expressions.evaluation import Number, Parameter, add, evaluate, mul
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm
from kan_engine.formulas.core.description_length import price_form
from kan_engine.formulas.core.reduction import MAX_ENUMERATED_INPUTS
from kan_engine.formulas.core.transforms import invert_transform
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
    max_forms: int = 20,
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
        max_forms: Number of forms.
    """
    columns, target, weights = rows.columns, rows.y, rows.weights
    if not 1 <= len(columns) <= MAX_ENUMERATED_INPUTS:
        return []
    # Pairs compete on a sample of the rows, the best of them on all
    sample = _select_rows(len(target), max_rows)
    table = ExpressionTable.build(
        {name: values[sample] for name, values in columns.items()},
        max_operations=max_operations,
        max_expressions=min(max_expressions, max_expressions_per_row * len(target)),
    )
    candidates: list[tuple[float, ParametricForm]] = []
    for name in TRANSFORMS_BY_SEARCH["enumeration"]:
        if should_stop():
            break
        response, response_weights = _transform(name, target, weights)
        if weights[response_weights == 0].sum() > max_undefined_share * weights.sum():
            continue
        scan_arguments = table.values, response[sample], response_weights[sample], table.levels
        pairs = rank_pairs(*scan_arguments, min(max_left, len(table.nodes)), max_pairs)
        if table.one is not None:
            pairs += rank_corrections(*scan_arguments, table.one, max_pairs)
        candidates += _measure_pairs(pairs, table, rows, response, response_weights, name)
    # Description length of n rows: n/2·log₂ of the mean squared error, and the bits of the formula
    bits = {
        place: len(target) / 2 * np.log2(max(error, 1e-300)) + price_form(form.numeric_tree)
        for place, (error, form) in enumerate(candidates)
    }
    order = sorted(bits, key=lambda place: bits[place])
    return [form for _, form in _drop_repeated([candidates[place] for place in order])][:max_forms]


def _select_rows(count: int, max_rows: int) -> Int[np.ndarray, " sample"]:
    return np.unique(np.linspace(0, count - 1, min(count, max_rows)).astype(int))


def _transform(
    name: str, target: Float[Array, " rows"], weights: Float[Array, " rows"]
) -> tuple[Float[Array, " rows"], Float[Array, " rows"]]:
    """T(y), and weights with which errors of T(y) count as those of y do; 0 where T is not defined."""
    # A numeric derivative of T: an error of y is T'(y) times as large in T(y)
    step = 1e-6 * (np.abs(target) + 1e-3 * float(np.std(target)))
    side = TRANSFORMS[name]
    with np.errstate(all="ignore"):
        response, ahead = side.forward(target), side.forward(target + step)
        slopes = (ahead - response) / step
        is_known = np.isfinite(response) & (
            np.abs(side.inverse(response) - target) < 1e-6 * (1 + np.abs(target))
        )
        response_weights = np.where(is_known & (slopes != 0), weights / slopes**2, 0.0)
    max_weight = LARGEST_WEIGHT * float(np.median(response_weights[is_known])) if is_known.any() else 0.0
    return np.where(is_known, response, 0.0), np.clip(np.nan_to_num(response_weights), 0.0, max_weight)


def _measure_pairs(
    pairs: list[Pair],
    table: ExpressionTable,
    rows: LabelledRows,
    response: Float[Array, " rows"],
    response_weights: Float[Array, " rows"],
    name: str,
) -> Iterator[tuple[float, ParametricForm]]:
    """Yield the forms of pairs with their constants by least squares, and the errors of y on all rows.

    Constants near multiples of 1/2 are tried as such, too, and stay: √(1 + u² - 2·u·cos v) is undefined with
    others, and a formula without measured constants has a shorter description.
    """
    root = np.sqrt(response_weights)
    for pair in pairs:
        parts = [table.make_tree(pair.first), table.make_tree(pair.second)]
        terms = parts if pair.kind == "sum" else [mul(*parts)]
        with np.errstate(all="ignore"):
            matrix = np.stack([np.broadcast_to(evaluate(t, rows.columns), response.shape) for t in terms], 1)
            # Weighted least squares for the one or two coefficients, errors measured on the scale of y
            weighted_matrix = matrix * root[:, None]
            if not np.isfinite(weighted_matrix).all():
                continue
            solution, *_ = np.linalg.lstsq(weighted_matrix, response * root)
            values = np.asarray(solution, dtype=np.float64)
            half_integers: Array = np.round(2 * values) / 2
            is_near = bool((np.abs(half_integers - values) <= NEAR * np.abs(half_integers)).all())
            for constants in (values, half_integers) if is_near else (values,):
                predictions = TRANSFORMS[name].inverse(matrix @ constants)
                error = float(np.average((predictions - rows.y) ** 2, weights=rows.weights))
                if np.isfinite(error):
                    exact = [Number(Fraction(c)) for c in half_integers]
                    free = [Parameter(place) for place in range(len(terms))]
                    inside = add(*map(mul, exact if constants is half_integers else free, terms))
                    free_values = constants[:0] if constants is half_integers else constants
                    yield error, ParametricForm(invert_transform(name, inside), free_values)


def _drop_repeated(candidates: list[tuple[float, ParametricForm]]) -> Iterator[tuple[float, ParametricForm]]:
    """Yield the first of forms that are equal to rounding."""
    keys = set[str]()
    for error, form in candidates:
        key = f"{error:.9g}"
        if key not in keys:
            keys.add(key)
            yield error, form
