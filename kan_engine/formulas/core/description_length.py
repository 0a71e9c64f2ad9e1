"""Description length: the bits that encode a target by a formula, its constants and the residuals.

Source: Rissanen, "Modeling by shortest data description", Automatica 14, 1978. The residuals of n rows cost
n/2 · log₂ of their mean square. A free constant c costs the digits that the data determine, log₂(1 + |c|/δ)
+ 1. δ is its standard error with all other constants held fixed: with the marginal error, terms that cancel
each other would cost almost nothing. Functions cost the more, the rarer they are in textbooks. Where the
noise σ of the rows is known, the residuals cost Σ r²/(2σ²) · log₂ e, which is what a Gaussian code of that
width takes.
"""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Number,
    complexity,
    value_and_jacobian,
    walk,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nice_constants import price_fraction
from kan_engine.expressions.nodes import Mul, Pow, children, is_constant
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm
from kan_engine.formulas.core.thresholds import MAX_SIMPLE_BITS, MIN_RELATIVE_RESIDUAL
from kan_engine.numerics.ties import round_rank


def description_length(form: ParametricForm, rows: LabelledRows) -> float:
    """Description length of the data in bits; infinite if the form is not finite.

    Only differences between forms on the same rows are meaningful.
    """
    residuals, constants = residual_and_constant_bits(form, rows)
    return round_rank(residuals + float(constants.sum()) + price_form(form.numeric_tree))


def price_form(tree: Expression, bits_per_node: float = 3.0) -> float:
    """The bits of a formula without its constants: functions take more than sums and products.

    Simple exact numbers are free. Others must pay: 3238/40685, a quotient of two numbers that were rounded,
    and 3·√110/5, the root of one, are measured constants in disguise.
    """
    functions = sum(LIBRARY[node.function].bits for node in walk(tree) if isinstance(node, Call))
    excess = sum(max(0.0, bits - MAX_SIMPLE_BITS) for bits in _price_exact_numbers(tree))
    return bits_per_node * complexity(tree) + functions + excess


def _price_exact_numbers(tree: Expression) -> Iterator[float]:
    """The bits of the fractions of every exact number; the constant factors of a product are one."""
    factors = tree.factors if isinstance(tree, Mul) else (tree,)
    yield sum(price_constant(factor) for factor in factors if is_constant(factor))
    for factor in factors:
        if not is_constant(factor):
            for child in children(factor):
                yield from _price_exact_numbers(child)


def price_constant(tree: Expression) -> float:
    """The bits of the fractions of an exact constant; exponents are small."""
    if isinstance(tree, Number):
        return price_fraction(tree.value) if isinstance(tree.value, Fraction) else 0.0
    parts = (tree.base,) if isinstance(tree, Pow) else children(tree)
    return sum(map(price_constant, parts))


def residual_and_constant_bits(
    form: ParametricForm, rows: LabelledRows
) -> tuple[float, Float[Array, " constants"]]:
    """Return the bits of the residuals and the bits of each free constant."""
    values, jacobian = value_and_jacobian(form.tree, rows.columns, form.values)
    spread, unit_error = rows.spread, rows.unit_error
    # Residuals over the spread, weighted so that a row of weight 1 has an error of 1, or that of the mean row
    residuals = (values - rows.y) / spread
    if unit_error is not None or rows.unequal_weights is not None:
        roots = np.sqrt(rows.relative_weights) if unit_error is None else rows.roots
        residuals, jacobian = residuals * roots, jacobian * roots[:, None]
    with np.errstate(all="ignore"):
        # Rounding error is the smallest noise, so that an exact formula has a finite length
        floor = MIN_RELATIVE_RESIDUAL**2
        mean_square = float(np.mean(residuals**2)) + floor
        noise = mean_square if unit_error is None else (unit_error / spread) ** 2 + floor
        # The standard error of a constant with all others fixed is the noise over the length of its
        # derivative
        steep = np.linalg.norm(jacobian / spread, axis=0)
        constants = np.log2(1 + np.abs(form.values) * steep / np.sqrt(noise)) + 1
        bits = len(rows) / 2 * float(np.log2(mean_square))
        if unit_error is not None:
            bits = len(rows) / 2 * float(np.log2(np.e) * mean_square / noise)
    return (bits if np.isfinite(bits) else float("inf")), np.where(np.isfinite(constants), constants, 1e3)
