"""Jobs that execute a subtask of another job: from a table and a subtask to its serialised result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from kan_engine import Callbacks, FormulaConstraints, Trial
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.front_subtask import run_front_subtask
from kan_engine.search.laws.law_subtask import find_small_law
from kan_engine.search.networks.network_search import make_task
from kan_engine.search.networks.search_rows import SearchRows
from kan_engine.search.networks.trials import TrialRunner
from kan_engine.search.subtasks import InProcess, Subtask, T
from service.db.repositories import Jobs
from service.schemas.job_requests import SubtaskRequest
from service.storage.blobs import put_bytes
from worker.execution.attempt import Attempt, StoredResult
from worker.execution.outcome import JobProgress, JobStopped
from worker.pipelines.search_plan import make_plan, prepare_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SubtaskResult:
    """The serialised result of a subtask."""

    content: bytes

    def store(self, session: Session) -> StoredResult:
        """Store the result."""
        return StoredResult(result_sha256=put_bytes(session, self.content))


def run_subtask(attempt: Attempt) -> SubtaskResult:
    """Execute one subtask of a job.

    A job that an earlier version began may have subtasks that this version does not have. They end as
    cancelled, and the job goes on without them.

    Raises:
        JobStopped: The time ran out. The job cannot use an incomplete result.
    """
    request = attempt.request
    assert isinstance(request, SubtaskRequest)  # noqa: S101 - this is its kind
    if request.name not in SUBTASK_HANDLERS:
        log.info("subtask of another version dropped", extra={"job_id": attempt.job_id, "part": request.name})
        with attempt.sessions.begin() as session:
            Jobs(session).drop(attempt.hold(session))
        raise JobStopped
    attempt.report(JobProgress("prepare", 0.0, "reading the table"))
    with attempt.open_table(request.training.dataset_id) as table:
        plan = make_plan(table, request.training)
        data = prepare_rows(table, plan)
    config = plan.config
    if "limits" in request.input:
        config = replace(config, constraints=FormulaConstraints.from_dict(request.input["limits"]))
    recorder = _ResultRecorder()
    callbacks = Callbacks(
        report=lambda *progress: attempt.report(JobProgress(*progress)),
        should_stop=attempt.should_stop,
        clock=time.monotonic,
    )
    run = SearchContext.create(data, config, callbacks, recorder)
    SUBTASK_HANDLERS[request.name](run, request.input)
    if attempt.should_stop():
        raise JobStopped("the subtask was not finished")
    return SubtaskResult(recorder.content)


def _run_law_search(run: SearchContext, options: dict[str, Any]) -> None:
    find_small_law(run, options["seconds"])


def _train_network(run: SearchContext, trial: dict[str, Any]) -> None:
    TrialRunner(run, SearchRows.prepare(run)).run(Trial.from_dict(trial, run.thresholds.training))


def _train_on_all_rows(run: SearchContext, trial: dict[str, Any]) -> None:
    parsed_trial = Trial.from_dict(trial, run.thresholds.training)
    TrialRunner(run, SearchRows.prepare(run)).train_on_all_rows(parsed_trial)


def _cross_validate(run: SearchContext, options: dict[str, Any]) -> None:
    trial = Trial.from_dict(options["trial"], run.thresholds.training)
    TrialRunner(run, SearchRows.prepare(run)).cross_validate(trial, options["held"], make_task(run))


SUBTASK_HANDLERS: Mapping[str, Callable[[SearchContext, dict[str, Any]], None]] = {
    "law": _run_law_search,
    "front": run_front_subtask,
    "network": _train_network,
    "folds": _cross_validate,
    "retraining": _train_on_all_rows,
}


class _ResultRecorder(InProcess):
    """Computes the subtask and keeps its serialised result in ``content``."""

    content = b""

    def get_or_compute(
        self,
        part: Subtask,  # noqa: ARG002
        work: Callable[[], T],
        *,
        write: Callable[[T], bytes],
        read: Callable[[bytes], T],  # noqa: ARG002
    ) -> T:
        """Compute the result and serialise it."""
        result = work()
        self.content = write(result)
        return result
