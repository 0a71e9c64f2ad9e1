"""Plain functions that make what tests need."""

from typing import Any

from service.db.repositories import Datasets, TrainingJobs
from service.db.session import Sessions, clock
from service.db.tables import Dataset, Job
from service.storage import put_bytes


def column(name: str, kind: str = "number", **report: Any) -> dict[str, Any]:
    """The report of a column without anything unusual."""
    usual = {"missing": 0, "distinct": 50, "min": 0.0, "max": 1.0, "mean": 0.5, "std": 0.3, "top": []}
    return {"name": name, "type": kind, **usual, **report}


def make_dataset(
    sessions: Sessions, *columns: dict[str, Any], rows: int = 100, content: bytes = b"no table"
) -> str:
    """A dataset that jobs can refer to; its bytes are a table only if ``content`` is one."""
    with sessions.begin() as session:
        dataset = Dataset(
            name="data",
            rows=rows,
            columns=list(columns) or [column("x"), column("y")],
            units={},
            warnings=[],
            blob_sha256=put_bytes(session, content),
            created_at=clock(session),
        )
        return Datasets(session).add(dataset).id


def make_job(sessions: Sessions, **fields: Any) -> Job:
    """A queued job."""
    request = fields.pop("request", {"dataset_id": "d", "target": "y"})
    usual = {"kind": "train", "request": request, "request_sha256": "0" * 64, "dataset_id": "d"}
    with sessions.begin() as session:
        return TrainingJobs(session).add(**{**usual, **fields})
