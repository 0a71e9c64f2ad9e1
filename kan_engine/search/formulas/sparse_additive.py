"""The fallback formula that every search returns: a sparse sum of terms, down to one constant."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine.assessment.formula_evidence import NETWORK, assess_formula, measure_stability
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression, variables
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.losses import constant_formula, cross_validation_losses, is_no_worse
from kan_engine.formulas.strategies.sums.sparse_additive import AdditiveForms, fit_additive_forms
from kan_engine.search.context import SearchContext, sample_search_rows
from kan_engine.search.formulas.comparison import compare_formulas
from kan_engine.search.formulas.final_constants import fit_final_constants
from kan_engine.search.formulas.log_odds import compute_bounded_logits
from kan_engine.search.result import SearchResult
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS, SearchThresholds


def add_additive_formulas(found: SearchResult, run: SearchContext) -> SearchResult:
    """Add sparse sums of terms to the formulas, if formulas were requested and there is one output.

    An exact law needs none. Another formula stays first if it predicts left-out rows as well as the best sum
    of terms, and is short or significantly better. The work is bounded and ignores the time limit: a stopped
    job uses fewer rows.
    """
    if not run.config.symbolic or run.data.output_count > 1:
        return found
    known = [formula for part in found.formulas for formula in part if variables(formula.tree)]
    if known and known[0].error < run.thresholds.max_exact_error:
        return found
    fit, validation = (_make_formula_rows(part, found, run) for part in _sample_rows(run))
    most = run.thresholds.max_log_odds
    constant = None if run.data.classes is None else compute_base_log_odds(run.data, most)
    sums = fit_additive_forms(
        fit,
        validation,
        limits=run.config.constraints,
        constant=constant,
        thresholds=run.thresholds.symbolic,
    )
    if not sums.formulas:  # the constraints allow none
        return found
    rows = fit.append(validation)
    if known and (_is_exponential_line(found, sums, run) or _ranks_first(known[0], sums, rows, run)):
        return replace(found, formulas=[[*known, *sums.formulas]])
    (best,), others = fit_final_constants(sums.formulas[:1], run), sums.formulas[1:]
    found = replace(found, formulas=[[best, *others, *known]], formula_of="law", evidence=None)
    found = replace(found, formula_errors=np.zeros(0))
    if run.data.classes is not None:
        return found
    folds = run.cross_validation
    models = folds.measure_simple_models()
    counts_choice = len(sums.errors) == len(run.data.training)
    errors = (
        np.nan_to_num(np.abs(sums.errors), nan=np.inf) if counts_choice else folds.measure_formula(best.tree)
    )
    if len(found.errors):
        models |= {NETWORK: found.errors}
    evidence = assess_formula(
        best,
        errors,
        models,
        folds,
        should_stop=run.should_stop,
        stability=lambda: _measure_stability(best, rows, run),
    )
    return replace(found, evidence=evidence, formula_errors=errors, counts_choice=counts_choice)


def _measure_stability(best: Formula, rows: LabelledRows, run: SearchContext) -> float | None:
    """Share of resamplings that select a sum of terms with similar predictions."""

    def select(learnt: np.ndarray, judged: np.ndarray) -> Formula | None:
        limits, thresholds = run.config.constraints, run.thresholds.symbolic
        forms = fit_additive_forms(rows[learnt], rows[judged], limits=limits, thresholds=thresholds).formulas
        return forms[0] if forms else None

    return measure_stability(
        best,
        rows,
        select,
        seed=run.config.seed,
        should_stop=run.should_stop,
        thresholds=run.thresholds.assessment,
    )


def _is_exponential_line(found: SearchResult, sums: AdditiveForms, run: SearchContext) -> bool:
    """Whether the formula is the served exponential of a line, and no sum of terms is better.

    Its constants do not come from least squares, by which other formulas are judged.
    """
    is_log = found.is_straight and found.scaler is not None and found.scaler.transform == "log"
    if not is_log or found.formula_of != "network":
        return False
    errors, others = np.abs(sums.errors), found.formula_errors
    return not (len(errors) == len(others) and run.cross_validation.is_better(errors, others))


def _ranks_first(law: Formula, sums: AdditiveForms, rows: LabelledRows, run: SearchContext) -> bool:
    compared, thresholds = compare_formulas(law, sums.formulas[0], rows, run), run.thresholds
    if compared.has_relative_errors:  # sums count all rows equally
        return compared.gain <= 0
    losses = cross_validation_losses(law.tree, rows, thresholds.symbolic.additive)
    if not is_no_worse(losses, sums.losses, rows.weights):
        return False
    is_shorter = sums.formulas[0].complexity < law.complexity
    is_short = law.complexity <= thresholds.max_short_complexity
    return is_short or not (is_shorter and is_no_worse(sums.losses, losses, rows.weights))


def is_weak(
    tree: Expression,
    data: TrainingData,
    seed: int,
    thresholds: SearchThresholds = DEFAULT_THRESHOLDS,
) -> bool:
    """Whether a formula is constant, or no better than a constant on left-out training rows."""
    if not variables(tree):
        return True
    if data.classes is not None:  # fitted to log-odds of a network that was trained on all of these rows
        return False
    rows = data.training.sample(thresholds.max_stopped_rows + thresholds.max_stopped_validation_rows, seed)
    constant = constant_formula(float(np.average(rows.y, weights=rows.weights)))
    additive = thresholds.symbolic.additive
    return is_no_worse(
        cross_validation_losses(constant, rows, additive),
        cross_validation_losses(tree, rows, additive),
        rows.weights,
        thresholds.chance_standard_errors,
    )


def _sample_rows(run: SearchContext) -> tuple[LabelledRows, LabelledRows]:
    fit, validation = sample_search_rows(run)
    if not run.should_stop():
        return fit, validation
    seed, limits = run.config.seed, run.thresholds
    return fit.sample(limits.max_stopped_rows, seed), validation.sample(
        limits.max_stopped_validation_rows, seed
    )


def _make_formula_rows(part: LabelledRows, found: SearchResult, run: SearchContext) -> LabelledRows:
    """The rows with the values that formulas should give."""
    if run.data.classes is None:
        return part
    logits = compute_bounded_logits(found.network, found.inputs, part, run.thresholds.max_log_odds)
    return replace(part, y=logits[:, 0], weights=run.data.row_weights(part))


def compute_base_log_odds(data: TrainingData, most: float) -> float:
    """Log-odds of the second class among the training rows, clamped to ``±most``."""
    share = float(np.average(data.training.y, weights=data.row_weights(data.training)))
    return float(np.clip(np.log(share) - np.log1p(-share), -most, most))
