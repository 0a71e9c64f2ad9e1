"""Inverses of the transforms of a target, as expressions."""

from __future__ import annotations

from collections.abc import Callable

from kan_engine.expressions.evaluation import Expression, apply_function

INVERSE_TRANSFORMS: dict[str, Callable[[Expression], Expression]] = {
    "identity": lambda z: z,
    "log": lambda z: apply_function("exp", z),
    "log_neg": lambda z: -apply_function("exp", z),
    "reciprocal": lambda z: apply_function("1/x", z),
    "square": lambda z: apply_function("sqrt", z),
    "sqrt": lambda z: apply_function("x^2", z),
    "exp": lambda z: apply_function("log", z),
    "reciprocal_square": lambda z: apply_function("1/sqrt", z),
    "sin": lambda z: apply_function("asin", z),
    "cos": lambda z: apply_function("acos", z),
}
"""T⁻¹ as a tree, by the name of T in ``scaling.TRANSFORMS``."""
