"""Closed lists of functions, as clients name them. Must not import torch."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from kan_engine.expressions.library import LIBRARY

Exponents = Literal["real", "half", "integer"]

FUNCTION_SETS: dict[str, tuple[str, ...]] = {
    "polynomial": (),
    "rational": (),
    "exponential": ("exp", "log", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    "trigonometric": ("sin", "cos", "tan", "asin", "acos", "atan"),
}
"""Named sets; sums, products, quotients and integer powers are always allowed.

``polynomial`` without ``rational`` forbids division by columns.
"""

ROOT, POWER = "sqrt", "power"  # half-integer exponents; any exponent
ELEMENTARY = tuple(name for name, function in LIBRARY.items() if function.elementary)
SEARCHED = tuple(name for name in ELEMENTARY if LIBRARY[name].searched)
FUNCTION_NAMES = (*FUNCTION_SETS, *SEARCHED, ROOT, POWER)
"""What a closed list may name."""


def expand_functions(names: Collection[str]) -> tuple[frozenset[str], Exponents, bool]:
    """Translate a closed list.

    Args:
        names: Of ``FUNCTION_NAMES``.

    Returns:
        Forbidden functions of the library, the exponents that are allowed, and whether columns may divide.
    """
    choices = {name for entry in names for name in FUNCTION_SETS.get(entry, (entry,))}
    exponents: Exponents = (
        "real" if POWER in choices or {"exp", "log"} <= choices else "half" if ROOT in choices else "integer"
    )
    divides = "polynomial" not in names or "rational" in names
    forbidden_functions = {name for name in ELEMENTARY if name not in choices}
    for name, function in LIBRARY.items():
        if function.exponent is None:
            continue
        is_root = function.exponent.denominator > 1 and exponents == "integer"
        if is_root or (function.exponent < 0 and not divides):
            forbidden_functions.add(name)
    return frozenset(forbidden_functions), exponents, divides
