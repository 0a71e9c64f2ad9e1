from typing import Any

import pytest

from service.cli.support.model_report import print_report
from service.client import Symbolic
from tests.unit.service.cli.played import DENSITY, FORMULAS, MODEL, OF_DENSITY, SOLUTION


def test_a_terminal_gets_lines_that_fit(monkeypatch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    long = FORMULAS.outputs[0].model_copy(update={"expression": " + ".join(f"x{n}" for n in range(40))})
    print_report(MODEL, FORMULAS.model_copy(update={"outputs": [long]}))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 50 + len("\x1b[1m\x1b[0m")
    assert any(line.startswith("           x") for line in lines)


def test_a_share_near_0_has_decimals_and_no_exponent(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"rmse": 8.5e-5, "r2": -8.086e-5}
    print_report(MODEL.model_copy(update={"metrics": metrics, "members": {}}), None)
    shown = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in shown if line[0] in ("RMSE", "R²")] == ["8.5e-05", "-0.0001"]


def test_nobody_is_told_of_metrics_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(MODEL.model_copy(update={"metrics": {"rmse": None, "r2": None}}), None)
    assert "no rows were held out" in capsys.readouterr().out


def test_what_a_formula_of_a_class_gives_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    output = FORMULAS.outputs[0].model_copy(
        update={"quantity": "log-odds", "symbols": {"kind_a": "kind = a"}, "domain": {"kind": ["a", "b"]}}
    )
    print_report(MODEL, Symbolic.model_validate(FORMULAS.model_dump() | {"outputs": [output.model_dump()]}))
    shown = capsys.readouterr().out
    assert "log-odds of y = " in shown
    assert "where kind_a is kind = a" in shown
    assert "kind in ['a', 'b']" in shown
    assert "formula  " not in shown  # its errors are not those of the target


def test_constants_have_errors_and_units(capsys: pytest.CaptureFixture[str]) -> None:
    known = {
        "constants": [
            {"value": 2.00606, "standard_error": 0.00312, "unit": "s/m^(1/2)"},
            {"value": 9.80665, "standard_error": 0.0021, "unit": "m/s^2", "name": "standard gravity g"},
            {"value": -3.0, "standard_error": 0.0},
            {"value": 0.25, "standard_error": 0.012, "symbol": "a[A]"},
            {"value": 3.88774, "standard_error": None},
        ],
        "undetermined": [[4]],
        "exact_units": [(2.0, "kg")],
        "unit_status": "adds_up",
    }
    output = FORMULAS.outputs[0].model_dump() | known
    print_report(MODEL, Symbolic.model_validate(FORMULAS.model_dump() | {"outputs": [output]}))
    lines = capsys.readouterr().out.splitlines()
    assert [line.removeprefix("constant:  ") for line in lines if line.startswith("constant")] == [
        "2.0061 ± 0.0031 s/m^(1/2)",
        "9.8066 ± 0.0021 m/s^2, the standard gravity g",
        "-3 ± 0",
        "a[A] = 0.250 ± 0.012",
        "3.88774, which the rows do not determine beside the others",
        "2 kg, rounded",
    ]
    assert not any(line.startswith("units:") for line in lines)


def test_units_that_do_not_add_up_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    output = FORMULAS.outputs[0].model_copy(update={"unit_status": "does_not_add_up"})
    print_report(MODEL, FORMULAS.model_copy(update={"outputs": [output]}))
    assert "units:     do not add up" in capsys.readouterr().out


def test_a_density_is_told_with_its_law_beside_the_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(DENSITY, FORMULAS.model_copy(update={"outputs": [OF_DENSITY]}))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:6] == [
        "hold-out:         network    law  kernel",
        "  log-likelihood     -3.5  -3.25   -3.75",
        "  parameters           20              1",
        "  seconds             2.5            0.5",
    ]
    assert lines[6:10] == [
        "law:       normal (p = 0.98 in a test of its fit)",
        "                   value  std. error  95 % from      to",
        "  mean            171.81        0.25     171.32  172.30",
        "  end point  1.23457e+06                              2",
    ]
    assert lines[10] == "formula:   p(height) = exp(-height)"
    assert lines[11].startswith("verdict:   explains the rows")


def test_a_density_without_a_law_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(DENSITY, None)
    assert (
        "formula:   none: not requested, or the rows follow none of the known laws" in capsys.readouterr().out
    )


def test_rows_that_have_no_likelihood_are_no_missing_rows(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = {"metrics": {"mean_log_likelihood": None}, "split": {"test_rows": 3}}
    print_report(DENSITY.model_copy(update=nothing), None)
    assert "no metrics: the warnings say why" in capsys.readouterr().out


def test_a_weak_formula_is_told_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(MODEL, FORMULAS.model_copy(update={"verdict": "weak"}))
    assert "verdict:   a constant, or no better than one" in capsys.readouterr().out


def test_a_solution_is_told_by_its_residuals_and_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(SOLUTION, FORMULAS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:6] == [
        "residuals: equations hold to 4.6e-12 of their terms, conditions to 2e-15, at the worst of many "
        "random points",
        "error:     about 3.8e-13 of the solution: its change in the last refinement",
        "estimates:   value  std. error  95 % from      to",
        "  k         0.2546      0.0025     0.2496  0.2596",
    ]
    assert "verdict:   satisfies all equations to rounding, with the numbers that were estimated" in lines


def test_a_number_without_an_error_is_told_alone(capsys: pytest.CaptureFixture[str]) -> None:
    told = {"k": {"value": 0.25, "standard_error": None, "interval": None}}
    print_report(SOLUTION.model_copy(update={"parameters": told}), None)
    assert "  k          0.25" in [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("conditions", "told"),
    [({"conditions": [{}]}, "of their terms, conditions exactly, at"), ({}, "of their terms, at")],
)
def test_conditions_are_told_if_there_are_any(
    capsys: pytest.CaptureFixture[str], conditions: Any, told: str
) -> None:
    metrics = SOLUTION.metrics | {"condition_residual": 0.0, "estimated_error": None}
    print_report(SOLUTION.model_copy(update={"metrics": metrics, "residuals": conditions}), None)
    shown = capsys.readouterr().out
    assert told in shown
    assert "error:" not in shown
    assert "formula:   none: not requested, or no closed-form solution was found" in shown


def test_a_form_is_told_with_its_constants_and_functions(capsys: pytest.CaptureFixture[str]) -> None:
    constants = [
        {"name": "b", "value": 0.7, "standard_error": 0.012, "low": 0.68, "high": 0.72},
        {"name": "g", "value": 9.81, "standard_error": None, "low": None, "high": None, "is_held": True},
    ]
    form = {
        "text": "exp(-b*x1)*f(x2) + g",
        "level": 0.95,
        "constants": [{"is_held": False, "is_at_bound": False} | constant for constant in constants],
        "correlation": [[1.0]],
        "out_of_sample_rmse": 0.5,
        "free": {
            "expression": "x2**2 + 9.81",
            "complexity": 3,
            "rmse": 0.4,
            "r2": 0.9,
            "out_of_sample_rmse": 0.45,
            "is_better": False,
            "is_case_of_form": True,
        },
        "functions": [{"name": "f", "columns": ["x2"], "expression": "3*x2**2"}],
    }
    print_report(MODEL, Symbolic.model_validate(FORMULAS.model_dump() | {"form": form}))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "constant:  b = 0.7 ± 0.012, 95% interval 0.68 to 0.72" in lines
    assert "constant:  g = 9.81 (held)" in lines
    assert "           where f(x2) = 3*x2**2" in lines
    assert "compared:  with the free search, x2**2 + 9.81" in lines
    assert any("that of the form 0.5: it is the form with certain constants" in line for line in lines)
