"""Routes of datasets."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from service import ingest, strict_json
from service.api.http.conditional import NOT_MODIFIED, IfMatch, IfNoneMatch, respond_with_etag
from service.api.http.departures import run_for_client
from service.api.http.dependencies import (
    READ,
    TRAIN,
    Config,
    Limits,
    Parsing,
    Sessions,
    StrictRoute,
    VersionedPath,
    is_json,
    media_type,
)
from service.api.http.downloads import OCTETS, VARY, AsOctets, make_download_response
from service.api.http.pagination import MAX_LIMIT, Paging, WantedNamed
from service.api.http.uploads import TABLE_FIELDS, UploadForm, receive_upload, validate_body
from service.api.openapi.document import QUOTA_RESPONSES, describe_file, describe_upload, schema_reference
from service.client_work import ClientWork
from service.db.repositories import Datasets
from service.db.tables import Dataset
from service.errors import ErrorEntry, Invalid, Malformed, UnsupportedMedia
from service.ingest.limits import IngestLimits
from service.operations import datasets
from service.operations.entity_tags import entity_tag
from service.schemas.common import Page
from service.schemas.datasets import (
    DatasetIn,
    DatasetOut,
    DatasetPatch,
    FormFields,
    RowsPreviewOut,
    RowsSampleOut,
)

FILE = "CSV, TSV, JSON Lines or Parquet; may be gzipped."
FILE_FIELDS = {
    "name": "A label; the file's name if absent.",
    "units": 'JSON: `{"column": "unit"}`.',
    "missing": 'JSON: values that stand for missing ones, `{"column": [-999]}`, or `{"*": [-999]}`.',
    "swap_day_and_month": 'JSON: columns of dates whose day and month are exchanged, `["day"]`.',
    "encoding": "Of the text, such as `cp1251` or `utf-8`; detected if absent.",
    "repeated_rows": "`drop`: rows that repeat an earlier row are left out; `keep` is the default.",
}
JSON_FIELDS = {
    "units": '{"column": "unit"}',
    "missing": '{"column": [-999]}',
    "swap_day_and_month": '["column"]',
}
FORM_MEDIA_TYPE = "multipart/form-data"
PARQUET_MEDIA_TYPE = "application/vnd.apache.parquet"

MAX_SAMPLE = 1_000  # rows
MAX_OFFSET = 1_000_000_000  # more rows than any table has
router = APIRouter(prefix="/datasets", tags=["datasets"], route_class=StrictRoute)
ADD_ROUTE: dict[str, Any] = {
    "dependencies": [TRAIN],
    "status_code": 201,
    "response_model": DatasetOut,
    "responses": QUOTA_RESPONSES,
}


@dataclass(frozen=True, kw_only=True)
class SentTable:
    """A table in the body of a request, and what it takes to store it."""

    request: Request
    response: Response
    sessions: Sessions
    settings: Config
    parsing: Parsing
    limits: Limits
    here: VersionedPath

    @property
    def content_type(self) -> str:
        """The header; empty if it is absent."""
        return self.request.headers.get("content-type", "")

    @property
    def is_form(self) -> bool:
        """Whether the body is a form with a file."""
        return media_type(self.content_type) == FORM_MEDIA_TYPE

    async def store_form(self) -> Dataset:
        """Store the table of a form; a large one waits for its turn to be parsed."""
        async with receive_upload(self.request, self.settings.data_dir, TABLE_FIELDS, self.limits) as form:
            add = partial(_add_form, form, **self._options)
            is_small = ingest.is_safe_in_process(form.file)
            async with nullcontext() if is_small else self.parsing.hold(self.sessions.tenant):
                return self._locate(await run_for_client(self.request.receive, add))

    async def store_json(self) -> Dataset:
        """Store the table of a JSON body."""
        add = partial(_add_body, await self.request.json(), **self._options)
        return self._locate(await run_in_threadpool(add))

    def refuse(self, possible: str) -> UnsupportedMedia:
        """The error for a body of another type than the possible ones."""
        detail = f"got {self.content_type or 'no Content-Type'!r}; send {possible}"
        return UnsupportedMedia("unsupported_media_type", detail)

    @property
    def _options(self) -> dict[str, Any]:
        return {"sessions": self.sessions, "settings": self.settings, "limits": self.limits.ingest}

    def _locate(self, dataset: Dataset) -> Dataset:
        self.response.headers["Location"] = self.here(f"/datasets/{dataset.id}")
        return dataset


Sent = Annotated[SentTable, Depends()]


@router.post(
    "",
    openapi_extra=describe_upload(FILE, FILE_FIELDS, **{"application/json": schema_reference(DatasetIn)}),
    summary="Add a dataset",
    **ADD_ROUTE,
)
async def add_dataset(sent: Sent) -> Dataset:
    """Send a table: a file as multipart form, or columns or rows as JSON.

    Separators, encodings, decimal signs and types are detected; `warnings` lists uncertain guesses.
    """
    if sent.is_form:
        return await sent.store_form()
    if is_json(sent.content_type):
        return await sent.store_json()
    raise sent.refuse(f"{FORM_MEDIA_TYPE} or application/json")


@router.post(
    "/upload",
    openapi_extra=describe_upload(FILE, FILE_FIELDS),
    summary="Upload a table as a file",
    **ADD_ROUTE,
)
async def upload_dataset(sent: Sent) -> Dataset:
    """The form of `POST /datasets` alone, as generators that know one kind of body per operation need it."""
    if not sent.is_form:
        raise sent.refuse(FORM_MEDIA_TYPE)
    return await sent.store_form()


@router.get("", dependencies=[READ], summary="List datasets")
def list_datasets(
    sessions: Sessions,
    paging: Paging,
    wanted: WantedNamed,
    name: Annotated[str | None, Query(description="Only the datasets of this name.")] = None,
) -> Page[DatasetOut]:
    """All datasets, or those that the filters leave; `search` looks into names of columns and tags, too."""
    with sessions.read() as session:
        matches = Datasets(session).page(
            paging.place(wanted), limit=paging.limit, after=paging.after, name=name
        )
        rows, next_cursor = paging.take_page(matches, wanted.order)
    return Page(items=[DatasetOut.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.get(
    "/{dataset_id}",
    dependencies=[READ],
    response_model=DatasetOut,
    responses=NOT_MODIFIED,
    summary="Show a dataset",
)
def show_dataset(
    dataset_id: str, response: Response, sessions: Sessions, if_none_match: IfNoneMatch = None
) -> DatasetOut | Response:
    """Its columns with their types and statistics, and warnings about suspicious values."""
    with sessions.read() as session:
        dataset = Datasets(session).get(dataset_id)
    return respond_with_etag(DatasetOut.model_validate(dataset), response, if_none_match)


@router.get("/{dataset_id}/preview", dependencies=[READ], summary="Show the first rows")
def preview_dataset(
    dataset_id: str,
    sessions: Sessions,
    settings: Config,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 20,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="Number of rows before them.")] = 0,
) -> RowsPreviewOut:
    """The first rows as parsed, or those from another on; missing values are null."""
    return datasets.preview(dataset_id, limit, sessions, settings, offset=offset)


@router.get("/{dataset_id}/sample", dependencies=[READ], summary="Show rows of the whole table")
def sample_dataset(
    dataset_id: str,
    sessions: Sessions,
    settings: Config,
    limit: Annotated[int, Query(ge=1, le=MAX_SAMPLE)] = 200,
) -> RowsSampleOut:
    """Rows spread evenly over the table, to draw them; a table with very many columns gives fewer."""
    return datasets.sample(dataset_id, limit, sessions, settings)


@router.get(
    "/{dataset_id}/content",
    dependencies=[READ],
    response_class=StreamingResponse,
    responses={200: describe_file(PARQUET_MEDIA_TYPE, OCTETS)},
    summary="Download as Parquet",
)
def download_dataset(dataset_id: str, sessions: Sessions, as_octets: AsOctets) -> StreamingResponse:
    """The whole table with its types, as jobs read it."""
    dataset, size, chunks = datasets.open_content(dataset_id, sessions)
    return make_download_response(
        chunks,
        name=f"{dataset.name}.parquet",
        size=size,
        sha256=dataset.blob_sha256,
        media_type=OCTETS if as_octets else PARQUET_MEDIA_TYPE,
        headers=VARY,
    )


@router.patch("/{dataset_id}", dependencies=[TRAIN], summary="Rename, tag or retype a dataset")
def change_dataset(
    dataset_id: str, patch: DatasetPatch, response: Response, sessions: Sessions, if_match: IfMatch = None
) -> DatasetOut:
    """Changes only the given fields; the values of the table stay as they are."""
    out = datasets.change(dataset_id, patch, sessions, if_match=if_match)
    response.headers["ETag"] = entity_tag(out)
    return out


@router.delete("/{dataset_id}", dependencies=[TRAIN], status_code=204, summary="Delete a dataset")
def delete_dataset(dataset_id: str, sessions: Sessions, settings: Config, if_match: IfMatch = None) -> None:
    """Delete the dataset and its content. 409 while a queued or running job uses it; trained models stay."""
    datasets.delete(dataset_id, sessions, if_match=if_match, with_figures=settings.delete_figures)


def _add_form(
    form: UploadForm, work: ClientWork, *, sessions: Sessions, settings: Config, limits: IngestLimits
) -> Dataset:
    values = {name: text for name, text in form.fields.items() if name not in JSON_FIELDS}
    json_values = {name: _parse_json_field(form, name, example) for name, example in JSON_FIELDS.items()}
    values |= {name: value for name, value in json_values.items() if value is not None}
    fields = validate_body(FormFields, values, source="form")
    return datasets.add_upload(
        form.file,
        form.filename,
        name=fields.name,
        units=fields.units,
        missing=fields.missing,
        corrections=datasets.read_corrections(fields),
        sessions=sessions,
        settings=settings,
        limits=limits,
        work=work,
    )


def _parse_json_field(form: UploadForm, name: str, example: str) -> Any:
    """Parse a form field that holds JSON text; None if it is absent or empty.

    Args:
        example: Example for the error message.
    """
    text = form.fields.get(name)
    if not text:
        return None
    try:
        return strict_json.parse(text.encode())
    except Malformed as error:
        detail = f"the field {name!r} must be JSON such as {example}: {error.detail}"
        entry = ErrorEntry(error.code, detail, {"field": name})
        raise Invalid("validation_failed", detail, errors=[entry]) from None


def _add_body(body: Any, *, sessions: Sessions, settings: Config, limits: IngestLimits) -> Dataset:
    table = validate_body(DatasetIn, body)
    return datasets.add_body(table, sessions=sessions, settings=settings, limits=limits)
