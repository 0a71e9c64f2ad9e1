"""Operations on datasets: add, read and delete."""

from __future__ import annotations

import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

from service import ingest, strict_json
from service.client_work import ClientWork
from service.db.repositories import Audit, Datasets
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions, clock
from service.db.tables import Blob, Dataset
from service.documents.column_report import ColumnReport, explain_unreadable, read_reports
from service.errors import Conflict, Invalid, format_names
from service.ingest.corrections import NO_CORRECTIONS, Corrections
from service.ingest.limits import IngestLimits
from service.ingest.missing_codes import MissingCodes
from service.ingest.units import complete_units
from service.operations.downloads import stream_blob
from service.operations.entity_tags import refuse_stale
from service.operations.quotas import refuse_more_bytes
from service.schemas.common import MAX_NAME_LENGTH
from service.schemas.datasets import (
    MAX_UNIT_CHARACTERS,
    DatasetIn,
    DatasetOut,
    DatasetPatch,
    FormFields,
    RowsPreviewOut,
    RowsSampleOut,
)
from service.settings import Settings
from service.storage import blobs
from service.storage.deletion import remove_dataset
from service.storage.stored_table import open_table, read_first_rows, read_rows, to_json_rows

if TYPE_CHECKING:
    from service.ingest import TableDescription

DEFAULT_NAME = "dataset"
MAX_SAMPLE_VALUES = 200_000  # about two megabytes of JSON


def add_upload(
    file: BinaryIO,
    filename: str | None,
    *,
    name: str | None,
    units: dict[str, str],
    missing: MissingCodes,
    sessions: Sessions,
    settings: Settings,
    limits: IngestLimits,
    corrections: Corrections = NO_CORRECTIONS,
    work: ClientWork | None = None,
) -> Dataset:
    """Store an uploaded file as a dataset; its default name is that of the file."""
    with tempfile.TemporaryFile(dir=settings.data_dir) as parquet:
        description = ingest.convert_upload(
            file, filename, parquet, settings, missing, limits=limits, corrections=corrections, work=work
        )
        return _store(description, parquet, name or _name_from_filename(filename), units, sessions, settings)


def add_body(body: DatasetIn, *, sessions: Sessions, settings: Settings, limits: IngestLimits) -> Dataset:
    """Store a table from a JSON body as a dataset."""
    corrections = read_corrections(body)
    if body.columns is not None:
        table = ingest.read_columns(
            body.columns, settings, body.missing, limits=limits, corrections=corrections
        )
    else:
        table = ingest.read_rows(
            body.rows or [], settings, body.missing, limits=limits, corrections=corrections
        )
    with tempfile.TemporaryFile(dir=settings.data_dir) as parquet:
        description = ingest.write_parquet(table, parquet)
        return _store(description, parquet, body.name or DEFAULT_NAME, body.units, sessions, settings)


def read_corrections(request: DatasetIn | FormFields) -> Corrections:
    """What a request asks to change in its table."""
    encoding = request.encoding if isinstance(request, FormFields) else None
    return Corrections(request.repeated_rows, tuple(dict.fromkeys(request.swap_day_and_month)), encoding)


def change(
    dataset_id: str, patch: DatasetPatch, sessions: Sessions, *, if_match: str | None = None
) -> DatasetOut:
    """Change the fields that a patch sets.

    Raises:
        NotFound: There is no such dataset.
        Conflict: It changes units, and an unfinished job uses the dataset.
        Invalid: It names a column that does not exist, or a type that a column cannot be read as.
        Stale: Its entity tag is not in ``if_match``.
    """
    with sessions.begin() as session:
        datasets = Datasets(session)
        dataset = datasets.hold_exclusively(dataset_id)
        document = DatasetOut.model_validate(dataset)
        refuse_stale(document, if_match, what=f"dataset {dataset_id}", code="dataset_changed")
        reports = read_reports(dataset.columns)
        if patch.types is not None:
            _check_types(patch.types, reports)
            dataset.types = dict(patch.types)
        if patch.units is not None:
            _refuse_in_use(datasets, dataset_id)
            _check_units(patch.units, [report.name for report in reports])
            columns = [report for report in reports if report.name in patch.units]
            units, guesses = complete_units(columns, patch.units)
            dataset.units = dataset.units | units
            warnings = [warning for warning in dataset.warnings if not _is_about_units(warning, patch.units)]
            dataset.warnings = [*warnings, *(warning.to_json() for warning in guesses)]
        if patch.name is not None:
            dataset.name = patch.name
        if patch.tags is not None:
            dataset.tags = patch.tags
        Audit(session).add("dataset.change", dataset_id, **patch.model_dump(exclude_unset=True))
        session.flush()
        return DatasetOut.model_validate(dataset)


def _refuse_in_use(datasets: Datasets, dataset_id: str) -> None:
    if datasets.is_in_use(dataset_id):
        detail = f"a queued or running job uses dataset {dataset_id}; cancel it, or wait for its end"
        raise Conflict("dataset_in_use", detail)


def delete(
    dataset_id: str, sessions: Sessions, *, if_match: str | None = None, with_figures: bool = False
) -> None:
    """Remove a dataset and its bytes. Models trained on it stay, with or without their figures.

    Raises:
        NotFound: There is no such dataset.
        Conflict: An unfinished job uses it.
        Stale: Its entity tag is not in ``if_match``.
    """
    with sessions.begin() as session:
        datasets = Datasets(session)
        dataset = datasets.hold_exclusively(dataset_id)
        document = DatasetOut.model_validate(dataset)
        refuse_stale(document, if_match, what=f"dataset {dataset_id}", code="dataset_changed")
        _refuse_in_use(datasets, dataset_id)
        if with_figures:
            TrainedModels(session).delete_figures(dataset_id)
        remove_dataset(session, dataset)


def preview(
    dataset_id: str, rows: int, sessions: Sessions, settings: Settings, *, offset: int = 0
) -> RowsPreviewOut:
    """The columns and the first rows of a dataset, or those behind an offset, as JSON values."""
    with sessions.read() as session:
        dataset = Datasets(session).get(dataset_id)
        frame = read_first_rows(session, dataset, rows, settings.data_dir, offset=offset)
    return RowsPreviewOut(columns=frame.columns, rows=to_json_rows(frame))


def sample(dataset_id: str, limit: int, sessions: Sessions, settings: Settings) -> RowsSampleOut:
    """At most ``limit`` rows spread evenly over a dataset, fewer of one with very many columns."""
    with sessions.read() as session:
        dataset = Datasets(session).get(dataset_id)
        count = min(limit, dataset.rows, max(1, MAX_SAMPLE_VALUES // len(dataset.columns)))
        numbers = [place * dataset.rows // count for place in range(count)]
        with open_table(session, dataset, settings.data_dir) as table:
            frame = read_rows(table, numbers)
    return RowsSampleOut(columns=frame.columns, numbers=numbers, rows=to_json_rows(frame))


def open_content(dataset_id: str, sessions: Sessions) -> tuple[Dataset, int, Iterator[bytes]]:
    """The dataset, the size of its Parquet file in bytes, and the file in chunks."""
    with sessions.read() as session:
        dataset = Datasets(session).get(dataset_id)
        blob = session.get_one(Blob, dataset.blob_sha256)
    return dataset, blob.size, stream_blob(dataset.blob_sha256, sessions)


def _store(
    description: TableDescription,
    parquet: BinaryIO,
    name: str,
    units: dict[str, str],
    sessions: Sessions,
    settings: Settings,
) -> Dataset:
    _check_units(units, [column.name for column in description.columns])
    in_cells = {note.column: note.unit for note in description.warnings if note.column and note.unit}
    units, guesses = complete_units(description.columns, units, in_cells)
    with sessions.begin() as session:
        dataset = Dataset(
            name=name,
            rows=description.rows,
            columns=[asdict(column) for column in description.columns],
            units=units,
            warnings=[warning.to_json() for warning in [*description.warnings, *guesses]],
            blob_sha256=blobs.put_file(session, parquet),
            created_at=clock(session),
        )
        Datasets(session).add(dataset)
        refuse_more_bytes(session, settings)
        Audit(session).add("dataset.add", dataset.id, name=name, sha256=dataset.blob_sha256)
        return dataset


def _check_units(units: dict[str, str], columns: list[str]) -> None:
    for column, unit in units.items():
        fault = None
        if column not in columns:
            fault = (
                f"units name a column {column!r}, which the table does not have; it has "
                f"{format_names(columns)}"
            )
        elif len(unit) > MAX_UNIT_CHARACTERS:
            fault = f"the unit of column {column!r} is over {MAX_UNIT_CHARACTERS} characters long; shorten it"
        if fault:
            place = {"pointer": strict_json.pointer(["units", column]), "column": column}
            raise Invalid.make_at("invalid_units", fault, place)


def _is_about_units(warning: Mapping[str, Any], columns: Container[str]) -> bool:
    return warning["code"] in ("header_unit", "unknown_unit") and warning.get("column") in columns


def _check_types(types: Mapping[str, str], reports: Sequence[ColumnReport]) -> None:
    by_name = {report.name: report for report in reports}
    for column, requested_type in types.items():
        if column not in by_name:
            names = format_names(list(by_name))
            fault: str | None = f"there is no column {column!r}; the columns are {names}"
        else:
            fault = explain_unreadable(by_name[column], requested_type)
        if fault:
            place = {"pointer": strict_json.pointer(["types", column]), "column": column}
            raise Invalid.make_at("unknown_column" if column not in by_name else "invalid_type", fault, place)


def _name_from_filename(filename: str | None) -> str:
    """The name of a file without path and suffixes, as a label; ``DEFAULT_NAME`` if nothing is left."""
    base = (filename or "").replace("\\", "/").rpartition("/")[2]
    stem = PurePath(base.removesuffix(".gz")).stem.strip() if base.strip(".") else ""
    return stem[:MAX_NAME_LENGTH] or DEFAULT_NAME
