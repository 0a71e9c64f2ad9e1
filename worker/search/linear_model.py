"""A linear network: the result where nothing is better than a line or a constant."""

from __future__ import annotations

from typing import Literal

import numpy as np

from kan_engine import KAN, Formula, Step, TargetScaler, free_constants, linear_formula, straight_network
from kan_engine.expressions.evaluation import apply_function, bind
from worker.data.preparation import Portion
from worker.search.context import Run, columns_of, sample_of, searched
from worker.search.cross_validation import (
    ROWS_PER_CONSTANT,
    Line,
    best_strength,
    fit_constant,
    line_through,
    log_line_through,
    log_odds_through,
)
from worker.search.result import Found

DIGITS = 6  # of the constants of an exponential, which are not refitted
Kind = Literal["constant", "linear", "log_linear"]


def straight_classifier(run: Run, errors: np.ndarray) -> Found:
    """Logistic regression as a linear network; ``judged`` is fitted without the validation rows."""
    data = run.data
    classes, strength = len(data.classes or ()), best_strength(run)

    def network_of(rows: Portion) -> KAN:
        line = log_odds_through(rows, classes, strength)
        slopes = line.slopes.reshape(len(data.names), -1)
        intercepts = np.atleast_1d(np.asarray(line.intercept))
        return straight_network(slopes, intercepts, run.inputs, None, order=run.request.network.order)

    loss = float(np.mean(errors[np.isfinite(errors)] ** 2))
    return Found(
        network=network_of(data.training),
        judged=network_of(data.fit),
        is_straight=True,
        inputs=run.inputs,
        scaler=None,
        history=(Step(0, 1, loss, loss),),
        optimizer="lbfgs",
        errors=errors,
    )


def straight_found(run: Run, errors: np.ndarray, kind: Kind) -> Found:
    """Fit a line, its exponential, or the mean to all training rows, as a network with its formula.

    Args:
        run: The search context.
        errors: Its out-of-sample absolute errors.
        kind: Which of these to fit.
    """
    data, rows, is_log = run.data, run.data.training, kind == "log_linear"
    if kind == "constant":
        line = Line(np.zeros(rows.encoded.shape[1]), float(fit_constant(rows)(rows.encoded[:1])[0]))
    else:
        line = log_line_through(rows) if is_log else line_through(rows)
    scaler = TargetScaler.fit(rows.y[:, None].astype(float), "log" if is_log else "identity")
    network = straight_network(
        line.slopes[:, None], np.array([line.intercept]), run.inputs, scaler, order=run.request.network.order
    )
    z = scaler.forward(rows.y[:, None].astype(float))[:, 0]
    residuals = (line.predict(rows.encoded) - scaler.mean[0]) / scaler.std[0] - z
    fit, validation = (columns_of(run.names, sample_of(part, run.inputs)) for part in searched(run))
    tree = linear_formula(data.names, line.slopes, float(line.intercept))
    if is_log:  # not refitted: least squares would fit only the largest targets
        form, values = free_constants(tree)
        short = bind(form, [float(f"{value:.{DIGITS}g}") for value in values])
        formula = Formula.of(apply_function("exp", short), fit, validation)
    elif len(fit[1]) >= ROWS_PER_CONSTANT * (1 + len(line.slopes)):
        formula = Formula.refitted(tree, fit, validation, run.limits.forbidden)
    else:
        formula = Formula.of(tree, fit, validation)
    return Found(
        network=network,
        judged=network,
        is_straight=True,
        inputs=run.inputs,
        scaler=scaler,
        history=(Step(0, 1, float(np.mean(residuals**2) / 2), float(np.mean(residuals**2) / 2)),),
        optimizer="newton" if is_log else "least_squares",
        formulas=[[formula]] if run.request.symbolic and run.limits.allow(formula.tree) else [],
        errors=errors,
    )
