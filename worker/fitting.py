"""Find the network for a prepared table, and the formula if there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kan_engine import Limits
from service.schemas.training import TrainRequest
from worker.additive import with_additive_forms
from worker.climb import probable_parts
from worker.decision import calibrate_on_validation_
from worker.found import Found
from worker.laws import log_odds_formulas
from worker.networks import task_of, train_network
from worker.parts import Parts
from worker.preparation import Prepared
from worker.readings import Report, Run
from worker.small_law import law_part, small_law

LAW_SHARE = 0.6  # of a job's time that a law is looked for where none shows


def find_network(
    data: Prepared,
    request: TrainRequest,
    limits: Limits,
    report: Report,
    should_stop: Callable[[], bool],
    parts: Parts | None = None,
) -> Found:
    """Search, train and read.

    A small law that explains the data is served itself. Else the best of larger networks is, and the
    formula is the best small law's: a trade-off, whose error is stated with it.
    """
    run = Run.of(data, request, limits, report, should_stop, parts)
    if data.classes is not None:
        found = train_network(run)
        calibrate_on_validation_(found.network, found.judged, found.inputs, data)
        formulas = log_odds_formulas(found.network, found.inputs, run)
        return with_additive_forms(replace(found, formulas=formulas, formula_of="law"), run)
    found = _free_regression(run) if _is_free(request) else _asked_regression(run)
    return replace(with_additive_forms(found, run), contest=run.contest)


def _free_regression(run: Run) -> Found:
    """The small law if it explains the data or no larger network does better, else the best of those."""
    task, losses = task_of(run), dict[str, float]()
    with run.parts.ahead(lambda: probable_parts(run.parts, task, losses)):
        law = small_law(run, LAW_SHARE * run.request.max_seconds)
    if law is not None and law.is_clear:
        return law.found
    found = train_network(run)
    if law is None:
        return found
    assert found.expected_error is not None  # noqa: S101 - regressions have one
    return law.found if law.expected_error <= found.expected_error else _with_formulas(found, law.found)


def _with_formulas(found: Found, law: Found) -> Found:
    """A larger network beside which a small law was found."""
    return replace(
        found,
        formulas=law.formulas,
        is_consistent=law.is_consistent,
        is_cut=law.is_cut,
        formula_of="law",
    )


def _asked_regression(run: Run) -> Found:
    """What was asked for comes first; a small law is looked for in the time that is left."""
    found = train_network(run, [law_part(run.limits, None)] if run.request.symbolic else [])
    law = small_law(run) if run.request.symbolic and not run.should_stop() else None
    return found if law is None else _with_formulas(found, law.found)


def _is_free(request: TrainRequest) -> bool:
    """Whether the network is left to us: who asks for a shape, a grid or a training gets that."""
    network, training = request.network, request.training
    asked = (
        network.hidden,
        network.grid,
        training.optimizer,
        training.grid_schedule,
        training.steps,
        training.lamb,
    )
    return all(option == "auto" for option in asked)
