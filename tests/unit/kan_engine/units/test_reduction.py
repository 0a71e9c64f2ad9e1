"""Shorter forms of units."""

import pytest

from kan_engine.units.reduction import reduce_unit
from kan_engine.units.unit import read_unit


@pytest.mark.parametrize(
    ("text", "reduced"),
    [
        ("m^3*mPa*mm/(kg*um^2)", "Mm/s^2"),
        ("m*mm", "m*mm"),
        ("m*mm*Pa", "m^2*mPa"),
        ("m/mm*kPa", "MPa"),
        ("um^2/m", "pm"),
        ("kg*m/(N*s)", "s"),
        ("J*s^2/(kg*m^2)", ""),
        ("s/m^(1/2)", "s/m^(1/2)"),
        ("J/(mol*K)", "J/(mol*K)"),
        ("Pa*m^3/(mol*K)", "Pa*m^3/(mol*K)"),
        ("N/kg", "N/kg"),
        ("km/h*s", "km*s/h"),
        ("degC", "degC"),
        ("cm", "cm"),
        ("mmHg", "mmHg"),
    ],
)
def test_a_unit_is_written_with_few_factors_and_keeps_its_size(text: str, reduced: str) -> None:
    unit, known = read_unit(text), read_unit(reduced)
    assert unit is not None
    assert known is not None
    found = reduce_unit(unit)
    assert str(found.symbols) == str(known.symbols)
    again = read_unit(str(found.symbols))
    assert again is not None
    assert (again.dimension, again.scale) == (unit.dimension, pytest.approx(unit.scale))
