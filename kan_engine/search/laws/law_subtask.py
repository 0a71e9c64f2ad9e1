"""The law search as a subtask of the job."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from jaxtyping import Float, Int

from kan_engine.assessment.evidence.assess_formula import assess_formula
from kan_engine.assessment.evidence.formula_evidence import NETWORK, FormulaEvidence
from kan_engine.assessment.evidence.stability import measure_stability
from kan_engine.expressions.evaluation import evaluate
from kan_engine.formulas.callbacks import ReportProgress
from kan_engine.formulas.core.constant_fitting import refit_constants
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR, MAX_REFIT_STEPS
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.strategies.enumeration.strategy import enumerate_formulas
from kan_engine.formulas.strategies.structures import read_structure
from kan_engine.network.inputs import add_unused_inputs
from kan_engine.search.context import (
    FoundLaw,
    SearchContext,
    make_problem,
    to_sample,
)
from kan_engine.search.laws.find_law import find_law
from kan_engine.search.result import RELATIVE_WARNING, SearchResult, SmallLaw
from kan_engine.search.serialization import deserialize_small_law, serialize_small_law
from kan_engine.search.subtasks import Subtask
from kan_engine.structure.backward_elimination import cross_predict


def make_law_subtask(run: SearchContext, seconds: float | None) -> Subtask:
    """Describe the law search as a subtask.

    Args:
        run: The search context.
        seconds: See ``find_law``; None for no limit.
    """
    return Subtask("law", {"limits": run.config.constraints.to_dict(), "seconds": seconds})


def find_small_law(run: SearchContext, seconds: float | None = None) -> SmallLaw | None:
    """Find the small law of the rows, or load it if the subtask has finished."""
    before = run.contest.count

    def write(law: SmallLaw | None) -> bytes:
        return b"" if law is None else serialize_small_law(law, run, run.contest.export_errors(before))

    return run.parts.get_or_compute(
        make_law_subtask(run, seconds),
        lambda: _search_small_law(run, seconds),
        write=write,
        read=lambda data: deserialize_small_law(data, run) if data else None,
    )


def _search_small_law(run: SearchContext, seconds: float | None) -> SmallLaw | None:
    inner, places = run.select_columns()
    inner = replace(inner, report=_report_by_time(run))
    law = find_law(
        inner.limit_time(run.thresholds.search_time_share), float("inf") if seconds is None else seconds
    )
    if law is None:
        return None
    folds, network_errors = run.cross_validation, measure_law_errors(law, inner)
    simple, evidence, errors = folds.measure_simple_models(), None, np.zeros(0)
    if law.formulas and law.error >= MAX_EXACT_ERROR:
        errors = folds.measure_formula(law.formulas[0].tree)
        evidence = assess_formula(
            law.formulas[0],
            errors,
            simple | {NETWORK: network_errors},
            folds,
            should_stop=run.should_stop,
            stability=lambda: _measure_stability(law, inner),
        )
    is_consistent = evidence is not None and evidence.verdict == "consistent"
    # A structure explains the rows only if no simple model predicts them significantly better
    is_adequate = law.fit.is_adequate and not any(
        folds.is_better(simple_errors, network_errors) for simple_errors in simple.values()
    )
    is_exact = law.error < MAX_EXACT_ERROR
    result = make_law_result(
        law, inner, run, places, errors=network_errors, evidence=evidence, formula_errors=errors
    )
    return SmallLaw(found=result, is_clear=is_exact or is_consistent or is_adequate)


def _report_by_time(run: SearchContext, start: float = 0.05, end: float = 0.38) -> ReportProgress:
    """A receiver of progress that replaces the fractions of a law search by the share of its usual time.

    How many structures and formulas it will try is unknown, and the first ones take a fraction of a second.

    Args:
        run: The search context.
        start: Fraction of the job at the start of the search.
        end: Fraction that it approaches.
    """
    began, usual_s = run.clock(), run.thresholds.law_time_share * run.config.max_seconds / 4

    def report(stage: str, fraction: float, message: str, error: float | None = None) -> None:  # noqa: ARG001
        # An exponential approach, since the length of the search is unknown
        share = 1 - math.exp(-(run.clock() - began) / usual_s)
        run.report(stage, start + (end - start) * share, message, error)

    return report


def _measure_stability(law: FoundLaw, run: SearchContext, *, max_resampling_steps: int = 12) -> float | None:
    """Share of resamplings whose formula makes similar predictions.

    Each resampling takes two thirds of the rows. It fits the rivals again, and tries all short formulas, or
    fits the structure and extracts its formulas again.

    Args:
        max_resampling_steps: When a structure is refitted to some of its rows.
    """
    rows = run.data.training.sample(run.thresholds.max_rows, run.config.seed)
    if law.has_relative_errors:
        rows = rows.reweigh(1 / evaluate(law.formulas[0].tree, rows.columns) ** 2)

    def find_again(
        fit_places: Int[np.ndarray, " fit"], test_places: Int[np.ndarray, " test"]
    ) -> Formula | None:
        problem = make_problem(run, (rows[fit_places], rows[test_places]), is_recorded=False)
        pool = Pool(problem)
        if law.tried_in is not None:
            candidates = enumerate_formulas(law.tried_in, problem)
        else:
            fit_sample, test_sample = problem.samples
            fit = replace(law.fit, bundle=law.fit.train_coefficients(fit_sample, steps=max_resampling_steps))
            candidates = read_structure(replace(fit, errors=(fit.relative_error(test_sample),)), pool)
        # The rivals are refitted to the same rows, so that the choice among them is resampled as well
        again = (
            refit_constants(to_form(rival.tree), problem.fit, iterations=MAX_REFIT_STEPS)
            for rival in law.formulas
        )
        rivals = (problem.measure(form.numeric_tree, strategy="rival") for form in again)
        for candidate in chain(rivals, candidates):
            pool.add(candidate)
        return pool.best

    return measure_stability(
        law.formulas[0],
        rows,
        find_again,
        seed=run.config.seed,
        should_stop=run.should_stop,
        thresholds=run.thresholds.assessment,
    )


def make_law_result(
    law: FoundLaw,
    inner: SearchContext,
    run: SearchContext,
    places: Sequence[int],
    *,
    errors: Float[np.ndarray, " rows"],
    evidence: FormulaEvidence | None = None,
    formula_errors: Float[np.ndarray, " formula_rows"] = np.zeros(0),  # noqa: B008 - never changed
) -> SearchResult:
    """The result of a search whose law serves.

    Args:
        law: The law, in the columns of ``inner``.
        inner: The search in the most relevant columns.
        run: The search in all columns.
        places: Those of the columns of ``inner`` among all; see ``SearchContext.select_columns``.
        errors: Of its network; see ``measure_law_errors``.
        evidence: For its first formula.
        formula_errors: Of its first formula.
    """
    network = law.fit.network
    if inner is not run:
        network = add_unused_inputs(network, places, len(run.names))
    return SearchResult(
        network=network,
        judged=network,
        inputs=run.inputs,
        scaler=law.fit.scaler,
        history=law.fit.history,
        formulas=[list(law.formulas)],
        is_cut=law.is_cut,
        formula_of="network" if law.is_read else "law",
        dropped={inner.names[i]: error_pair for i, error_pair in law.fit.dropped.items()},
        errors=errors,
        evidence=evidence,
        formula_errors=formula_errors,
        warnings=(RELATIVE_WARNING,) if law.has_relative_errors else (),
    )


def measure_law_errors(
    law: FoundLaw, run: SearchContext, *, min_validation_rows: int = 50
) -> Float[np.ndarray, " rows"]:
    """Out-of-sample absolute errors of a law's network on the training rows, NaN for other rows.

    Splines may approximate the functions of the structure poorly, such as a logarithm over ten decades. The
    difference between both is added.

    Args:
        min_validation_rows: Below which the error of an adequate structure is measured by cross-validation.
    """
    data, limits, folds = run.data, run.thresholds, run.cross_validation.folds
    errors = np.full(len(data.training), np.nan)
    # Enough validation rows measure an adequate structure as well as a cross-validation would
    is_certain = law.fit.is_adequate and len(data.validation) >= min_validation_rows
    is_crossed = len(errors) <= limits.selection.max_cross_validation_rows and not is_certain
    span = slice(0 if is_crossed else len(data.fit), len(errors))
    rows = data.training[span]
    sample = to_sample(rows, run.inputs)
    with np.errstate(all="ignore"):
        predictions = law.fit.predict(sample)
        fold_predictions = (
            cross_predict(law.fit, sample, folds, run.should_stop) if is_crossed else predictions
        )
        errors[span] = np.abs(fold_predictions - rows.y) + np.abs(
            predictions - law.fit.predict_by_splines(sample)
        )
    return np.where(np.isnan(errors) & (folds == 0).numpy(), np.inf, errors)
