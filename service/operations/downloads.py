"""Streams of stored blobs for downloads."""

import tempfile
from collections.abc import Iterator
from typing import Any

from service.db.repositories import Jobs
from service.db.session import Sessions
from service.db.tables import Blob, Job
from service.errors import Conflict
from service.storage import blobs
from service.storage.stored_table import to_json_rows


def stream_blob(sha256: str, sessions: Sessions) -> Iterator[bytes]:
    """The chunks of a blob, each read in its own transaction: a slow client must not keep one open."""
    number = 0
    while True:
        with sessions.read() as session:
            chunk = blobs.read_chunk(session, sha256, number)
        if chunk is None:
            return
        yield chunk
        number += 1


def open_result(job_id: str, sessions: Sessions) -> tuple[Job, int, Iterator[bytes]]:
    """A job whose result is a file, the size of the file in bytes, and the file in chunks.

    Raises:
        NotFound: There is no such job.
        Conflict: The job has no result file, or not yet.
    """
    with sessions.read() as session:
        job = Jobs(session).get(job_id)
        if job.result_sha256 is None:
            raise Conflict("no_result", _explain_missing_result(job), job_status=job.status)
        blob = session.get_one(Blob, job.result_sha256)
    return job, blob.size, stream_blob(blob.sha256, sessions)


def read_result_rows(job_id: str, offset: int, limit: int, sessions: Sessions) -> dict[str, Any]:
    """Columns, number of rows, and some rows of the result file of a job as JSON values.

    Raises:
        NotFound: There is no such job.
        Conflict: The job has no result file, or not yet.
    """
    job, _, chunks = open_result(job_id, sessions)
    import polars as pl  # noqa: PLC0415  # the API starts without it

    with tempfile.TemporaryFile() as file:
        file.writelines(chunks)
        file.seek(0)
        is_csv = job.result_format == "csv"
        frame = pl.read_csv(file, infer_schema_length=None) if is_csv else pl.read_parquet(file)
    rows = to_json_rows(frame.slice(offset, limit))
    return {"columns": frame.columns, "row_count": frame.height, "rows": rows}


def _explain_missing_result(job: Job) -> str:
    if job.model_id is not None:
        return f"the result of job {job.id} is a model, not a file; it is at /models/{job.model_id}"
    if job.finished_at is not None:
        return (
            f"job {job.id} has ended without a result, its status is {job.status}; POST /jobs/{job.id}/retry"
        )
    return f"job {job.id} has no result yet, its status is {job.status}; wait for its end"
