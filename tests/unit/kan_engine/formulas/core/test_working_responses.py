"""Formulas of log-odds and logits are fitted to labels as logistic regression is."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, add, evaluate, mul
from kan_engine.formulas.core.constant_fitting import refit_constants
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.working_responses import (
    complete_logits,
    evaluate_logits,
    make_working_responses,
    refit_logits,
)

ROWS = 400
RNG = np.random.default_rng(0)
X, Z = Variable("x"), Variable("z")
COLUMNS = {"x": RNG.normal(size=ROWS), "z": RNG.normal(size=ROWS)}
TRUE = COLUMNS["x"] - 0.5 * COLUMNS["z"] + 0.3
LABELS = (RNG.random(ROWS) < expit(TRUE)).astype(float)
LINE = add(mul(0.1, X), mul(0.1, Z), 0.01)


def fit_unpenalised(labels: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=1e9, max_iter=5_000).fit(np.stack([*COLUMNS.values()], 1), labels)


def rows_of(labels: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns(COLUMNS, labels)


def test_a_line_is_fitted_to_labels_as_logistic_regression_is() -> None:
    (form,) = refit_logits([LINE], rows_of(LABELS), steps=20)
    known = fit_unpenalised(LABELS)
    slopes = {name: float(evaluate(form.numeric_tree, {"x": one, "z": other})[0]) for name, one, other in [
        ("level", np.zeros(1), np.zeros(1)), ("x", np.ones(1), np.zeros(1)), ("z", np.zeros(1), np.ones(1))
    ]}  # fmt: skip
    level = slopes["level"]
    assert level == pytest.approx(known.intercept_[0], abs=1e-4)
    assert [slopes["x"] - level, slopes["z"] - level] == pytest.approx(known.coef_[0], abs=1e-4)


def test_formulas_of_several_classes_are_fitted_together() -> None:
    logits = np.stack([COLUMNS["x"], -COLUMNS["x"] + COLUMNS["z"], 0.5 - COLUMNS["z"]], 1)
    labels = np.array([RNG.choice(3, p=p) for p in softmax(logits, 1)]).astype(float)
    rows = rows_of(labels)
    forms = refit_logits([LINE] * 3, rows, steps=20)
    found = softmax(evaluate_logits(forms, rows), 1)
    expected = fit_unpenalised(labels).predict_proba(rows.x)
    np.testing.assert_allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5])
def test_responses_tell_the_labels_and_not_the_logits_that_they_stand_on(factor: float) -> None:
    """The line of least squares of the logits themselves would be as much too steep as they are."""
    rows = make_working_responses(rows_of(LABELS), complete_logits(factor * TRUE[:, None]), 1)
    form = refit_constants(to_form(LINE), rows, iterations=20)
    slope = float(np.diff(evaluate(form.numeric_tree, {"x": np.array([0.0, 1.0]), "z": np.zeros(2)}))[0])
    known = fit_unpenalised(LABELS).coef_[0][0]
    assert abs(slope - known) < 0.5 * abs(factor - known) + 0.15


def test_sure_rows_hardly_count() -> None:
    logits = np.array([[0.0], [7.0], [500.0]])
    rows = LabelledRows.from_columns({"x": np.arange(3.0)}, np.ones(3))
    responses = make_working_responses(rows, complete_logits(logits), 1)
    assert responses.weights[0] == pytest.approx(0.25)
    assert responses.weights[2] < responses.weights[1] < 1e-3
    assert np.isfinite(responses.y).all()


def test_a_formula_without_constants_stays() -> None:
    tree: Expression = add(X, Z)
    (form,) = refit_logits([tree], rows_of(LABELS), steps=5)
    assert form.numeric_tree == tree
