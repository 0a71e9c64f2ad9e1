"""The stages of a model search as steps of its trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.callbacks import TrialReport
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.trace import TIME_LIMIT, TraceStep
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.form import JudgedForm
from kan_engine.search.result import SearchResult, SmallLaw

EXACT_LAW = "a law exact to rounding error"
INTERRUPTED = "interrupted"

T = TypeVar("T")


def run_stage(
    strategy: str, stage: Callable[[SearchContext], T], run: SearchContext, before: SearchResult | None = None
) -> T:
    """Run a stage of the search and record it as a step, also if an exception ends it.

    Args:
        strategy: Name of the step.
        stage: Returns the result, a law or a form; ``before`` itself if it does nothing.
        run: Passed to the stage. Its end is recorded as the time limit if ``should_stop`` returned true.
        before: The result that the stage adds to; None for a stage that begins anew.
    """
    began, trials, is_over = run.clock(), 0, False

    def count_trial(trial: TrialReport) -> None:
        nonlocal trials
        trials += 1
        run.record_trial(trial)

    def should_stop() -> bool:
        nonlocal is_over
        is_over = run.should_stop() or is_over
        return is_over

    step = TraceStep(strategy=strategy, outcome=INTERRUPTED)
    try:
        found = stage(replace(run, record_trial=count_trial, should_stop=should_stop))
        step = _describe(step, found, before, trials, run)
        if is_over or (isinstance(found, SmallLaw) and found.found.is_cut):
            step = replace(step, outcome=TIME_LIMIT)
    finally:
        run.record_step(replace(step, seconds=run.clock() - began))
    return found


def leave_out(strategy: str, reason: str, run: SearchContext) -> None:
    """Record a step that the search leaves out."""
    run.record_step(TraceStep(strategy=strategy, outcome=f"left out: {reason}"))


def _describe(
    step: TraceStep, found: object, before: SearchResult | None, trials: int, run: SearchContext
) -> TraceStep:
    """The step with what a stage has found: networks, laws and forms are candidates like formulas."""
    if isinstance(found, JudgedForm):
        step = replace(step, proposed=1, entered=1, outcome="the form was fitted")
        return _add_best(step, [found.formula])
    result = found.found if isinstance(found, SmallLaw) else found
    if not isinstance(result, SearchResult):
        return replace(step, proposed=trials, outcome="nothing was found")
    formulas, earlier = _list_formulas(result), [] if before is None else _list_formulas(before)
    trees = {formula.tree for formula in formulas} - {formula.tree for formula in earlier}
    is_new = before is None or result.network is not before.network
    has_path = result.compact is not None and (before is None or before.compact is None)
    curves = len(result.compact.networks) if has_path and result.compact is not None else 0
    entered = int(is_new) + len(trees) + curves
    is_exact, was_exact = (
        each is not None and each.has_exact_formula(run.thresholds.max_exact_error)
        for each in (result, before)
    )
    if is_exact and not was_exact:
        outcome = EXACT_LAW
    elif isinstance(found, SmallLaw):
        outcome = "a law that leaves only noise" if found.is_clear else "no law that leaves only noise"
    elif not entered:
        outcome = "nothing better was found"
    elif formulas and (not earlier or formulas[0].tree != earlier[0].tree):
        outcome = "a new first formula"
    else:
        outcome = "the first formula stays" if earlier else "all candidates were tried"
    proposed = max(trials, int(is_new)) + len(trees) + curves
    return _add_best(replace(step, proposed=proposed, entered=entered, outcome=outcome), formulas)


def _add_best(step: TraceStep, formulas: list[Formula]) -> TraceStep:
    return replace(step, best=to_text(formulas[0].tree), error=formulas[0].error) if formulas else step


def _list_formulas(result: SearchResult) -> list[Formula]:
    return [formula for part in result.formulas for formula in part]
