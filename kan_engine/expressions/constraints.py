"""What a formula may contain, and which networks one can be read off. Light: nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kan_engine.expressions.evaluation import Call, Expression, Number, Pow, complexity, walk
from kan_engine.expressions.library import LIBRARY

MAX_EDGES = 24  # live, of a network that formulas are read off
MAX_HIDDEN_LAYERS = 1

VISIBLE = tuple(name for name, f in LIBRARY.items() if f.elementary or f.exponent is not None)
"""Functions that can be told from a printed formula; all others are spelled out with these."""

_NAMES = {f.exponent: name for name, f in LIBRARY.items() if f.exponent is not None}


@dataclass(frozen=True)
class Limits:
    """What a person wants of a formula.

    Attributes:
        forbidden: Functions of the library that it may not contain, from ``VISIBLE``.
        max_complexity: Most nodes of its tree; None for no limit.
    """

    forbidden: frozenset[str] = frozenset()
    max_complexity: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"forbidden": sorted(self.forbidden), "max_complexity": self.max_complexity}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Limits:
        """What ``to_dict`` described."""
        return Limits(frozenset(data["forbidden"]), data["max_complexity"])

    def allow(self, tree: Expression) -> bool:
        """Whether a formula keeps to them."""
        is_short = self.max_complexity is None or complexity(tree) <= self.max_complexity
        return is_short and not self.forbidden & functions_of(tree)

    def allow_part(self, tree: Expression, *, is_exponent: bool) -> bool:
        """Whether a part of a formula may keep to them: of an exponent, logarithms become powers."""
        forbidden = self.forbidden - {"log"} if is_exponent else self.forbidden
        return not forbidden or not forbidden & functions_of(tree)


NO_LIMITS = Limits()


def functions_of(tree: Expression) -> set[str]:
    """Names in the library of all functions and powers that a formula contains."""
    found: set[str] = set()
    for node in walk(tree):
        match node:
            case Call(function, _):
                found.add(function)
            case Pow(_, Number(Fraction() as exponent)) if exponent in _NAMES:
                found.add(_NAMES[exponent])
    return found
