"""The fallback formula that every search returns: a sparse sum of terms, down to one constant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine import (
    Additive,
    Data,
    Expression,
    Formula,
    additive_forms,
    constant_form,
    cross_losses,
    is_no_worse,
    together,
    variables,
)
from worker.data.preparation import Portion, Prepared, name_columns
from worker.search.context import EXACT, Run, searched
from worker.search.cross_validation import is_better, simple_errors
from worker.search.formula_evidence import NETWORK, assess, formula_errors, measure_stability
from worker.search.law_search import SHORT, SURE, bounded_logits
from worker.search.result import Found

CHANCE = 2.0  # allows for the selection bias among many formulas
STOPPED_ROWS, STOPPED_VALIDATION = 400, 200  # after the time limit; takes a tenth of a second


def with_additive_forms(found: Found, run: Run) -> Found:
    """Add sparse sums of terms to the formulas, if formulas were requested and there is one output.

    An exact law needs none. Another formula stays first if it predicts left-out rows as well as the best sum
    of terms, and is short or significantly better. The work is bounded and ignores the time limit: a stopped
    job uses fewer rows.
    """
    if not run.request.symbolic or run.data.outputs > 1:
        return found
    known = [formula for part in found.formulas for formula in part if variables(formula.tree)]
    if known and known[0].error < EXACT:
        return found
    parts = _rows(run)
    weights = np.concatenate([run.data.row_weights(part) for part in parts])
    fit, validation = (_data(part, found, run) for part in parts)
    constant = None if run.data.classes is None else _log_odds(run.data)
    sums = additive_forms(fit, validation, weights, limits=run.limits, constant=constant)
    rows = together(fit, validation)
    if known and (_is_exponential(found, sums, run) or _stays(known[0], sums, rows, weights)):
        return replace(found, formulas=[[*known, *sums.formulas]])
    found = replace(found, formulas=[[*sums.formulas, *known]], formula_of="law", evidence=None)
    found = replace(found, formula_errors=np.zeros(0))
    if run.data.classes is not None:
        return found
    best, others = sums.formulas[0], simple_errors(run)
    counts_choice = len(sums.errors) == len(run.data.training)
    errors = np.nan_to_num(np.abs(sums.errors), nan=np.inf) if counts_choice else formula_errors(best, run)
    if len(found.errors):
        others |= {NETWORK: found.errors}
    evidence = assess(best, errors, others, run, lambda: _measure_stability(best, rows, run))
    return replace(found, evidence=evidence, formula_errors=errors, counts_choice=counts_choice)


def _measure_stability(best: Formula, rows: Data, run: Run) -> float | None:
    """Share of resamplings that select a sum of terms with similar predictions."""
    columns, target = rows

    def select(learnt: np.ndarray, judged: np.ndarray) -> Formula:
        first, second = (
            ({name: values[some] for name, values in columns.items()}, target[some])
            for some in (learnt, judged)
        )
        return additive_forms(first, second, limits=run.limits).formulas[0]

    return measure_stability(best, rows, select, run)


def _is_exponential(found: Found, sums: Additive, run: Run) -> bool:
    """Whether the formula is the served exponential of a line, and no sum of terms is better.

    Its constants do not come from least squares, by which other formulas are judged.
    """
    is_log = found.is_straight and found.scaler is not None and found.scaler.transform == "log"
    errors, weights = found.formula_errors, run.data.training.weights
    return (
        is_log
        and found.formula_of == "network"
        and not (len(sums.errors) == len(errors) and is_better(np.abs(sums.errors), errors, weights))
    )


def _stays(law: Formula, sums: Additive, rows: Data, weights: np.ndarray) -> bool:
    losses = cross_losses(law.tree, rows)
    if not is_no_worse(losses, sums.losses, weights):
        return False
    is_shorter = sums.formulas[0].complexity < law.complexity
    return law.complexity <= SHORT or not (is_shorter and is_no_worse(sums.losses, losses, weights))


def is_weak(tree: Expression, data: Prepared) -> bool:
    """Whether a formula is constant, or no better than a constant on left-out training rows."""
    if not variables(tree):
        return True
    if data.classes is not None:  # fitted to log-odds of a network that was trained on all of these rows
        return False
    part = data.training.sample(STOPPED_ROWS + STOPPED_VALIDATION, data.plan.request.seed)
    rows = name_columns(part.encoded, data.names), part.targets
    constant = constant_form(float(np.average(part.targets, weights=part.weights)))
    return is_no_worse(cross_losses(constant, rows), cross_losses(tree, rows), part.weights, CHANCE)


def _rows(run: Run) -> tuple[Portion, Portion]:
    fit, validation = searched(run)
    if not run.should_stop():
        return fit, validation
    seed = run.request.seed
    return fit.sample(STOPPED_ROWS, seed), validation.sample(STOPPED_VALIDATION, seed)


def _data(part: Portion, found: Found, run: Run) -> Data:
    """Columns, and the values that formulas should give."""
    columns = name_columns(part.encoded, run.names)
    if run.data.classes is None:
        return columns, part.targets
    return columns, bounded_logits(found.network, found.inputs, part)[:, 0]


def _log_odds(data: Prepared) -> float:
    """Log-odds of the second class among the training rows, clamped to ``±MAX_LOG_ODDS``."""
    share = float(np.average(data.training.targets, weights=data.row_weights(data.training)))
    return float(np.clip(np.log(share) - np.log1p(-share), -SURE, SURE))
