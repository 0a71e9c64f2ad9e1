"""Jobs that make a model: trainings, and changes of a formula that there is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy.orm import Session

from service.db.repositories import TrainedModels
from service.db.repositories.revisions import read_revision
from service.schemas.revision import SymbolicRequest
from service.schemas.training import TrainRequest
from service.storage.blobs import put_bytes, read_bytes
from service.storage.stored_table import Table
from worker.execution.attempt import Attempt, Kept, Work
from worker.execution.distributed_subtasks import SharedParts
from worker.execution.outcome import Outcome, Progress, Revised
from worker.execution.subtasks import Parts
from worker.results.lineage import lineage_of, usual_name


class Pipeline(Protocol):
    """From a table to a measured network; see ``worker.pipelines.tabular.run_pipeline``."""

    def __call__(
        self,
        table: Table,
        request: TrainRequest,
        *,
        report: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        resume: bytes | None,
        checkpoint: Callable[[bytes], None],
        revises: Revised | None,
        parts: Parts,
    ) -> Outcome:
        """Train; may raise what the engine raises, and ``Stopped``."""
        ...


def training_works(pipeline: Pipeline) -> Mapping[str, Work]:
    """What is to be done for the kinds of jobs that make a model, by a pipeline."""
    return dict.fromkeys(("train", "symbolic"), partial(_train, pipeline))


@dataclass(frozen=True)
class _Trained:
    """A network, and what it was made by.

    Attributes:
        request: The training; of a symbolic job the one that its change of a model amounts to.
        revises: The model that a symbolic job changes.
    """

    job_id: str
    request: TrainRequest
    revises: Revised | None
    outcome: Outcome

    def keep(self, session: Session) -> Kept:
        """Store the artifact and the model."""
        request, outcome = self.request, self.outcome
        lineage = lineage_of(session, self.job_id, request, request.dataset_id, _revises(self.revises))
        model = TrainedModels(session).add(
            name=request.name or usual_name(request.goal, self.job_id),
            job_id=self.job_id,
            dataset_id=request.dataset_id,
            task=outcome.task,
            target=request.goal,
            record=outcome.record | {"lineage": lineage},
            symbolic=outcome.symbolic,
            edges=outcome.edges,
            figures=outcome.figures,
            artifact_sha256=put_bytes(session, outcome.artifact),
            tags=request.tags,
        )
        return Kept(model_id=model.id, cut_by=outcome.cut_by)


def _train(pipeline: Pipeline, attempt: Attempt) -> _Trained:
    request, revises = _read(attempt)
    parts = SharedParts(
        attempt.sessions, attempt.hold, request, seconds_left=attempt.seconds_left, ring=attempt.ring
    )

    def report(progress: Progress) -> None:
        attempt.report(progress)
        parts.look()

    with attempt.table(request.dataset_id) as table:
        outcome = pipeline(
            table,
            request,
            report=report,
            should_stop=attempt.should_stop,
            resume=attempt.resume,
            checkpoint=attempt.checkpoint,
            revises=revises,
            parts=parts,
        )
    return _Trained(attempt.job_id, request, revises, outcome)


def _read(attempt: Attempt) -> tuple[TrainRequest, Revised | None]:
    """The training that a job amounts to, and the model that it changes."""
    request = attempt.request
    if isinstance(request, SymbolicRequest):
        with attempt.sessions.read() as session:
            revision = read_revision(request, session)
            return revision.request, Revised(revision, read_bytes(session, revision.artifact_sha256))
    assert isinstance(request, TrainRequest)  # noqa: S101 - these are the kinds above
    return request, None


def _revises(revised: Revised | None) -> dict[str, Any] | None:
    """The model that was changed, and how."""
    if revised is None:
        return None
    model = revised.model
    asked = model.changes.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"kind", "max_seconds", "name", "tags"}
    )
    return {**asked, "model_id": model.model_id, "version": model.version}
