"""Variants of a formula with fewer measured constants, as a client's limit asks for."""

from __future__ import annotations

from collections.abc import Iterator

from kan_engine.expressions.evaluation import (
    MINUS_ONE,
    ONE,
    Add,
    Expression,
    Mul,
    Number,
    add,
    children,
    mul,
    rebuild,
)
from kan_engine.expressions.measured_constants import count_constants


def drop_constants(tree: Expression, most: int) -> Iterator[Expression]:
    """Yield the formula without its summands, and without its factors, that are measured numbers.

    The other constants stay to be fitted; a variant with more than ``most`` of them is not yielded.
    """
    seen = {tree}
    for kinds in ((Add,), (Mul,), (Add, Mul)):
        variant = _drop(tree, kinds)
        if variant not in seen and count_constants(variant) <= most:
            seen.add(variant)
            yield variant


def _drop(tree: Expression, kinds: tuple[type[Expression], ...]) -> Expression:
    parts = [_drop(part, kinds) for part in children(tree)]
    if isinstance(tree, kinds):
        join = add if isinstance(tree, Add) else mul
        kept = [_to_sign(tree, part) if _is_measured(part) else part for part in parts]
        return join(*[part for part in kept if part is not None])
    return rebuild(tree, parts) if parts else tree


def _to_sign(tree: Expression, part: Expression) -> Expression | None:
    """What stays of a number: nothing in a sum, its sign in a product."""
    if isinstance(tree, Add):
        return None
    return MINUS_ONE if isinstance(part, Number) and part.value < 0 else ONE


def _is_measured(part: Expression) -> bool:
    return isinstance(part, Number) and count_constants(part) > 0
