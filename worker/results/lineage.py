"""What a model was made of, and what it is called where its client gave no name."""

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from service.db.tables import Dataset


def lineage_of(
    session: Session,
    job_id: str,
    request: BaseModel,
    dataset_id: str | None,
    revises: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The bytes it learnt from, the job and what it asked for, and the code.

    Args:
        session: To look the dataset up.
        job_id: Which job made it.
        request: What was asked for.
        dataset_id: What it learnt from; None if that is no dataset.
        revises: The model that was changed, and how.
    """
    dataset = session.get(Dataset, dataset_id) if dataset_id else None
    return {
        "dataset_sha256": dataset.blob_sha256 if dataset else None,
        "job_id": job_id,
        "code_version": _code_version(),
        "request": request.model_dump(mode="json"),
        "revises": revises,
    }


def usual_name(target: str, job_id: str) -> str:
    """What a model predicts, and something to tell it apart."""
    readable = re.sub(r"[^\w.-]+", "-", target)[:100]
    return f"{readable}-{job_id[-6:]}"


def _code_version() -> str | None:
    try:
        return version("kan-service")
    except PackageNotFoundError:  # run from a source folder
        return None
