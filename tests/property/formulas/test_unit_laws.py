"""Laws of the units of formulas."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.expressions.balance import balance_units
from kan_engine.expressions.evaluation import Add, Call, Expression, Mul, Number, Pow, Variable, variables
from kan_engine.expressions.unit_system import UnitSystem
from kan_engine.units.monomial import ONE, Monomial
from kan_engine.units.unit import read_unit
from tests.support.engine import trees

# Under test, beartype draws the items that it checks with `random`, also while strategies build trees.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

few = settings(max_examples=60, deadline=None, derandomize=True)

COLUMNS = {"x": "m", "y": "m/s", "z": "kg^(1/2)", "w": ""}
SMALLER = {"x": "mm", "y": "cm/min", "z": "g^(1/2)", "w": "%"}
UNITS = {name: read_unit(text).symbols for name, text in COLUMNS.items()}
TARGETS = st.sampled_from(["", "m", "J", "s^(1/2)", "kg/m^3"])

Known = tuple[Expression, Monomial]  # a formula and its unit


def one_more(parts: st.SearchStrategy[Known]) -> st.SearchStrategy[Known]:
    """Formulas whose units add up, from such."""
    exponents = st.sampled_from([Fraction(2), Fraction(-1), Fraction(1, 2)])
    return st.one_of(
        st.tuples(parts, parts).map(lambda two: (Mul((two[0][0], two[1][0])), two[0][1] * two[1][1])),
        st.tuples(parts, exponents).map(lambda two: (Pow(two[0][0], Number(two[1])), two[0][1] ** two[1])),
        st.tuples(parts, parts).map(lambda two: (Add((two[0][0], match_unit(two[1], two[0][1]))), two[0][1])),
        parts.map(lambda part: (Call("sin", match_unit(part, ONE)), ONE)),
    )


def match_unit(part: Known, unit: Monomial) -> Expression:
    """The formula times powers of columns that give it the unit."""
    missing = dict((unit / part[1]).powers)
    metres, seconds, kilograms = (missing.get(base, Fraction(0)) for base in ("m", "s", "kg"))
    powers = {"x": metres + seconds, "y": -seconds, "z": 2 * kilograms}
    return Mul((part[0], *(Pow(Variable(name), Number(p)) for name, p in powers.items())))


leaves = st.sampled_from([(Variable(name), unit) for name, unit in UNITS.items()])
consistent = st.recursive(leaves, one_more, max_leaves=6)


@few
@given(consistent)
def test_a_formula_of_consistent_units_adds_up(known: Known) -> None:
    tree, unit = known
    assert balance_units(tree, UNITS, unit) is not None
    assert balance_units(tree, UNITS, unit * Monomial.create({"K": 1})) is None


@few
@given(consistent, TARGETS, st.floats(0.1, 10))
def test_a_measured_factor_has_the_unit_that_is_missing(known: Known, target: str, factor: float) -> None:
    tree, unit = known
    wanted = read_unit(target).symbols
    found = balance_units(Mul((Number(factor), tree)), UNITS, wanted)
    assert found is not None
    assert found.measured[0] * unit == wanted


@few
@given(trees.plain_trees(COLUMNS), TARGETS)
def test_the_size_of_the_units_does_not_decide_whether_they_add_up(tree: Expression, target: str) -> None:
    large, small = UnitSystem(COLUMNS, target), UnitSystem(SMALLER, target)
    assert large.report(tree).status == small.report(tree).status
    assert large.adds_up(tree) == small.adds_up(tree)


@few
@given(trees.plain_trees(COLUMNS), TARGETS)
def test_more_known_units_never_make_a_formula_add_up(tree: Expression, target: str) -> None:
    known = UnitSystem(COLUMNS, target)
    if known.adds_up(tree):
        for name in variables(tree):
            fewer = {other: text for other, text in COLUMNS.items() if other != name}
            assert UnitSystem(fewer, target).adds_up(tree)


@few
@given(trees.plain_trees(COLUMNS), TARGETS)
def test_restored_units_are_the_same(tree: Expression, target: str) -> None:
    system = UnitSystem(COLUMNS, target, "enforce")
    restored = UnitSystem.from_dict(system.to_dict())
    assert restored == system
    assert restored.report(tree) == system.report(tree)
