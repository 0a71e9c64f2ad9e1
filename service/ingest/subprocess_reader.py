"""Read an uploaded file in a child process with limits of memory and processor time.

A small file can expand to a huge table, and a native parser can crash its process. Large, compressed and
Parquet files are therefore read by a child process. It receives the open file, and returns a Parquet file and
its description. The table takes no memory of the API. The package does not import the settings, so that the
child starts quickly: pydantic takes as long as polars.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from service import errors
from service.client_work import ClientWork
from service.documents.column_report import ColumnReport, read_reports
from service.errors import ErrorEntry, Invalid, ServiceError
from service.ingest.column_report import IngestedTable
from service.ingest.corrections import NO_CORRECTIONS, Corrections
from service.ingest.date_formats import make_metadata
from service.ingest.limits import IngestLimits
from service.ingest.missing_codes import MissingCodes
from service.ingest.readers import read_upload
from service.ingest.sniffing import GZIP, PARQUET
from service.ingest.table_warnings import TableWarning, Warnings
from service.process_limits import limit_process

if TYPE_CHECKING:
    from service.settings import Settings

COMMAND = (sys.executable, "-m", "service.ingest.subprocess_reader")
MiB = 2**20
LIMIT_SETTINGS = ("data_dir", "max_body_bytes", "max_columns", "max_memory_bytes", "max_rows")


@dataclass(frozen=True)
class TableDescription:
    """Description of a table that was written as Parquet."""

    rows: int
    columns: list[ColumnReport]
    warnings: Warnings


@dataclass(frozen=True)
class _Refusal:
    """Why the file cannot be read: class and members of a ``ServiceError``."""

    kind: str
    code: str
    detail: str
    errors: list[ErrorEntry]
    extra: dict[str, Any]


@dataclass(frozen=True)
class _Bug:
    """An unexpected error."""

    traceback: str


def convert_upload(
    file: BinaryIO,
    filename: str | None,
    parquet: BinaryIO,
    settings: Settings,
    missing: MissingCodes | None = None,
    *,
    limits: IngestLimits,
    corrections: Corrections = NO_CORRECTIONS,
    work: ClientWork | None = None,
    cpu_s_per_mib: int = 5,
) -> TableDescription:
    """Read an uploaded file, and write its table to ``parquet``; the process ends with its client's ``work``.

    Args:
        cpu_s_per_mib: Processor time of the child process for every MiB of the file. Five times what usual
            gzipped tables take; stops early a small file that expands to a huge table.

    Raises:
        Invalid: The file holds no readable table, or reading it takes too much memory or time.
        TooLarge: The decompressed file is over the limit.
    """
    if is_safe_in_process(file):
        table = read_upload(file, filename, settings, missing, limits=limits, corrections=corrections)
        return write_parquet(table, parquet)
    cpu_s = limits.base_cpu_s + file.seek(0, 2) * cpu_s_per_mib // MiB
    request = {
        "file": file.fileno(),
        "parquet": parquet.fileno(),
        "filename": filename,
        "settings": settings.model_dump(mode="json", include=set(LIMIT_SETTINGS)),
        "limits": asdict(limits),
        "missing": missing or {},
        "corrections": asdict(corrections),
        "cpu_s": cpu_s,
    }
    reply = _ask_child(request, limits.wall_time_factor * cpu_s, work or ClientWork())
    if reply is None:
        raise Invalid(
            "unreadable_file",
            "reading the file exceeded the limit of memory or time, or the file is damaged; "
            "write it again, or send fewer rows or columns",
        )
    return _parse_reply(json.loads(reply))


def _ask_child(request: dict[str, Any], timeout_s: float, work: ClientWork) -> bytes | None:
    """What the child process replies; None if it failed, or was ended after this time or with its client."""
    child = subprocess.Popen(  # noqa: S603  # our own command
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a parser that fails prints the data it read
        pass_fds=(request["file"], request["parquet"]),
    )
    with child, work.kill_on_departure(child.kill):
        try:
            reply, _ = child.communicate(json.dumps(request).encode(), timeout_s)
        except subprocess.TimeoutExpired:
            reply = b""
        finally:
            child.kill()  # without effect on a process that has ended
    return reply if child.returncode == 0 else None


def is_safe_in_process(file: BinaryIO, *, max_in_process_bytes: int = 256 * 1024) -> bool:
    """Whether a file can be read in this process: small, not compressed, and not Parquet.

    Args:
        max_in_process_bytes: Of plain text: read in less time than a process takes to start.
    """
    file.seek(0)
    head = file.read(len(PARQUET))
    is_small = file.seek(0, 2) <= max_in_process_bytes
    file.seek(0)
    return is_small and not head.startswith((GZIP, PARQUET))


def write_parquet(table: IngestedTable, parquet: BinaryIO) -> TableDescription:
    """Write a table as Parquet with the formats of its dates, and describe it."""
    table.frame.write_parquet(parquet, metadata=make_metadata(table.warnings))
    return TableDescription(table.frame.height, table.columns, table.warnings)


def _parse_reply(answer: dict[str, Any]) -> TableDescription:
    if "traceback" in answer:
        raise RuntimeError(answer["traceback"])
    if "kind" in answer:
        entries = [ErrorEntry(**entry) for entry in answer["errors"]]
        kind: type[ServiceError] = getattr(errors, answer["kind"])
        raise kind(answer["code"], answer["detail"], errors=entries, **answer["extra"])
    warnings = [TableWarning(**entry) for entry in answer["warnings"]]
    return TableDescription(answer["rows"], read_reports(answer["columns"]), warnings)


def main(*, memory_factor: int = 2) -> None:
    """Read the file named in the request on standard input, and reply on standard output.

    Args:
        memory_factor: Hard limit of memory, in multiples of the estimate that a table may have.
    """
    request = json.load(sys.stdin)
    settings = cast("Settings", SimpleNamespace(**request["settings"]))
    limits = IngestLimits(**request["limits"])
    limit_process(limits.base_memory_bytes + memory_factor * settings.max_memory_bytes, request["cpu_s"])
    with os.fdopen(request["file"], "rb") as file, os.fdopen(request["parquet"], "wb") as parquet:
        read = partial(
            read_upload,
            file,
            request["filename"],
            settings,
            request["missing"],
            limits=limits,
            corrections=Corrections(**request["corrections"]),
        )
        answer = _convert_in_child(read, parquet)
    json.dump(asdict(answer), sys.stdout)


def _convert_in_child(
    read: Callable[[], IngestedTable], parquet: BinaryIO
) -> TableDescription | _Refusal | _Bug:
    try:
        return write_parquet(read(), parquet)
    except ServiceError as error:
        return _Refusal(type(error).__name__, error.code, error.detail, list(error.errors), error.extra)
    except MemoryError:
        sys.exit("too little memory")
    except Exception:
        return _Bug(traceback.format_exc())


if __name__ == "__main__":
    main()
