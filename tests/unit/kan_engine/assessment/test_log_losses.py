"""Log losses of formulas: those that scikit-learn computes from the same probabilities."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from kan_engine.assessment.formula_report import FormulaReport, rate_formulas
from kan_engine.assessment.log_losses import add_log_losses, compute_log_loss
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Number, Variable
from kan_engine.formulas.core.formula import Formula

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 2))


def test_the_log_loss_is_that_of_the_probabilities() -> None:
    classes, odds = RANDOM.integers(0, 2, 40), RANDOM.normal(size=(40, 1))
    assert compute_log_loss(classes, odds) == pytest.approx(log_loss(classes, expit(odds[:, 0])))
    classes, logits = RANDOM.integers(0, 3, 40), RANDOM.normal(size=(40, 3))
    assert compute_log_loss(classes, logits) == pytest.approx(log_loss(classes, softmax(logits, axis=1)))


def test_a_certain_error_and_an_unknown_class_cost_a_finite_loss() -> None:
    certain = compute_log_loss(np.array([0]), np.array([[1e9]]))
    assert certain == pytest.approx(-np.log(np.finfo(float).eps))
    assert compute_log_loss(np.array([2]), np.array([[0.0]])) == certain
    assert compute_log_loss(np.array([0]), np.array([[np.nan]])) is None


def test_a_formula_is_measured_with_the_best_formulas_of_the_other_classes() -> None:
    classes = np.arange(40) % 3
    rows = LabelledRows(X, classes.astype(float), np.ones(40), ("a", "b"))
    found = {
        "p": [Formula(Variable("a"), 0.1), Formula(Number(0.5), 1.0)],
        "q": [Formula(Variable("b"), 0.1)],
        "r": [Formula(Number(1.0), 0.1)],
    }
    truth = {"p": X[:, 0], "q": X[:, 1], "r": np.ones(40)}
    rated = rate_formulas(found, rows.columns, truth, quantity="logit")
    assert rated is not None
    report: FormulaReport = add_log_losses(rated, rows)
    best = np.column_stack([X, np.ones(40)])
    other = np.column_stack([np.full(40, 0.5), X[:, 1], np.ones(40)])
    told = [formula.log_loss for formula in report.outputs[0].rated]
    expected = [log_loss(classes, softmax(values, axis=1)) for values in (best, other)]
    assert told == pytest.approx(expected)
    assert report.outputs[2].best.log_loss == pytest.approx(expected[0])
