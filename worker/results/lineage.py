"""Lineage of a model, and its default name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from service.db.tables import Dataset
from service.schemas.model_document import Lineage

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.orm import Session


def describe_lineage(
    session: Session,
    job_id: str,
    request: BaseModel,
    dataset_id: str | None,
    revises: Mapping[str, Any] | None = None,
) -> Lineage:
    """Look up the lineage of a model.

    Args:
        session: For looking up the dataset.
        job_id: The job that made the model.
        request: The request of the job.
        dataset_id: The training data; None if they are not a dataset.
        revises: The model that was changed, and the changes.
    """
    dataset = session.get(Dataset, dataset_id) if dataset_id else None
    return Lineage(
        dataset_sha256=dataset.blob_sha256 if dataset else None,
        job_id=job_id,
        code_version=_code_version(),
        request=request.model_dump(mode="json"),
        revises=revises,
    )


def make_default_name(target: str, job_id: str) -> str:
    """The target, and the last six characters of the job id."""
    readable = re.sub(r"[^\w.-]+", "-", target)[:100].rstrip("-")
    return f"{readable}-{job_id[-6:]}"


def _code_version() -> str | None:
    try:
        return version("kan-service")
    except PackageNotFoundError:  # run from a source folder
        return None
