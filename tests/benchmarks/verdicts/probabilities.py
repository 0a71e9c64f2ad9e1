"""One generated table through a default job: its verdict and the probabilities of its rivals."""

from __future__ import annotations

import time

from kan_engine.expressions.evaluation import from_json
from tests.benchmarks.rows import Values
from tests.benchmarks.verdicts.generated import draw_table, list_sources
from tests.benchmarks.verdicts.right import is_right
from tests.benchmarks.verdicts.work import judge, solve_in_process


def solve_table(place: int, level: int, max_seconds: float) -> Values:
    """Draw a table, run the job, and hold what it says against the law.

    Returns:
        The figures of a verdict, and ``probability`` of the best formula; ``is right``: 1 if it is the law up
        to constants; ``law``: 1 if there is one; ``noise`` over the spread of the law, and ``rows``.
    """
    source, case = list_sources()[place], draw_table(place, level)
    start = time.perf_counter()
    symbolic, metrics = solve_in_process(case, max_seconds)
    figures = judge(case, symbolic, metrics)
    output = None if symbolic is None else symbolic["outputs"][0]
    right = (
        output is not None and source.is_law and is_right(from_json(output["tree"]), case.fresh, case.truth)
    )
    return {
        **figures,
        "probability": None if output is None else output.get("probability"),
        "is right": float(right),
        "law": float(source.is_law),
        "noise": case.noise / case.spread,
        "rows": float(len(next(iter(case.columns.values())))),
        "seconds": time.perf_counter() - start,
    }
