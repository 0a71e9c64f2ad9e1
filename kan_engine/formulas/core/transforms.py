"""Inverses of the transforms of a target, as expressions."""

from __future__ import annotations

from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.evaluation import Expression, apply_function


def invert_transform(name: str, z: Expression) -> Expression:
    """T⁻¹(z) as a tree."""
    sign, function = TRANSFORMS[name].inverse_function
    tree = apply_function(function, z)
    return -tree if sign < 0 else tree
