"""Jobs that make a model: trainings, and symbolic jobs, which revise a model."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from service.db.repositories.revisions import read_revision
from service.db.tables import Job
from service.schemas.revision import SymbolicRequest
from service.schemas.training import TrainRequest
from service.settings import DeviceChoice
from service.storage.blobs import read_bytes
from service.storage.stored_table import StoredTable
from worker.execution.attempt import Attempt, JobHandler, StoredResult
from worker.execution.distributed_subtasks import DistributedSubtasks
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.outcome import CheckpointUnreadable, Outcome, SourceModel
from worker.results.model_storage import ModelSource, store_model, store_preview

log = logging.getLogger(__name__)

BEGAN_ANEW_WARNING = (
    "this version of the service cannot read what an earlier version found in the job: it began anew"
)

Pipeline = Callable[[StoredTable, TrainRequest, JobCallbacks, SourceModel | None], Outcome]
"""From a table to a model, like ``worker.pipelines.tabular.run_pipeline``."""


def make_training_handlers(pipeline: Pipeline) -> Mapping[str, JobHandler]:
    """Return the handlers of the kinds of jobs that make a model, for a pipeline."""
    return dict.fromkeys(("train", "symbolic"), partial(_run_training, pipeline))


@dataclass(frozen=True)
class _TrainingResult:
    """The result of a training or a symbolic job.

    Attributes:
        request: The training; for a symbolic job the equivalent training of the revised model.
        revises: The model that a symbolic job revises; None for a training.
    """

    job_id: str
    request: TrainRequest
    revises: SourceModel | None
    outcome: Outcome

    def store(self, session: Session) -> StoredResult:
        """Store the artifact and the model."""
        revises = _describe_revision(self.revises)
        return store_model(self.outcome, session, self._source, revises=revises)

    def store_preview(self, session: Session, job: Job) -> None:
        """Store it as the best model so far; a first model only where no attempt has published one."""
        if job.preview is None or not self.outcome.is_first:
            store_preview(self.outcome, session, job, self._source)

    @property
    def _source(self) -> ModelSource:
        request = self.request
        return ModelSource(
            job_id=self.job_id,
            request=request,
            dataset_id=request.dataset_id,
            target=request.goal,
            label=request.goal,
        )


def _run_training(pipeline: Pipeline, attempt: Attempt) -> _TrainingResult:
    request, revises = _read_request(attempt)
    device_request = _set_device(request, attempt.device)
    parts = DistributedSubtasks(
        attempt.sessions,
        attempt.hold,
        device_request,
        seconds_left=attempt.seconds_left,
        should_stop=attempt.should_stop,
        ring=attempt.ring,
        limits=attempt.limits,
    )

    def should_stop() -> bool:
        parts.offer_if_due()  # every long loop asks this, also those that report nothing
        return attempt.should_stop()

    def publish(outcome: Outcome) -> None:
        attempt.publish(_TrainingResult(attempt.job_id, request, revises, outcome).store_preview)

    callbacks = JobCallbacks(
        report=attempt.report,
        record_trial=attempt.record_trial,
        recorder=attempt.recorder,
        should_stop=should_stop,
        resume=attempt.resume,
        checkpoint=attempt.checkpoint,
        parts=parts,
        publish=None if revises else publish,
    )
    with attempt.open_table(request.dataset_id) as table:
        try:
            outcome = pipeline(table, device_request, callbacks, revises)
        except CheckpointUnreadable as error:
            log.warning("job begins anew", extra={"job_id": attempt.job_id, "reason": str(error)})
            attempt.begin_anew()
            outcome = pipeline(table, device_request, replace(callbacks, resume=None), revises)
            outcome = _add_warning(outcome, BEGAN_ANEW_WARNING)
    return _TrainingResult(attempt.job_id, request, revises, outcome)


def _add_warning(outcome: Outcome, warning: str) -> Outcome:
    return outcome.update(warnings=[*outcome.record.warnings, warning])


def _read_request(attempt: Attempt) -> tuple[TrainRequest, SourceModel | None]:
    """Return the training of a job, and the model that it revises (None for a training)."""
    request = attempt.request
    if isinstance(request, SymbolicRequest):
        with attempt.sessions.read() as session:
            revision = read_revision(request, session)
            source = SourceModel(revision, read_bytes(session, revision.artifact_sha256))
        if request.fit_group is not None:
            with attempt.open_table(request.fit_group.dataset_id) as table:
                columns = {report.name: table.column(report.name) for report in table.reports}
            source = replace(source, group_rows=columns)
        return revision.request, source
    assert isinstance(request, TrainRequest)  # noqa: S101 - these are the kinds above
    return request, None


def _set_device(request: TrainRequest, device: DeviceChoice) -> TrainRequest:
    """Return the training on this worker's device, unless it requests one; subtasks inherit it."""
    if request.training.device != "auto":
        return request
    return request.model_copy(update={"training": request.training.model_copy(update={"device": device})})


def _describe_revision(source: SourceModel | None) -> Mapping[str, Any] | None:
    """Return the revised model and the changes, for the lineage; None for a training."""
    if source is None:
        return None
    model = source.model
    changes = model.changes.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"kind", "max_seconds", "name", "tags"}
    )
    return changes | {"model_id": model.model_id, "version": model.version}
