"""The units of a table, what they say of formulas, and what follows from it."""

from fractions import Fraction

import pytest

from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import PI, Number, Variable, call, power
from kan_engine.expressions.unit_system import UnitSystem, make_unit_system

LENGTH, MASS, TIME, TEXT = (Variable(name) for name in ("length", "mass", "time", "text"))
COLUMNS = {"length": "cm", "mass": "kg", "time": "s", "text": "people"}
SYSTEM = UnitSystem(COLUMNS, "s")
PERIOD = 0.2006 * power(LENGTH, Number(Fraction(1, 2)))
WRONG = LENGTH + MASS


def test_a_constant_has_its_unit_in_the_words_of_the_table() -> None:
    (unit,) = SYSTEM.report(PERIOD).measured
    assert unit is not None
    assert str(unit.symbols) == "s/cm^(1/2)"
    assert unit.scale == pytest.approx(10)  # in s/m^(1/2)


def test_a_unit_that_is_one_in_the_si_is_left_out() -> None:
    system = UnitSystem({"energy": "J", "m": "kg", "v": "m/s"}, "J")
    tree = 2.5 * Variable("energy") + 0.3 * Variable("m") * power(Variable("v"), 2)
    assert [str(unit.symbols) for unit in system.report(tree).measured if unit is not None] == ["", ""]


def test_the_factor_between_units_of_one_dimension_is_kept() -> None:
    (unit,) = UnitSystem({"a": "m", "b": "cm"}, "m").report(0.01 * Variable("b")).measured
    assert unit is not None
    assert (str(unit.symbols), unit.scale) == ("m/cm", 100.0)


def test_a_sum_of_lengths_and_forces_does_not_add_up() -> None:
    system = UnitSystem({"a": "m", "b": "N"}, "m")
    assert system.report(Variable("a") + Variable("b")).status == "does_not_add_up"


def test_exact_numbers_with_a_unit_are_listed() -> None:
    report = UnitSystem({"x": "m"}, "m").report(Variable("x") + Number(Fraction(2)))
    assert report.status == "adds_up"
    assert [(value, str(unit.symbols)) for value, unit in report.exact] == [(2, "m")]


def test_pi_and_the_numbers_of_a_law_have_no_unit() -> None:
    report = UnitSystem({"r": "m"}, "m^2").report(PI * power(Variable("r"), 2))
    assert (report.status, report.measured, report.exact) == ("adds_up", (), ())


def test_columns_without_known_units_are_no_evidence() -> None:
    assert UnitSystem(COLUMNS, None).report(2.5 * TEXT).status == "unknown"
    assert SYSTEM.report(2.5 * TEXT).status == "adds_up"


@pytest.mark.parametrize(("mode", "is_allowed"), [("check", True), ("enforce", False)])
def test_a_formula_that_does_not_add_up_comes_behind_or_is_left_out(mode: str, is_allowed: bool) -> None:
    limits = FormulaConstraints(units=make_unit_system(COLUMNS | {"period": "s"}, "period", mode))  # type: ignore[arg-type]
    assert limits.allow(PERIOD)
    assert limits.allow(WRONG) == is_allowed
    assert limits.excess_bits(PERIOD, is_exact=False) == limits.excess_bits(PERIOD, is_exact=True) == 0
    assert limits.excess_bits(WRONG, is_exact=False) > 1000
    assert 0 < limits.excess_bits(WRONG, is_exact=True) < 100


def test_a_constant_of_one_in_the_units_of_the_table_costs_bits_of_its_own() -> None:
    limits = FormulaConstraints(units=UnitSystem({"x": "m", "y": "s"}, "m"))
    assert 0 < limits.excess_bits(Variable("x") * Variable("y"), is_exact=False) < 100


def test_ignored_and_unknown_units_decide_nothing() -> None:
    assert make_unit_system(COLUMNS, "period", "ignore") is None
    assert make_unit_system({"text": "people"}, "period", "enforce") is None
    assert FormulaConstraints().allow(WRONG)


def test_log_odds_have_no_unit() -> None:
    system = make_unit_system(COLUMNS, None, "check")
    assert system is not None
    assert system.adds_up(LENGTH * 0.5)
    assert not system.adds_up(call("sin", LENGTH))


def test_restored_constraints_know_the_units() -> None:
    limits = FormulaConstraints(units=SYSTEM)
    assert FormulaConstraints.from_dict(limits.to_dict()) == limits
    assert "units" not in FormulaConstraints().to_dict()
