"""Stores a model with its documents: here the records of a job become JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.db.repositories import TrainedModels
from service.storage.blobs import put_bytes
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
) -> StoredResult:
    """Store a model as the next version of its name.

    Args:
        outcome: The model and its records.
        session: The transaction that ends the job.
        job_id: The job.
        request: What the job was asked for; its ``name`` is the model's if there is one.
        dataset_id: The training data; None if they are not a dataset.
        target: What the model predicts.
        label: The same, as the beginning of a default name.
        revises: The model that was changed, and the changes.
    """
    lineage = describe_lineage(session, job_id, request, dataset_id, revises)
    model = TrainedModels(session).add(
        name=request.name or make_default_name(label, job_id),
        job_id=job_id,
        dataset_id=dataset_id,
        task=outcome.task,
        target=target,
        record=to_json(outcome.record) | {"lineage": to_json(lineage)},
        symbolic=None if outcome.symbolic is None else to_json(outcome.symbolic),
        edges=outcome.edges,
        figures=None if outcome.figures is None else to_json(outcome.figures),
        artifact_sha256=put_bytes(session, outcome.artifact),
        tags=request.tags,
    )
    return StoredResult(model_id=model.id, cut_by=outcome.cut_by)
