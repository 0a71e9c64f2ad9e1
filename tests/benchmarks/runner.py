"""Measure the tasks of a section, each in a process with limits, and write every row as it is done."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import ROOT, commit, fingerprint
from tests.benchmarks.plan import Options, Section, Task
from tests.benchmarks.rows import Journal, Row, Values

LOOK_EVERY_S = 0.5
PAGE = os.sysconf("SC_PAGE_SIZE")
REASON_LENGTH = 200


def measure(
    section: Section,
    options: Options,
    journal: Journal,
    *,
    who: str | None = None,
    work: str | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Measure what the journal does not have yet.

    Args:
        who: Measure only this one; ``*`` in it stands for any text.
        work: Measure only this work, likewise.
        tell: Hears of every row, before and after.
    """
    keys = {row.key for row in journal.rows}
    for task in section.tasks(options):
        code = fingerprint(section, options)  # anew for every row: the code may change while this runs
        key = (section.name, task.work, task.who, task.seed, code)
        if key in keys or not (is_wanted(task.who, who) and is_wanted(task.work, work)):
            continue
        tell(f"{section.name}: {task.work}, {task.who}, seed {task.seed} … ")
        row = replace(run(task), section=section.name, code=code, commit=commit())
        journal.add(row)
        tell(f"{row.failure or f'{row.seconds:.1f} s'}\n")


def is_wanted(name: str, pattern: str | None) -> bool:
    """Whether a name is the one asked for, or fits its pattern."""
    return pattern is None or name == pattern or fnmatchcase(name, pattern)


def run(task: Task) -> Row:
    """One task in a process group of its own, which ends with it whatever happens."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result, log = Path(folder) / "result.json", Path(folder) / "log"
        command = [sys.executable, "-m", "tests.benchmarks.child", str(result)]
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=_environment(task.threads, folder),
                start_new_session=True,
            ) as process,
        ):
            try:
                assert process.stdin is not None
                with suppress(BrokenPipeError), process.stdin as pipe:
                    pickle.dump(task.run, pipe)
                peak_mib, excess = _watch(process, task)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        values, failure = ({}, excess) if excess else _answer(result, log, process.returncode)
    if task.shows_memory:
        values["peak MiB"] = round(peak_mib)
    return Row(
        section="",
        code="",
        commit="",
        work=task.work,
        who=task.who,
        seed=task.seed,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - start, 2),
        peak_mib=round(peak_mib),
        load=round(os.getloadavg()[0], 2),
        values=values,
        failure=failure,
    )


def _watch(process: subprocess.Popen[bytes], task: Task) -> tuple[float, str | None]:
    """Wait for the end; the peak of its memory in MiB, and which limit it broke."""
    deadline, peak = time.monotonic() + task.limit_s, 0.0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_EVERY_S)
            return peak, None
        peak = max(peak, _resident_mib(process.pid))
        if peak > task.memory_mib:
            return peak, f"ended at its limit of {task.memory_mib:g} MiB"
        if time.monotonic() > deadline:
            return peak, f"ended at its limit of {task.limit_s:g} s"


def _resident_mib(session: int) -> float:
    """Resident memory of all processes of a session; shared pages count once for each of them."""
    pages = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if os.getsid(int(folder.name)) == session:
                pages += int((folder / "statm").read_text().split()[1])
    return pages * PAGE / 2**20


def _answer(result: Path, log: Path, status: int) -> tuple[Values, str | None]:
    """The figures that the process left, or why there are none."""
    with suppress(OSError, ValueError):
        answer: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return answer.get("values", {}), answer.get("failure")
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    return {}, f"ended with status {status}: {lines[-1][:REASON_LENGTH]}"


def _environment(threads: int, folder: str) -> dict[str, str]:
    """The environment of a task: its threads, and none of our settings.

    NPROC is how XLA, which jaxkan runs on, takes its number of threads.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NPROC")
    return variables | dict.fromkeys(names, str(threads)) | {"TMPDIR": folder}
