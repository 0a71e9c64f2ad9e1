"""Jobs that make a model: trainings, and symbolic jobs, which revise a model."""

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
    """Trains and measures a network on a table; see ``worker.pipelines.tabular.run_pipeline``."""

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
        """Train; may raise the errors of the engine, and ``JobStopped``."""
        ...


def training_works(pipeline: Pipeline) -> Mapping[str, Work]:
    """Return the handlers of the kinds of jobs that make a model, for a pipeline."""
    return dict.fromkeys(("train", "symbolic"), partial(_train, pipeline))


@dataclass(frozen=True)
class _Trained:
    """The result of a training or a symbolic job.

    Attributes:
        request: The training; for a symbolic job the equivalent training of the revised model.
        revises: The model that a symbolic job revises; None for a training.
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
    """Return the training of a job, and the model that it revises (None for a training)."""
    request = attempt.request
    if isinstance(request, SymbolicRequest):
        with attempt.sessions.read() as session:
            revision = read_revision(request, session)
            return revision.request, Revised(revision, read_bytes(session, revision.artifact_sha256))
    assert isinstance(request, TrainRequest)  # noqa: S101 - these are the kinds above
    return request, None


def _revises(revised: Revised | None) -> dict[str, Any] | None:
    """Return the revised model and the changes, for the lineage; None for a training."""
    if revised is None:
        return None
    model = revised.model
    asked = model.changes.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"kind", "max_seconds", "name", "tags"}
    )
    return {**asked, "model_id": model.model_id, "version": model.version}
