"""The evidence for a formula, collected test by test until one speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.stats import spearmanr

from kan_engine.assessment.comparison import compute_rmse, is_better, is_far_better
from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.assessment.evidence.chi_square import compute_chi_square
from kan_engine.assessment.evidence.formula_evidence import BOOSTING, ComparedModel, FormulaEvidence
from kan_engine.assessment.evidence.residual_test import ResidualTest, examine_residuals
from kan_engine.assessment.thresholds import AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import apply_function, parametrize_floats, value_and_jacobian
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.soundness.examination import examine_formula


def assess_formula(
    formula: Formula,
    errors: Float[np.ndarray, " rows"],
    others: Mapping[str, Float[np.ndarray, " rows"]],
    folds: CrossValidation,
    *,
    fitted: ParametricForm | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    stability: Callable[[], float | None] | None = None,
) -> FormulaEvidence:
    """Collect the evidence for a formula.

    Args:
        formula: In the encoded columns.
        errors: Its out-of-sample absolute errors; see ``CrossValidation.measure_formula``.
        others: The same for other models, including ``constant``. Boosting is added if none of them is
            better.
        folds: Those that the errors were measured on.
        fitted: The formula with its constants fitted to the training rows; by default these are fitted here.
        should_stop: Once it returns true, the remaining tests are left out.
        stability: Share of resamplings that lead to similar predictions. It is measured last, and only if
            there are no other objections.
    """
    rows = folds.data.training
    y, weights = rows.y, rows.weights
    noise, variance = compute_rmse(errors, weights), float(np.cov(y, aweights=weights, ddof=0))
    # Without known errors the fit is needed only for the residuals, which are tested last
    constants = count_constants(formula.tree) if fitted is None else len(fitted.values)
    if fitted is None and rows.unit_error is not None:
        fitted = _refit(formula, rows, folds.thresholds)
    chi_square = None if fitted is None else compute_chi_square(fitted.numeric_tree, rows, constants)
    evidence = FormulaEvidence(
        noise=_none_unless_finite(noise) if rows.unit_error is None else compute_noise_level(rows),
        explained=1 - noise**2 / variance if variance > 0 and np.isfinite(noise) else None,
        rows=len(rows),
        non_structural_constants=constants,
        compared_with=_compare_errors(errors, others, weights, folds.thresholds),
        beats_constant=folds.is_better(errors, others["constant"]),
        chi_square_per_dof=None if chi_square is None else _none_unless_finite(chi_square.per_degree),
        soundness=examine_formula(formula.tree, rows).status,
        thresholds=folds.thresholds,
    )
    # The cheap tests come first: one objection is enough, so that boosting and resampling may be saved
    if should_stop():  # without further tests the formula cannot be consistent
        return evidence
    if not evidence.objections:
        boosting = {BOOSTING: folds.measure_boosting()}
        evidence = add_comparisons(evidence, errors, boosting, weights, folds.thresholds)
    if not evidence.objections:
        fitted = fitted or _refit(formula, rows, folds.thresholds)
        residual_test = _test_residuals(fitted, constants, rows, folds)
        evidence = replace(evidence, p_value=residual_test.p_value, power=residual_test.power)
    if not evidence.objections and stability is not None:
        evidence = replace(evidence, stability=stability())
    return evidence


def compute_noise_level(rows: LabelledRows) -> float | None:
    """Known noise that a weighted RMSE of a true formula has, in the target's units; None if unknown."""
    if rows.unit_error is None:
        return None
    return float(rows.unit_error / np.sqrt(rows.weights.mean()))


def add_comparisons(
    evidence: FormulaEvidence,
    errors: Float[np.ndarray, " rows"],
    other_models: Mapping[str, Float[np.ndarray, " rows"]],
    weights: Float[np.ndarray, " rows"],
    thresholds: AssessmentThresholds,
) -> FormulaEvidence:
    """The evidence with further models to compare with."""
    further = _compare_errors(errors, other_models, weights, thresholds)
    return replace(evidence, compared_with={**evidence.compared_with, **further})


def _compare_errors(
    errors: Float[np.ndarray, " rows"],
    other_models: Mapping[str, Float[np.ndarray, " rows"]],
    weights: Float[np.ndarray, " rows"],
    thresholds: AssessmentThresholds,
) -> dict[str, ComparedModel]:
    comparisons = {}
    for name, other_errors in other_models.items():
        # With few rows the gain may be no larger than its standard error, so the RMSEs decide
        is_ahead = is_better(other_errors, errors, weights, thresholds) or is_far_better(
            other_errors, errors, weights, thresholds
        )
        comparisons[name] = ComparedModel(_none_unless_finite(compute_rmse(other_errors, weights)), is_ahead)
    return comparisons


def _none_unless_finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _test_residuals(
    form: ParametricForm,
    constants: int,
    rows: LabelledRows,
    folds: CrossValidation,
    *,
    max_relative_noise_p_value: float = 1e-3,
) -> ResidualTest:
    """Test whether the residuals of a fitted formula on the training rows depend on the columns.

    Args:
        max_relative_noise_p_value: Below which errors are taken to grow with the fitted values.
    """
    columns, y, limits = rows.columns, rows.y, folds.thresholds
    predictions, tangents = value_and_jacobian(form.tree, columns, form.values)
    is_known = rows.unit_error is not None
    # Errors that grow with the target become equal in its logarithm, where every row counts the same
    if (
        not is_known
        and y.min() > 0
        and _is_noise_relative(y - predictions, predictions, max_relative_noise_p_value)
    ):
        y, form = np.log(y), ParametricForm(apply_function("log", form.tree), form.values)
        form = refit_constants(form, rows.with_target(y), iterations=limits.max_refit_steps)
        predictions, tangents = value_and_jacobian(form.tree, columns, form.values)
    # The power of both tests refers to the same signal, so that the larger one counts
    size = _relevant_signal_variance(rows, y, predictions)
    residual_test = examine_residuals(
        y - predictions,
        rows.x,
        rows.weights,
        tangents=tangents if np.isfinite(tangents).all() else None,
        size=size,
        seed=folds.seed,
        thresholds=limits,
    )
    chi_square = compute_chi_square(form.numeric_tree, rows, constants)
    if chi_square is None:
        return residual_test
    power = chi_square.compute_power(size, limits.significance_level)
    return replace(residual_test, power=max(residual_test.power, power))


def _refit(formula: Formula, rows: LabelledRows, limits: AssessmentThresholds) -> ParametricForm:
    """The formula with its constants fitted to these rows."""
    tree, values = parametrize_floats(formula.tree)
    return refit_constants(ParametricForm(tree, np.array(values)), rows, iterations=limits.max_refit_steps)


def _is_noise_relative(
    residuals: Float[np.ndarray, " rows"], predictions: Float[np.ndarray, " rows"], level: float
) -> bool:
    """Whether errors grow with the fitted values, so that the largest rows would dominate a test.

    Uses the rank correlation (Spearman 1904) of absolute residuals and fitted values.
    """
    # A rank correlation is not affected by single large residuals
    errors = np.abs(residuals)
    if not (
        np.isfinite(predictions).all()
        and predictions.min() > 0
        and np.ptp(errors) > 0
        and np.ptp(predictions) > 0
    ):
        return False
    correlation = spearmanr(errors, predictions)
    return bool(correlation.statistic > 0 and correlation.pvalue < level)


def _relevant_signal_variance(
    rows: LabelledRows,
    y: Float[np.ndarray, " rows"],
    predictions: Float[np.ndarray, " rows"],
    *,
    min_signal_per_noise: float = 0.25,
    min_signal_per_spread: float = 0.01,
) -> float:
    """Variance of a signal that the test should detect, relative to the noise: the known one, else residuals.

    It is ``min_signal_per_noise``, a quarter of the noise variance (half the noise), or
    ``min_signal_per_spread`` of the target's variance (a tenth of its spread) if that is more, but at most 1.

    Args:
        min_signal_per_noise, min_signal_per_spread: Share of the variance of the noise, and of the target,
            that a signal must have so that the residual test should detect it.
    """
    noise_level = compute_noise_level(rows)
    noise = float(np.mean((y - predictions) ** 2)) if noise_level is None else noise_level**2
    spread = float(np.var(y))
    if noise <= 0:
        return 1.0
    return max(min_signal_per_noise, min(1.0, min_signal_per_spread * spread / noise))
