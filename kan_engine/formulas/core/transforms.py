"""Inverses of the transforms of a target, as expressions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kan_engine.data.scaling import TRANSFORMS
from kan_engine.expressions.evaluation import Expression, apply_function


def _apply_inverse(function: str, z: Expression) -> Expression:
    tree = apply_function(function.removeprefix("-"), z)
    return -tree if function.startswith("-") else tree


INVERSE_TRANSFORMS: dict[str, Callable[[Expression], Expression]] = {
    name: partial(_apply_inverse, transform.undone_by) for name, transform in TRANSFORMS.items()
}
"""T⁻¹ as a tree, by the name of T in ``scaling.TRANSFORMS``."""
