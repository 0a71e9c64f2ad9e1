"""Units and names of the constants of a formula."""

import numpy as np
import pytest

from kan_engine import Formula
from kan_engine.assessment.formula_report import FormulaReport, rate_formulas
from kan_engine.assessment.unit_labels import recognize_constant
from kan_engine.expressions.evaluation import Variable
from kan_engine.expressions.unit_system import UnitSystem
from kan_engine.units.unit import read_unit

X = np.linspace(0.5, 2.0, 40)
NAMES = {"x": "x"}


@pytest.mark.parametrize(
    ("value", "unit", "name"),
    [
        (9.80665, "m/s^2", "standard gravity g"),
        (980.665, "cm/s^2", "standard gravity g"),
        (9.81, "m/s^2", "standard gravity g"),
        (6.67e-11, "m^3/(kg*s^2)", "gravitational constant G"),
        (8.314, "J/(mol*K)", "molar gas constant R"),
        (-8.314, "Pa*m^3/(mol*K)", "molar gas constant R"),
        (299.792, "km/ms", "speed of light c"),
        (8.98755e16, "m^2/s^2", "c^2, of the speed of light c"),
        (9.9, "m/s^2", None),
        (9.80665, "m/s", None),
        (9.80665, "", None),
        (0.0, "m/s^2", None),
    ],
)
def test_a_constant_of_nature_is_known_by_value_and_unit(value: float, unit: str, name: str | None) -> None:
    assert recognize_constant(value, abs(value) * 1e-5, read_unit(unit)) == name


def test_a_constant_within_its_error_is_recognised_unless_the_error_is_large() -> None:
    metres = read_unit("m/s^2")
    assert recognize_constant(9.81, 0.02, metres) == "standard gravity g"
    assert recognize_constant(9.83, 0.001, metres) is None
    assert recognize_constant(9.81, 0.5, metres) is None
    assert recognize_constant(9.81, float("nan"), metres) is None
    assert recognize_constant(9.81, 0.02, None) is None


@pytest.fixture
def report() -> FormulaReport:
    noise = np.random.default_rng(0).normal(0, 1e-3, len(X))
    target = 9.80665 * X + 1.7 + noise
    formulas = [Formula(9.80665 * Variable("x") + 1.7, 1e-3), Formula(12.0 * Variable("x"), 0.1)]
    rated = rate_formulas({"v": formulas}, {"x": X}, {"v": target}, seen={"x": X}, learnt={"v": target})
    assert rated is not None
    return rated


def test_a_report_tells_units_and_constants_of_nature(report: FormulaReport) -> None:
    output = report.add_units(UnitSystem({"x": "s"}, "m/s")).outputs[0]
    assert output.constants is not None
    told = {constant.unit: constant.name for constant in output.constants}
    assert told == {"m/s^2": "standard gravity g", "m/s": None}
    assert {entry.unit_status for entry in output.front} == {"adds_up"}


def test_a_restored_report_has_the_same_units(report: FormulaReport) -> None:
    known = report.add_units(UnitSystem({"x": "s"}, "m/s"))
    restored = FormulaReport.from_dict(known.to_dict(NAMES), NAMES)
    assert restored.outputs[0].constants == known.outputs[0].constants
    assert [entry.unit_status for entry in restored.outputs[0].front] == ["adds_up", "adds_up"]


def test_a_formula_that_does_not_add_up_is_marked() -> None:
    rated = rate_formulas(
        {"v": [Formula(Variable("x") + Variable("t"), 0.1)]}, {"x": X, "t": X}, {"v": 2 * X}
    )
    assert rated is not None
    assert rated.outputs[0].best.unit_status is None
    marked = rated.add_units(UnitSystem({"x": "m", "t": "s"}, "m"))
    assert marked.outputs[0].best.unit_status == "does_not_add_up"
