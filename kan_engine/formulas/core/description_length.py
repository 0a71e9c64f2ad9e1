"""Description length: the bits that encode a target by a formula, its constants and the residuals.

Source: Rissanen, "Modeling by shortest data description", Automatica 14, 1978. The residuals of n rows cost
n/2 · log₂ of their mean square. A free constant c costs the digits that the data determine, log₂(1 + |c|/δ)
+ 1. δ is its standard error with all other constants held fixed: with the marginal error, terms that cancel
each other would cost almost nothing. Functions cost the more, the rarer they are in textbooks. Where the
noise σ of the rows is known, the residuals cost Σ r²/(2σ²) · log₂ e, which is what a Gaussian code of that
width takes.
"""

from fractions import Fraction

import numpy as np

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

    Simple fractions are free. Others must pay: 3238/40685 is a measured constant in
    disguise, a quotient of two that were rounded.
    """
    nodes = [*walk(tree)]
    functions = sum(LIBRARY[node.function].bits for node in nodes if isinstance(node, Call))
    fractions = [n.value for n in nodes if isinstance(n, Number) and isinstance(n.value, Fraction)]
    excess = sum(max(0.0, price_fraction(value) - MAX_SIMPLE_BITS) for value in fractions)
    return bits_per_node * complexity(tree) + functions + excess


def residual_and_constant_bits(form: ParametricForm, rows: LabelledRows) -> tuple[float, Array]:
    """Return the bits of the residuals and the bits of each free constant."""
    values, jacobian = value_and_jacobian(form.tree, rows.columns, form.values)
    spread, known = rows.spread, rows.unit_error
    residuals = (values - rows.y) / spread
    if known is not None or rows.unequal_weights is not None:
        roots = np.sqrt(rows.relative_weights) if known is None else rows.roots
        residuals, jacobian = residuals * roots, jacobian * roots[:, None]
    with np.errstate(all="ignore"):
        least = MIN_RELATIVE_RESIDUAL**2
        mean_square = float(np.mean(residuals**2)) + least
        noise = mean_square if known is None else (known / spread) ** 2 + least
        steep = np.linalg.norm(jacobian / spread, axis=0)
        constants = np.log2(1 + np.abs(form.values) * steep / np.sqrt(noise)) + 1
        bits = len(rows) / 2 * float(np.log2(mean_square))
        if known is not None:
            bits = len(rows) / 2 * float(np.log2(np.e) * mean_square / noise)
    return (bits if np.isfinite(bits) else float("inf")), np.where(np.isfinite(constants), constants, 1e3)
