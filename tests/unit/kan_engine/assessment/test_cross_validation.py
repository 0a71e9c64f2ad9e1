"""Errors on rows not seen, and which of two candidates is better by more than chance."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine.assessment.comparison import choose_simplest, compute_rmse, is_better, is_far_better
from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.assessment.simple_models import (
    fit_constant,
    fit_gamma_regression,
    fit_logistic_regression,
    fit_ridge_regression,
)
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.expressions import evaluation
from kan_engine.model_selection.thresholds import SelectionThresholds
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of

ROWS = 150
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 2))
NOISE = RNG.normal(size=ROWS)
ONES = np.ones(ROWS)


def run_of(y: object, **body: object) -> CrossValidation:
    data = prepare_data(table_of(a=X[:, 0], b=X[:, 1], y=y), request_for(**body))
    return CrossValidation(data=data, seed=0)


def test_every_training_row_is_predicted_by_what_has_not_seen_it() -> None:
    run = run_of(NOISE)
    seen: list[int] = []

    def fit(rows):  # type: ignore[no-untyped-def]
        seen.append(len(rows))
        return fit_constant(rows)

    errors = run.measure_errors(fit)
    assert np.isfinite(errors).all()
    assert len(errors) == len(run.data.training)
    assert sum(len(errors) - count for count in seen) == len(errors)


def test_of_very_many_rows_the_validation_rows_alone_are_predicted() -> None:
    run = replace(run_of(NOISE), selection=SelectionThresholds(max_cross_validation_rows=10))
    errors = run.measure_errors(fit_constant)
    assert np.isnan(errors[: len(run.data.fit)]).all()
    assert np.isfinite(errors[len(run.data.fit) :]).all()


def test_of_skewed_targets_the_exponential_of_a_line_is_a_candidate() -> None:
    y = np.exp(2 + X[:, 0] - X[:, 1] / 2 + NOISE / 2)
    run = run_of(y)
    simple, weights = run.measure_simple_models(), run.data.training.weights
    assert is_better(simple["log_linear"], simple["linear"], weights)
    line = fit_gamma_regression(run.data.training, penalty=DEFAULT_ASSESSMENT.gamma_penalty)
    np.testing.assert_allclose([*line.slopes, line.intercept], [1, -0.5, 2 + 1 / 8], atol=0.2)
    larger = fit_gamma_regression(run_of(1e9 * y).data.training, penalty=DEFAULT_ASSESSMENT.gamma_penalty)
    np.testing.assert_allclose(larger.slopes, line.slopes, rtol=1e-6)
    assert larger.intercept == pytest.approx(line.intercept + np.log(1e9), rel=1e-6)


@pytest.mark.parametrize(
    "y", [10 + 0.5 * X[:, 0] + 0.1 * NOISE, np.exp(X[:, 0]) - 1], ids=["even", "negative"]
)
def test_of_other_targets_it_is_not(y: np.ndarray) -> None:
    assert run_of(y).measure_simple_models().keys() == {"constant", "linear"}


def test_a_line_is_found_as_it_is_and_beats_the_constant() -> None:
    run = run_of(2 * X[:, 0] - X[:, 1] + 5 + 0.1 * NOISE)
    line = fit_ridge_regression(run.data.training, penalties=DEFAULT_ASSESSMENT.ridge_penalties)
    np.testing.assert_allclose([*line.slopes, line.intercept], [2, -1, 5], atol=0.05)
    errors, weights = run.measure_simple_models(), run.data.training.weights
    assert is_better(errors["linear"], errors["constant"], weights)
    assert compute_rmse(errors["linear"], weights) == pytest.approx(0.1, rel=0.2)


def test_more_columns_than_rows_still_give_a_line() -> None:
    rows = run_of(NOISE).data.training
    wide = rows[:10]
    x = np.random.default_rng(1).normal(size=(10, 30))
    line = fit_ridge_regression(replace(wide, x=x), penalties=DEFAULT_ASSESSMENT.ridge_penalties)
    assert np.isfinite([*line.slopes, line.intercept]).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression_gives_log_odds_or_logits_in_raw_units(classes: int) -> None:
    labels = np.digitize(X[:, 0], [0.0] if classes == 2 else [-0.5, 0.5])
    run = run_of([f"class {label}" for label in labels])
    line = fit_logistic_regression(run.data.training, classes, strength=1.0)
    guessed = line.predict(X)
    found = (guessed > 0).astype(int) if classes == 2 else guessed.argmax(1)
    assert np.mean(found == labels) > 0.9
    errors, weights = run.measure_simple_models(), run.data.training.weights
    assert is_better(errors["linear"], errors["constant"], weights)


@pytest.mark.parametrize(("noise", "strength"), [(0.02, 100.0), (8.0, 0.01)], ids=["parted cleanly", "noise"])
def test_the_odds_of_logistic_regression_are_as_sharp_as_the_rows_say(noise: float, strength: float) -> None:
    run = run_of([f"class {value > 0}" for value in X[:, 0] + X[:, 1] + noise * NOISE])
    assert run.select_strength() == strength


def test_a_class_that_a_fold_lacks_is_rare_to_logistic_regression() -> None:
    run = run_of(["a" if value > 0 else "b" for value in X[:, 0]])
    only = run.data.training[run.data.training.y == 0]
    assert fit_logistic_regression(only, 2, strength=1.0).predict(X[:3]) == pytest.approx(
        np.log(0.5 / len(only))
    )


def test_a_formula_is_fitted_again_without_each_fold() -> None:
    run = run_of(3.0 * X[:, 0] ** 2 + 0.1 * NOISE)
    a = evaluation.Variable("a")
    tree = evaluation.mul(evaluation.number(0.5), evaluation.power(a, 2))  # its constant is far off
    assert compute_rmse(run.measure_formula(tree), run.data.training.weights) < 0.15


def test_equal_errors_are_not_better_and_clearly_lower_ones_are() -> None:
    errors = np.abs(NOISE)
    assert not is_better(errors, errors, ONES)
    assert is_better(0.5 * errors, errors, ONES)
    assert not is_better(errors, 0.5 * errors, ONES)


def test_a_difference_within_its_standard_error_is_chance() -> None:
    one, other = np.abs(RNG.normal(size=(2, ROWS)))
    assert not (is_better(one, other, ONES) and is_better(other, one, ONES))
    assert sum(is_better(*np.abs(RNG.normal(size=(2, ROWS))), ONES) for _ in range(100)) < 35


def test_a_small_gain_in_log_loss_counts_if_it_is_no_chance() -> None:
    """Of classes that overlap, most of the loss is that of the best possible model, too."""
    generator = np.random.default_rng(0)
    losses = generator.uniform(0.35, 0.55, size=1000)
    theirs, mine = np.sqrt(losses), np.sqrt(losses - 0.005)  # 1.1 % lower
    weights = np.ones(len(losses))
    assert is_better(mine, theirs, weights, of_classes=True)
    assert not is_better(mine, theirs, weights)
    chance = generator.permutation(np.linspace(-0.3, 0.3, 1000))
    uncertain = np.sqrt(losses - 0.005 + chance)
    assert not is_better(uncertain, theirs, weights, of_classes=True)
    assert not is_better(theirs, mine, weights, of_classes=True)


@pytest.mark.parametrize("size", [1e6, -1e6])
def test_one_row_far_off_decides_nothing(size: float) -> None:
    errors = np.abs(NOISE)
    one, other = errors.copy(), errors[::-1].copy()
    (one if size > 0 else other)[7] = abs(size)
    assert not is_better(one, other, ONES)
    assert not is_better(other, one, ONES)
    assert not is_far_better(one, other, ONES, thresholds=DEFAULT_ASSESSMENT)
    assert not is_far_better(other, one, ONES, thresholds=DEFAULT_ASSESSMENT)
    assert is_better(0.5 * one, other, ONES)


def test_the_simplest_of_equal_candidates_is_chosen_and_a_clearly_better_one_before_it() -> None:
    errors = np.abs(NOISE)
    assert choose_simplest({"line": errors, "network": 0.99 * errors[::-1]}, ONES) == "line"
    assert (
        choose_simplest({"line": errors, "formula": 0.5 * errors, "network": 0.49 * errors}, ONES)
        == "network"
    )
    close = {"line": 2 * errors, "formula": errors, "network": errors[::-1]}
    assert choose_simplest(close, ONES) == "formula"


def test_candidates_are_compared_where_both_are_known() -> None:
    known = np.where(np.arange(ROWS) % 5 == 0, 0.4 * np.abs(NOISE), np.nan)
    assert choose_simplest({"line": np.abs(NOISE), "compact": known}, ONES) == "compact"


def test_being_ahead_on_nearly_all_rows_counts_where_one_row_has_all_of_the_error() -> None:
    theirs = np.abs(NOISE)
    theirs[3] = 1e6
    assert is_better(1e-9 * theirs, theirs, ONES)


def test_what_is_not_a_number_is_never_better() -> None:
    broken = np.where(np.arange(ROWS) == 3, np.inf, 0.0)
    assert not is_better(broken, np.abs(NOISE), ONES)
    assert is_better(np.abs(NOISE), broken, ONES)
