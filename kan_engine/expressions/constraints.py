"""Constraints on formulas, and on networks from which formulas are extracted. Must not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypedDict

from kan_engine.expressions.evaluation import Call, Expression, Number, Pow, complexity, walk
from kan_engine.expressions.library import LIBRARY

MAX_HIDDEN_LAYERS = 1  # of a network from which formulas are extracted

PRINTABLE_FUNCTIONS = tuple(name for name, f in LIBRARY.items() if f.elementary or f.exponent is not None)
"""Functions that occur in printed formulas; all other functions are written in terms of these."""

_POWER_NAMES = {f.exponent: name for name, f in LIBRARY.items() if f.exponent is not None}


class ConstraintsDocument(TypedDict):
    """The constraints as JSON."""

    forbidden: list[str]
    max_complexity: int | None


@dataclass(frozen=True)
class FormulaConstraints:
    """A client's constraints on a formula.

    Attributes:
        forbidden: Functions of ``PRINTABLE_FUNCTIONS`` that the formula must not contain.
        max_complexity: Largest ``complexity`` of the formula; None for no limit.
    """

    forbidden: frozenset[str] = frozenset()
    max_complexity: int | None = None

    def to_dict(self) -> ConstraintsDocument:
        """Return the constraints as JSON."""
        return {"forbidden": sorted(self.forbidden), "max_complexity": self.max_complexity}

    @staticmethod
    def from_dict(data: ConstraintsDocument) -> FormulaConstraints:
        """Restore the constraints from ``to_dict``."""
        return FormulaConstraints(frozenset(data["forbidden"]), data["max_complexity"])

    def allow(self, tree: Expression) -> bool:
        """Whether a formula satisfies the constraints."""
        is_short = self.max_complexity is None or complexity(tree) <= self.max_complexity
        return is_short and not self.forbidden & list_functions(tree)

    def allow_part(self, tree: Expression, *, is_exponent: bool) -> bool:
        """Whether a formula with this part can satisfy the constraints.

        A logarithm in an exponent is allowed, since simplification turns it into a power.
        """
        forbidden = self.forbidden - {"log"} if is_exponent else self.forbidden
        return not forbidden or not forbidden & list_functions(tree)


NO_CONSTRAINTS = FormulaConstraints()


def list_functions(tree: Expression) -> set[str]:
    """Return the library's names of all functions and powers in a formula."""
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case Call(function, _):
                found.add(function)
            case Pow(_, Number(Fraction() as exponent)) if exponent in _POWER_NAMES:
                found.add(_POWER_NAMES[exponent])
    return found
