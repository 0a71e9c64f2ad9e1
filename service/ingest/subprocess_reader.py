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
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from service import errors
from service.errors import Invalid, ServiceError
from service.ingest.column_report import IngestedTable
from service.ingest.limits import DEFAULT_INGEST, IngestLimits
from service.ingest.missing_codes import MissingCodes
from service.ingest.readers import read_upload
from service.ingest.sniffing import GZIP, PARQUET
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
    columns: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


def convert_upload(
    file: BinaryIO,
    filename: str | None,
    parquet: BinaryIO,
    settings: Settings,
    missing: MissingCodes | None = None,
    *,
    limits: IngestLimits = DEFAULT_INGEST,
) -> TableDescription:
    """Read an uploaded file, and write its table to ``parquet``.

    Raises:
        Invalid: The file holds no readable table, or reading it takes too much memory or time.
        TooLarge: The decompressed file is over the limit.
    """
    if is_safe_in_process(file, limits=limits):
        return write_parquet(read_upload(file, filename, settings, missing, limits=limits), parquet)
    cpu_s = limits.base_cpu_s + file.seek(0, 2) * limits.cpu_s_per_mib // MiB
    asked = {
        "file": file.fileno(),
        "parquet": parquet.fileno(),
        "filename": filename,
        "settings": settings.model_dump(mode="json", include=set(LIMIT_SETTINGS)),
        "limits": asdict(limits),
        "missing": missing or {},
        "cpu_s": cpu_s,
    }
    try:
        finished = subprocess.run(  # noqa: S603  # our own command
            COMMAND,
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a parser that fails prints the data it read
            pass_fds=(file.fileno(), parquet.fileno()),
            check=True,
            timeout=limits.wall_time_factor * cpu_s,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise Invalid(
            "unreadable_file",
            "reading the file exceeded the limit of memory or time, or the file is damaged; "
            "write it again, or send fewer rows or columns",
        ) from None
    return _parse_reply(json.loads(finished.stdout))


def is_safe_in_process(file: BinaryIO, *, limits: IngestLimits = DEFAULT_INGEST) -> bool:
    """Whether a file can be read in this process: small, not compressed, and not Parquet."""
    file.seek(0)
    head = file.read(len(PARQUET))
    is_small = file.seek(0, 2) <= limits.max_in_process_bytes
    file.seek(0)
    return is_small and not head.startswith((GZIP, PARQUET))


def write_parquet(ingested: IngestedTable, parquet: BinaryIO) -> TableDescription:
    """Write a table as Parquet, and describe it."""
    ingested.frame.write_parquet(parquet)
    return TableDescription(ingested.frame.height, ingested.columns, ingested.warnings)


def _parse_reply(answer: dict[str, Any]) -> TableDescription:
    if "bug" in answer:
        raise RuntimeError(answer["bug"])
    if "refusal" in answer:
        raise getattr(errors, answer["kind"])(**answer["refusal"])
    return TableDescription(**answer)


def main() -> None:
    """Read the file named in the request on standard input, and reply on standard output."""
    asked = json.load(sys.stdin)
    settings = cast("Settings", SimpleNamespace(**asked["settings"]))
    limits = IngestLimits(**asked["limits"])
    limit_process(limits.base_memory_bytes + limits.memory_factor * settings.max_memory_bytes, asked["cpu_s"])
    with os.fdopen(asked["file"], "rb") as file, os.fdopen(asked["parquet"], "wb") as parquet:
        answer = _convert_in_child(file, asked["filename"], parquet, settings, asked["missing"], limits)
    json.dump(answer, sys.stdout)


def _convert_in_child(
    file: BinaryIO,
    filename: str | None,
    parquet: BinaryIO,
    settings: Settings,
    missing: MissingCodes,
    limits: IngestLimits,
) -> dict[str, Any]:
    try:
        return asdict(write_parquet(read_upload(file, filename, settings, missing, limits=limits), parquet))
    except ServiceError as error:
        refusal = {"code": error.code, "detail": error.detail, "errors": error.errors}
        return {"kind": type(error).__name__, "refusal": refusal | error.extra}
    except MemoryError:
        sys.exit("too little memory")
    except Exception:
        return {"bug": traceback.format_exc()}


if __name__ == "__main__":
    main()
