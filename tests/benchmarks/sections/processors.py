"""The same jobs under two kernels of OpenBLAS, whose last digits differ: is the model the same?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from math import hypot, nan
from typing import Any

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.report import table
from tests.benchmarks.rows import Measured, Row, Values

KERNELS = {"Haswell": "avx2", "SkylakeX": "avx512"}  # with the capability of PyTorch that goes with each
FILE = "formulas.jsonl"
LAWS, TABLES, ROWS = 20, 20, 150
NOISE = 0.05  # of the spread of the target
SECONDS = 600.0  # A time limit would end a job on a busy machine earlier, which changes its model
STANDARD_ERRORS = 2.0  # by which constants may differ
ROUNDING = 1e-9  # of constants without an error


def tasks(options: Options) -> Iterator[Task]:
    for job in jobs(options)[: 3 if options.quick else None]:
        for kernel in KERNELS:
            yield Task(
                work=job["name"], who=kernel, run=partial(solve_under, kernel, job), limit_s=SECONDS + 300
            )


def jobs(options: Options) -> list[dict[str, Any]]:
    """Laws without and with noise, spread over the file, and samples of tables."""
    lines = [json.loads(line) for line in options.path(FILE).read_text(encoding="utf-8").splitlines()]
    plain = [line for line in lines if "expression" in line and not line.get("scipy")]
    selection = plain[:: max(1, len(plain) // LAWS)][:LAWS]
    laws = [
        {
            "name": f"{line['id']}, {noise:.0%} noise",
            "file": str(options.path(FILE)),
            "id": line["id"],
            "noise": noise,
        }
        for noise in (0.0, NOISE)
        for line in selection
    ]
    folder = options.path(FILE).parent / "blackbox"
    paths = [*sorted(folder.glob("[0-9]*.csv")), options.path("airfoil_self_noise.csv")]
    samples = range(-(-TABLES // len(paths)))
    return (
        laws
        + [
            {"name": f"{path.stem}, sample {seed}", "table": str(path), "seed": seed}
            for seed in samples
            for path in paths
        ][:TABLES]
    )


def solve_under(kernel: str, job: Mapping[str, Any]) -> Values:
    """Run a job in a process with a kernel, which OpenBLAS chooses as it is loaded."""
    words = [
        sys.executable,
        "-m",
        "tests.benchmarks.subjects.processors",
        json.dumps(dict(job) | {"seconds": SECONDS}),
    ]
    variables = {"OPENBLAS_CORETYPE": kernel, "ATEN_CPU_CAPABILITY": KERNELS[kernel]}
    process = subprocess.run(words, env=os.environ | variables, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(process.stderr.strip().splitlines()[-1])
    values: Values = json.loads(process.stdout.splitlines()[-1])
    if values["kernel"] != kernel:
        raise RuntimeError(f"the processor cannot run {kernel}: OpenBLAS took {values['kernel']}")
    return values


def compare(row: Row, peer: Row) -> str:
    """What differs between two models; empty if nothing does."""
    if row.failure or peer.failure:
        return "" if row.failure == peer.failure else "one failed"
    differences = [name for name in ("structure", "member") if row.values[name] != peer.values[name]]
    if "structure" not in differences and not have_equal_constants(row.values, peer.values):
        differences.append("constants")
    return ", ".join(differences)


def have_equal_constants(values: Values, peer_values: Values) -> bool:
    """Whether all constants agree to within their errors."""
    pairs = zip(json.loads(str(values["constants"])), json.loads(str(peer_values["constants"])), strict=False)
    return all(
        abs(a - b) <= STANDARD_ERRORS * hypot(error or 0, other_error or 0) + ROUNDING * abs(a)
        for (a, error), (b, other_error) in pairs
    )


def pairs_of(results: Measured) -> dict[str, tuple[Row, Row]]:
    """The two rows of every job that has both."""
    by_work: dict[str, dict[str, Row]] = {}
    for row in results.rows:
        by_work.setdefault(row.work, {})[row.who] = row
    kernel, other_kernel = KERNELS
    return {
        work: (rows[kernel], rows[other_kernel])
        for work, rows in by_work.items()
        if len(rows) == len(KERNELS)
    }


def count_equal(results: Measured) -> float:
    pairs = pairs_of(results)
    return float(sum(not compare(*pair) for pair in pairs.values())) if pairs else nan


def summary(results: Measured) -> str:
    """How many are the same, and the others with both formulas."""
    pairs = pairs_of(results)
    lines = [
        [work, difference, *(str(row.failure or row.values["formula"]) for row in pair)]
        for work, pair in pairs.items()
        if (difference := compare(*pair))
    ]
    counts = f"The same under both: {len(pairs) - len(lines)} of {len(pairs)} jobs."
    return counts if not lines else f"{counts}\n\n{table(['job', 'differs', *KERNELS], lines)}"


SECTION = Section(
    name="processors",
    title="the same jobs under other kernels",
    about=(
        f"{LAWS} laws without noise and with {NOISE:.0%}, and {TABLES} samples of tables, {ROWS} rows each, "
        "with the defaults under the kernels Haswell and SkylakeX of OpenBLAS and PyTorch's vector units "
        "that go with them. The same: a formula of the same structure, constants that agree to within "
        f"{STANDARD_ERRORS:g} standard errors, and the same member that answers."
    ),
    tasks=tasks,
    goals=(Goal(what="jobs with the same model, of 60", limit=57, is_upper=False, measured=count_equal),),
    needs=(FILE,),
    measures=("kan_engine", "worker"),
    summary=summary,
)
