"""The report of ``make bench-formulas``: how lines are sampled, and how what was found is judged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy

from kan_engine.expressions.evaluation import to_json, variables
from kan_engine.expressions.nodes import Expression, Variable, add, apply_function, mul, number, power
from kan_engine.expressions.printing.infix import to_text
from tests.benchmarks.formulas.judge import is_equivalent, judge
from tests.benchmarks.formulas.lines import TARGET, Conditions, Input, Line, draw, read, small, with_units
from tests.benchmarks.formulas.report import render
from tests.benchmarks.formulas.work import solve
from tests.benchmarks.rows import Journal, Row, Values

pytestmark = pytest.mark.long

PLANE = Line(
    id="plane", source="ours", expression="2*x + y/4", inputs=(Input("x", 0, 1), Input("y", 2, 3)), rows=80
)
X, Y = Variable("x"), Variable("y")


def test_a_line_is_sampled_in_its_ranges_and_a_fifth_more_for_what_is_held_out() -> None:
    drawn = draw(PLANE, Conditions())
    assert drawn.table.columns == ["x", "y", TARGET]
    assert len(drawn.table) == 100
    x, y, target = (drawn.table[name].to_numpy() for name in drawn.table.columns)
    assert [x.min() >= 0, x.max() <= 1, y.min() >= 2, y.max() <= 3] == [True] * 4
    np.testing.assert_allclose(target, 2 * x + y / 4)


def test_fresh_rows_have_no_noise_and_are_no_rows_of_the_table() -> None:
    drawn = draw(PLANE, Conditions(noise=0.1))
    x, y = drawn.fresh["x"], drawn.fresh["y"]
    np.testing.assert_allclose(drawn.truth, 2 * x + y / 4)
    assert not np.isin(x, drawn.table["x"].to_numpy()).any()


def test_noise_is_a_share_of_the_spread_of_the_target() -> None:
    clean, noisy = (draw(PLANE, Conditions(noise=noise, rows=8_000)) for noise in (0.0, 0.1))
    difference = noisy.table[TARGET].to_numpy() - clean.table[TARGET].to_numpy()
    assert difference.std() / clean.table[TARGET].to_numpy().std() == pytest.approx(0.1, rel=0.05)


def test_the_same_conditions_give_the_same_rows() -> None:
    first, again, other = (draw(PLANE, Conditions(seed=seed)).table for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_irrelevant_inputs_stand_beside_the_others() -> None:
    drawn = draw(PLANE, Conditions(irrelevant=2))
    assert drawn.table.columns == ["x", "y", "other_0", "other_1", TARGET]
    assert set(drawn.fresh) == {"x", "y", "other_0", "other_1"}


def test_inputs_over_decades_have_both_signs_and_integers_leave_the_upper_end_out() -> None:
    inputs = (Input("x", 1e-3, 1e3, "loguniform", "both"), Input("y", 1, 4, "int"))
    x, y, _ = draw(replace(PLANE, inputs=inputs, rows=800), Conditions()).table.to_numpy().T
    assert np.log10(np.abs(x)).std() == pytest.approx(6 / np.sqrt(12), rel=0.1)
    assert (x < 0).mean() == pytest.approx(0.5, abs=0.1)
    assert set(y) == {1, 2, 3}


def test_rows_without_a_value_of_32_bits_are_drawn_again() -> None:
    line = replace(PLANE, expression="1/sqrt(x)", inputs=(Input("x", -1, 1),))
    drawn = draw(line, Conditions())
    assert (drawn.table["x"].to_numpy() > 0).all()
    assert len(drawn.table) == 100


def test_units_come_from_the_line_or_from_the_same_law_of_another_file(tmp_path: Path) -> None:
    entry = {
        "id": "a", "source": "", "expression": "x", "same_law_in_shared": "plane",
        "variables": [{"name": n, "low": 0, "high": 1, "units": [1, -2, 0, 0, 0]} for n in "xy"],
        "target": {"name": "z", "units": [0, 0, 0, 1, 0]},
    }  # fmt: skip
    path = tmp_path / "units.jsonl"
    path.write_text(json.dumps(entry))
    source = read(path)
    (found,) = with_units([PLANE, replace(PLANE, id="other")], source)
    assert found.id == "plane"
    assert found.units["x"] == "m^1*s^-2*kg^0*K^0*V^0"
    assert source[0].units[TARGET] == "m^0*s^0*kg^0*K^1*V^0"


def test_a_job_is_told_the_units_of_its_line() -> None:
    units = {"x": "m", "y": "s", TARGET: "m"}
    values = solve(replace(PLANE, units=units), Conditions(units="check"), 10)
    assert values["adds up"] == 1.0
    assert solve(PLANE, Conditions(), 10)["adds up"] is None


def test_lines_of_the_kind_are_read_and_a_small_run_has_every_source(tmp_path: Path) -> None:
    entry = {"id": "", "kind": "symbolic", "source": "", "expression": "x", "n_train": 500}
    entry["variables"] = [{"name": "x", "low": 0, "high": 1}]
    sources = ["a"] * 5 + ["b"]
    lines = [entry | {"id": str(place), "source": source} for place, source in enumerate(sources)]
    path = tmp_path / "formulas.jsonl"
    path.write_text("\n".join(map(json.dumps, [*lines, entry | {"kind": "accuracy"}])))
    found = read(path)
    assert [line.id for line in found] == list("012345")
    assert found[0].rows == 500
    assert [line.id for line in small(found)] == ["0", "4", "5"]


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ("2*x + y/4", add(mul(2, X), mul(number(0.25), Y)), True),
        ("2*x + y/4", add(mul(number(2.0001), X), mul(number(0.2499), Y)), True),
        ("x*y", add(mul(X, Y), number(3)), True),
        ("x*y", mul(7, X, Y), True),
        ("x*y", mul(X, power(Y, 2)), False),
        ("x*y", number(3), False),
        ("sin(x)**2", add(1, mul(-1, power(apply_function("cos", X), 2))), True),
    ],
)
def test_formulas_are_equivalent_up_to_a_term_or_a_factor(
    truth: str, found: Expression, expected: bool
) -> None:
    symbols = {name: sympy.Symbol(name, real=True) for name in "xy"}
    assert is_equivalent(sympy.sympify(truth, symbols), found) is expected


def test_a_line_is_solved_by_a_job() -> None:
    values = solve(PLANE, Conditions(), 10)
    whole = ("recovered", "exact", "equivalent", "snapped")
    assert [values[name] for name in whole] == [1.0] * 4
    assert values["complexity"] == values["true complexity"] == 7


def test_networks_alone_find_no_law_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "kan_engine.formulas.reductions.strategies.find_reduction", lambda *_, **__: asked.append("reduction")
    )
    curved = replace(PLANE, expression="x*y + x")
    conditions = Conditions(networks=True)
    assert solve(curved, conditions, 10)["formula of"] == "network"
    assert str(conditions) == "no noise, networks alone"
    assert not asked


def symbolic(tree: Expression, *, exact: bool) -> dict[str, object]:
    domain = {name: [0, 1] for name in variables(tree)}
    output = {"tree": to_json(tree), "expression": to_text(tree), "domain": domain}
    return {"exact": exact, "outputs": [output]}


def test_what_was_found_is_judged_on_rows_without_noise() -> None:
    drawn = draw(PLANE, Conditions(noise=0.3, irrelevant=1))
    right = judge(PLANE, drawn, symbolic(add(mul(2, X), mul(number(0.25), Y)), exact=False))
    assert (right["recovered"], right["exact"], right["irrelevant inputs"]) == (1.0, 0.0, 0.0)
    wrong = judge(PLANE, drawn, symbolic(add(mul(number(1.9), X), Variable("other_0")), exact=True))
    assert (wrong["recovered"], wrong["exact"], wrong["snapped"]) == (0.0, 1.0, 0.0)
    assert wrong["irrelevant inputs"] == 1.0
    assert judge(PLANE, drawn, None)["recovered"] == 0.0


def row(line: str, **values: float | str) -> Row:
    given: Values = {"recovered": 0.0, "exact": 0.0, "equivalent": 0.0, **values}
    return Row(
        section="formulas", work=line, who="no noise", seed=0, code="now", commit="", at="", seconds=1.0,
        peak_mib=1.0, load=1.0, values=given,
    )  # fmt: skip


def test_the_report_has_shares_by_source_and_every_miss(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "rows.jsonl")
    lines = [PLANE, replace(PLANE, id="other"), replace(PLANE, id="third", source="theirs")]
    journal.add(row("plane", recovered=1.0, exact=1.0, seconds=2.0))
    journal.add(row("other", exact=1.0, seconds=4.0, R2=0.9995, formula="x + y"))
    journal.add(replace(row("third"), failure="ended at its limit"))
    journal.add(replace(row("third", recovered=1.0), code="before"))
    report = render(journal, "now", lines)
    assert "| ours | 2 | 50% | 100% | 1 | 0% | 50% |" in report
    assert "| theirs | 1 | 0% |" in report
    assert "| other | 0 | 2*x + y/4 | x + y | 0.9995 | 4 |" in report
    assert "| third | 0 | 2*x + y/4 | ended at its limit |" in report
    assert "| plane | 0 |" not in report
