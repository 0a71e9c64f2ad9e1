"""The terms that are inserted into formulas."""

import numpy as np
import pytest

from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints, list_functions
from kan_engine.expressions.evaluation import Expression, Variable, call, evaluate, mul, power, variables
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.strategies.growth.dictionary import Dictionary, generate_terms
from kan_engine.formulas.strategies.growth.thresholds import DEFAULT_FRONT

rng = np.random.default_rng(0)
COLUMNS = {
    "positive": rng.uniform(0.5, 3, 100),
    "signed": rng.uniform(-1, 1, 100),
    "binary": (np.arange(100) % 2).astype(float),
}
POSITIVE, SIGNED = Variable("positive"), Variable("signed")


def terms(limits: FormulaConstraints = NO_CONSTRAINTS) -> list[Expression]:
    return list(generate_terms(COLUMNS, limits, DEFAULT_FRONT))


@pytest.mark.parametrize("value", [2.0, -3.0, 0.0, 0.1, 1e20, float("inf")])
def test_a_measured_number_is_a_float_next_to_its_value(value: float) -> None:
    found = make_measured(value).value
    assert isinstance(found, float)
    assert found == pytest.approx(value, rel=1e-15)


def test_terms_have_logarithms_and_roots_of_positive_columns_only() -> None:
    found = set(terms())
    assert call("log", POSITIVE) in found
    assert call("log", SIGNED) not in found
    assert power(SIGNED, 2) in found


def test_a_column_of_two_values_has_no_curves() -> None:
    assert [tree for tree in terms() if variables(tree) == ("binary",)] == [Variable("binary")]


def test_no_term_has_a_forbidden_function() -> None:
    limits = FormulaConstraints(frozenset({"log", "exp", "square"}))
    assert not any(limits.forbidden & list_functions(tree) for tree in terms(limits))
    assert any("sin" in list_functions(tree) for tree in terms(limits))


def test_many_columns_have_fewer_products() -> None:
    many = {f"x{place}": rng.uniform(0.5, 3, 40) for place in range(20)}
    products = [
        tree for tree in generate_terms(many, NO_CONSTRAINTS, DEFAULT_FRONT) if len(variables(tree)) == 2
    ]
    assert len(products) < 3 * DEFAULT_FRONT.max_products


def test_a_dictionary_keeps_values_at_most_one_in_size_with_their_scales() -> None:
    built = Dictionary.build(terms(), COLUMNS, DEFAULT_FRONT)
    assert np.abs(built.values).max() == 1
    for place in (0, len(built.trees) // 2, -1):
        expected = evaluate(built.trees[place], COLUMNS)
        np.testing.assert_allclose(
            built.values[:, place] * built.scales[place], expected, rtol=1e-5, atol=1e-6
        )


def test_terms_that_are_undefined_constant_or_known_are_left_out() -> None:
    trees = [POSITIVE, POSITIVE, call("log", SIGNED), power(Variable("binary"), 0) * 2.5]
    assert Dictionary.build(trees, COLUMNS, DEFAULT_FRONT).trees == (POSITIVE,)


def test_a_term_that_a_single_row_decides_is_left_out_unless_it_is_a_column() -> None:
    columns = {"x": np.where(np.arange(100) == 7, 1e3, rng.uniform(0, 1, 100))}
    trees = [Variable("x"), power(Variable("x"), 2)]
    assert Dictionary.build(trees, columns, DEFAULT_FRONT).trees == (Variable("x"),)


def test_dictionaries_are_joined_without_duplicates() -> None:
    one = Dictionary.build([POSITIVE, SIGNED], COLUMNS, DEFAULT_FRONT)
    other = Dictionary.build([SIGNED, mul(POSITIVE, SIGNED)], COLUMNS, DEFAULT_FRONT)
    joined = one.join(other)
    assert joined.trees == (POSITIVE, SIGNED, mul(POSITIVE, SIGNED))
    assert joined.values.shape == (100, 3)
    assert len(joined.scales) == len(joined.sizes) == 3


def test_a_dictionary_may_be_empty() -> None:
    empty = Dictionary.build([], COLUMNS, DEFAULT_FRONT)
    assert empty.values.shape == (100, 0)
    assert empty.join(empty).trees == ()
