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

from kan_engine import Form, Formula, free_constants, value_and_jacobian
from kan_engine.refit import refit
from worker.cross_validation import (
    FORM_STEPS,
    boosting_errors,
    cross_errors,
    fit_formula,
    is_better,
    rmse_of,
)
from worker.readings import Run
from worker.residual_test import LEVEL, examine_residuals

Verdict = Literal["consistent", "approximation", "weak"]

ROWS_PER_CONSTANT = 10  # with p constants from n rows a true form errs by noise * sqrt(p / n): a third of it
HALF_THE_NOISE, TENTH_OF_THE_SPREAD = 0.25, 0.01  # as shares of variances
CLEARLY_LOWER = 0.7  # factor between RMSEs
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
        leaves_signal: Whether that test sees a signal; None where it would not see one of that size.
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
    leaves_signal: bool | None = None
    stability: float | None = None

    @property
    def reasons(self) -> list[dict[str, str]]:
        """Why it is not consistent, as codes and in words; none if it is."""
        better = [name for name, told in self.compared_with.items() if told["is_better"]]
        few = f"{self.rows} training rows are few for {self.constants} measured constants"
        can_tell = self.p_value is None or self.leaves_signal is not None
        reasons = {
            "no_better_than_constant": not self.beats_constant
            and "a constant is as good by cross-validation",
            "others_better": bool(better) and f"better on the same folds: {', '.join(better)}",
            "too_many_constants": self.rows < ROWS_PER_CONSTANT * self.constants and few,
            "signal_left": bool(self.leaves_signal) and "what it leaves still depends on the columns",
            "rows_cannot_tell": not can_tell
            and "the rows are too few to tell whether what it leaves is noise",
            "unstable": self.stability is not None
            and self.stability < STABLE
            and "resampled rows lead to formulas that predict otherwise",
        }
        found = {code: detail for code, detail in reasons.items() if detail}
        if not found and self.stability is None:
            found["not_resampled"] = "it was not looked for again in resampled rows"
        return [{"code": code, "detail": str(detail)} for code, detail in found.items()]

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
    y, weights = rows.y.astype(float), rows.weights
    noise, variance = rmse_of(errors, weights), float(np.cov(y, aweights=weights, ddof=0))
    evidence = Evidence(
        noise=_finite(noise),
        explained=1 - noise**2 / variance if variance > 0 and np.isfinite(noise) else None,
        rows=len(rows),
        constants=len(free_constants(formula.tree)[1]),
        compared_with=_comparisons(errors, others, weights),
        beats_constant=is_better(errors, others["constant"], weights),
        stability=1.0,
    )
    if run.should_stop():  # what is not known speaks for nothing
        return replace(evidence, stability=None)
    if not evidence.reasons:
        evidence = compare(evidence, errors, {BOOSTING: boosting_errors(run)}, run)
    if not evidence.reasons:
        evidence = replace(evidence, **_tested(formula, run))
    is_open = not evidence.reasons and stability is not None
    return replace(evidence, stability=stability() if is_open and stability else None)


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


def _tested(formula: Formula, run: Run) -> dict[str, Any]:
    """Whether what the formula leaves of the training rows holds signal; None where it would not be seen."""
    rows = run.data.training
    columns = {name: rows.encoded[:, place] for place, name in enumerate(run.names)}
    tree, values = free_constants(formula.tree)
    form = refit(Form(tree, np.array(values)), (columns, rows.y.astype(float)), iterations=FORM_STEPS)
    fitted, tangents = value_and_jacobian(form.tree, columns, form.values)
    found = examine_residuals(
        rows.y.astype(float) - fitted,
        rows.encoded,
        rows.weights,
        tangents=tangents if np.isfinite(tangents).all() else None,
        size=_size_that_matters(rows.y.astype(float), fitted),
        seed=run.request.seed,
    )
    sees_signal = found.p_value <= LEVEL
    return {
        "p_value": found.p_value,
        "power": found.power,
        "leaves_signal": sees_signal if sees_signal or found.is_clean else None,
    }


def _size_that_matters(y: np.ndarray, fitted: np.ndarray) -> float:
    """Variance of a signal that should be seen, over that of the residuals.

    Half of the noise, or a tenth of the target's spread where that is more, but never more than the noise.
    """
    noise = float(np.mean((y - fitted) ** 2))
    spread = float(np.var(y))
    return max(HALF_THE_NOISE, min(1.0, TENTH_OF_THE_SPREAD * spread / noise)) if noise > 0 else 1.0
