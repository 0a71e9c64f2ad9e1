"""A sample of the data, on which simplification reads signs and checks every rewriting."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kan_engine.expressions.evaluation import node_value
from kan_engine.expressions.nodes import Expression, children

_RELATIVE = 1e-12
_OF_THE_LARGEST = 2e-14  # rounding where a sum crosses zero


class Sample:
    """Rows on which signs are read and rewritings are checked.

    Attributes:
        tidied: Tidy forms that are known on these rows.
        expansions: Known terms of multiplied-out trees; None for too many.
        forbidden: Functions that rewriting may not bring in.
    """

    def __init__(self, columns: Mapping[str, NDArray[Any]], forbidden: frozenset[str] = frozenset()) -> None:
        self.forbidden = forbidden
        self._columns = columns
        self._values: dict[Expression, Any] = {}
        self.tidied: dict[Expression, Expression] = {}
        self.expansions: dict[Expression, tuple[Expression, ...] | None] = {}

    def values(self, tree: Expression) -> Any:
        """Values of the tree, remembered for it and all its parts."""
        if tree not in self._values:
            parts = [self.values(part) for part in children(tree)]
            with np.errstate(all="ignore"):
                self._values[tree] = node_value(tree, parts, self._columns)
        return self._values[tree]

    def sign(self, tree: Expression) -> int:
        """1 or -1 if the tree has that sign wherever it is a number, 0 if it is zero or changes sign."""
        values = np.asarray(self.values(tree))
        values = values[np.isfinite(values)]
        if not values.size:
            return 0
        return 1 if (values > 0).all() else -1 if (values < 0).all() else 0

    def same(self, before: Expression, after: Expression) -> bool:
        """Whether both have the same values, to rounding, wherever the first is a number."""
        old, new = np.broadcast_arrays(self.values(before), self.values(after))
        good = np.isfinite(old)
        if not good.any():
            return False
        old, new = old[good], new[good]
        with np.errstate(all="ignore"):
            allowed = _RELATIVE * np.abs(old) + _OF_THE_LARGEST * np.abs(old).max()
            return bool((np.abs(new - old) <= allowed).all())  # false for NaN
