"""Sums of terms with measured coefficients, and functions of them without redundant constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from kan_engine.expressions.evaluation import (
    Expression,
    Variable,
    add,
    apply_function,
    evaluate,
    mul,
    substitute,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nodes import ONE, Add, Mul, Number, is_constant
from kan_engine.formulas.reading.univariate_fit import Suggestion


@dataclass(frozen=True, eq=False)
class LinearSum:
    """A sum Σ c·f + constant.

    Attributes:
        terms: Coefficient c by term f; an int is exact, and a float is measured, whatever its value.
        constant: The constant, alike.
    """

    terms: Mapping[Expression, float]
    constant: float = 0.0

    @staticmethod
    def from_column(name: str) -> LinearSum:
        """The column itself."""
        return LinearSum({Variable(name): 1})

    @staticmethod
    def from_tree(tree: Expression) -> LinearSum:
        """The terms of a formula, with their measured factors as coefficients."""
        total = LinearSum({})
        for term in tree.terms if isinstance(tree, Add) else (tree,):
            if is_constant(term):
                total += LinearSum({}, float(evaluate(term, {})))
                continue
            factors = term.factors if isinstance(term, Mul) else (term,)
            numbers = [f for f in factors if isinstance(f, Number) and isinstance(f.value, float)]
            form = mul(*(f for f in factors if f not in numbers))
            total += LinearSum({form: prod(float(f.value) for f in numbers)})  # exactly 1 without any
        return total

    def __add__(self, addend: LinearSum) -> LinearSum:
        """Add sums; equal terms become one."""
        terms = dict(self.terms)
        for tree, c in addend.terms.items():
            terms[tree] = terms.get(tree, 0) + c
        return LinearSum(terms, self.constant + addend.constant)

    def scale(self, factor: float, shift: float = 0.0) -> LinearSum:
        """Multiply by a number, then add one."""
        return LinearSum({f: c * factor for f, c in self.terms.items()}, self.constant * factor + shift)

    def normalize(self, *, by_constant: bool = False) -> tuple[float, LinearSum]:
        """Divide by the size of the first coefficient or of the constant, which is then exactly 1 or -1.

        Args:
            by_constant: Whether a constant other than 0 is the divisor.

        Returns:
            The divisor, 1 for a sum of nothing but a constant, and the quotient.
        """
        leading_term, c = next(((f, c) for f, c in self.terms.items() if c), (None, 0.0))
        if by_constant and self.constant:
            leading_term, c = None, self.constant
        if not c:
            return 1.0, self
        size, sign = abs(c), 1 if c > 0 else -1
        terms = {
            f: sign if f == leading_term else coefficient / size for f, coefficient in self.terms.items()
        }
        return size, LinearSum(terms, sign if leading_term is None else self.constant / size)

    def replace(self, variable: Variable, tree: Expression) -> LinearSum:
        """The sum with a tree in place of a variable."""
        return LinearSum({substitute(f, {variable: tree}): c for f, c in self.terms.items()}, self.constant)

    @property
    def is_finite(self) -> bool:
        """Whether all coefficients are finite."""
        return bool(np.isfinite([self.constant, *self.terms.values()]).all())

    @property
    def tree(self) -> Expression:
        """The sum as a formula; a constant of 0 is left out."""
        terms = [*self.terms.items(), (ONE, self.constant)]
        return add(*(mul(c if isinstance(c, int) else make_measured(c), f) for f, c in terms if c))

    def apply(self, fit: Suggestion) -> LinearSum:
        """Return c · f(a·u + b) + d of this sum u.

        c and d take constants of u where f allows it, as in exp(u + b) = exp(b) exp(u) or
        (k u)² = k² u².
        """
        if fit.function == "x":
            return self.scale(fit.c * fit.a, fit.c * fit.b + fit.d)
        inner, factor, shift = self.scale(fit.a, fit.b), fit.c, fit.d
        function = LIBRARY[fit.function]
        # Constants of the argument that a factor or an offset of the function replaces would be redundant
        with np.errstate(all="ignore"):
            if function.equation == "exponential":
                factor, inner = factor * float(function.value(inner.constant)), LinearSum(inner.terms)
            elif function.is_scale_free:
                size, inner = inner.normalize()
                if function.degree is None:
                    shift += factor * float(function.value(size))
                else:
                    factor *= float(np.power(size, float(function.degree)))
        if not (np.isfinite(factor) and inner.is_finite):
            return LinearSum({}, float("nan"))
        return LinearSum({apply_function(fit.function, inner.tree): factor}, shift)
