"""Read an uploaded file in a child process with limits of memory and processor time.

A small file can expand to a huge table, and a native parser can crash its process. Large, compressed and
Parquet files are therefore read by a child process. It receives the open file, and returns a Parquet file and
its description. The table takes no memory of the API.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from service import errors
from service.errors import Invalid, ServiceError
from service.ingest.column_report import Ingested
from service.ingest.missing_codes import Missing
from service.ingest.readers import read_upload
from service.ingest.sniffing import GZIP, PARQUET
from service.process_limits import limit_process
from service.settings import GiB, MiB, Settings

COMMAND = (sys.executable, "-m", "service.ingest.subprocess_reader")
SMALL_BYTES = 256 * 1024  # of plain text: read in less time than a process takes to start
CPU_S = 10  # plus `CPU_S_PER_MIB` for every MiB of the file
CPU_S_PER_MIB = (
    5  # five times what usual gzipped tables take; stops early a small file that expands to a huge table
)
WAITS = 10  # wall-clock time per processor time: other processes may share the processor
SPARE = 2  # hard limit of memory, in multiples of the estimate that a table may have
LIMITS = ("data_dir", "max_body_bytes", "max_columns", "max_memory_bytes", "max_rows")


@dataclass(frozen=True)
class Described:
    """Description of a table that was written as Parquet."""

    rows: int
    columns: list[dict[str, Any]]
    warnings: list[dict[str, Any]]


def convert(
    file: BinaryIO,
    filename: str | None,
    parquet: BinaryIO,
    settings: Settings,
    missing: Missing | None = None,
) -> Described:
    """Read an uploaded file, and write its table to ``parquet``.

    Raises:
        Invalid: The file holds no readable table, or reading it takes too much memory or time.
        TooLarge: The decompressed file is over the limit.
    """
    if is_harmless(file):
        return write(read_upload(file, filename, settings, missing), parquet)
    cpu_s = CPU_S + file.seek(0, 2) * CPU_S_PER_MIB // MiB
    asked = {
        "file": file.fileno(),
        "parquet": parquet.fileno(),
        "filename": filename,
        "limits": settings.model_dump(mode="json", include=set(LIMITS)),
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
            timeout=WAITS * cpu_s,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise Invalid(
            "unreadable_file",
            "reading the file exceeded the limit of memory or time, or the file is damaged; "
            "write it again, or send fewer rows or columns",
        ) from None
    return _understood(json.loads(finished.stdout))


def is_harmless(file: BinaryIO) -> bool:
    """Whether a file can be read in this process: small, not compressed, and not Parquet."""
    file.seek(0)
    head = file.read(len(PARQUET))
    is_small = file.seek(0, 2) <= SMALL_BYTES
    file.seek(0)
    return is_small and not head.startswith((GZIP, PARQUET))


def write(ingested: Ingested, parquet: BinaryIO) -> Described:
    """Write a table as Parquet, and describe it."""
    ingested.frame.write_parquet(parquet)
    return Described(ingested.frame.height, ingested.columns, ingested.warnings)


def _understood(answer: dict[str, Any]) -> Described:
    if "bug" in answer:
        raise RuntimeError(answer["bug"])
    if "refusal" in answer:
        raise getattr(errors, answer["kind"])(**answer["refusal"])
    return Described(**answer)


def main() -> None:
    """Read the file named in the request on standard input, and reply on standard output."""
    asked = json.load(sys.stdin)
    settings = Settings(**asked["limits"])
    limit_process(GiB + SPARE * settings.max_memory_bytes, asked["cpu_s"])
    with os.fdopen(asked["file"], "rb") as file, os.fdopen(asked["parquet"], "wb") as parquet:
        answer = _answer(file, asked["filename"], parquet, settings, asked["missing"])
    json.dump(answer, sys.stdout)


def _answer(
    file: BinaryIO, filename: str | None, parquet: BinaryIO, settings: Settings, missing: Missing
) -> dict[str, Any]:
    try:
        return asdict(write(read_upload(file, filename, settings, missing), parquet))
    except ServiceError as error:
        refusal = {"code": error.code, "detail": error.detail, "errors": error.errors}
        return {"kind": type(error).__name__, "refusal": refusal | error.extra}
    except MemoryError:
        sys.exit("too little memory")
    except Exception:
        return {"bug": traceback.format_exc()}


if __name__ == "__main__":
    main()
