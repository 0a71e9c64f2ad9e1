"""Random formulas, for laws of formulas."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from hypothesis import strategies as st

from kan_engine.expressions.evaluation import (
    PI,
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Pow,
    Variable,
    add,
    apply_function,
    mul,
    power,
)
from kan_engine.expressions.library import LIBRARY

Trees = st.SearchStrategy[Expression]

ELEMENTARY = [name for name, function in LIBRARY.items() if function.elementary]

floats = st.floats(-10, 10, allow_subnormal=False).filter(lambda v: abs(v) > 1e-3).map(Number)
exponents = st.sampled_from(
    [Fraction(e) for e in (-3, -2, -1, 2, 3, 4)]
    + [Fraction(1, 2), Fraction(-1, 2), Fraction(1, 3), 1.5, 0.37, -2.5]
)


def plain_trees(columns: Iterable[str]) -> Trees:
    """Formulas of columns, numbers and π, made by the builders."""
    return built(st.one_of(variables_of(columns), numbers(), st.just(PI)))


def raw_trees(columns: Iterable[str]) -> Trees:
    """Trees of bare nodes, as no builder would make them: 1*x + 0, nested sums, numbers anywhere."""

    def larger(parts: Trees) -> Trees:
        pairs = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.one_of(
            pairs.map(Add),
            pairs.map(Mul),
            st.builds(Pow, parts, exponents.map(Number)),
            st.builds(Call, st.sampled_from(ELEMENTARY), parts),
        )

    return st.recursive(st.one_of(variables_of(columns), numbers()), larger, max_leaves=7)


def built(leaves: Trees) -> Trees:
    """Trees of the builders over the given leaves."""

    def larger(parts: Trees) -> Trees:
        return st.one_of(
            st.lists(parts, min_size=2, max_size=3).map(lambda terms: add(*terms)),
            st.lists(parts, min_size=2, max_size=3).map(lambda factors: mul(*factors)),
            st.builds(power, parts, exponents),
            st.builds(apply_function, st.sampled_from(list(LIBRARY)), parts),
        )

    return st.recursive(leaves, larger, max_leaves=7)


def variables_of(columns: Iterable[str]) -> Trees:
    return st.sampled_from([Variable(name) for name in columns])


def numbers() -> Trees:
    return st.one_of(st.fractions(-9, 9, max_denominator=12).map(Number), floats)
