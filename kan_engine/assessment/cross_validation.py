"""Out-of-sample errors of candidates on shared folds.

With at most ``max_cross_validation_rows`` training rows, each row is predicted by a fit without its fold.
With more, the validation rows are predicted by a fit to the other rows. See
``kan_engine.assessment.comparison`` for the units of errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from kan_engine.assessment.comparison import compute_rmse, is_better
from kan_engine.assessment.simple_models import (
    ModelFitter,
    fit_boosting,
    fit_class_shares,
    fit_constant,
    fit_formula,
    fit_line,
    fit_log_line,
    fit_log_odds,
    fit_logits,
)
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.data.folds import assign_folds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION, SelectionThresholds


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """Folds of the training rows that all candidates of a search share.

    Attributes:
        data: The rows.
        seed: Seed of the folds.
        is_ordered: Whether the rows are in time order, so that folds are blocks of consecutive rows.
        thresholds: Decision numbers of comparisons.
        selection: Number of folds, and of rows that are cross-validated.
    """

    data: TrainingData
    seed: int
    is_ordered: bool = False
    thresholds: AssessmentThresholds = DEFAULT_ASSESSMENT
    selection: SelectionThresholds = DEFAULT_SELECTION
    _known: dict[str, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def folds(self) -> Int[torch.Tensor, " rows"]:
        """Fold of every training row; fold 0 consists of the validation rows.

        A network trained without fold 0 can therefore be judged by the validation rows.
        """
        data = self.data
        count = self.selection.fold_count - 1
        fit_folds = assign_folds(data.fit.y, data.task, self.seed, count, is_ordered=self.is_ordered)
        return torch.from_numpy(np.concatenate([1 + fit_folds, np.zeros(len(data.validation), int)]))

    def iterate_masks(self) -> Iterator[Bool[np.ndarray, " rows"]]:
        """Yield, for every fold, the mask [rows] of training rows that are predicted together."""
        folds = self.folds.numpy()
        if len(folds) > self.selection.max_cross_validation_rows:
            yield folds == 0
            return
        for fold in np.unique(folds):
            yield folds == fold

    def measure_errors(self, fit: ModelFitter) -> Float[np.ndarray, " rows"]:
        """Errors of the values or class probabilities that ``fit`` predicts; infinite where these are NaN."""
        rows = self.data.training
        errors = np.full(len(rows), np.nan)
        for mask in self.iterate_masks():
            # A fit to the rows outside the fold predicts those within, so that no row judges its own fit
            fit_rows = rows[_sample_indices(~mask, self.thresholds.max_fit_rows)]
            test_rows = rows[_to_slice_or_indices(mask)]
            with np.errstate(all="ignore"):
                predictions = fit(fit_rows)(test_rows.x)
                if predictions.ndim == 1:
                    errors[mask] = np.abs(predictions - test_rows.y)
                else:
                    # Root of the log loss of the true class: its square is a loss, as for a regression
                    probabilities = predictions[np.arange(len(test_rows)), test_rows.classes]
                    errors[mask] = np.sqrt(-np.log(np.maximum(probabilities, np.finfo(float).tiny)))
            # A prediction that is not defined is worse than any other
            errors[mask & np.isnan(errors)] = np.inf
        return errors

    def is_better(self, errors: Float[np.ndarray, " rows"], other_errors: Float[np.ndarray, " rows"]) -> bool:
        """Whether one candidate is significantly better than another; see ``comparison.is_better``."""
        of_classes = self.data.classes is not None
        weights = self.data.training.weights
        return is_better(errors, other_errors, weights, self.thresholds, of_classes=of_classes)

    def measure_formula(self, tree: Expression) -> Float[np.ndarray, " rows"]:
        """Errors of a formula whose measured constants are refitted without the rows that it predicts."""
        return self.measure_errors(fit_formula(tree, self.thresholds.max_refit_steps))

    def measure_logits(self, trees: Sequence[Expression]) -> Float[np.ndarray, " rows"]:
        """The same for the formulas of the log-odds, or of all logits, of a classifier."""
        return self.measure_errors(fit_logits(trees, self.thresholds.max_refit_steps))

    def measure_simple_models(self) -> dict[str, Float[np.ndarray, " rows"]]:
        """Errors of a constant, a line and, for a skewed target, the exponential of a line."""
        if (classes := self.data.classes) is not None:
            shares = self._measure_once("constant", partial(fit_class_shares, len(classes)))
            return {"constant": shares, "linear": self._measure_log_odds_model(self.select_strength())}
        line = partial(fit_line, self.thresholds.ridge_penalties)
        fits: dict[str, ModelFitter] = {"constant": fit_constant, "linear": line}
        if self._is_skewed(self.data.training):
            fits["log_linear"] = partial(fit_log_line, self.thresholds.gamma_penalty)
        return {name: self._measure_once(name, fit) for name, fit in fits.items()}

    def select_strength(self) -> float:
        """The strength with the lowest out-of-sample log loss of logistic regression.

        Nearly separable classes need a high strength: the default 1 gives probabilities that are too close
        to equal.
        """
        weights = self.data.training.weights
        return min(
            self.thresholds.logistic_strengths,
            key=lambda strength: compute_rmse(self._measure_log_odds_model(strength), weights),
        )

    def measure_boosting(self) -> Float[np.ndarray, " rows"]:
        """Errors of boosting, which takes a second or two and is therefore fitted last."""
        return self._measure_once("boosting", fit_boosting)

    def _measure_log_odds_model(self, strength: float) -> Float[np.ndarray, " rows"]:
        fit = partial(fit_log_odds, len(self.data.classes or ()), strength)
        return self._measure_once(f"linear {strength}", fit)

    def _measure_once(self, name: str, fit: ModelFitter) -> Float[np.ndarray, " rows"]:
        if name not in self._known:
            self._known[name] = self.measure_errors(fit)
        return self._known[name]

    def _is_skewed(self, rows: LabelledRows, *, min_log_std: float = 0.5) -> bool:
        """Whether the target is positive and varies by factors rather than by differences.

        Args:
            min_log_std: Standard deviation of log y, above which the exponential of a line is a candidate.
        """
        # The spread of log y does not depend on units: 0.5 is a factor of 1.6 about the mean
        y = rows.y
        has_rows = len(rows) >= self.thresholds.min_rows_per_constant * (1 + rows.x.shape[1])
        return has_rows and bool(y.min() > 0) and float(np.std(np.log(y))) > min_log_std


def _sample_indices(mask: Bool[np.ndarray, " rows"], limit: int) -> Int[np.ndarray, " sample"]:
    """Indices of at most ``limit`` of the chosen rows, so that only these are copied."""
    places = np.flatnonzero(mask)
    if len(places) > limit:
        places = np.sort(np.random.default_rng(0).choice(places, limit, replace=False))
    return places


def _to_slice_or_indices(mask: Bool[np.ndarray, " rows"]) -> slice | Int[np.ndarray, " selected"]:
    """The chosen rows as a slice, which copies nothing, where they are contiguous; else their indices."""
    places = np.flatnonzero(mask)
    start, end = int(places[0]), int(places[-1])
    return slice(start, end + 1) if end + 1 - start == len(places) else places
