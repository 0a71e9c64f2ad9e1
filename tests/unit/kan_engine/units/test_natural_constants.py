"""The table of constants of nature."""

from kan_engine.units.natural_constants import NATURAL_CONSTANTS


def test_every_unit_is_known_and_that_of_the_si() -> None:
    assert {constant.unit.scale for constant in NATURAL_CONSTANTS} == {1.0}


def test_no_two_constants_have_the_same_symbol() -> None:
    assert len({constant.symbol for constant in NATURAL_CONSTANTS}) == len(NATURAL_CONSTANTS)


def test_constants_agree_with_each_other() -> None:
    known = {constant.symbol: constant for constant in NATURAL_CONSTANTS}
    for symbol, others in (("R", ("k_B", "N_A")), ("F", ("e", "N_A"))):
        first, second = (known[other] for other in others)
        assert abs(first.value * second.value / known[symbol].value - 1) < 1e-9
        assert (first.unit * second.unit).dimension == known[symbol].unit.dimension
