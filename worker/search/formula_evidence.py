"""What speaks for a formula: errors beside those of other models, what it leaves, whether it comes back.

A formula is *consistent* with the rows if no other model is better on the same folds, if what it leaves holds
no signal by a test that would see one of the size that matters, if resampled rows lead to formulas that
predict alike, and if the rows are many enough for its constants. Where the rows cannot tell, it is an
*approximation*; where it is no better than a constant, or a line is better, it is *weak*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.stats import spearmanr

from kan_engine import Data, Form, Formula, evaluate, free_constants, value_and_jacobian
from kan_engine.expressions.evaluation import apply_function
from kan_engine.symbolic.constant_fitting import refit
from worker.data.preparation import name_columns
from worker.evaluation.residual_test import LEAST_POWER, LEVEL, ResidualTest, examine_residuals
from worker.search.context import Run
from worker.search.cross_validation import (
    FORM_STEPS,
    ROWS_PER_CONSTANT,
    boosting_errors,
    cross_errors,
    fit_formula,
    is_better,
    rmse_of,
)

Verdict = Literal["consistent", "approximation", "weak"]

HALF_THE_NOISE, TENTH_OF_THE_SPREAD = 0.25, 0.01  # as shares of variances
SURELY = 1e-3  # p-value below which errors are taken to grow with what is expected
CLEARLY_LOWER = 0.7  # factor between RMSEs
RESAMPLINGS = 4
ALIKE = 0.5  # of what a formula leaves, within which another one predicts as it does
STABLE = 0.75  # share of the resamplings that have to lead to a formula that predicts alike
NETWORK, BOOSTING = "network", "boosting"  # among the models that a formula is compared with


@dataclass(frozen=True)
class Evidence:
    """What is known of a formula.

    Attributes:
        noise: RMSE on rows not seen, in the target's units.
        explained: Share of the target's variance that it explains on rows not seen.
        rows: Training rows.
        constants: Measured constants of the formula.
        compared_with: RMSE of other models on the same folds, and whether they are better.
        beats_constant: Whether it is better than a constant.
        p_value: Of the hypothesis that what it leaves is independent of the columns.
        power: Share of the signals of the size that matters which that test sees; None without a test.
        stability: Share of resamplings that lead to a formula that predicts alike; None if it was not tried.
    """

    noise: float | None
    explained: float | None
    rows: int
    constants: int
    compared_with: Mapping[str, Mapping[str, Any]]
    beats_constant: bool
    p_value: float | None = None
    power: float | None = None
    stability: float | None = None

    @property
    def reasons(self) -> list[dict[str, str]]:
        """Why it is not consistent, as codes and in words; none if it is."""
        found = self.objections
        if not found and self.stability is None:
            found = {"not_resampled": "it was not looked for again in resampled rows"}
        return [{"code": code, "detail": detail} for code, detail in found.items()]

    @property
    def objections(self) -> dict[str, str]:
        """What speaks against it, by code."""
        better = ", ".join(name for name, told in self.compared_with.items() if told["is_better"])
        sees_signal = self.p_value is not None and self.p_value <= LEVEL
        is_blind = self.power is not None and self.power < LEAST_POWER
        is_stable = self.stability is None or self.stability >= STABLE
        checks = (
            (not self.beats_constant, "no_better_than_constant", "a constant is as good by cross-validation"),
            (bool(better), "others_better", f"better on the same folds: {better}"),
            (
                self.rows < ROWS_PER_CONSTANT * self.constants,
                "too_many_constants",
                f"{self.rows} training rows are few for {self.constants} measured constants",
            ),
            (sees_signal, "signal_left", "what it leaves still depends on the columns"),
            (
                is_blind and not sees_signal,
                "rows_cannot_tell",
                "the rows are too few to tell whether what it leaves is noise",
            ),
            (not is_stable, "unstable", "resampled rows lead to formulas that predict otherwise"),
        )
        return {code: detail for holds, code, detail in checks if holds}

    @property
    def verdict(self) -> Verdict:
        """What the evidence amounts to."""
        if not self.beats_constant or self.compared_with.get("linear", {}).get("is_better", False):
            return "weak"
        return "approximation" if self.reasons else "consistent"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Evidence:
        """What ``to_dict`` described."""
        return Evidence(**data)


def formula_errors(formula: Formula, run: Run) -> np.ndarray:
    """Absolute errors on rows that its constants were not fitted to."""
    return cross_errors(fit_formula(formula.tree, run.names), run)


def assess(
    formula: Formula,
    errors: np.ndarray,
    others: Mapping[str, np.ndarray],
    run: Run,
    stability: Callable[[], float | None] | None = None,
) -> Evidence:
    """The evidence for a formula.

    Args:
        formula: In the encoded columns.
        errors: Its absolute errors on rows not seen; see ``formula_errors``.
        others: The same of other models, ``constant`` among them; boosting is looked at where none is better.
        run: The job.
        stability: Share of resamplings that lead to a formula that predicts alike; asked last, and only of a
            formula that nothing else speaks against.
    """
    rows = run.data.training
    y, weights = rows.targets, rows.weights
    noise, variance = rmse_of(errors, weights), float(np.cov(y, aweights=weights, ddof=0))
    evidence = Evidence(
        noise=_finite(noise),
        explained=1 - noise**2 / variance if variance > 0 and np.isfinite(noise) else None,
        rows=len(rows),
        constants=len(free_constants(formula.tree)[1]),
        compared_with=_comparisons(errors, others, weights),
        beats_constant=is_better(errors, others["constant"], weights),
    )
    if run.should_stop():  # what is not known speaks for nothing
        return evidence
    if not evidence.objections:
        evidence = compare(evidence, errors, {BOOSTING: boosting_errors(run)}, run)
    if not evidence.objections:
        found = _test_residuals(formula, run)
        evidence = replace(evidence, p_value=found.p_value, power=found.power)
    if not evidence.objections and stability is not None:
        evidence = replace(evidence, stability=stability())
    return evidence


def measure_stability(
    formula: Formula, rows: Data, find: Callable[[np.ndarray, np.ndarray], Formula | None], run: Run
) -> float | None:
    """Share of resamplings of the rows that lead to a formula that predicts as this one does.

    Two formulas predict alike if they differ by less than half of what this one leaves of the rows. Once the
    share can reach, or miss, ``STABLE`` no more by further resamplings, there are none.

    Args:
        formula: What was found on all rows.
        rows: Columns and target.
        find: From places of the rows to learn from, and to judge by, to a formula.
        run: The job; None is the answer where it has no time.
    """
    columns, target = rows
    expected = evaluate(formula.tree, columns)
    allowed = ALIKE * float(np.sqrt(np.mean((target - expected) ** 2)))
    generator, alike, needed = np.random.default_rng(run.request.seed), 0, STABLE * RESAMPLINGS
    for number in range(RESAMPLINGS):
        if run.should_stop():
            return None
        if alike >= needed or alike + RESAMPLINGS - number < needed:
            return alike / number
        order = generator.permutation(len(target))
        part = len(order) // 3
        again = find(order[part:], order[:part])
        if again is not None:
            difference = evaluate(again.tree, columns) - expected
            alike += bool(np.sqrt(np.mean(difference**2)) <= allowed)
    return alike / RESAMPLINGS


def compare(evidence: Evidence, errors: np.ndarray, others: Mapping[str, np.ndarray], run: Run) -> Evidence:
    """The evidence with further models beside the formula."""
    further = _comparisons(errors, others, run.data.training.weights)
    return replace(evidence, compared_with={**evidence.compared_with, **further})


def _comparisons(
    errors: np.ndarray, others: Mapping[str, np.ndarray], weights: np.ndarray
) -> dict[str, dict[str, Any]]:
    own, found = rmse_of(errors, weights), {}
    for name, other in others.items():
        rmse = rmse_of(other, weights)
        # Of a formula that is absurd at one row the difference is no larger than its standard error.
        is_ahead = is_better(other, errors, weights) or rmse < CLEARLY_LOWER * own
        found[name] = {"rmse": _finite(rmse), "is_better": is_ahead}
    return found


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _test_residuals(formula: Formula, run: Run) -> ResidualTest:
    """Whether what the formula leaves of the training rows depends on the columns."""
    rows = run.data.training
    columns, y = name_columns(rows.encoded, run.names), rows.targets
    tree, values = free_constants(formula.tree)
    form = refit(Form(tree, np.array(values)), (columns, y), iterations=FORM_STEPS)
    fitted, tangents = value_and_jacobian(form.tree, columns, form.values)
    if y.min() > 0 and _is_relative(y - fitted, fitted):
        y, form = np.log(y), Form(apply_function("log", tree), form.values)
        form = refit(form, (columns, y), iterations=FORM_STEPS)
        fitted, tangents = value_and_jacobian(form.tree, columns, form.values)
    return examine_residuals(
        y - fitted,
        rows.encoded,
        rows.weights,
        tangents=tangents if np.isfinite(tangents).all() else None,
        size=_size_that_matters(y, fitted),
        seed=run.request.seed,
    )


def _is_relative(left: np.ndarray, fitted: np.ndarray) -> bool:
    """Whether errors grow with what is expected: then the largest rows alone would speak of all.

    By the rank correlation (Spearman 1904) of their sizes with it.
    """
    if not (np.isfinite(fitted).all() and fitted.min() > 0):
        return False
    found = spearmanr(np.abs(left), fitted)
    return bool(found.statistic > 0 and found.pvalue < SURELY)


def _size_that_matters(y: np.ndarray, fitted: np.ndarray) -> float:
    """Variance of a signal that should be seen, over that of the residuals.

    Half of the noise, or a tenth of the target's spread where that is more, but never more than the noise.
    """
    noise = float(np.mean((y - fitted) ** 2))
    spread = float(np.var(y))
    return max(HALF_THE_NOISE, min(1.0, TENTH_OF_THE_SPREAD * spread / noise)) if noise > 0 else 1.0
