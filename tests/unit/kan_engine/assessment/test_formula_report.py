"""The formulas of a model, rated, and the front among them."""

import numpy as np

from kan_engine import Formula
from kan_engine.assessment.formula_report import FormulaReport, rate_formulas
from kan_engine.expressions.evaluation import Expression, Number, Variable, call

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
