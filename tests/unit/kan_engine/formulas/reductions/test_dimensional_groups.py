"""Units reduce the columns of a law to dimensionless groups."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.unit_system import UnitSystem
from kan_engine.formulas.reductions.dimensional_choice import find_dimensional_reductions
from kan_engine.formulas.reductions.dimensional_groups import (
    Quantities,
    choose_constants,
    list_dimensional_reductions,
)
from kan_engine.units.unit import Unit, read_unit


def unit(text: str) -> Unit:
    found = read_unit(text)
    assert found is not None
    return found


def quantities(target: str, **columns: str) -> Quantities:
    return Quantities(
        units={name: unit(text) for name, text in columns.items()},
        target=unit(target),
        is_positive=dict.fromkeys(columns, True),
        has_zeros=dict.fromkeys(columns, False),
    )


def test_a_law_of_as_many_quantities_as_base_units_is_its_factor() -> None:
    (found,) = list_dimensional_reductions(quantities("s", length="m", gravity="m/s^2"))
    assert not found.groups
    assert to_text(found.factor) == "sqrt(length)/sqrt(gravity)"


def test_the_groups_with_the_shortest_expressions_come_first() -> None:
    found = list_dimensional_reductions(quantities("m", m1="kg", m2="kg", r1="m", r2="m"))
    assert {to_text(group) for group in found[0].groups.values()} == {"m2/m1", "r2/r1"}
    assert to_text(found[0].factor) == "r1"


def test_units_that_cannot_make_the_target_give_no_groups() -> None:
    assert list_dimensional_reductions(quantities("V", length="m", time="s")) == []


def test_a_factor_holds_the_conversion_between_the_units_of_columns() -> None:
    (found,) = list_dimensional_reductions(quantities("m", speed="km/h", time="s"))
    columns = {"speed": np.array([36.0]), "time": np.array([2.0])}
    ratio = found.reduce_data(LabelledRows.from_columns(columns, np.array([20.0])))
    assert not ratio.names
    np.testing.assert_allclose(ratio.y, 1.0)


def test_a_column_with_values_of_both_signs_is_under_no_root() -> None:
    asked = quantities("s", length="m", gravity="m/s^2")
    signed = Quantities(
        units=asked.units,
        target=asked.target,
        is_positive={"length": False, "gravity": True},
        has_zeros=asked.has_zeros,
    )
    assert list_dimensional_reductions(signed) == []


def test_only_constants_of_nature_that_can_occur_are_tried() -> None:
    columns = {"charge": unit("C"), "distance": unit("m")}
    sets = choose_constants(columns, unit("V/m"), 1)
    assert [[constant.symbol for constant in each.constants] for each in sets] == [["epsilon_0"]]


@pytest.mark.parametrize(("is_relativistic", "symbols"), [(False, []), (True, ["c"])])
def test_constants_of_nature_are_taken_where_the_columns_alone_do_not_predict_the_target(
    is_relativistic: bool, symbols: list[str]
) -> None:
    rng = np.random.default_rng(0)
    columns = {"m": rng.uniform(1, 2, 300), "v": rng.uniform(0.2, 0.8, 300) * 299792458.0}
    target = columns["m"] * columns["v"]
    if is_relativistic:
        target = target / np.sqrt(1 - (columns["v"] / 299792458.0) ** 2)
    rows = LabelledRows.from_columns(columns, target)
    system = UnitSystem({"m": "kg", "v": "m/s"}, "kg*m/s")
    first = find_dimensional_reductions(system, rows[:200], rows[200:])[0]
    assert len(first.groups) == len(symbols)
