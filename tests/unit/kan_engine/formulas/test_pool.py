"""What enters a pool: a formula that breaks the wishes enters as the closest variant that satisfies them."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Number,
    Variable,
    add,
    apply_function,
    mul,
    variables,
)
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.pool import ADAPTED, Pool
from kan_engine.formulas.problem import FormulaSettings, Problem

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, 150))
ROWS = LabelledRows.from_columns({"a": A, "b": B}, 2.5 * A + 0.4 * B + RNG.normal(0, 0.1, 150))
X, Z = Variable("a"), Variable("b")
LINE = add(mul(2.51, X), mul(0.39, Z), 0.02)


def pool_of(tree: Expression, limits: FormulaConstraints) -> Pool:
    settings = FormulaSettings(constraints=limits)
    pool = Pool(Problem.create(ROWS[:100], ROWS[100:], settings=settings, callbacks=Callbacks()))
    pool.add(pool.problem.measure(tree, strategy="given"))
    return pool


def test_a_formula_that_satisfies_the_wishes_enters_as_it_is() -> None:
    (candidate,) = pool_of(LINE, FormulaConstraints(max_constants=3)).candidates
    assert (candidate.tree, candidate.strategy) == (LINE, "given")


def test_other_weights_of_the_rows_change_the_order() -> None:
    is_small, slopes = A < 2.0, (1.0, 1.2)
    rows = LabelledRows.from_columns({"a": A}, np.where(is_small, *slopes) * A)
    settings = FormulaSettings()
    pool = Pool(Problem.create(rows[:100], rows[100:], settings=settings, callbacks=Callbacks()))
    for slope in slopes:
        pool.add(pool.problem.measure(mul(slope, X), strategy="given"))
    assert [each.tree for each in pool.candidates] == [mul(1.2, X), mul(1.0, X)]
    pool.reweigh(np.where(is_small, 100.0, 1.0))
    assert [each.tree for each in pool.candidates] == [mul(1.0, X), mul(1.2, X)]
    again = [pool.problem.measure(each.tree, strategy="given") for each in pool.candidates]
    assert again == pool.candidates


@pytest.mark.parametrize("most", [1, 2])
def test_a_formula_with_too_many_constants_enters_with_fewer(most: int) -> None:
    limits = FormulaConstraints(max_constants=most)
    (candidate,) = pool_of(LINE, limits).candidates
    assert limits.allow(candidate.tree)
    assert set(variables(candidate.tree)) == {"a", "b"}
    assert candidate.strategy == ADAPTED
    assert candidate.error < 0.3


def test_a_formula_without_a_wanted_column_enters_with_it() -> None:
    pool = pool_of(mul(2.5, X), FormulaConstraints(must_use=(frozenset({"b"}),)))
    (candidate,) = pool.candidates
    assert set(variables(candidate.tree)) == {"a", "b"}
    assert candidate.error < pool.problem.measure(mul(2.5, X), strategy="").error


def test_a_formula_that_no_variant_saves_does_not_enter() -> None:
    limits = FormulaConstraints(forbidden=frozenset({"log"}), max_constants=1)
    assert pool_of(add(mul(2.5, apply_function("log", X)), Number(1.3)), limits).candidates == []
