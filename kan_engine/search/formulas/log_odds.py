"""The log-odds of a classifier as targets of formulas, which the labels decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.constraints import FINAL_POINTS
from kan_engine.formulas.core.constant_snapping import round_constants
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.losses import is_no_worse
from kan_engine.formulas.core.working_responses import (
    complete_logits,
    evaluate_logits,
    make_working_responses,
    measure_information,
    refit_logits,
    release_coefficient,
)
from kan_engine.formulas.problem import Problem
from kan_engine.network.kan import KAN
from kan_engine.search.context import SearchContext, make_problem, sample_search_rows

OVERLAPPING = 0.05
"""Information of a row on a logit, of 2/9 at most for three classes, from which on labels decide."""


def make_log_odds_problem(network: KAN, inputs: Standardizer, run: SearchContext, output: int = 0) -> Problem:
    """The log-odds or the logit of an output as a target of formulas, without the weights of the classes.

    It has working responses, which stand on the network but are decided by the labels: rows at which the
    network is sure hardly count. Where it is sure of more than two classes at nearly every row, labels tell
    hardly more than that, and its clamped logits are the target.
    """
    # The first of two classes has no output
    first_class = len(run.data.classes or ()) - run.data.output_count
    parts = [_drop_class_weights(part, run) for part in sample_search_rows(run)]
    logits = [complete_logits(_compute_logits(network, inputs, part)) for part in parts]
    # Information p(1 - p) of the labels: where the network is sure, they contribute almost nothing
    labels_decide = first_class > 0 or measure_information(parts[0], logits[0]) >= OVERLAPPING
    max_log_odds = run.thresholds.max_log_odds

    def make_rows(part: LabelledRows, values: Float[np.ndarray, "rows classes"]) -> LabelledRows:
        if labels_decide:
            return make_working_responses(part, values, first_class + output)
        return part.with_target(values[:, output].clip(-max_log_odds, max_log_odds))

    fit, validation = map(make_rows, parts, logits)
    return make_problem(run, (fit, validation))


def fit_final_logits(formulas: Sequence[Sequence[Formula]], run: SearchContext) -> list[list[Formula]]:
    """Fit the constants of the first formulas of all outputs to the labels together, and those of the others.

    Working responses are the first step of this fit. Of two classes every formula stands alone, and those
    after the first stay once the time is over. Of more the first ones are the classifier, whose formulas are
    as short as chance allows; the others stay.
    """
    part = run.data.training.sample(run.thresholds.assessment.max_fit_rows, run.config.seed)
    rows = _drop_class_weights(part, run)
    if len(formulas) > 1:
        selection = _select_by_labels(formulas, run)
        refits = _refit_logits([entries[0] for entries in selection], rows, run)
        return [[first, *entries[1:]] for first, entries in zip(refits, selection, strict=True)]
    return [
        [
            formula if place and run.should_stop() else _refit_logits([formula], rows, run)[0]
            for place, formula in enumerate(formulas[0])
        ]
    ]


def _select_by_labels(formulas: Sequence[Sequence[Formula]], run: SearchContext) -> list[list[Formula]]:
    """The formulas of every output, first the shortest that predicts the labels as well as any of them.

    Logits of a network that is sure have no noise, so that ever longer formulas describe them. Longer ones
    than the first are dropped. Outputs are decided in turn, the longest first, until the time is over.
    """
    measure, weights = run.cross_validation.measure_logits, run.data.training.weights
    best = [entry[0] for entry in formulas]
    for output in sorted(range(len(best)), key=lambda output: -best[output].complexity):
        entries = sorted(formulas[output], key=lambda formula: formula.complexity)
        trials = [[*best[:output], formula, *best[output + 1 :]] for formula in entries]
        losses = [measure([part.tree for part in trial]) ** 2 for trial in trials if not run.should_stop()]
        if len(losses) < len(trials):
            break
        lowest = min(losses, key=lambda loss: float(np.average(loss, weights=weights)))
        # None is no worse where the losses are infinite, that is where no classifier is defined at every row
        as_good = (
            trial for trial, loss in zip(trials, losses, strict=True) if is_no_worse(loss, lowest, weights)
        )
        best = next(as_good, best)
    return [
        [first, *(entry for entry in entries if entry.complexity < first.complexity)]
        for first, entries in zip(best, formulas, strict=True)
    ]


def _refit_logits(formulas: Sequence[Formula], rows: LabelledRows, run: SearchContext) -> list[Formula]:
    """The formulas with rounded constants that fit the labels; the same if they break the client's wishes."""
    wishes, trees = run.config.constraints, [entry.tree for entry in formulas]
    steps = run.thresholds.assessment.max_refit_steps
    forms = refit_logits(trees, rows, steps=steps)
    while len(formulas) > 1 and not run.should_stop():  # of two classes, the search has read the labels
        free_trees = release_coefficient([form.numeric_tree for form in forms], rows)
        if free_trees is None:
            break
        forms = refit_logits(free_trees, rows, steps=steps)
    logits = evaluate_logits(forms, rows)
    first_class, refits = logits.shape[1] - len(forms), list[Formula]()
    for place, (formula, form) in enumerate(zip(formulas, forms, strict=True)):
        # A constant may be rounded within the standard error that the working responses give it
        responses = make_working_responses(rows, logits, first_class + place)
        tree = round_constants(form, responses).numeric_tree
        is_allowed = wishes.allow_instead(tree, formula.tree, FINAL_POINTS)
        refits.append(replace(formula, tree=tree) if is_allowed else formula)
    return refits


def _drop_class_weights(part: LabelledRows, run: SearchContext) -> LabelledRows:
    return replace(part, weights=run.data.row_weights(part))


def _compute_logits(
    network: KAN, inputs: Standardizer, part: LabelledRows
) -> Float[np.ndarray, "rows outputs"]:
    """Logits of a classifier for these rows [n, outputs]."""
    with torch.no_grad():
        logits: np.ndarray = network(torch.from_numpy(inputs.forward(part.x))).numpy()
    return logits


def compute_base_log_odds(data: TrainingData, max_log_odds: float) -> float:
    """Log-odds of the second class among the training rows, clamped to ``±most``."""
    share = float(np.average(data.training.y, weights=data.row_weights(data.training)))
    # Logit of the share, which is infinite without rows of one class
    return float(np.clip(np.log(share) - np.log1p(-share), -max_log_odds, max_log_odds))
