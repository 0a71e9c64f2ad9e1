"""Rivals: formulas that are equal up to constants are one, and the shorter is the more probable."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, add, call, mul, power
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import refit_constants
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.rival_probabilities import weigh_rivals
from kan_engine.formulas.rivals import Rival, find_rival, group_rivals

X, Z = Variable("x"), Variable("z")
PRODUCT = mul(2.1, X, Z)
LONGER = add(mul(2.1, X, Z), mul(0.01, X))  # contains the product
SINE = add(mul(6.0, call("sin", X)), mul(1.0, Z))
SQUARE = power(X, 2)


def make_rows(noise: float, rows: int = 200, seed: int = 0) -> LabelledRows:
    generator = np.random.default_rng(seed)
    x, z = generator.uniform(1, 3, (2, rows))
    return LabelledRows.from_columns({"x": x, "z": z}, 2 * x * z + generator.normal(0, noise, rows))


def compete(rows: LabelledRows, *trees: Expression) -> list[Candidate]:
    """Candidates with fitted constants."""
    forms = [refit_constants(to_form(tree), rows, iterations=50) for tree in trees]
    return [Candidate(form.numeric_tree, 0.1, description_length(form, rows)) for form in forms]


def group(rows: LabelledRows, candidates: Sequence[Candidate], shown: Sequence[int] = ()) -> list[Rival]:
    return group_rivals(candidates, [candidates[place].tree for place in shown], rows)


def test_a_formula_that_contains_a_shorter_one_is_no_rival_of_it() -> None:
    rows = make_rows(0.5)
    product, longer, sine = compete(rows, PRODUCT, LONGER, SINE)
    rivals = group(rows, [longer, sine, product], shown=[0, 1, 2])
    assert [rival.members for rival in rivals] == [(product, longer), (sine,)]
    assert (find_rival(rivals, longer.tree), find_rival(rivals, sine.tree), find_rival(rivals, X)) == (
        0,
        1,
        None,
    )


def test_formulas_that_differ_by_a_factor_are_one() -> None:
    rows = make_rows(0.5)
    (product,) = compete(rows, PRODUCT)
    without = Candidate(mul(2, X, Z), 0.1, description_length(to_form(mul(2, X, Z)), rows))
    assert len(group(rows, [product, without])) == 1


def test_a_far_longer_description_is_a_rival_only_if_it_is_shown() -> None:
    rows = make_rows(0.05)
    candidates = compete(rows, PRODUCT, SQUARE)
    assert len(group(rows, candidates)) == 1
    assert len(group(rows, candidates, shown=[1])) == 2


def test_a_formula_that_is_not_finite_is_no_rival() -> None:
    rows = make_rows(0.5)
    broken = Candidate(call("log", add(X, -2)), float("inf"), float("inf"))
    assert len(group(rows, [*compete(rows, PRODUCT), broken], shown=[1])) == 1


@given(noise=st.floats(0.01, 5), rows=st.integers(20, 300), seed=st.integers(0, 50), passes=st.booleans())
def test_probabilities_add_up_to_one_with_that_of_none(
    noise: float, rows: int, seed: int, passes: bool
) -> None:
    table = make_rows(noise, rows, seed)
    rivals = group(table, compete(table, PRODUCT, SINE, SQUARE, LONGER), shown=[0, 1, 2])
    shares, none = weigh_rivals(rivals, table, passes_tests=passes)
    assert shares.sum() + none == pytest.approx(1)
    assert (shares > 0).all()
    assert none > 0


def test_a_shorter_description_is_more_probable() -> None:
    rows = make_rows(1.0)
    rivals = group(rows, compete(rows, PRODUCT, SINE, SQUARE), shown=[0, 1, 2])
    shares, _ = weigh_rivals(rivals, rows, passes_tests=True)
    assert len(shares) == 3
    assert list(shares) == sorted(shares, reverse=True)


def test_more_rows_and_tests_make_a_law_more_probable() -> None:
    def weigh(rows: int, *, passes_tests: bool) -> float:
        table = make_rows(0.5, rows)
        return float(
            weigh_rivals(group(table, compete(table, PRODUCT, SINE)), table, passes_tests=passes_tests)[0][0]
        )

    assert weigh(2_000, passes_tests=True) > weigh(50, passes_tests=True) > weigh(50, passes_tests=False)
    assert weigh(2_000, passes_tests=True) > 0.9


def test_what_looks_unlike_noise_makes_a_law_less_probable() -> None:
    """A column that is not there leaves its own distribution, as the two values of a switch."""
    rows = make_rows(0.5)
    switch = np.where(np.random.default_rng(3).random(len(rows)) < 0.5, -0.5, 0.5)
    odd = rows.with_target(2 * rows.columns["x"] * rows.columns["z"] + switch)
    usual, unusual = (
        weigh_rivals(group(each, compete(each, PRODUCT)), each, passes_tests=True)[0][0]
        for each in (rows, odd)
    )
    assert usual > unusual
