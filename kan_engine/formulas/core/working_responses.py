"""Formulas of log-odds and logits, fitted to labels.

Labels are fitted by iteratively reweighted least squares: a logit plus what its probability misses of the
label, divided by the information of the row, is a working response, whose weight is that information
(McCullagh and Nelder, Generalized Linear Models, section 2.5). So the squared errors of a formula are its log
loss to second order, and rows at which the probabilities are sure hardly count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp, softmax

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Add, Expression, add, evaluate, mul, parametrize_floats
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.simplification.terms import flat_parts, split_coefficient
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants

LOGIT_BOUNDS = (8.0, 6.0, 5.0, 4.0, 3.0)  # beyond 8 a row would have a huge response of hardly any weight
MIN_INFORMATION = 0.02  # of a row on average, a twelfth of the most; less where classes are separable
MAX_ROUNDS, MIN_GAIN = 50, 1e-7  # of reweighting; least fall of the log loss in a round


def make_working_responses(
    rows: LabelledRows, logits: Float[np.ndarray, "rows classes"], place: int
) -> LabelledRows:
    """Rows with the working responses of the logit of a class.

    Their errors are not taken as known, 1 in a row of weight 1: where classes are nearly separable they are
    far smaller, and a constant would leave no more than them.

    Args:
        rows: Rows of classes.
        logits: Of all classes; see ``complete_logits``.
        place: Of the class.
    """
    is_own = rows.classes == place
    # Bounds tighten until rows have enough information: in separable classes logits grow without end
    for limit in LOGIT_BOUNDS:
        clipped_logits = np.clip(logits, -limit, limit)
        shares = softmax(clipped_logits, axis=1)[:, place]
        information = shares * (1 - shares)
        if np.average(information, weights=rows.weights) >= MIN_INFORMATION:
            break
    # Newton's step for the log loss: a squared error in the logit with the information as weight
    return replace(
        rows,
        y=clipped_logits[:, place] + (is_own - shares) / information,
        weights=rows.weights * information,
    )


def measure_information(rows: LabelledRows, logits: Float[np.ndarray, "rows classes"]) -> float:
    """Information of a row on a logit, averaged over rows and classes; 0 where probabilities are sure."""
    shares = softmax(logits, axis=1)
    return float(np.average((shares * (1 - shares)).mean(1), weights=rows.weights))


def refit_logits(trees: Sequence[Expression], rows: LabelledRows, *, steps: int) -> list[ParametricForm]:
    """The formulas of all outputs with measured constants fitted to the labels together.

    Args:
        trees: One formula per output: of two classes the log-odds of the second, else the logits of all.
        rows: Rows of classes.
        steps: Of every fit.
    """
    forms = [ParametricForm(form, np.array(values)) for form, values in map(parametrize_floats, trees)]
    loss = _compute_log_loss(forms, rows)
    for _ in range(MAX_ROUNDS):
        # Each output is fitted to the logits that the others have just got, as in coordinate descent
        new_forms = list(forms)
        for output, form in enumerate(forms):
            logits = evaluate_logits(new_forms, rows)
            place = output + logits.shape[1] - len(forms)  # the first of two classes has no form
            responses = make_working_responses(rows, logits, place)
            new_forms[output] = refit_constants(form, responses, iterations=steps)
        before, loss = loss, _compute_log_loss(new_forms, rows)
        if not loss < before:  # a step too far, or nothing is defined
            return forms
        forms = new_forms
        if before - loss < MIN_GAIN:
            break
    return forms


def release_coefficient(trees: Sequence[Expression], rows: LabelledRows) -> list[Expression] | None:
    """The formulas with a measured coefficient in place of the exact one that labels refute most.

    A coefficient that is 1 or another exact number is no constant to fit. Labels refute it where its score
    statistic, what twice the log loss of all rows would fall by if it moved alone (Rao 1948), exceeds the
    logarithm of the number of rows, which a constant costs in the Bayesian information criterion.

    Args:
        trees: Formulas of all outputs, with constants fitted to the labels; see ``refit_logits``.
        rows: Rows of classes.

    Returns:
        None if the labels refute none.
    """
    logits = evaluate_logits([ParametricForm(tree, np.zeros(0)) for tree in trees], rows)
    position, largest = None, float(np.log(len(rows)))
    # Score test of every exact coefficient: the squared score over its information
    for output, tree in enumerate(trees):
        responses = make_working_responses(rows, logits, output + logits.shape[1] - len(trees))
        residuals = responses.y - evaluate(tree, rows.columns)
        for place, term in enumerate(flat_parts([tree], Add)):
            values = np.broadcast_to(evaluate(term, rows.columns), len(rows))
            information = float(responses.weights @ values**2)
            score = float(responses.weights @ (residuals * values))
            if isinstance(split_coefficient(term)[0], Fraction) and score**2 > largest * information:
                position, largest = (output, place), score**2 / information
    if position is None:
        return None
    output, place = position
    terms = flat_parts([trees[output]], Add)
    terms[place] = mul(make_measured(1.0), terms[place])
    return [*trees[:output], add(*terms), *trees[output + 1 :]]


def evaluate_logits(forms: Sequence[ParametricForm], rows: LabelledRows) -> Float[np.ndarray, "rows classes"]:
    """Logits of all classes at rows."""
    values = [np.broadcast_to(evaluate(form.tree, rows.columns, form.values), len(rows)) for form in forms]
    return complete_logits(np.stack(values, axis=1))


def complete_logits(outputs: Float[np.ndarray, "rows outputs"]) -> Float[np.ndarray, "rows classes"]:
    """Logits of all classes; of two, whose one output is the log-odds of the second, the first is 0."""
    return np.hstack([0 * outputs, outputs]) if outputs.shape[1] == 1 else outputs


def _compute_log_loss(forms: Sequence[ParametricForm], rows: LabelledRows) -> float:
    """Mean log loss of the labels; NaN where a logit is not finite."""
    logits = evaluate_logits(forms, rows)
    label_logits = logits[np.arange(len(rows)), rows.classes]
    with np.errstate(invalid="ignore"):
        return float(np.average(logsumexp(logits, axis=1) - label_logits, weights=rows.weights))
