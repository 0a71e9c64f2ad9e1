"""Run in a process of its own: how much memory a training or a job took, beyond what its imports had.

``python -m tests.support.peak`` reads from stdin what to do, and prints the bytes; ``peak_bytes`` asks it.
"""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def peak_bytes(what: str, **arguments: Any) -> int:
    """Of one of the functions below with these arguments, measured in a fresh process."""
    command = [sys.executable, "-m", "tests.support.peak"]
    request = json.dumps([what, arguments])
    return int(
        subprocess.run(command, input=request, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    )


def training(width: list[int], grid: int, rows: int, validation_rows: int, **config: Any) -> None:
    """Train a network on noise."""
    import torch

    from kan_engine import KAN, KANConfig, TrainingConfig, TrainingRows, train
    from kan_engine.network.kan import initialise_

    generator = torch.Generator().manual_seed(0)
    network = KAN(KANConfig(width=tuple(width), grid_size=grid))
    initialise_(network, generator)
    sample = torch.empty(rows + validation_rows, width[0] + width[-1], dtype=torch.float64)
    sample.uniform_(-1, 1, generator=generator)
    sets = [
        TrainingRows.create(part[:, : width[0]], part[:, width[0] :])
        for part in (sample[:rows], sample[rows:])
    ]
    for _ in train(network, sets[0], TrainingConfig(**config), validation=sets[1], generator=generator):
        pass


def job(parquet: str, reports: list[dict[str, Any]], body: dict[str, Any]) -> None:
    """Run a job as the worker does."""
    import polars as pl

    from service.documents.column_report import read_reports
    from service.storage.stored_table import StoredTable
    from tests.support.tables import request_for
    from worker.pipelines.tabular import run_pipeline

    column_reports = read_reports(reports)
    types = {report.name: report.type for report in column_reports}
    with Path(parquet).open("rb") as file:
        frame = pl.scan_parquet(file)
        rows = frame.select(pl.len()).collect().item()
        run_pipeline(StoredTable(frame, types, {}, rows, column_reports), request_for(**body))


def solution(body: dict[str, Any], seconds: float) -> None:
    """Solve equations, for so long."""
    import time

    from kan_engine import solve_adaptively
    from service.documents.equations import read_problem
    from service.schemas.equations import SolveRequest

    ends_at = time.monotonic() + seconds
    problem = read_problem(SolveRequest.model_validate(body))
    for _ in solve_adaptively(problem, should_stop=lambda: time.monotonic() > ends_at):
        pass


def column(parquet: str, name: str) -> None:
    """Read one column of a stored table."""
    import polars as pl

    from service.storage.stored_table import StoredTable

    with Path(parquet).open("rb") as file:
        StoredTable(pl.scan_parquet(file), {}, {}, 0, []).column(name)


def own_peak() -> int:
    """Most resident memory of this process so far; getrusage would begin with that of its parent."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def forget_peak() -> None:
    """Count ``own_peak`` from now on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def train_a_little() -> None:
    for optimizer in ("adam", "lbfgs", "levenberg_marquardt"):
        training([2, 1], 3, 100, 20, optimizer=optimizer, steps=1)


def read_a_little() -> None:
    import polars as pl

    from worker.pipelines import tabular  # noqa: F401

    buffer = BytesIO()
    pl.DataFrame({"x": [0.0]}).write_parquet(buffer)
    buffer.seek(0)
    pl.scan_parquet(buffer).select("x").collect()


def main() -> None:
    """Something small of the kind first, so that everything is imported."""
    what, arguments = json.load(sys.stdin)
    if what in ("training", "job"):
        train_a_little()
    if what in ("column", "job"):
        read_a_little()
    before = own_peak()
    {"training": training, "job": job, "column": column, "solution": solution}[what](**arguments)
    print(own_peak() - before)  # noqa: T201


if __name__ == "__main__":
    main()
