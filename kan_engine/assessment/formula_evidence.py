"""Evidence for a formula: errors of other models, residual tests, stability under resampling, and rivals.

A formula is *consistent* with the rows under six conditions. No other model is better on the same folds. A
residual test that would detect a signal of relevant size finds none. Resampled rows lead to formulas with
similar predictions. There are enough rows for its constants. Within the ranges of the columns it was not
found undefined or far beyond the target. It is probable that it is the law, up to its constants. Where the
errors of the rows are known, its residuals do not exceed them. Where the rows cannot decide, the formula is
an *approximation*. Where it is no better than a constant, or worse than a line, it is *weak*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from scipy.stats import spearmanr

from kan_engine.assessment.chi_square import ChiSquare, compute_chi_square
from kan_engine.assessment.comparison import compute_rmse, is_better, is_far_better
from kan_engine.assessment.cross_validation import CrossValidation
from kan_engine.assessment.residual_test import ResidualTest, examine_residuals
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import apply_function, evaluate, parametrize_floats, value_and_jacobian
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    refit_constants,
)
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.soundness.examination import SoundnessStatus, examine_formula

Verdict = Literal["consistent", "approximation", "weak"]

NETWORK, BOOSTING = "network", "boosting"  # keys of models that a formula is compared with


@dataclass(frozen=True, kw_only=True)
class Searched:
    """The limits of a search for formulas: what it has not found may exist beyond them.

    Attributes:
        functions: That formulas could contain, beside sums, products and powers.
        max_size: Most nodes of a formula.
        max_columns: Most encoded columns that were searched together.
        seconds: That the search took.
        is_complete: Whether every strategy ran to its end before the time was over.
    """

    functions: Sequence[str]
    max_size: int
    max_columns: int
    seconds: float
    is_complete: bool


@dataclass(frozen=True)
class ComparedModel:
    """A model that a formula is compared with.

    Attributes:
        rmse: Its RMSE on the same folds; None if it is not finite.
        is_better: Whether it is better than the formula.
    """

    rmse: float | None
    is_better: bool


@dataclass(frozen=True)
class FormulaEvidence:
    """Measured evidence for a formula.

    Attributes:
        noise: Noise level in the target's units: the known one of the rows, else the out-of-sample RMSE.
        explained: Share of the target's variance that it explains out of sample.
        rows: Number of training rows.
        non_structural_constants: Number of its constants without small integers and rational exponents, which
            may belong to the structure of a law; see ``count_constants``. Of a form, of its fitted constants.
        compared_with: Other models on the same folds, by name.
        beats_constant: Whether the formula is better than a constant.
        p_value: For the hypothesis that the residuals are independent of the columns.
        power: Share of signals of relevant size that the tests of the residuals detect; None without a test.
        stability: Share of resamplings that lead to similar predictions; None if not measured.
        chi_square_per_dof: χ² of the training rows per degree of freedom; None unless their errors are known.
        soundness: Within the ranges of the columns; None in models of earlier versions.
        searched: The limits of the search; None where it is not known.
        probability: That it is the law up to its constants, among the formulas that were searched; None if
            they were not compared.
        none_of_these: Probability that the law is none of them.
        thresholds: Decision numbers of the verdict; they are not stored with a model.
    """

    noise: float | None
    explained: float | None
    rows: int
    non_structural_constants: int
    compared_with: Mapping[str, ComparedModel]
    beats_constant: bool
    p_value: float | None = None
    power: float | None = None
    stability: float | None = None
    chi_square_per_dof: float | None = None
    soundness: SoundnessStatus | None = None
    searched: Searched | None = None
    probability: float | None = None
    none_of_these: float | None = None
    thresholds: AssessmentThresholds = field(default=DEFAULT_ASSESSMENT, repr=False, compare=False)

    @property
    def reasons(self) -> list[dict[str, str]]:
        """Why the formula is not consistent, as codes and texts; empty if it is.

        A probability takes into account that the search was not repeated on resampled rows.
        """
        found = self.objections
        is_untested = self.stability is None and None in (self.p_value, self.probability)
        if not found and is_untested:
            found = {"not_resampled": "the search was not repeated on resampled rows"}
        return [{"code": code, "detail": detail} for code, detail in found.items()]

    @property
    def objections(self) -> dict[str, str]:
        """Reasons against the formula, by code."""
        limits = self.thresholds
        better = ", ".join(name for name, other in self.compared_with.items() if other.is_better)
        sees_signal = self.p_value is not None and self.p_value <= limits.significance_level
        is_blind = self.power is not None and self.power < limits.min_power
        chi_square = self._chi_square
        exceeds = chi_square is not None and chi_square.p_value <= limits.significance_level
        is_stable = self.stability is None or self.stability >= limits.min_stability
        checks = (
            (not self.beats_constant, "no_better_than_constant", "a constant is as good by cross-validation"),
            (bool(better), "others_better", f"better on the same folds: {better}"),
            (
                self.rows < limits.min_rows_per_constant * self.non_structural_constants,
                "too_many_constants",
                f"{self.rows} training rows are few for {self.non_structural_constants} measured constants",
            ),
            (
                exceeds,
                "errors_exceeded",
                "the residuals exceed the given errors of the target: χ² per degree of freedom is "
                f"{self.chi_square_per_dof or 0.0:.3g}",
            ),
            (sees_signal, "signal_left", "the residuals still depend on the columns"),
            (
                is_blind and not sees_signal,
                "rows_cannot_tell",
                "there are too few rows to tell whether the residuals are noise",
            ),
            (
                self.soundness == "violated",
                "unsound",
                "within the ranges of its columns it is undefined or far beyond the target",
            ),
            (not is_stable, "unstable", "resampled rows lead to formulas with different predictions"),
        )
        return {code: detail for holds, code, detail in checks if holds} | self._find_doubts()

    def _find_doubts(self) -> dict[str, str]:
        """Why it may not be the law; empty if it is probable, or was not compared with other formulas."""
        chance, none = self.probability, self.none_of_these or 0.0
        if chance is None or chance >= self.thresholds.min_probability:
            return {}
        if none >= 1 - chance - none:
            detail = (
                f"the law may be none of the formulas that were found: this one has probability {chance:.2g}"
            )
            return {"law_uncertain": detail}
        detail = f"other formulas describe the rows nearly as well: this one has probability {chance:.2g}"
        return {"rivals_likely": detail}

    @property
    def _chi_square(self) -> ChiSquare | None:
        if self.chi_square_per_dof is None:
            return None
        degrees = self.rows - self.non_structural_constants
        return ChiSquare(self.chi_square_per_dof * degrees, degrees)

    @property
    def verdict(self) -> Verdict:
        """Verdict that follows from the evidence."""
        linear = self.compared_with.get("linear")
        if not self.beats_constant or (linear is not None and linear.is_better):
            return "weak"
        return "approximation" if self.reasons else "consistent"

    @staticmethod
    def from_dict(
        data: Mapping[str, Any], thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT
    ) -> FormulaEvidence:
        """The inverse of ``to_dict``; ignores unknown fields."""
        models = {name: ComparedModel(**other) for name, other in data["compared_with"].items()}
        known = {name: data[name] for name in STORED_FIELDS if name in data}
        known.setdefault("non_structural_constants", data.get("constants"))  # its name in earlier versions
        if known.get("searched") is not None:
            known["searched"] = Searched(**known["searched"])
        return FormulaEvidence(**known | {"compared_with": models}, thresholds=thresholds)

    def to_dict(self) -> dict[str, Any]:
        """The evidence as JSON, without its thresholds."""
        told = {name: getattr(self, name) for name in STORED_FIELDS}
        told["searched"] = None if self.searched is None else asdict(self.searched)
        return told | {"compared_with": {name: asdict(other) for name, other in self.compared_with.items()}}


STORED_FIELDS = tuple(field.name for field in fields(FormulaEvidence) if field.name != "thresholds")


def assess_formula(
    formula: Formula,
    errors: np.ndarray,
    others: Mapping[str, np.ndarray],
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
    constants = count_constants(formula.tree) if fitted is None else len(fitted.values)
    if fitted is None and rows.unit_error is not None:
        fitted = _refit(formula, rows, folds.thresholds)
    chi_square = None if fitted is None else _compute_chi_square(fitted, rows, constants)
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
    if should_stop():  # without further tests the formula cannot be consistent
        return evidence
    if not evidence.objections:
        boosting = {BOOSTING: folds.measure_boosting()}
        evidence = add_comparisons(evidence, errors, boosting, weights, folds.thresholds)
    if not evidence.objections:
        fitted = fitted or _refit(formula, rows, folds.thresholds)
        found = _test_residuals(fitted, constants, rows, folds)
        evidence = replace(evidence, p_value=found.p_value, power=found.power)
    if not evidence.objections and stability is not None:
        evidence = replace(evidence, stability=stability())
    return evidence


def compute_noise_level(rows: LabelledRows) -> float | None:
    """Known noise that a weighted RMSE of a true formula has, in the target's units; None if unknown."""
    if rows.unit_error is None:
        return None
    return float(rows.unit_error / np.sqrt(rows.weights.mean()))


def measure_stability(
    formula: Formula,
    rows: LabelledRows,
    find: Callable[[np.ndarray, np.ndarray], Formula | None],
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> float | None:
    """Share of resamplings that lead to a formula with similar predictions; see ``predicts_alike``.

    Resampling ends as soon as the comparison with ``min_stability`` is decided.

    Args:
        formula: The formula found on all rows.
        rows: Training rows.
        find: Finds a formula, given the indices of the rows to fit and of the rows to validate.
        seed: Seed of the samples.
        should_stop: Once it returns true, the result is None.
        thresholds: Decision numbers.
    """
    most, size = thresholds.max_resamplings, len(rows)
    generator, alike, needed = np.random.default_rng(seed), 0, thresholds.min_stability * most
    for number in range(most):
        if should_stop():
            return None
        if alike >= needed or alike + most - number < needed:
            return alike / number
        order = generator.permutation(size)
        part = size // 3
        again = find(order[part:], order[:part])
        alike += again is not None and predicts_alike(again, formula, rows, thresholds)
    return alike / most


def predicts_alike(
    other: Formula,
    formula: Formula,
    rows: LabelledRows,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> bool:
    """Whether the RMS difference of two formulas is at most half the RMS residual of the second."""
    columns, target = rows.columns, rows.y
    expected = evaluate(formula.tree, columns)
    allowed = thresholds.max_prediction_difference * float(np.sqrt(np.mean((target - expected) ** 2)))
    return bool(np.sqrt(np.mean((evaluate(other.tree, columns) - expected) ** 2)) <= allowed)


def add_comparisons(
    evidence: FormulaEvidence,
    errors: np.ndarray,
    others: Mapping[str, np.ndarray],
    weights: np.ndarray,
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT,
) -> FormulaEvidence:
    """The evidence with further models to compare with."""
    further = _compare_errors(errors, others, weights, thresholds)
    return replace(evidence, compared_with={**evidence.compared_with, **further})


def _compare_errors(
    errors: np.ndarray,
    others: Mapping[str, np.ndarray],
    weights: np.ndarray,
    thresholds: AssessmentThresholds,
) -> dict[str, ComparedModel]:
    found = {}
    for name, other in others.items():
        # With few rows the gain may be no larger than its standard error, so the RMSEs decide
        is_ahead = is_better(other, errors, weights, thresholds) or is_far_better(
            other, errors, weights, thresholds
        )
        found[name] = ComparedModel(_none_unless_finite(compute_rmse(other, weights)), is_ahead)
    return found


def _none_unless_finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _test_residuals(
    form: ParametricForm, constants: int, rows: LabelledRows, folds: CrossValidation
) -> ResidualTest:
    """Test whether the residuals of a fitted formula on the training rows depend on the columns."""
    columns, y, limits = rows.columns, rows.y, folds.thresholds
    fitted, tangents = value_and_jacobian(form.tree, columns, form.values)
    is_known = rows.unit_error is not None
    if (
        not is_known
        and y.min() > 0
        and _is_noise_relative(y - fitted, fitted, limits.max_relative_noise_p_value)
    ):
        y, form = np.log(y), ParametricForm(apply_function("log", form.tree), form.values)
        form = refit_constants(form, rows.with_target(y), iterations=limits.max_refit_steps)
        fitted, tangents = value_and_jacobian(form.tree, columns, form.values)
    size = _relevant_signal_variance(rows, y, fitted, limits)
    found = examine_residuals(
        y - fitted,
        rows.x,
        rows.weights,
        tangents=tangents if np.isfinite(tangents).all() else None,
        size=size,
        seed=folds.seed,
        thresholds=limits,
    )
    chi_square = _compute_chi_square(form, rows, constants)
    if chi_square is None:
        return found
    power = chi_square.compute_power(size, limits.significance_level)
    return replace(found, power=max(found.power, power))


def _compute_chi_square(form: ParametricForm, rows: LabelledRows, constants: int) -> ChiSquare | None:
    return compute_chi_square(form.numeric_tree, rows, constants)


def _refit(formula: Formula, rows: LabelledRows, limits: AssessmentThresholds) -> ParametricForm:
    """The formula with its constants fitted to these rows."""
    tree, values = parametrize_floats(formula.tree)
    return refit_constants(ParametricForm(tree, np.array(values)), rows, iterations=limits.max_refit_steps)


def _is_noise_relative(left: np.ndarray, fitted: np.ndarray, level: float) -> bool:
    """Whether errors grow with the fitted values, so that the largest rows would dominate a test.

    Uses the rank correlation (Spearman 1904) of absolute residuals and fitted values.
    """
    errors = np.abs(left)
    if not (np.isfinite(fitted).all() and fitted.min() > 0 and np.ptp(errors) > 0 and np.ptp(fitted) > 0):
        return False
    found = spearmanr(errors, fitted)
    return bool(found.statistic > 0 and found.pvalue < level)


def _relevant_signal_variance(
    rows: LabelledRows, y: np.ndarray, fitted: np.ndarray, limits: AssessmentThresholds
) -> float:
    """Variance of a signal that the test should detect, relative to the noise: the known one, else residuals.

    It is ``min_signal_per_noise``, a quarter of the noise variance (half the noise), or
    ``min_signal_per_spread`` of the target's variance (a tenth of its spread) if that is more, but at most 1.
    """
    known = compute_noise_level(rows)
    noise = float(np.mean((y - fitted) ** 2)) if known is None else known**2
    spread = float(np.var(y))
    if noise <= 0:
        return 1.0
    return max(limits.min_signal_per_noise, min(1.0, limits.min_signal_per_spread * spread / noise))
