"""Texts of units are read; others are none, however long a calculator would take for them."""

from fractions import Fraction

import pytest

from kan_engine.units.monomial import ONE, Monomial
from kan_engine.units.unit import DIMENSIONLESS, MAX_CHARACTERS, read_unit

SPEED = Monomial.create({"[length]": 1, "[time]": -1})
FORCE = Monomial.create({"[mass]": 1, "[length]": 1, "[time]": -2})


@pytest.mark.parametrize(
    ("text", "printed", "dimension", "scale"),
    [
        ("m/s", "m/s", SPEED, 1.0),
        ("m s-1", "m/s", SPEED, 1.0),
        ("m·s⁻¹", "m/s", SPEED, 1.0),
        ("m per s", "m/s", SPEED, 1.0),
        ("km/h", "km/h", SPEED, 1 / 3.6),
        ("kg*m/s^2", "kg*m/s^2", FORCE, 1.0),
        ("N", "N", FORCE, 1.0),
        ("g m / s²", "g*m/s^2", FORCE, 1e-3),
        ("µg/m3", "µg/m^3", Monomial.create({"[mass]": 1, "[length]": -3}), 1e-9),
        ("/s", "1/s", Monomial.create({"[time]": -1}), 1.0),
        ("m^(1/2)", "m^(1/2)", Monomial.create({"[length]": Fraction(1, 2)}), 1.0),
        ("m**0.5", "m^(1/2)", Monomial.create({"[length]": Fraction(1, 2)}), 1.0),
        ("°C", "°C", Monomial.create({"[temperature]": 1}), 1.0),
        ("100 m", "m", Monomial.create({"[length]": 1}), 100.0),
        ("%", "", ONE, 0.01),
        ("", "", ONE, 1.0),
        ("unitless", "", ONE, 1.0),
    ],
)
def test_a_unit_is_read(text: str, printed: str, dimension: Monomial, scale: float) -> None:
    unit = read_unit(text)
    assert unit is not None
    assert (str(unit.symbols), unit.dimension) == (printed, dimension)
    assert unit.scale == pytest.approx(scale)


@pytest.mark.parametrize(
    ("russian", "text"),
    [
        ("м/с²", "m/s^2"),
        ("кг·м/с^2", "kg*m/s^2"),
        ("мкс", "µs"),
        ("мс", "ms"),
        ("см", "cm"),
        ("См", "S"),
        ("Мм", "Mm"),
        ("мин", "min"),
        ("моль/л", "mol/L"),
        ("Ом", "Ω"),
        ("кОм", "kΩ"),
        ("МГц", "MHz"),
        ("Дж/(моль·К)", "J/(mol K)"),
        ("гПа", "hPa"),
        ("кВт·ч", "kW h"),
        ("мкКл", "µC"),
        ("т", "t"),
        ("°С", "°C"),
        ("град", "degree"),
        ("мм рт. ст.", "mmHg"),
        ("даН", "daN"),
    ],
)
def test_russian_symbols_mean_the_international_ones(russian: str, text: str) -> None:
    assert read_unit(russian) == read_unit(text)
    assert read_unit(text) is not None


def test_a_denominator_in_parentheses_and_two_slashes_are_the_same() -> None:
    assert read_unit("J/(mol K)") == read_unit("J/mol/K")
    assert read_unit("J/(mol K)") != read_unit("J/mol K")


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9**9",
        "m**99999",
        "m^(1/0)",
        "1e400 m",
        "0 m",
        "m/",
        "m)",
        "(" * 90,
        "m" * (MAX_CHARACTERS + 1),
        "$",
        "people",
        "людей",
        "ммм",
        "__import__('os')",
        "m; s",
    ],
)
def test_any_other_text_is_no_unit(text: str) -> None:
    assert read_unit(text) is None


def test_units_multiply_and_have_powers() -> None:
    newton, metre = read_unit("N"), read_unit("m")
    assert newton is not None
    assert metre is not None
    assert (newton * metre).dimension == read_unit("J").dimension  # type: ignore[union-attr]
    assert newton**0 == DIMENSIONLESS
    assert str((metre ** Fraction(-1, 2)).symbols) == "1/m^(1/2)"
