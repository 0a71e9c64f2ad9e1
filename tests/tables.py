"""Tables as the worker reads them, without a database."""

from typing import Any

import numpy as np
import polars as pl

from service.ingest.table import Raw, finish
from service.schemas.jobs import TrainRequest
from service.tables import Table


def table_of(**columns: Any) -> Table:
    """A table of these columns, typed and described as an upload would be."""
    ingested = finish(Raw(pl.DataFrame(columns)))
    return Table(
        columns={column.name: _array(column) for column in ingested.frame.iter_columns()},
        types={report["name"]: report["type"] for report in ingested.columns},
        units={},
        rows=ingested.frame.height,
        reports=ingested.columns,
    )


def request_for(target: str = "y", **body: Any) -> TrainRequest:
    """A training request as a client would send it."""
    return TrainRequest.model_validate({"dataset_id": "d", "target": target, **body})


def _array(column: pl.Series) -> np.ndarray:
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy(writable=True)
    values = np.empty(len(column), dtype=object)
    values[:] = column.dt.to_string("iso:strict") if column.dtype == pl.Datetime else column.to_list()
    return values
