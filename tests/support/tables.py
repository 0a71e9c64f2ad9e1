"""Tables as the worker reads them, without a database."""

from typing import Any

import polars as pl

from service.ingest.column_report import RawTable, check_and_describe
from service.ingest.limits import DEFAULT_INGEST
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable


def table_of(**columns: Any) -> StoredTable:
    """A table of these columns, typed and described as an upload would be."""
    upload = check_and_describe(RawTable(pl.DataFrame(columns)), limits=DEFAULT_INGEST)
    return StoredTable(
        frame=upload.frame.lazy(),
        types={report.name: report.type for report in upload.columns},
        units={},
        rows=upload.frame.height,
        reports=upload.columns,
    )


def request_for(target: str = "y", **body: Any) -> TrainRequest:
    """A training request as a client would send it, with compact networks of few curves unless told."""
    return TrainRequest.model_validate(
        {"dataset_id": "d", "target": target, "compact": {"max_edges": 4}, **body}
    )
