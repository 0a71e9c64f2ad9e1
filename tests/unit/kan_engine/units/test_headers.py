"""Units in the names of columns, and abbreviations in brackets that are none."""

import pytest

from kan_engine.units.headers import drop_header_unit, ends_with_unit, find_header_unit


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("length (m)", "m"),
        ("T [K]", "K"),
        ("Fläche (m²)", "m²"),
        ("speed, km/h", "km/h"),
        ("p / kPa", "kPa"),
        ("weight(kg)", "kg"),
        ("acceleration (m/(s^2))", "m/(s^2)"),
        ("mean (of all) [1/s]", "1/s"),
        ("RH (%)", "%"),
        ("T(°C)", "°C"),
        ("time (min)", "min"),
        ("ratio (dimensionless)", "dimensionless"),
        ("conductivity, W/(m K)", "W/(m K)"),
        ("длина (м)", "м"),
        ("масса, кг", "кг"),
        ("время [с]", "с"),
        ("скорость (м/с)", "м/с"),
        ("температура (°С)", "°С"),
        ("напряжение, В", "В"),
        ("давление, мм рт. ст.", "мм рт. ст."),
        ("теплопроводность, Вт/(м·К)", "Вт/(м·К)"),
        ("доля, отн. ед.", "отн. ед."),
    ],
)
def test_a_unit_in_the_name_of_a_column_is_found(name: str, unit: str) -> None:
    assert find_header_unit(name) == unit
    assert unit not in drop_header_unit(name).split()
    assert drop_header_unit(name) == drop_header_unit(name).strip()


def test_without_its_unit_a_column_has_its_bare_name() -> None:
    names = ["height [m]", "wall height (m)", "speed, km/h", "p / kPa", "RH(%)", "x[0]", "length"]
    short = ["height", "wall height", "speed", "p", "RH", "x[0]", "length"]
    assert [drop_header_unit(name) for name in names] == short


@pytest.mark.parametrize(
    "name",
    [
        "length",
        "CO(GT)",
        "PT08.S1(CO)",
        "x[0]",
        "x[12]",
        "f(t)",
        "variant (b)",
        "temperature (C)",
        "soil (pH)",
        "dust (PM10)",
        "name (first)",
        "population, total",
        "w/h",
        "ratio (-)",
        "price ($)",
        "город (Москва)",
        "сорт (в)",
        "цена, руб",
        "число, шт",
        "9 (9**9**9**9)",
        "(" * 60 + ")" * 60,
    ],
)
def test_other_names_tell_no_unit(name: str) -> None:
    assert find_header_unit(name) is None


@pytest.mark.parametrize(
    ("name", "unit", "is_told"),
    [
        ("length (m)", "m", True),
        ("a [m/(s^2)]", "m/(s^2)", True),
        ("speed, km/h", "km/h", True),
        ("p / kPa", "kPa", True),
        ("mass", "s", False),
        ("length (m)", "cm", False),
        ("(m) of the rod", "m", False),
    ],
)
def test_a_label_need_not_repeat_the_unit_that_the_name_ends_with(
    name: str, unit: str, is_told: bool
) -> None:
    assert ends_with_unit(name, unit) is is_told
