"""Formulas as clients get them: rated on the hold-out rows, with domains, names and a front of choices."""

import json
from typing import Any

import numpy as np
import pytest

from kan_engine import Encoding, Expression, Formula, evaluate, from_json
from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.assessment.formula_report import rate_formulas
from kan_engine.expressions.evaluation import Variable, apply_function, complexity, mul, number
from tests.support.stored import to_json
from worker.results.symbolic_document import make_symbolic_document

X = np.linspace(0.0, 2.0, 21)
LINE = number(2.0) * Variable("x")


def make_document(
    formulas: dict[str, list[Formula]],
    columns: dict[str, np.ndarray],
    truth: dict[str, np.ndarray],
    encoding: Encoding | None = None,
    **options: Any,
) -> dict[str, Any] | None:
    report = rate_formulas(formulas, columns, truth, **options)
    if report is None:
        return None
    known = encoding or Encoding.fit(columns, dict.fromkeys(columns, "number"))
    return to_json(make_symbolic_document(report, known))


def document(formulas: list[Expression], truth: np.ndarray, **columns: np.ndarray) -> dict[str, Any] | None:
    """The document of these formulas, best first."""
    ranked = [Formula(tree, float(place)) for place, tree in enumerate(formulas)]
    return make_document({"y": ranked}, columns or {"x": X}, {"y": truth})


def only_output(formulas: list[Expression], truth: np.ndarray, **columns: np.ndarray) -> dict[str, Any]:
    found = document(formulas, truth, **columns)
    assert found is not None
    output: dict[str, Any]
    (output,) = found["outputs"]
    return output


def test_a_formula_is_rated_on_the_rows_given() -> None:
    output = only_output([LINE], 2 * X + np.where(np.arange(21) == 3, 0.6, 0.0))
    assert output["rmse"] == pytest.approx(0.6 / 21**0.5)
    assert output["max_error"] == pytest.approx(0.6)
    assert output["r2"] == pytest.approx(
        1 - 0.36 / 21 / np.var(2 * X + np.where(np.arange(21) == 3, 0.6, 0.0))
    )


def test_the_first_formula_is_the_one_that_is_told() -> None:
    output = only_output([LINE, Variable("x")], 2 * X)
    assert (output["name"], output["expression"]) == ("y", "2*x")
    assert output["complexity"] == Formula(LINE, 0.0).complexity


def test_the_tree_evaluates_to_what_was_rated() -> None:
    tree = from_json(json.loads(json.dumps(only_output([LINE], 2 * X)["tree"])))
    np.testing.assert_array_equal(evaluate(tree, {"x": X}), 2 * X)


def test_the_domain_is_the_range_of_the_columns_that_the_formula_uses() -> None:
    output = only_output([LINE], 2 * X, x=X, idle=-X)
    assert output["domain"] == {"x": [0.0, 2.0]}


def test_columns_that_are_no_identifiers_get_symbols() -> None:
    output = only_output([number(2.0) * Variable("flow rate")], 2 * X, **{"flow rate": X})
    (symbol,) = output["symbols"]
    assert output["symbols"][symbol] == "flow rate"
    assert symbol.isidentifier()
    assert symbol in output["expression"]
    assert list(output["domain"]) == [symbol]


def test_plain_names_need_no_symbols() -> None:
    assert only_output([LINE], 2 * X)["symbols"] == {}


def test_the_front_holds_formulas_that_no_other_beats_smallest_first() -> None:
    simple, good = Variable("x"), LINE
    worse = mul(number(2.1), apply_function("exp", Variable("x")))
    front = only_output([good, worse, simple], 2 * X)["pareto"]
    assert [entry["expression"] for entry in front] == ["x", "2*x"]
    assert front[0]["rmse"] > front[1]["rmse"]


def test_formulas_have_a_complexity_and_the_number_of_their_nodes() -> None:
    output = only_output([LINE, Variable("x")], 2 * X)
    assert (output["complexity"], output["size"]) == (complexity(LINE), 3)
    assert [entry["size"] for entry in output["pareto"]] == [1, 3]


def test_the_front_is_by_nodes_where_complexity_has_another_order() -> None:
    power, product = Variable("x") ** 2, number(1.5) * Variable("x") * Variable("x")
    assert complexity(power) < complexity(product)
    front = only_output([product, power], 1.5 * X**2)["pareto"]
    assert [entry["size"] for entry in front] == [3, 4]


def test_a_formula_that_is_no_number_somewhere_is_passed_over() -> None:
    pole = apply_function("1/x", Variable("x"))  # infinite at x = 0
    assert only_output([pole, LINE], 2 * X)["expression"] == "2*x"


def test_an_output_whose_formulas_are_all_passed_over_leaves_no_document() -> None:
    assert document([apply_function("1/x", Variable("x"))], 2 * X) is None


def test_no_outputs_leave_no_document() -> None:
    assert make_document({}, {"x": X}, {}) is None


@pytest.mark.parametrize(("error", "exact"), [(1e-9, True), (1e-4, False)])
def test_a_formula_is_exact_if_its_error_is_far_below_the_spread(error: float, exact: bool) -> None:
    found = document([number(1e6) * LINE], 1e6 * (2 * X + error * np.sin(40 * X)))
    assert found is not None
    assert found["exact"] is exact


@pytest.mark.parametrize("quantity", ["log-odds", "logit"])
def test_a_formula_of_log_odds_is_told_to_be_one_and_is_never_exact(quantity: str) -> None:
    found = make_document({"y": [Formula(LINE, 0.0)]}, {"x": X}, {"y": 2 * X}, quantity=quantity)
    assert found is not None
    assert found["exact"] is False
    assert found["outputs"][0]["quantity"] == quantity


def test_a_formula_worse_than_the_mean_is_none() -> None:
    assert document([LINE], -2 * X) is None


def test_after_a_formula_worse_than_the_mean_comes_the_next_which_is_not_known_to_be_consistent() -> None:
    ranked = [Formula(-LINE, 0.0), Formula(LINE, 1.0)]
    evidence = FormulaEvidence(
        noise=0.1,
        explained=0.9,
        rows=100,
        non_structural_constants=1,
        compared_with={},
        beats_constant=True,
        stability=1.0,
    )
    assert evidence.verdict == "consistent"
    truth = {"y": 2 * X + 0.1 * np.sin(9 * X)}
    found = make_document({"y": ranked}, {"x": X}, truth, evidence=evidence)
    assert found is not None
    assert found["outputs"][0]["expression"] == "2*x"
    assert found["verdict"] == "approximation"


def test_a_constant_is_left_where_all_else_is_worse_than_the_mean() -> None:
    output = only_output([-LINE, number(1.5)], 2 * X)
    assert output["expression"] == "1.5"
    assert output["r2"] < 0


def test_one_row_with_a_wrong_value_makes_no_formula_worthless() -> None:
    wrong, right = np.linspace(0.0, 2.0, 81), np.linspace(0.0, 2.0, 81)
    wrong[5] = 1e3
    output = only_output([LINE, number(2.0)], 2 * right, x=wrong)
    assert output["expression"] == "2*x"
    assert output["r2"] < -1e3


def test_the_domain_is_that_of_the_training_rows_where_they_are_given() -> None:
    found = make_document({"y": [Formula(LINE, 0.0)]}, {"x": X}, {"y": 2 * X}, seen={"x": 3 * X})
    assert found is not None
    assert found["outputs"][0]["domain"] == {"x": [0.0, 6.0]}


def test_a_variable_that_is_no_column_of_the_client_is_defined() -> None:
    color = np.array(["red", "green", "blue"], dtype=object)[np.arange(21) % 3]
    encoding = Encoding.fit({"c": color}, {"c": "category"})
    red = (color == "red").astype(float)
    found = make_document(
        {"y": [Formula(Variable("c is red"), 0.0)]}, {"c is red": red}, {"y": red}, encoding=encoding
    )
    assert found is not None
    (output,) = found["outputs"]
    assert output["derived"] == {"c is red": {"column": "c", "equals": "red"}}
    assert list(output["symbols"].values()) == [encoding.names[2].meaning]


def test_what_stands_for_a_missing_value_is_told_for_the_columns_used() -> None:
    gappy = np.where(np.arange(21) == 4, np.nan, X)
    encoding = Encoding.fit({"x": gappy, "z": gappy}, {"x": "number", "z": "number"})
    filled = encoding.transform({"x": gappy, "z": gappy})[:, 0]
    found = make_document({"y": [Formula(LINE, 0.0)]}, {"x": filled}, {"y": 2 * filled}, encoding=encoding)
    assert found is not None
    assert found["outputs"][0]["fills"] == {"x": np.nanmedian(gappy)}


def test_all_outputs_must_be_exact_for_the_document_to_be() -> None:
    both = {"p": [Formula(LINE, 0.0)], "q": [Formula(LINE, 0.0)]}
    found = make_document(both, {"x": X}, {"p": 2 * X, "q": 3 * X})
    assert found is not None
    assert [output["name"] for output in found["outputs"]] == ["p", "q"]
    assert found["exact"] is False


def test_a_target_that_does_not_vary_has_no_r2() -> None:
    assert only_output([LINE], np.ones(21))["r2"] is None


def test_without_rows_there_is_no_document() -> None:
    assert document([LINE], X[:0], x=X[:0]) is None
