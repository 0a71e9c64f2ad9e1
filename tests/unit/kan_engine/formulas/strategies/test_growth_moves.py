"""Changes of a formula, and the errors that are predicted for them."""

from collections.abc import Iterable

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Number,
    Variable,
    add,
    call,
    count_nodes,
    evaluate,
    mul,
    parametrize_floats,
    power,
    value_and_jacobian,
    walk,
)
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.constant_fitting import ParametricForm, Residuals, refit_coarsely
from kan_engine.formulas.strategies.growth.dictionary import Dictionary
from kan_engine.formulas.strategies.growth.moves import Expansion, Move, list_reductions
from kan_engine.formulas.strategies.growth.thresholds import DEFAULT_FRONT

ROWS = 60
rng = np.random.default_rng(0)
COLUMNS = {name: rng.uniform(0.5, 3, ROWS) for name in "abc"}
A, B, C = (Variable(name) for name in "abc")
WEIGHTS = rng.uniform(0.5, 2, ROWS)
VALUES = 2 * COLUMNS["a"] + np.log(COLUMNS["b"]) * COLUMNS["c"] + rng.normal(0, 0.1, ROWS)
LINE = add(make_measured(0.7), mul(make_measured(1.5), A))
TERMS = (B, C, call("log", B), power(C, -1), mul(call("log", B), C), power(A, 2))


def fit(tree: Expression, rows: LabelledRows) -> tuple[Expression, float]:
    """The formula with fitted constants, and its mean squared error."""
    form, start = parametrize_floats(tree)
    residuals = Residuals(ParametricForm(form, np.array(start)), rows)
    fitted = refit_coarsely(residuals, np.array(start), steps=30)
    found = iter(fitted)

    def bind(node: Expression) -> Expression:
        if isinstance(node, Number) and isinstance(node.value, float):
            return make_measured(float(next(found)))
        parts = [bind(part) for part in getattr(node, "terms", getattr(node, "factors", ()))]
        return type(node)(tuple(parts)) if parts else node  # type: ignore[call-arg]

    return bind(tree), residuals.measure(fitted)


def expand(
    tree: Expression, values: np.ndarray = VALUES, terms: Iterable[Expression] = TERMS
) -> tuple[Expansion, Dictionary, LabelledRows]:
    """The expansion of a fitted sum of products."""
    rows = LabelledRows.from_columns(COLUMNS, values, WEIGHTS)
    tree, _ = fit(tree, rows)
    form, constants = parametrize_floats(tree)
    predicted, jacobian = value_and_jacobian(form, COLUMNS, constants)
    expansion = Expansion(
        tree=tree,
        columns=COLUMNS,
        root=np.sqrt(rows.relative_weights),
        target=rows.y,
        predicted=predicted,
        jacobian=jacobian,
    )
    return expansion, Dictionary.build(terms, COLUMNS, DEFAULT_FRONT), rows


def is_sum_of_products(tree: Expression) -> bool:
    """Whether the formula is linear in its constants, none of which is in a function or multiplies a sum."""
    form, constants = parametrize_floats(tree)
    first, second = (value_and_jacobian(form, COLUMNS, k * np.array(constants))[1] for k in (1, 2))
    return np.array_equal(first, second)


@pytest.mark.parametrize("scale", [1.0, 1e-60, 1e60], ids=["usual", "tiny", "huge"])
def test_the_predicted_error_of_an_insertion_into_a_linear_form_is_that_of_a_fit(scale: float) -> None:
    expansion, dictionary, rows = expand(mul(make_measured(1.5), A), scale * VALUES)
    checked = 0
    for move in expansion.rank_insertions(dictionary, DEFAULT_FRONT):
        tree = move.build()
        if len(parametrize_floats(tree)[1]) == 2 and is_sum_of_products(tree):  # no factor was inserted
            assert fit(tree, rows)[1] == pytest.approx(move.predicted, rel=1e-3)
            checked += 1
    assert checked > 3


def test_the_predicted_error_of_an_exchange_in_a_linear_form_is_that_of_a_fit() -> None:
    expansion, dictionary, rows = expand(add(LINE, mul(make_measured(0.5), B)))
    moves = list(expansion.rank_exchanges(dictionary, DEFAULT_FRONT))
    for move in moves:
        assert fit(move.build(), rows)[1] == pytest.approx(move.predicted, rel=1e-3)
    assert len(moves) > 5


def test_the_missing_term_is_the_best_insertion() -> None:
    expansion, dictionary, _ = expand(LINE)
    best = min(expansion.rank_insertions(dictionary, DEFAULT_FRONT), key=lambda move: move.predicted)
    assert mul(call("log", B), C).factors[1] in list(walk(best.build()))  # type: ignore[attr-defined]
    assert call("log", B) in list(walk(best.build()))


def test_a_move_predicts_the_size_of_the_formula() -> None:
    expansion, dictionary, _ = expand(LINE)
    moves: list[Move] = [
        *expansion.rank_insertions(dictionary, DEFAULT_FRONT),
        *expansion.rank_exchanges(dictionary, DEFAULT_FRONT),
    ]
    differences = [count_nodes(move.build()) - move.size for move in moves]
    assert max(map(abs, differences)) <= 2
    assert np.median(differences) == 0


def test_a_factor_of_a_product_gets_the_nearest_exponent() -> None:
    values = COLUMNS["a"] / COLUMNS["b"] ** 2
    expansion, dictionary, _ = expand(mul(make_measured(1.0), A), values, [B])
    formulas = [move.build() for move in expansion.rank_insertions(dictionary, DEFAULT_FRONT)]
    assert any(power(B, -2) in walk(tree) or power(B, -1) in walk(tree) for tree in formulas)


def test_an_argument_gets_constants() -> None:
    tree = call("exp", A)
    predicted = evaluate(tree, COLUMNS)
    expansion = Expansion(
        tree=tree,
        columns=COLUMNS,
        root=np.ones(ROWS),
        target=np.exp(0.9 * COLUMNS["a"] + 0.1),
        predicted=predicted,
        jacobian=np.zeros((ROWS, 0)),
    )
    dictionary = Dictionary.build([B], COLUMNS, DEFAULT_FRONT)
    arguments = [
        tree.argument
        for tree in (move.build() for move in expansion.rank_insertions(dictionary, DEFAULT_FRONT))
        if isinstance(tree, Call)
    ]
    assert {len(parametrize_floats(tree)[1]) for tree in arguments if B not in walk(tree)} == {1}
    assert any(count_nodes(tree) == 3 and B not in walk(tree) for tree in arguments)


def test_values_that_are_not_finite_have_no_moves() -> None:
    tree = power(call("exp", mul(1000, A)), -1)  # finite, with an infinite part
    expansion = Expansion(
        tree=tree,
        columns=COLUMNS,
        root=np.ones(ROWS),
        target=VALUES,
        predicted=evaluate(tree, COLUMNS),
        jacobian=np.zeros((ROWS, 0)),
    )
    dictionary = Dictionary.build(TERMS, COLUMNS, DEFAULT_FRONT)
    for move in expansion.rank_insertions(dictionary, DEFAULT_FRONT):
        assert np.isfinite(move.predicted)
        assert all(np.isfinite(float(n.value)) for n in walk(move.build()) if isinstance(n, Number))


def test_reductions_leave_out_one_term_factor_or_function() -> None:
    tree = add(make_measured(1.5), mul(make_measured(2.5), A, call("log", B)))
    found = set(list_reductions(tree))
    assert found == {
        mul(make_measured(2.5), A, call("log", B)),
        make_measured(1.5),
        add(make_measured(1.5), mul(make_measured(2.5), call("log", B))),
        add(make_measured(1.5), mul(make_measured(2.5), A)),
        add(make_measured(1.5), mul(make_measured(2.5), A, B)),
    }
