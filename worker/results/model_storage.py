"""Stores a model with its documents: here the records of a job become JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.db.repositories import Jobs, TrainedModels
from service.db.tables import Job
from service.storage.blobs import put_bytes, release_blob
from worker.execution.attempt import StoredResult
from worker.results.lineage import RevisionRecord, describe_lineage, make_default_name
from worker.results.serialization import to_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.schemas.equations import SolveRequest
    from service.schemas.training import TrainRequest
    from worker.execution.outcome import Outcome


def store_model(
    outcome: Outcome,
    session: Session,
    *,
    job_id: str,
    request: TrainRequest | SolveRequest,
    dataset_id: str | None,
    target: str,
    label: str,
    revises: RevisionRecord | None = None,
    is_preview: bool = False,
) -> StoredResult:
    """Store a model as the next version of its name, instead of the preview of its job.

    Args:
        outcome: The model and its records.
        session: The transaction that ends the job.
        job_id: The job.
        request: What the job was asked for; its ``name`` is the model's if there is one.
        dataset_id: The training data; None if they are not a dataset.
        target: What the model predicts.
        label: The same, as the beginning of a default name.
        revises: The model that was changed, and the changes.
        is_preview: Whether the job goes on. The preview gets a name of its own, so that nobody who asks for
            the name of the model gets it.
    """
    _delete_preview(session, job_id)
    lineage = describe_lineage(session, job_id, request, dataset_id, revises)
    model = TrainedModels(session).add(
        name=f"preview-{job_id}" if is_preview else _choose_name(request, label, job_id),
        job_id=job_id,
        dataset_id=dataset_id,
        task=outcome.task,
        target=target,
        record=_add_cpu_seconds(to_json(outcome.record), session.get_one(Job, job_id))
        | {"lineage": to_json(lineage)}
        | ({"preview_of": job_id} if is_preview else {}),
        symbolic=None if outcome.symbolic is None else to_json(outcome.symbolic),
        edges=outcome.edges,
        figures=None if outcome.figures is None else to_json(outcome.figures),
        artifact_sha256=put_bytes(session, outcome.artifact),
        tags=request.tags,
    )
    return StoredResult(model_id=model.id, cut_by=outcome.cut_by)


def _add_cpu_seconds(record: dict[str, Any], job: Job) -> dict[str, Any]:
    if job.cpu_seconds is None:  # a preview in the first attempt
        return record
    return record | {"timings": record["timings"] | {"cpu_seconds": round(job.cpu_seconds, 3)}}


def store_preview(
    outcome: Outcome,
    session: Session,
    job: Job,
    *,
    request: TrainRequest | SolveRequest,
    dataset_id: str | None,
    target: str,
    label: str,
) -> None:
    """Store the best model so far of a job, and describe it in the job's row, which is locked."""
    stored = store_model(
        outcome,
        session,
        job_id=job.id,
        request=request,
        dataset_id=dataset_id,
        target=target,
        label=label,
        is_preview=True,
    )
    model = TrainedModels(session).get_by_id(str(stored.model_id))
    formula = None if model.symbolic is None else model.symbolic["outputs"][0]["expression"]
    own = (model.record.get("members") or {}).get("formula") or {}
    Jobs(session).set_preview(
        job,
        {
            "model_id": model.id,
            "name": _choose_name(request, label, job.id),
            "metrics": model.record["metrics"],
            "formula": formula,
            "formula_metrics": own.get("metrics"),
        },
    )


def _choose_name(request: TrainRequest | SolveRequest, label: str, job_id: str) -> str:
    return request.name or make_default_name(label, job_id)


def _delete_preview(session: Session, job_id: str) -> None:
    models = TrainedModels(session)
    preview = models.find_by_jobs([job_id]).get(job_id)
    if preview is None:
        return
    models.delete(preview)
    release_blob(session, preview.artifact_sha256)
    session.get_one(Job, job_id).preview = None
