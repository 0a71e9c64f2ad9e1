"""The section on fronts of formulas: sizes, shares of pairs, and what the report says of rows."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.front.results import METHODS, OPERON, OURS, list_short_fronts
from tests.benchmarks.front.statistics import best_up_to, compare_fronts, steps
from tests.benchmarks.front.subjects.formulas import measure_printed, measure_values, summarize_front
from tests.benchmarks.front.subjects.split import mark_held_out, read_parts
from tests.benchmarks.front.summary import summarize
from tests.benchmarks.front.tables import TABLES
from tests.benchmarks.plan import Options
from tests.benchmarks.rows import Measured, Row, Values
from tests.benchmarks.sections.front import SECTION, tasks

POINTS = [(1, -0.01), (12, 0.5), (9, 0.4), (20, 0.45), (31, 0.6)]
X = np.linspace(1, 2, 20)
ROW = Row(
    section="front", work="airfoil", who=OURS, seed=0, code="", commit="abc", at="2026-01-31T12:00:00+00:00",
    seconds=9.0, peak_mib=10.0, load=0.5, values={},
)  # fmt: skip
COUNTED = {
    "accurate": 0.95,
    "compact": 0.93,
    "formula": 0.8,
    "edges of compact": 18,
    "edges of accurate": 784,
}


def front_of(*points: tuple[int, float]) -> Values:
    return {"points": len(points), "front": json.dumps(points), "seconds": 100.0}


def rows_of(table: str) -> list[Row]:
    """A row of every method: our front is above Operon's up to 10 nodes, and below from 20 on."""
    values: dict[str, Values] = {
        OURS: front_of((1, 0.0), (8, 0.5), (19, 0.7)) | COUNTED,
        OPERON: front_of((7, 0.4), (18, 0.72)),
        "EBM": {"R2": 0.94, "seconds": 200.0},
        "boosting": {"R2": 0.92, "seconds": 0.2},
        "linear": {"R2": 0.5, "seconds": 0.01},
    }
    return [replace(ROW, work=table, who=who, values=values[who]) for who in METHODS]


def measured(*rows: Row) -> Measured:
    return Measured(rows, is_other=False)


@pytest.mark.parametrize(("size", "r2"), [(1, -0.01), (10, 0.4), (12, 0.5), (30, 0.5), (60, 0.6)])
def test_the_best_formula_up_to_a_size_may_be_smaller(size: int, r2: float) -> None:
    assert best_up_to(POINTS, size) == r2


def test_a_front_without_a_formula_of_the_size_has_no_best() -> None:
    assert best_up_to([(11, 0.9)], 10) is None


def test_steps_are_the_formulas_that_no_smaller_one_reaches() -> None:
    assert steps([*POINTS, (9, 0.3), (40, 0.6)]) == [(1, -0.01), (9, 0.4), (12, 0.5), (31, 0.6)]


@pytest.mark.parametrize(
    ("ours", "others", "as_good", "better", "difference"),
    [
        (0.9, 0.905, 1.0, 0.0, -0.005),
        (0.9, 0.92, 0.0, 0.0, -0.02),
        (0.9, 0.897, 1.0, 0.0, 0.003),
        (0.9, 0.89, 1.0, 1.0, 0.01),
    ],
    ids=["a little below", "below", "a little above", "above"],
)
def test_a_pair_is_as_good_or_better_by_its_difference(
    ours: float, others: float, as_good: float, better: float, difference: float
) -> None:
    found = compare_fronts([([(5, ours)], [(5, others)])], sizes=(10,))
    assert (found.pairs, found.as_good, found.better) == (1, as_good, better)
    assert found.difference == pytest.approx(difference)


def test_a_side_without_a_formula_of_the_size_counts_as_a_constant() -> None:
    found = compare_fronts([([(15, 0.6)], [(8, 0.4)])], sizes=(10, 20))
    assert (found.as_good, found.better) == (0.5, 0.5)
    assert found.difference == pytest.approx((-0.4 + 0.2) / 2)


def test_without_pairs_there_are_no_shares() -> None:
    found = compare_fronts([])
    assert found.pairs == 0
    assert math.isnan(found.as_good)
    assert math.isnan(found.difference)


def test_a_formula_is_measured_by_its_printed_form() -> None:
    assert measure_printed("2*x + 1", {"x": X}, 2 * X + 1) == (5, 1.0)


@pytest.mark.parametrize(
    "expression", ["sqrt(x - 1.5)", "1/(x - 1)", "x + (", "x + unknown", "zeta(x, 1, 2, 3)"]
)
def test_a_formula_that_cannot_be_read_or_has_no_value_in_a_row_is_no_point(expression: str) -> None:
    assert measure_printed(expression, {"x": X}, X) is None


def test_a_formula_of_another_program_is_measured_by_its_values() -> None:
    assert measure_values("X1 ^ 2", ["X1"], X**2, X**2) == (3, 1.0)
    assert measure_values("X1", ["X1"], np.full_like(X, np.nan), X) is None


def test_a_front_counts_formulas_that_could_not_be_measured() -> None:
    assert summarize_front([(5, 0.5), None, (1, 0.0)]) == {"points": 3, "front": "[[1, 0.0], [5, 0.5]]"}


def test_everybody_has_the_same_hold_out_rows(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,y\n" + "\n".join(f"{row},{row}" for row in range(40)))
    _, _, _, held = read_parts(path, "y")
    assert len(held) == 10
    assert sorted(held) == np.flatnonzero(mark_held_out(40)).tolist()


def test_every_table_has_a_row_of_every_method() -> None:
    assert len(TABLES) == len({table.name for table in TABLES}) == 11
    assert len(list(tasks(Options()))) == len(TABLES) * len(METHODS)


def test_a_quick_run_has_three_of_the_tables() -> None:
    assert len({task.work for task in tasks(Options(quick=True))}) == 3


def test_the_summary_compares_fronts_and_models() -> None:
    text = summarize(measured(*rows_of("airfoil")))
    assert "| airfoil | **0.500** / 0.400 | 0.700 / **0.720** | 0.700 / **0.720** |" in text
    assert "| 3 / 2 |" in text
    assert "| airfoil | 0.950 | 0.930 | 0.800 | 0.940 | 0.920 | 0.500 | 18 / 784 |" in text
    assert "| airfoil | 100 | 100 | 200 | 0.2 | 0.01 |" in text
    assert "Of 4 pairs" in text
    assert "in 25%, above by more than 0.005 in 25%. The mean difference is +0.010." in text
    assert "The R² of the compact network is within 0.01 of EBM's or above on 100% of the tables." in text
    assert "The compact network loses 0.020 of the accurate network's R² (median)." in text
    assert "Tables with fewer than 6 formulas of ours: airfoil." in text


def test_a_method_that_is_not_installed_is_named_once() -> None:
    failure = "ModuleNotFoundError: No module named 'pyoperon'"
    missing = [
        replace(row, values={}, failure=failure) if row.who == OPERON else row
        for table in ("airfoil", "concrete")
        for row in rows_of(table)
    ]
    text = summarize(measured(*missing))
    assert text.count("- Operon: not installed") == 1
    assert "| airfoil | 0.500 / – |" in text
    assert "pairs" not in text


def test_our_job_that_failed_counts_as_a_front_without_formulas() -> None:
    failed = [
        replace(row, values={}, failure="RuntimeError: no") if row.who == OURS else row
        for row in rows_of("airfoil")
    ]
    text = summarize(measured(*failed))
    assert "in 0%, above by more than 0.005 in 0%. The mean difference is -0.640." in text
    assert "- airfoil, kan_engine, defaults: RuntimeError: no" in text
    assert list_short_fronts(measured(*failed)) == ["airfoil"]


def test_goals_are_stated_once_every_table_is_measured() -> None:
    rows = [row for table in TABLES for row in rows_of(table.name)]
    figures = [goal.measured(measured(*rows)) for goal in SECTION.goals]
    assert figures == pytest.approx([0.25, 0.25, 0.01, 1.0, 0.02, 11, 100])
    assert all(goal.verdict(measured(*rows[len(METHODS) :]))[1] == "not measured" for goal in SECTION.goals)
