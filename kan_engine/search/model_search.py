"""Search for the network of a prepared table, and for its formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kan_engine.assessment.evidence.formula_evidence import Searched
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression
from kan_engine.expressions.function_sets import SEARCHED
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.judge import EXACT, Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.search import Step, search
from kan_engine.formulas.trace import TIME_LIMIT
from kan_engine.search.answering import choose_member
from kan_engine.search.choice import choose_result
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext, make_problem
from kan_engine.search.formulas.log_odds import fit_final_logits, make_log_odds_problem
from kan_engine.search.members import Members
from kan_engine.search.result import SearchResult
from kan_engine.search.schedule import (
    schedule_classes,
    schedule_classifier,
    schedule_formulas,
    schedule_numbers,
)
from kan_engine.search.strategies import CompactNetworks
from kan_engine.search.subtasks import SubtaskCache
from kan_engine.training.device import find_cuda

FORMULAS_ENDED_EARLY_WARNING = (
    "the time was over before the search for formulas ended: with more they may be better; "
    "increase max_seconds"
)


def find_model(
    data: TrainingData,
    config: SearchConfig,
    callbacks: Callbacks = Callbacks(),  # noqa: B008 - immutable
    parts: SubtaskCache | None = None,
) -> SearchResult:
    """Search for laws, train networks and grow formulas; return the network that answers with its formulas.

    All strategies fill one pool, and one judge ranks it: ``kan_engine.search.schedule`` has their order. A
    form of the client is fitted and becomes the first formula.

    Raises:
        DeviceUnavailable: CUDA is requested, but torch sees none, or its memory is full.
    """
    if config.device == "cuda":
        find_cuda()  # now, and not after minutes of law search
    run = SearchContext.create(data, config, callbacks, parts)
    result = choose_member(_search_numbers(run) if data.classes is None else _search_labels(run), run)
    is_exact = result.has_exact_formulas
    is_over = config.symbolic and not is_exact and run.should_stop()
    callbacks.record_end(EXACT if is_exact else TIME_LIMIT if is_over else "every strategy has run")
    if result.evidence is not None:
        search_limits = _describe_search(run, is_complete=not (is_over or result.is_cut))
        result = replace(result, evidence=replace(result.evidence, searched=search_limits))
    return result.add_warnings(FORMULAS_ENDED_EARLY_WARNING) if is_over else result


def _describe_search(run: SearchContext, *, is_complete: bool) -> Searched:
    """The limits of the search."""
    limits, forbidden_functions = run.thresholds, run.config.constraints.forbidden
    return Searched(
        functions=[name for name in SEARCHED if name not in forbidden_functions],
        max_size=limits.front.max_size,
        max_columns=min(len(run.names), max(limits.max_structure_inputs, limits.front.max_columns)),
        seconds=round(run.clock() - run.started_at, 1),
        is_complete=is_complete,
    )


def _search_numbers(run: SearchContext) -> SearchResult:
    """The result of a regression."""
    members, pool, judge = Members(), Pool(make_problem(run)), Judge()
    search(pool, schedule_numbers(run, members), judge)
    return choose_result(run, members, pool, judge)


def _search_labels(run: SearchContext) -> SearchResult:
    """The result of a classification, with the out-of-sample errors of its formulas."""
    result = _search_classes(run)
    if not result.formulas:
        return result
    errors = run.cross_validation.measure_logits([part[0].tree for part in result.formulas])
    return replace(result, formula_errors=errors)


def _search_classes(run: SearchContext) -> SearchResult:
    """The result of a classification, whose formulas are those of the log-odds of its network."""
    members, labels, judge = Members(), Pool(make_problem(run)), Judge()
    search(labels, schedule_classifier(run, members), judge)
    result = members.accurate
    assert result is not None  # noqa: S101 - the networks of a classification are certain
    if run.data.output_count > 1 or not run.config.symbolic:
        members.accurate = find_formulas_of_classes(result, run)
        search(labels, [Step(CompactNetworks(run, members), is_certain=True)], judge)
        return members.accurate
    pool = Pool(make_log_odds_problem(result.network, result.inputs, run))
    search(pool, schedule_classes(run, members), judge)
    return choose_result(run, members, pool, judge)


def find_formulas_of_classes(
    result: SearchResult, run: SearchContext, seeds: Sequence[Sequence[Expression]] = ()
) -> SearchResult:
    """A classifier with formulas of the log-odds of each of its classes; none unless every class has one.

    The search for those of a class goes on from the formulas that are known of it.
    """
    formulas = list[list[Formula]]()
    for output in range(run.data.output_count if run.config.symbolic else 0):
        pool, judge = Pool(make_log_odds_problem(result.network, result.inputs, run, output)), Judge()
        members, trees = Members(accurate=replace(result, compact=None)), seeds[output] if seeds else ()
        search(pool, schedule_formulas(run, members, trees), judge)
        formulas.append([*judge.rank(pool)])
    formulas = fit_final_logits(formulas, run) if formulas and all(formulas) else []
    return replace(result, formulas=formulas, formula_of="law")
