from typing import Any

import pytest

from service.cli.report import report, rounded
from service.client import Symbolic
from tests.unit.service.cli.played import FORMULAS, MODEL


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("x1 + x2**2", "x1 + x2**2"),
        ("0.1*x1", "0.1*x1"),
        ("2.3456789012*sin(pi*x1)", "2.34568*sin(pi*x1)"),
        ("1.234567890123e-12*x", "1.23457e-12*x"),
        ("0.000012345*x", "0.000012345*x"),
        ("x_1.23456789*2", "x_1.23456789*2"),
    ],
)
def test_a_formula_is_shown_with_as_many_digits_as_people_read(printed: str, read: str) -> None:
    assert rounded(printed) == read


def test_a_terminal_gets_lines_that_fit(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    long = FORMULAS.outputs[0].model_copy(update={"expression": " + ".join(f"x{n}" for n in range(40))})
    report(MODEL, FORMULAS.model_copy(update={"outputs": [long]}))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 50 + len("\x1b[1m\x1b[0m")
    assert any(line.startswith("           x") for line in lines)


def test_nobody_is_told_of_metrics_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    report(MODEL.model_copy(update={"metrics": {"rmse": None, "r2": None}}), None)
    assert "no rows were held out" in capsys.readouterr().out


def test_what_a_formula_of_a_class_gives_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    output = FORMULAS.outputs[0].model_copy(
        update={"quantity": "log-odds", "symbols": {"kind_a": "kind = a"}, "domain": {"kind": ["a", "b"]}}
    )
    report(MODEL, Symbolic.model_validate(FORMULAS.model_dump() | {"outputs": [output.model_dump()]}))
    shown = capsys.readouterr().out
    assert "log-odds of y = " in shown
    assert "where kind_a is kind = a" in shown
    assert "kind in ['a', 'b']" in shown
    assert "formula  " not in shown  # its errors are not those of the target
