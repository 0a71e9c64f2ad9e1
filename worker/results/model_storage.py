"""Stores a model with its documents: here the records of a job become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.db.repositories import Jobs, TrainedModels
from service.db.tables import Job
from service.schemas.formulas import SymbolicDocument
from service.storage.blobs import put_bytes, release_blob
from worker.execution.attempt import StoredResult
from worker.results.lineage import describe_lineage, make_default_name

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.equations import SolveRequest
    from service.schemas.training import TrainRequest
    from worker.execution.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """The job that makes a model.

    Attributes:
        request: What the job was asked for; its ``name`` is the model's if there is one.
        dataset_id: The training data; None if they are not a dataset.
        target: What the model predicts.
        label: The same, as the beginning of a default name.
    """

    job_id: str
    request: TrainRequest | SolveRequest
    dataset_id: str | None
    target: str
    label: str

    @property
    def model_name(self) -> str:
        """Name of the model of the job."""
        return self.request.name or make_default_name(self.label, self.job_id)


def store_model(
    outcome: Outcome,
    session: Session,
    source: ModelSource,
    *,
    revises: Mapping[str, Any] | None = None,
    is_preview: bool = False,
) -> StoredResult:
    """Store a model as the next version of its name, instead of the preview of its job.

    Args:
        outcome: The model and its records.
        session: The transaction that ends the job.
        source: The job.
        revises: The model that was changed, and the changes.
        is_preview: Whether the job goes on. The preview gets a name of its own, so that nobody who asks for
            the name of the model gets it.
    """
    job_id, request = source.job_id, source.request
    figures = outcome.figures
    _delete_preview(session, job_id)
    lineage = describe_lineage(session, job_id, request, source.dataset_id, revises)
    model = TrainedModels(session).add(
        name=f"preview-{job_id}" if is_preview else source.model_name,
        job_id=job_id,
        dataset_id=source.dataset_id,
        task=outcome.task,
        target=source.target,
        record=_add_cpu_seconds(outcome.record.to_json(), session.get_one(Job, job_id))
        | {"lineage": lineage}
        | ({"preview_of": job_id} if is_preview else {}),
        symbolic=_write_symbolic(outcome.symbolic),
        edges=outcome.edges,
        figures=None if figures is None else figures.to_json(),
        artifact_sha256=put_bytes(session, outcome.artifact),
        tags=request.tags,
    )
    return StoredResult(model_id=model.id, cut_by=outcome.cut_by)


def _write_symbolic(symbolic: SymbolicDocument | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if isinstance(symbolic, SymbolicDocument):
        return symbolic.to_json()
    return None if symbolic is None else dict(symbolic)  # as an earlier job stored it


def _add_cpu_seconds(record: dict[str, Any], job: Job) -> dict[str, Any]:
    if job.cpu_seconds is None:  # a preview in the first attempt
        return record
    return record | {"timings": record["timings"] | {"cpu_seconds": round(job.cpu_seconds, 3)}}


def store_preview(outcome: Outcome, session: Session, job: Job, source: ModelSource) -> None:
    """Store the best model so far of a job, and describe it in the job's row, which is locked."""
    result = store_model(outcome, session, source, is_preview=True)
    model = TrainedModels(session).get_by_id(str(result.model_id))
    formula = None if model.symbolic is None else model.symbolic["outputs"][0]["expression"]
    formula_member = (model.record.get("members") or {}).get("formula") or {}
    Jobs(session).set_preview(
        job,
        {
            "model_id": model.id,
            "name": source.model_name,
            "metrics": model.record["metrics"],
            "formula": formula,
            "formula_metrics": formula_member.get("metrics"),
        },
    )


def _delete_preview(session: Session, job_id: str) -> None:
    models = TrainedModels(session)
    preview = models.find_by_jobs([job_id]).get(job_id)
    if preview is None:
        return
    models.delete(preview)
    release_blob(session, preview.artifact_sha256)
    session.get_one(Job, job_id).preview = None
