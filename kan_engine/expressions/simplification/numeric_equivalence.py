"""Rows of the data on which simplification determines signs and checks that a rewritten formula is equal."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import evaluate_node
from kan_engine.expressions.nice_constants import recognise_constant
from kan_engine.expressions.nodes import Expression, Number, children
from kan_engine.expressions.thresholds import SimplificationThresholds


class CheckRows:
    """Rows on which signs are determined and rewritten formulas are checked, with caches of results.

    Attributes:
        tidied: Canonical forms computed on these rows.
        expansions: Terms of expanded trees; None if there are too many.
        forbidden: Functions that rewriting must not introduce.
        thresholds: Of the simplification on these rows.
    """

    def __init__(
        self,
        columns: Mapping[str, Float[np.ndarray, " rows"]],
        forbidden_functions: frozenset[str],
        thresholds: SimplificationThresholds,
    ) -> None:
        self.forbidden, self.thresholds = forbidden_functions, thresholds
        self._columns = columns
        self._values: dict[Expression, Any] = {}
        self.tidied: dict[Expression, Expression] = {}
        self.expansions: dict[Expression, tuple[Expression, ...] | None] = {}

    def values(self, tree: Expression) -> Any:
        """Evaluate the tree; the values of all its subtrees are cached."""
        if tree not in self._values:
            parts = [self.values(part) for part in children(tree)]
            with np.errstate(all="ignore"):
                self._values[tree] = evaluate_node(tree, parts, self._columns)
        return self._values[tree]

    def sign(self, tree: Expression) -> int:
        """Return 1 or -1 if all finite values have that sign, else 0; 0 without finite values."""
        values = np.asarray(self.values(tree))
        values = values[np.isfinite(values)]
        if not values.size:
            return 0
        return 1 if (values > 0).all() else -1 if (values < 0).all() else 0

    def recognise(self, value: float, size: float = 0.0) -> Expression:
        """Return the constant that a float equals to within rounding; see ``recognise_constant``."""
        limits = self.thresholds.constants
        constant = recognise_constant(value, limits, size)
        if isinstance(constant, Number) and isinstance(constant.value, float) and np.isfinite(constant.value):
            # Floats such as 0.25 are short fractions to the last bit
            exact = Fraction(constant.value).limit_denominator(limits.max_small_denominator)
            if float(exact) == constant.value:
                return Number(exact)
        return constant

    def are_equal(
        self,
        before: Expression,
        after: Expression,
        *,
        relative_tolerance: float = 1e-12,
        peak_tolerance: float = 2e-14,
    ) -> bool:
        """Whether both have the same values, to rounding, where the first is finite; False if it never is.

        Args:
            relative_tolerance: Of a value, over the same value of the original.
            peak_tolerance: Of a value, over the largest value: rounding errors where a sum crosses zero.
        """
        old, new = np.broadcast_arrays(self.values(before), self.values(after))
        # Rows in which the original is undefined are ignored, since a rewritten form may have a larger domain
        good = np.isfinite(old)
        if not good.any():
            return False
        old, new = old[good], new[good]
        with np.errstate(all="ignore"):
            # Near zeros the tolerance is relative to the peak, since cancellation leaves errors of that size
            tolerance = relative_tolerance * np.abs(old) + peak_tolerance * np.abs(old).max()
            return bool((np.abs(new - old) <= tolerance).all())  # false for NaN
