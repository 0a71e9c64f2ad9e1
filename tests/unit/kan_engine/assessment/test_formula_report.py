"""The formulas of a model, rated, and the front among them."""

import numpy as np
import pytest

from kan_engine import Formula
from kan_engine.assessment.formula_report import FormulaReport, rate_formulas
from kan_engine.expressions.evaluation import Expression, Number, Variable, add, call

X = np.linspace(0.5, 2.0, 40)
TARGET = 2 * X + np.log(X)
NAMES = {"x": "x"}
FRONT = (
    Number(2.6),
    2.9 * Variable("x"),
    2.9 * Variable("x") - 1.0,
    2.0 * Variable("x") + 0.9 * call("log", Variable("x")),
)


def report_on(*formulas: tuple[Expression, float]) -> FormulaReport:
    ranked = [Formula(tree, error) for tree, error in formulas]
    report = rate_formulas({"y": ranked}, {"x": X}, {"y": TARGET})
    assert report is not None
    return report


def front_of(report: FormulaReport) -> list[Expression]:
    return [entry.tree for entry in report.outputs[0].front]


def test_the_front_is_what_no_other_formula_beats_in_size_and_error() -> None:
    known = list(zip(FRONT, (1.0, 0.5, 0.3, 0.1), strict=True))
    beaten = (3.0 * call("exp", 0.5 * Variable("x")) - 2.0, 0.4)
    assert front_of(report_on(known[2], beaten, *known[:2], known[3])) == list(FRONT)


def test_a_restored_front_is_the_same_whichever_formula_is_the_best() -> None:
    known = list(zip(FRONT, (1.0, 0.5, 0.3, 0.1), strict=True))
    for place in range(4):
        report = report_on(known[place], *known[:place], *known[place + 1 :])
        restored = FormulaReport.from_dict(report.to_dict(NAMES), NAMES)
        assert restored.trees == [FRONT[place]]
        assert front_of(restored) == list(FRONT)


def test_a_best_formula_off_the_front_stays_off_it() -> None:
    best = 2.0 * Variable("x") + 0.9 * call("log", Variable("x")) + 0.01
    report = report_on((best, 0.6), *zip(FRONT, (1.0, 0.5, 0.3, 0.1), strict=True))
    restored = FormulaReport.from_dict(report.to_dict(NAMES), NAMES)
    assert restored.trees == [best]
    assert front_of(restored) == front_of(report) == list(FRONT)


GROUP = np.arange(40) % 3
DUMMIES = {f"is {name}": (place == GROUP).astype(float) for place, name in enumerate("ABC")}
NOISE = np.random.default_rng(0).normal(0, 0.01, 40)


def measure(tree: Expression, target: np.ndarray) -> FormulaReport:
    columns, truth = {"x": X, **DUMMIES}, {"y": target}
    report = rate_formulas({"y": [Formula(tree, 0.1)]}, columns, truth, seen=columns, learnt=truth)
    assert report is not None
    return report


def test_an_intercept_beside_all_dummies_has_no_error_but_a_warning() -> None:
    terms = [value * Variable(name) for value, name in zip((0.1, 0.2, 0.3), DUMMIES, strict=True)]
    tree = add(2.5, 1.75 * Variable("x"), *terms)
    report = measure(tree, 1.75 * X + np.array([2.6, 2.7, 2.8])[GROUP] + NOISE)
    (output,) = report.outputs
    assert output.measured is not None
    assert output.measured.undetermined == ((0, 2, 3, 4),)
    slope = output.measured.constants[1].standard_error
    assert slope == pytest.approx(0.01 / 40**0.5 / X.std(), rel=0.3)
    assert [each.standard_error for each in output.measured.constants] == [None, slope, None, None, None]
    assert [w for w in report.warnings if "the constants 2.5, 0.1, 0.2, 0.3 of the formula" in w]


def test_a_rounded_number_stays_where_others_can_replace_it() -> None:
    tree = (3 * Variable("x") + 1.2) / (2 * Variable("x") + 0.5)
    report = measure(tree, (3 * X + 1.2) / (2 * X + 0.5) + NOISE)
    known = report.outputs[0].constants
    assert known is not None
    assert [each.value for each in known] == [3, 1.2, 0.5]
    assert all(each.standard_error is not None for each in known)


def test_numbers_of_an_exact_formula_are_exact() -> None:
    report = measure(5 * Variable("x") ** 2 + 0.7, 5 * X**2 + 0.7)
    assert report.is_exact
    assert [each.value for each in report.outputs[0].constants or ()] == [0.7]


@pytest.mark.parametrize("function", ["tanh", "sign"])
def test_a_step_is_not_exact_since_rows_do_not_tell_where_it_is(function: str) -> None:
    x = Variable("x")
    assert not measure(call(function, 3000 * x - 3030), np.sign(X - 1.01)).is_exact


def test_a_transition_over_several_rows_can_be_exact() -> None:
    assert measure(call("tanh", 3 * Variable("x") - 3), np.tanh(3 * X - 3)).is_exact
