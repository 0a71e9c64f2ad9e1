"""Sums of terms with measured coefficients, and functions of them without redundant constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kan_engine.expressions.evaluation import Expression, Variable, add, apply_function, mul
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.reading.univariate_fit import Suggestion


@dataclass(frozen=True)
class LinearSum:
    """A sum Σ c·f + constant.

    Attributes:
        terms: Coefficient c by term f.
        constant: The constant.
    """

    terms: Mapping[Expression, float]
    constant: float = 0.0

    @staticmethod
    def from_column(name: str) -> LinearSum:
        """The column itself."""
        return LinearSum({Variable(name): 1.0})

    def __add__(self, other: LinearSum) -> LinearSum:
        """Add sums; equal terms become one."""
        terms = dict(self.terms)
        for tree, c in other.terms.items():
            terms[tree] = terms.get(tree, 0.0) + c
        return LinearSum(terms, self.constant + other.constant)

    def scale(self, factor: float, shift: float = 0.0) -> LinearSum:
        """Multiply by a number, then add one."""
        return LinearSum({f: c * factor for f, c in self.terms.items()}, self.constant * factor + shift)

    @property
    def is_finite(self) -> bool:
        """Whether all coefficients are finite."""
        return bool(np.isfinite([self.constant, *self.terms.values()]).all())

    @property
    def tree(self) -> Expression:
        """The sum as a formula; a coefficient of 1 and a constant of 0 are left out."""
        terms = [f if c == 1 else mul(make_measured(c), f) for f, c in self.terms.items() if c]
        return add(*terms, *([make_measured(self.constant)] if self.constant else []))

    def apply(self, fit: Suggestion) -> LinearSum:
        """Return c · f(a·u + b) + d of this sum u.

        c and d take constants of u where f allows it, as in exp(u + b) = exp(b) exp(u) or
        (k u)² = k² u².
        """
        if fit.function == "x":
            return self.scale(fit.c * fit.a, fit.c * fit.b + fit.d)
        inner, factor, shift = self.scale(fit.a, fit.b), fit.c, fit.d
        function = LIBRARY[fit.function]
        with np.errstate(all="ignore"):
            if function.equation == "exponential":
                factor, inner = factor * float(function.value(inner.constant)), LinearSum(inner.terms)
            elif function.is_scale_free:
                size = abs(next((c for c in inner.terms.values() if c), 1.0))
                inner = inner.scale(1 / size)
                if function.degree is None:
                    shift += factor * float(function.value(size))
                else:
                    factor *= float(np.power(size, float(function.degree)))
        if not (np.isfinite(factor) and inner.is_finite):
            return LinearSum({}, float("nan"))
        return LinearSum({apply_function(fit.function, inner.tree): factor}, shift)
