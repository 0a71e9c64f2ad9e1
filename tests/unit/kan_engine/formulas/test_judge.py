"""The judge: which candidate comes first, and which others are shown beside it."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import Expression, Number, Variable, add, apply_function, mul, power
from kan_engine.expressions.unit_system import UnitSystem
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import FormulaSettings, Problem

ROWS = 150
RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.5, 3.0, (2, ROWS))
NOISE = RNG.normal(0, 0.3, ROWS)
X, Z = Variable("a"), Variable("b")
MEAN, LINE, PRODUCT = Number(5.9), add(mul(3.3, X), mul(3.4, Z), -5.7), mul(2.0, X, Z)
RIPPLE = mul(1e-3, apply_function("sin", mul(5.0, X)), apply_function("cos", mul(7.0, Z)))
WAVE = mul(0.1, apply_function("sin", mul(4.0, Z)))


def pool_of(y: np.ndarray, *trees: Expression, limits: FormulaConstraints = NO_CONSTRAINTS) -> Pool:
    """A pool of these formulas, which are measured on two thirds and a third of the rows."""
    rows = LabelledRows.from_columns({"a": A, "b": B}, y)
    settings = FormulaSettings(constraints=limits)
    pool = Pool(Problem.create(rows[:100], rows[100:], settings=settings, callbacks=Callbacks()))
    for tree in trees:
        pool.add(pool.problem.measure(tree, strategy="given"))
    return pool


def rank(pool: Pool) -> list[Expression]:
    return [each.tree for each in Judge().rank(pool)]


def test_the_first_formula_describes_the_rows_most_shortly() -> None:
    pool = pool_of(2 * A * B + NOISE, MEAN, LINE, PRODUCT, add(PRODUCT, RIPPLE))
    first, *others = Judge().rank(pool)
    assert first.tree == PRODUCT
    assert others
    assert all(first.bits < other.bits for other in others)


def test_an_empty_pool_has_no_order() -> None:
    assert rank(pool_of(A)) == []


def test_a_long_law_gives_way_to_a_sum_that_predicts_alike() -> None:
    total = add(mul(2.0, X), mul(3.0, Z))
    law = add(total, RIPPLE, mul(1e-4, apply_function("exp", X)))
    assert rank(pool_of(2 * A + 3 * B + NOISE, law, total)) == [total]


def test_a_far_better_formula_comes_before_a_short_one() -> None:
    near, law = add(X, mul(1.9, Z)), add(X, mul(2.0, Z), RIPPLE)
    y = A + 2 * B + 1e-3 * np.sin(5 * A) * np.cos(7 * B) + NOISE / 1e4
    assert rank(pool_of(y, near, law)) == [law, near]


def test_shorter_formulas_follow_from_the_shortest_up() -> None:
    cubic = add(PRODUCT, mul(0.5, power(X, 3.0)))
    law = add(cubic, mul(-0.7, apply_function("sin", mul(4.0, Z))))
    y = 2 * A * B + 0.5 * A**3 - 0.7 * np.sin(4 * B) + NOISE / 10
    assert rank(pool_of(y, PRODUCT, law, cubic, MEAN)) == [law, MEAN, PRODUCT, cubic]


def test_a_shorter_formula_that_is_worse_than_one_still_shorter_is_left_out() -> None:
    poor = mul(9.0, X)
    assert rank(pool_of(2 * A * B + NOISE, PRODUCT, MEAN, poor)) == [PRODUCT, MEAN]


@pytest.mark.parametrize(
    ("longer", "shown"),
    [
        ([add(PRODUCT, RIPPLE)], []),
        ([add(PRODUCT, WAVE)], [0]),
        ([add(PRODUCT, mul(2e-3, X)), add(PRODUCT, WAVE), add(PRODUCT, WAVE, RIPPLE)], [1]),
    ],
    ids=["no better", "better", "one of three"],
)
def test_longer_formulas_follow_where_each_is_better_than_the_one_before_by_more_than_chance(
    longer: list[Expression], shown: list[int]
) -> None:
    pool = pool_of(2 * A * B + 0.1 * np.sin(4 * B) + NOISE / 6)
    for bits, tree in enumerate([PRODUCT, *longer]):
        pool.add(Candidate(tree, 0.1, bits=100.0 * bits))
    assert rank(pool) == [PRODUCT, *(longer[place] for place in shown)]


@pytest.mark.parametrize(("gain", "is_first"), [(9.0, False), (11.0, True)])
def test_a_formula_that_was_selected_among_very_many_has_to_be_better_by_their_bits(
    gain: float, is_first: bool
) -> None:
    pool = pool_of(2 * A * B + NOISE)
    pool.add(Candidate(PRODUCT, 0.1, bits=100.0))
    grown = Candidate(mul(2.01, X, Z), 0.1, bits=100.0 - gain, selection_bits=10.0)
    pool.add(grown)
    assert (Judge().rank(pool)[0] is grown) == is_first


def test_where_errors_grow_with_the_target_small_targets_count_as_much() -> None:
    short, target = apply_function("exp", mul(3.0, X)), np.exp(3 * A) + 3
    law = add(short, 3.0)
    pool = pool_of(target * (1 + NOISE / 6), short, law)
    assert rank(pool)[0] == short
    pool.reweigh(1 / target**2)
    assert rank(pool)[0] == law


def test_a_formula_whose_units_do_not_add_up_is_shown_after_those_that_do() -> None:
    units = UnitSystem({"a": "m", "b": "s"}, "m")
    unbalanced, balanced = add(X, power(Z, 2)), add(mul(1.0, X), mul(3.6, Z), -2.9)
    y = A + B**2 + NOISE / 10
    assert rank(pool_of(y, unbalanced, balanced))[0] == unbalanced
    limits = FormulaConstraints(units=units)
    assert rank(pool_of(y, unbalanced, balanced, limits=limits)) == [balanced, unbalanced]
    assert rank(pool_of(y, unbalanced, limits=limits)) == [unbalanced]


def test_an_exact_law_whose_units_do_not_add_up_is_shown_before_a_line_whose_do() -> None:
    limits = FormulaConstraints(units=UnitSystem({"a": "m", "b": "s"}, "m"))
    law, line = add(X, power(Z, 2)), add(mul(1.0, X), mul(3.6, Z), -2.9)
    assert rank(pool_of(A + B**2, law, line, limits=limits)) == [law]


def test_an_exact_law_stands_alone() -> None:
    assert rank(pool_of(2 * A * B, MEAN, LINE, add(PRODUCT, RIPPLE), PRODUCT)) == [PRODUCT]
