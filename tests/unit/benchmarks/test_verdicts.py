"""The section on verdicts: how its tables are drawn, and when a verdict is false."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.plan import Options
from tests.benchmarks.rows import Measured, Row
from tests.benchmarks.runner import is_wanted
from tests.benchmarks.sections.laws.verdicts import SECTION, recall, summary, tasks
from tests.benchmarks.verdicts.forms import FORMS, FRESH_ROWS, NOISES, TARGET, Case, draw
from tests.benchmarks.verdicts.work import judge, solve

LINE = next(form for form in FORMS if form.name == "01 line")
ROW = Row(
    section="verdicts", work="noise 1 %", who=LINE.name, seed=0, code="", commit="abc",
    at="2026-01-31T12:00:00+00:00", seconds=9.0, peak_mib=10.0, load=0.5,
    values={"verdict": "consistent", "error": 0.1, "claimed": 1.0, "false": 0.0, "right": 1.0},
)  # fmt: skip


def case(noise: float) -> Case:
    x = np.linspace(0, 1, 100)
    return Case(columns={"x": x, TARGET: x}, fresh={"x": x}, truth=x, spread=1.0, noise=noise)


def judged(expression: str, verdict: str, noise: float = 0.0) -> dict[str, Any]:
    output = {"expression": expression, "complexity": 3, "r2": 1.0}
    return judge(case(noise), {"verdict": verdict, "exact": False, "outputs": [output]}, {"r2": 0.9})


def test_there_are_two_hundred_tables_of_forty_forms() -> None:
    every = list(tasks(Options()))
    assert len({(task.work, task.who) for task in every}) == 200
    assert len({form.name for form in FORMS}) == 40
    assert sum(form.is_in_reach for form in FORMS) == 20
    assert all(60 <= form.rows <= 600 for form in FORMS)


def test_a_few_of_them_will_do_in_a_hurry() -> None:
    assert len(list(tasks(Options(quick=True)))) == 10


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_law_is_finite_in_its_rows_and_in_fresh_ones(form: Any) -> None:
    drawn = draw(form, 0.1)
    assert {len(values) for values in drawn.columns.values()} == {form.rows}
    assert {len(values) for values in drawn.fresh.values()} == {FRESH_ROWS}
    assert np.isfinite([*drawn.columns.values()]).all()
    assert np.isfinite(drawn.truth).all()


def test_a_table_is_the_same_whenever_it_is_drawn_and_its_noise_is_as_large_as_promised() -> None:
    form = next(form for form in FORMS if form.rows == 600)
    clean, noisy, again = draw(form, 0.0), draw(form, 0.3), draw(form, 0.3)
    np.testing.assert_array_equal(noisy.columns[TARGET], again.columns[TARGET])
    np.testing.assert_array_equal(noisy.columns["a"], clean.columns["a"])
    noise = noisy.columns[TARGET] - clean.columns[TARGET]
    assert noise.std() / clean.spread == pytest.approx(0.3, rel=0.1)
    assert noisy.noise == pytest.approx(0.3 * clean.columns[TARGET].std())


@pytest.mark.parametrize(
    ("expression", "verdict", "noise", "is_false"),
    [
        ("x", "exact", 0.0, False),
        ("x + 1e-5", "exact", 0.0, True),
        ("x + 1e-5", "consistent", 0.0, False),
        ("x + 0.002", "consistent", 0.0, True),
        ("x + 0.04", "consistent", 0.1, False),
        ("x + 0.06", "consistent", 0.1, True),
        ("x + 0.06", "exact", 0.1, True),
        ("log(x - 2)", "consistent", 0.1, True),
        ("x + 0.06", "approximation", 0.1, False),
    ],
)
def test_a_verdict_is_false_where_the_formula_is_further_off_than_it_says(
    expression: str, verdict: str, noise: float, is_false: bool
) -> None:
    values = judged(expression, verdict, noise)
    assert values["false"] == is_false
    assert values["right"] == (verdict != "approximation" and not is_false)


def test_a_model_without_a_formula_claims_nothing() -> None:
    values = judge(case(0.1), None, {"r2": 0.5})
    assert (values["verdict"], values["claimed"], values["error"]) == ("no formula", 0.0, None)


def test_a_law_without_noise_is_found_and_called_exact() -> None:
    values = solve(LINE, 0.0, 20, None)
    assert (values["verdict"], values["right"], values["false"]) == ("exact", 1.0, 0.0)


def test_tables_are_chosen_by_name_or_number() -> None:
    assert is_wanted("07 gravitation", "07*")
    assert is_wanted("07 gravitation", "07 gravitation")
    assert is_wanted("KAN[2,1]", "KAN[2,1]")
    assert not is_wanted("08 decay", "07*")
    assert is_wanted("08 decay", None)


def test_the_summary_counts_verdicts_and_names_those_that_are_false() -> None:
    wrong = replace(ROW, who="25 step", values={**ROW.values, "error": 0.9, "false": 1.0, "right": 0.0})
    failed = replace(ROW, who="02 throw", values={}, failure="ValueError: no")
    text = summary(Measured([ROW, wrong, failed], is_other=False))
    assert "| noise 1 % | in reach | 2 | 0 | 1 | 0 | 0 | 0 | 1 | 0 | 1 | 0.1 | 9 |" in text
    assert "| all | all | 3 | 0 | 2 | 0 | 0 | 0 | 1 | 1 | 1 | 0.5 | 9 |" in text
    assert "false 1 of 3 (33.3%) of all tables, 1 of 2 (50.0%) of those" in text
    assert "- noise 1 %, 25 step: consistent, error 0.9" in text
    assert "- noise 1 %, 02 throw: ValueError: no" in text


def test_a_share_is_stated_once_every_table_is_measured() -> None:
    every = [
        replace(
            ROW, who=task.who, work=task.work, values={**ROW.values, "false": float(form.name == "25 step")}
        )
        for form in FORMS
        for task in tasks(Options())
        if task.who == form.name
    ]
    false, of_claimed, share = SECTION.goals
    assert false.verdict(Measured(every[1:], is_other=False))[1] == "not measured"
    assert false.measured(Measured(every, is_other=False)) == len(NOISES) / 200
    assert of_claimed.measured(Measured(every, is_other=False)) == len(NOISES) / 200
    assert share.measured is recall
    assert recall(Measured(every, is_other=False)) == 1.0
