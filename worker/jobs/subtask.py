"""Jobs that execute a subtask of another job: from a table and a subtask to its serialised result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from kan_engine import Limits, Trial
from service.schemas.jobs import PartRequest
from service.storage.blobs import put_bytes
from worker.data.preparation import prepare
from worker.execution.attempt import Attempt, Kept
from worker.execution.outcome import Progress, Stopped
from worker.execution.subtasks import Alone, Part, T
from worker.search.context import Run
from worker.search.extraction_subtask import do_reading
from worker.search.law_subtask import small_law
from worker.search.network_search import task_of
from worker.search.outliers import set_outliers_aside
from worker.search.search_rows import Grounds
from worker.search.trials import Trials


@dataclass(frozen=True)
class Piece:
    """The serialised result of a subtask."""

    content: bytes

    def keep(self, session: Session) -> Kept:
        """Store the result."""
        return Kept(result_sha256=put_bytes(session, self.content))


def do_part(attempt: Attempt) -> Piece:
    """Execute one subtask of a job.

    Raises:
        JobStopped: The time ran out. The job cannot use an incomplete result.
    """
    request = attempt.request
    assert isinstance(request, PartRequest)  # noqa: S101 - this is its kind
    limits = Limits.from_dict(request.input["limits"]) if "limits" in request.input else Limits()
    attempt.report(Progress("prepare", 0.0, "reading the table"))
    with attempt.table(request.training.dataset_id) as table:
        data = set_outliers_aside(prepare(table, request.training))
    taken = _Taken()
    run = Run.of(
        data,
        request.training,
        limits,
        lambda *told: attempt.report(Progress(*told)),
        attempt.should_stop,
        taken,
    )
    PIECES[request.name](run, request.input)
    if attempt.should_stop():
        raise Stopped("the subtask was not finished")
    return Piece(taken.content)


def _law(run: Run, options: dict[str, Any]) -> None:
    small_law(run, options["seconds"])


def _network(run: Run, trial: dict[str, Any]) -> None:
    Trials(run, Grounds.of(run)).run(Trial.from_dict(trial))


def _folds(run: Run, trial: dict[str, Any]) -> None:
    Trials(run, Grounds.of(run)).climb(Trial.from_dict(trial), task_of(run))


PIECES: Mapping[str, Callable[[Run, dict[str, Any]], None]] = {
    "law": _law,
    "reading": do_reading,
    "network": _network,
    "folds": _folds,
}


class _Taken(Alone):
    """Computes the subtask and keeps its serialised result in ``content``."""

    content = b""

    def result(
        self,
        part: Part,  # noqa: ARG002
        work: Callable[[], T],
        *,
        write: Callable[[T], bytes],
        read: Callable[[bytes], T],  # noqa: ARG002
    ) -> T:
        """Compute the result and serialise it."""
        found = work()
        self.content = write(found)
        return found
