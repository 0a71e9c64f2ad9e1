"""Search for the network of a prepared table, and for its formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from kan_engine.assessment.comparison import (
    compute_paired_rmse,
    compute_rmse,
    describe_formula_gain,
)
from kan_engine.assessment.formula_evidence import (
    NETWORK,
    add_comparisons,
    assess_formula,
)
from kan_engine.data.training_data import TrainingData
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.trace import TIME_LIMIT
from kan_engine.inference.decision_rule import calibrate_on_validation_
from kan_engine.search.compact_member import add_compact_path
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.allowed import keep_allowed_formulas
from kan_engine.search.formulas.form import JudgedForm, add_form, judge_form, judge_grouped_formulas
from kan_engine.search.formulas.front import add_front, list_seeds, predict_front
from kan_engine.search.formulas.log_odds import find_log_odds_formulas
from kan_engine.search.formulas.recorded_stages import EXACT_LAW, leave_out, run_stage
from kan_engine.search.formulas.sparse_additive import add_additive_formulas
from kan_engine.search.hill_climb import predict_subtasks
from kan_engine.search.laws.law_subtask import find_small_law, make_law_subtask
from kan_engine.search.linear_model import LinearKind, make_linear_classifier, make_linear_regression
from kan_engine.search.monotone_network import find_monotone_network
from kan_engine.search.network_search import make_task, train_network
from kan_engine.search.result import SearchResult, SmallLaw
from kan_engine.search.subtasks import SubtaskCache
from kan_engine.training.device import find_cuda

ENDED_EARLY_WARNING = (
    "the training of larger networks was ended early to leave time for checks; increase max_seconds"
)
FORMULAS_ENDED_EARLY_WARNING = (
    "the time was over before the search for formulas ended: with more they may be better; "
    "increase max_seconds"
)
SIMPLE_MODEL_NAMES = {
    "constant": "a constant",
    "linear": "a straight line",
    "log_linear": "the exponential of a straight line",
}


def find_model(
    data: TrainingData,
    config: SearchConfig,
    callbacks: Callbacks = Callbacks(),  # noqa: B008 - immutable
    parts: SubtaskCache | None = None,
) -> SearchResult:
    """Search for a law, train networks and extract formulas.

    A small law that explains the data is served itself. Otherwise the best larger network is served, and the
    formula is the best small law: a trade-off whose error is reported. A form of the client is fitted and
    becomes the first formula. Where neither is better than a line or
    a constant by cross-validation, a linear network is served. Networks of few curves learn from the result.

    Raises:
        DeviceUnavailable: CUDA is requested, but torch sees none, or its memory is full.
    """
    if config.device == "cuda":
        find_cuda()  # now, and not after minutes of law search
    run = SearchContext.create(data, config, callbacks, parts)
    found = _search(run)
    is_exact = found.has_exact_formulas(run.thresholds.max_exact_error)
    is_over = config.symbolic and not is_exact and run.should_stop()
    if is_over:
        found = replace(found, warnings=(*found.warnings, FORMULAS_ENDED_EARLY_WARNING))
    callbacks.record_end(EXACT_LAW if is_exact else TIME_LIMIT if is_over else "every strategy has run")
    return keep_allowed_formulas(found, run)


def _search(run: SearchContext) -> SearchResult:
    data, config = run.data, run.config
    if data.classes is not None:
        found = _find_classifier(run)
        calibrate_on_validation_(found.network, found.judged, found.inputs, data, run.thresholds.inference)
        run.keep(found)
        found = _add_compact(_add_log_odds(found, run), run)
        return _add_formulas(found, run)
    if config.constraints.monotone:
        found = _find_monotone_regression(run)
        run.keep(found)
        return select_member(_add_formulas(found, run), run)
    form = None
    if config.form is not None or config.per_group is not None:
        form = run_stage("client_form", judge_form, run)
    found = _find_regression(run) if config.is_automatic else _find_requested_regression(run)
    found = replace(found, contest=run.contest)
    run.keep(found)
    with run.parts.prefetch(lambda: predict_front(found, run)):
        found = _add_compact(found, run)
    found = _add_formulas(found, run)
    run.keep(found)
    if not isinstance(form, JudgedForm):
        form = judge_grouped_formulas(found, run) or form
    return select_member(add_form(found, form, run), run)


def _add_log_odds(found: SearchResult, run: SearchContext) -> SearchResult:
    def add(run: SearchContext) -> SearchResult:
        formulas = find_log_odds_formulas(found.network, found.inputs, run)
        return replace(found, formulas=formulas, formula_of="law")

    return run_stage("log_odds", add, run, found)


def _add_compact(found: SearchResult, run: SearchContext) -> SearchResult:
    if run.config.compact:
        return run_stage("compact_curves", partial(add_compact_path, found), run, found)
    leave_out("compact_curves", "not requested", run)
    return found


def _add_formulas(found: SearchResult, run: SearchContext) -> SearchResult:
    """Add sums of terms and the front of formulas, which begins with the formulas so far."""
    seeds = list_seeds(found)
    stages: dict[str, Callable[[SearchResult, SearchContext], SearchResult]] = {
        "sparse_sums": add_additive_formulas,
        "growth": lambda found, run: add_front(found, seeds, run),
    }
    for strategy, stage in stages.items():
        reason = _explain_omission(found, run)
        if reason is None:
            found = run_stage(strategy, partial(stage, found), run, found)
        else:
            leave_out(strategy, reason, run)
    return found


def _explain_omission(found: SearchResult, run: SearchContext) -> str | None:
    """Why the search needs no further formulas; None if it does."""
    if not run.config.symbolic:
        return "not requested"
    if run.data.output_count > 1:
        return "several outputs"
    return EXACT_LAW if found.has_exact_formula(run.thresholds.max_exact_error) else None


def _find_monotone_regression(run: SearchContext) -> SearchResult:
    """A sum of curves that rise or fall as wished, with the formulas of a small law."""
    found = replace(run_stage("monotone_networks", find_monotone_network, run), contest=run.contest)
    if not run.config.symbolic or run.should_stop():
        return found
    law = _find_law(run, run.thresholds.law_time_share * run.config.max_seconds)
    return found if law is None else _add_law_formulas(found, law, run)


def _find_classifier(run: SearchContext) -> SearchResult:
    """The best network, or logistic regression if that is as good and no network was requested."""
    training = run.limit_time(run.thresholds.search_time_share) if run.config.is_automatic else run
    found, weights = run_stage("networks", train_network, training), run.data.training.weights
    if training.should_stop() and not run.should_stop():
        found = replace(found, warnings=(*found.warnings, ENDED_EARLY_WARNING))
    folds = run.cross_validation
    simple = folds.measure_simple_models()
    is_beaten = folds.is_better(simple["constant"], simple["linear"])
    if is_beaten or folds.is_better(found.errors, simple["linear"]):
        return found
    losses = " and ".join(
        f"{rmse**2:.4g}" for rmse in compute_paired_rmse(found.errors, simple["linear"], weights)
    )
    told = f"no network is better than logistic regression by cross-validation (log losses {losses})"
    if not run.config.is_automatic:
        return replace(found, warnings=(*found.warnings, told))
    return replace(
        make_linear_classifier(run, simple["linear"]),
        warnings=(*found.warnings, f"{told}: a linear network serves"),
    )


def _find_regression(run: SearchContext) -> SearchResult:
    """The small law if it explains the data or no larger network is better; else the best network."""
    task, losses = make_task(run), dict[str, float]()
    training = run.limit_time(run.thresholds.search_time_share)
    with run.parts.prefetch(lambda: predict_subtasks(run.parts, task, losses, run.thresholds)):
        law = _find_law(run, run.thresholds.law_time_share * run.config.max_seconds)
    if law is not None and law.is_clear:
        leave_out("networks", "the law explains the rows", run)
        found = law.found
    else:
        if law is not None:
            run.keep(law.found)
        with run.parts.prefetch(lambda: predict_front(law.found if law else None, run)):
            found = run_stage("networks", train_network, training)
        if training.should_stop() and not run.should_stop():
            found = replace(found, warnings=(ENDED_EARLY_WARNING,))
        weights = run.data.training.weights
        if law is not None:
            of_law, of_network = compute_paired_rmse(law.found.errors, found.errors, weights)
            found = law.found if of_law <= of_network else _add_law_formulas(found, law, run)
    return run_stage("line", partial(_fall_back_to_line, found, law), run, found)


def _find_law(run: SearchContext, seconds: float | None = None) -> SmallLaw | None:
    return run_stage("law_search", partial(find_small_law, seconds=seconds), run)


def _add_law_formulas(found: SearchResult, law: SmallLaw, run: SearchContext) -> SearchResult:
    """Add the formulas of a small law to a larger network."""
    known, weights = law.found, run.data.training.weights
    evidence = known.evidence
    if evidence is not None:
        network, thresholds = {NETWORK: found.errors}, run.thresholds.assessment
        evidence = add_comparisons(evidence, known.formula_errors, network, weights, thresholds)
    return replace(
        found,
        formulas=known.formulas,
        formula_errors=known.formula_errors,
        evidence=evidence,
        is_cut=known.is_cut,
        formula_of="law",
        warnings=(*found.warnings, *known.warnings),
    )


def _fall_back_to_line(found: SearchResult, law: SmallLaw | None, run: SearchContext) -> SearchResult:
    """The result if it is better than a line, its exponential and a constant; else the best of these."""
    folds, weights = run.cross_validation, run.data.training.weights
    simple = folds.measure_simple_models()
    kind: LinearKind = "linear" if run.config.constraints.must_use else "constant"
    for other in ("linear", "log_linear"):
        if other in simple and folds.is_better(simple[other], simple[kind]):
            kind = other
    if folds.is_better(found.errors, simple[kind]):
        return found
    base = make_linear_regression(run, simple[kind], kind)
    straight = [formula for part in base.formulas for formula in part]
    known = law.found.formulas[0] if law is not None and law.found.formulas else []
    formulas, evidence = [*known, *straight], law.found.evidence if law is not None else None
    errors = law.found.formula_errors if known and law is not None else simple[kind]
    is_exact = bool(known) and known[0].error < run.thresholds.max_exact_error
    if straight and not is_exact and (evidence is None or evidence.verdict != "consistent"):
        of_line = simple[kind] if kind == "log_linear" else folds.measure_formula(straight[0].tree)
        own = assess_formula(
            straight[0],
            of_line,
            simple,
            folds,
            should_stop=run.should_stop,
            stability=lambda: 1.0,  # other rows lead to a line, too
        )
        is_first = evidence is None or evidence.verdict == "weak" or own.verdict == "consistent"
        if is_first or (kind == "log_linear" and not folds.is_better(errors, of_line)):
            formulas, evidence, errors = [*straight, *known], own, of_line
    told = SIMPLE_MODEL_NAMES[kind]
    of_network, of_simple = compute_paired_rmse(found.errors, simple[kind], weights)
    warning = (
        f"no network is better than {told} by cross-validation (RMSE {of_network:.4g}, "
        f"of {told} {of_simple:.4g}): {told} serves"
    )
    return replace(
        base,
        formulas=[formulas] if formulas else [],
        formula_errors=errors,
        evidence=evidence,
        is_cut=found.is_cut,
        formula_of="network" if not known or formulas[0] is not known[0] else "law",
        warnings=(*found.warnings, warning),
    )


def select_member(found: SearchResult, run: SearchContext) -> SearchResult:
    """Let the formula serve if it is better than the network; if the network was requested, warn instead.

    The errors of a formula are measured with its constants refitted per fold. That its form was selected on
    the same rows is ignored if there are no objections, or if its RMSE is far lower. With too few rows for
    its constants, the formula must be better by more than any selection bias among forms.
    """
    evidence, weights = found.evidence, run.data.training.weights
    if evidence is None or not len(found.errors) or not len(found.formula_errors):
        return found
    of_formula, of_network = compute_paired_rmse(found.formula_errors, found.errors, weights)
    against = evidence.objections.keys() - {"rows_cannot_tell"}
    # If one row has an absurd error, the gain is no larger than its standard error, so the RMSEs decide.
    limits, has_few_rows = run.thresholds, "too_many_constants" in against
    factor = limits.few_rows_rmse_ratio if has_few_rows else limits.assessment.clear_rmse_ratio
    is_far_better = of_formula < factor * of_network
    is_known = found.counts_choice or not against
    is_better = run.cross_validation.is_better(found.formula_errors, found.errors)
    if not is_far_better and not (is_known and is_better):
        return found
    if run.config.is_automatic:
        return replace(found, formula_serves=True)
    told = describe_formula_gain(found.formula_errors, found.errors, weights)
    return replace(found, warnings=(*found.warnings, f"{told}; predict by the formula"))


def _find_requested_regression(run: SearchContext) -> SearchResult:
    """Train the requested network; search for a small law in the remaining time."""
    then = [make_law_subtask(run, None)] if run.config.symbolic else []
    found = run_stage("networks", partial(train_network, then=then), run)
    law = _find_law(run) if run.config.symbolic and not run.should_stop() else None
    simple, weights = run.cross_validation.measure_simple_models(), run.data.training.weights
    spread = float(np.std(run.data.training.y))
    is_exact = compute_rmse(found.errors, weights) < run.thresholds.max_rounding_error * spread
    if not is_exact and run.cross_validation.is_better(simple["linear"], found.errors):
        of_line, of_network = compute_paired_rmse(simple["linear"], found.errors, weights)
        warning = (
            f"a straight line is better by cross-validation (RMSE {of_line:.4g}) "
            f"than the requested network ({of_network:.4g}): "
            "omit its shape so that the service chooses it"
        )
        found = replace(found, warnings=(*found.warnings, warning))
    return found if law is None else _add_law_formulas(found, law, run)
