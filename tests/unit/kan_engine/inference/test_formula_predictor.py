"""Formulas as predictors: the values of the expressions everywhere, with columns and answers as networks."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine import FormulaPredictor, Predictor, load, save
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.expressions.evaluation import Expression, Variable, call
from tests.support.predictors import make_predictor

X, N, RED = Variable("x"), Variable("n"), Variable("c is red")


def formula(*trees: Expression, predictor: Predictor | None = None, **more: object) -> FormulaPredictor:
    return FormulaPredictor.from_predictor(predictor or make_predictor(), trees, **more)  # type: ignore[arg-type]


def rows(**given: list[object]) -> dict[str, np.ndarray]:
    return {name: np.array(values, dtype=float if name in "xn" else object) for name, values in given.items()}


def test_a_formula_gives_the_values_of_its_expression_also_far_outside_of_training() -> None:
    found = formula(call("exp", call("sin", X)) * N).predict(rows(x=[0.1, 3.0, -1e6], n=[1.0, 1e9, 2.0]))
    assert found.tolist() == [np.exp(np.sin(x)) * n for x, n in ((0.1, 1.0), (3.0, 1e9), (-1e6, 2.0))]


def test_where_a_formula_is_not_defined_there_is_no_answer() -> None:
    found = formula(call("log", X) + 1 / N).predict(rows(x=[1.0, -1.0, 1.0], n=[1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan])


def test_where_a_formula_has_no_value_between_the_training_rows_the_network_may_answer() -> None:
    network = make_predictor()
    serving = replace(formula(call("sin", X) / X * N, predictor=network), fallback=network)
    given = rows(x=[0.0, 1.0], n=[20.0, 2.0]) | {
        "b": np.array([True, True], dtype=object),
        "c": np.array(["red", "red"], dtype=object),
    }
    found = serving.predict(given)
    assert found.tolist() == [network.predict(given)[0], 2 * np.sin(1.0)]
    assert np.isnan(serving.predict(given | {"n": np.array([1e6, 1e6])})[0])  # far outside of the training


def test_a_formula_reads_categories_and_stand_ins_as_the_network_does() -> None:
    own = formula(10 * RED + N)
    fill = own.encoding.features[1].fill
    assert own.predict(rows(n=[1.0, np.nan], c=["red", "blue"])).tolist() == [11.0, fill]


def test_columns_that_no_formula_reads_may_be_absent() -> None:
    own = formula(X**2)
    assert own.unused == {"n", "b", "c"}
    assert own.predict(rows(x=[3.0])).tolist() == [9.0]
    assert own.find_unseen_values(rows(x=[99.0], n=[1e9])) == [(0, "x")]


def test_the_formula_of_two_classes_is_the_log_odds_of_the_second() -> None:
    own = formula(X, predictor=make_predictor(classes=("no", "yes")))
    chances = own.probabilities(rows(x=[0.0, 2.0]))
    np.testing.assert_allclose(chances[:, 1], [0.5, 1 / (1 + np.exp(-2.0))])
    assert own.predict(rows(x=[-1.0, 1.0])).tolist() == ["no", "yes"]


def test_formulas_of_several_classes_are_the_logits_of_a_softmax() -> None:
    own = formula(X, 2 * X, 0 * X, predictor=make_predictor(classes=("a", "b", "c")))
    chances = own.probabilities(rows(x=[1.5]))
    np.testing.assert_allclose(chances[0], np.exp([1.5, 3.0, 0.0]) / np.exp([1.5, 3.0, 0.0]).sum())


def test_labels_by_the_formula_follow_the_decision_of_the_model() -> None:
    predictor = replace(make_predictor(classes=("no", "yes")), decision_weights=(0.1, 0.9))
    assert formula(X, predictor=predictor).predict(rows(x=[-1.0])).tolist() == ["yes"]


def test_a_class_has_no_probability_where_the_formula_is_not_defined() -> None:
    own = formula(1 / X, predictor=make_predictor(classes=("no", "yes")))
    assert np.isnan(own.probabilities(rows(x=[0.0]))).all()
    assert own.predict(rows(x=[0.0])).tolist() == [None]


def test_intervals_come_from_the_errors_of_the_formula() -> None:
    predictor = replace(make_predictor(), formula_residuals=np.arange(1, 100) / 10)
    assert formula(X, predictor=predictor).margin(0.8) == pytest.approx(8.0)
    assert predictor.margin(0.8) == pytest.approx(0.8)


def test_without_its_errors_a_formula_has_no_intervals_and_says_who_has() -> None:
    with pytest.raises(InvalidData, match="accurate"):
        formula(X).margin(0.9)


def test_an_exact_formula_without_its_errors_is_off_by_the_largest_that_was_seen() -> None:
    assert formula(X, largest_error=1e-12).margin(0.9) == 1e-12
    with pytest.raises(InvalidData, match="99 validation rows are too few"):
        formula(X, largest_error=1e-12).margin(0.999)


def test_a_density_by_its_law_is_0_beyond_the_support_of_the_law() -> None:
    predictor = replace(make_predictor(transform="log"), support=((-np.inf, np.inf),) * 8)
    own = formula(call("exp", -X), predictor=predictor, support={"x": [0.0, None]})
    assert own.predict(rows(x=[-1.0, 0.0, 1.0])).tolist() == [0.0, 1.0, np.exp(-1.0)]


@pytest.mark.parametrize("trees", [(), (X, X), (Variable("unknown"),)])
def test_formulas_that_do_not_fit_the_network_are_refused(trees: tuple[Expression, ...]) -> None:
    with pytest.raises(InvalidConfig, match="do not fit"):
        formula(*trees)


def test_many_rows_are_evaluated_block_by_block_to_the_same_values() -> None:
    x = np.linspace(-1, 1, 1_000)
    whole = formula(call("sin", X) + X**2)
    parted = replace(whole, formula_block_numbers=70)
    np.testing.assert_array_equal(parted.predict({"x": x}), whole.predict({"x": x}))


def test_the_errors_of_a_formula_travel_with_the_model() -> None:
    errors = np.array([0.5, 1.5])
    again = load(save(replace(make_predictor(), formula_residuals=errors)))
    assert again.formula_residuals is not None
    assert again.formula_residuals.tolist() == [0.5, 1.5]
    assert load(save(make_predictor())).formula_residuals is None


@pytest.mark.parametrize("error", [-1.0, np.nan, np.inf])
def test_errors_that_no_formula_has_are_refused(error: float) -> None:
    with pytest.raises(InvalidConfig, match="finite"):
        replace(make_predictor(), formula_residuals=np.array([error]))
