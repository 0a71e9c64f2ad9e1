"""Tools for tables: upload, describe, change, list."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from service import ingest
from service.api.mcp.tool import ProgressReporter, Tool, ToolContext
from service.caller import Scope
from service.db.repositories import Datasets
from service.db.tables import Dataset
from service.operations import datasets
from service.schemas.common import RequestModel
from service.schemas.datasets import DatasetIn, DatasetOut, DatasetPatch

MAX_LISTED = 100
ItemCount = Annotated[int, Field(ge=1, le=MAX_LISTED)]
ItemId = Annotated[str, Field(min_length=1, max_length=100)]
After = Annotated[ItemId | None, Field(description="`id` of the last item of the previous page.")]


class TableArguments(DatasetIn):
    """A table as `columns`, as `rows` or as `csv`; null is a missing value."""

    model_config = ConfigDict(json_schema_extra={})  # clients refuse `oneOf` at the top of a schema

    csv: str | None = Field(
        default=None, description="Text of a CSV or TSV file; the separator is detected.", min_length=1
    )

    @model_validator(mode="after")
    def _check_one_table(self) -> Self:
        if sum(table is not None for table in (self.columns, self.rows, self.csv)) != 1:
            raise ValueError("give the table as one of columns, rows and csv")
        return self


class DescribeArguments(RequestModel):
    """Which dataset, and how much of it."""

    dataset_id: ItemId
    max_columns: Annotated[int, Field(ge=1, le=2_000)] = 50
    max_rows: Annotated[int, Field(ge=0, le=100)] = 5


class ChangeDatasetArguments(DatasetPatch):
    """Which dataset, and what changes; omitted fields stay as they are."""

    dataset_id: ItemId


class ListArguments(RequestModel):
    """Which part of a list, newest first."""

    limit: ItemCount = 20
    after: After = None


class ColumnReport(BaseModel):
    """A column; `min`, `max` and `mean` are null for texts and categories."""

    model_config = ConfigDict(extra="ignore")

    name: str
    type: str
    unit: str | None = None
    missing: int
    distinct: int
    min: int | float | str | None
    max: int | float | str | None
    mean: float | None
    is_id: bool = Field(default=False, description="Whether every row has another value.")


class DatasetReport(BaseModel):
    """A stored table: its first columns and rows, and what looks wrong."""

    id: str
    name: str
    rows: int
    column_count: int
    columns: list[ColumnReport]
    warnings: list[dict[str, Any]] = Field(description="Guesses about the table, and suspicious values.")
    first_rows: list[dict[str, Any]]


class DatasetEntry(BaseModel):
    """A dataset in a list."""

    id: str
    name: str
    rows: int
    columns: list[str] = Field(description="The first 50 names.")
    created_at: datetime


class DatasetEntries(BaseModel):
    """A part of a list."""

    items: list[DatasetEntry]
    has_more: bool


async def upload_table(arguments: TableArguments, context: ToolContext, _: ProgressReporter) -> DatasetReport:
    """Store a table as a dataset, with one row per observation. Read the warnings of the result."""
    if arguments.csv is None:
        add = partial(
            datasets.add_body,
            arguments,
            sessions=context.sessions,
            settings=context.settings,
            limits=context.limits.ingest,
        )
        return _report_dataset(await run_in_threadpool(add), 50, [])
    with tempfile.TemporaryFile(dir=context.settings.data_dir) as file:
        file.write(arguments.csv.encode())
        add = partial(
            datasets.add_upload,
            file,
            None,
            name=arguments.name,
            units=arguments.units,
            missing=arguments.missing,
            corrections=datasets.read_corrections(arguments),
            sessions=context.sessions,
            settings=context.settings,
            limits=context.limits.ingest,
        )
        is_small = ingest.is_safe_in_process(file)
        async with nullcontext() if is_small else context.parsing.hold(context.caller.tenant):
            return _report_dataset(await run_in_threadpool(add), 50, [])


def describe_dataset(
    arguments: DescribeArguments, context: ToolContext, _: ProgressReporter
) -> DatasetReport:
    """Types, units and ranges of the columns, warnings and first rows. Look at them before a training: a
    wrong type or a code for missing values spoils the formula.
    """
    with context.sessions.read() as session:
        dataset = Datasets(session).get(arguments.dataset_id)
    preview = datasets.preview(arguments.dataset_id, arguments.max_rows, context.sessions, context.settings)
    columns = preview.columns[: arguments.max_columns]
    return _report_dataset(
        dataset, arguments.max_columns, [{name: row[name] for name in columns} for row in preview.rows]
    )


def change_dataset(
    arguments: ChangeDatasetArguments, context: ToolContext, _: ProgressReporter
) -> DatasetOut:
    """Rename or tag a dataset, or correct units and types of its columns; its values stay."""
    patch = DatasetPatch.model_validate(arguments.model_dump(exclude_unset=True, exclude={"dataset_id"}))
    return datasets.change(arguments.dataset_id, patch, context.sessions)


def list_datasets(arguments: ListArguments, context: ToolContext, _: ProgressReporter) -> DatasetEntries:
    """The stored tables, newest first."""
    with context.sessions.read() as session:
        rows = Datasets(session).page(limit=arguments.limit, after=arguments.after)
    items = [
        DatasetEntry(
            id=row.id,
            name=row.name,
            rows=row.rows,
            columns=[column["name"] for column in row.columns[:50]],
            created_at=row.created_at,
        )
        for row in rows[: arguments.limit]
    ]
    return DatasetEntries(items=items, has_more=len(rows) > arguments.limit)


def _report_dataset(dataset: Dataset, columns: int, first_rows: list[dict[str, Any]]) -> DatasetReport:
    return DatasetReport(
        id=dataset.id,
        name=dataset.name,
        rows=dataset.rows,
        column_count=len(dataset.columns),
        columns=[
            ColumnReport(**column, unit=dataset.units.get(column["name"]))
            for column in dataset.columns[:columns]
        ],
        warnings=dataset.warnings,
        first_rows=first_rows,
    )


DATASET_TOOLS = (
    Tool(
        title="Upload a table",
        run=upload_table,
        arguments=TableArguments,
        result=DatasetReport,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Describe a dataset",
        run=describe_dataset,
        arguments=DescribeArguments,
        result=DatasetReport,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
    Tool(
        title="Change a dataset",
        run=change_dataset,
        arguments=ChangeDatasetArguments,
        result=DatasetOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="List datasets",
        run=list_datasets,
        arguments=ListArguments,
        result=DatasetEntries,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
)
