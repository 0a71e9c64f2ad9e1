"""How well curves are known, and what fits of them are worth."""

import pytest

from kan_engine.formulas.reading.noise_model import MAX_PRICE, NoiseModel


def test_a_small_part_is_known_less_well_than_a_large_one() -> None:
    known = NoiseModel.noisy(1e-6, 1e-5, 1000)
    assert known.scale_to_part(1.0, 1.0) == known
    small = known.scale_to_part(0.01, 1.0)
    assert (small.floor, small.noise, small.price) == (pytest.approx(1e-4), pytest.approx(1e-3), known.price)
    assert known.scale_to_part(0.0, 1.0).floor == pytest.approx(1e-3)


def test_without_noise_a_unit_of_complexity_costs_a_share_of_a_digit() -> None:
    known = NoiseModel.exact(1e-9)
    assert not known.is_noisy
    assert known.score(1e-3, 5) - known.score(1e-3, 4) == pytest.approx(MAX_PRICE)
    assert known.score(1e-2, 4) - known.score(1e-3, 4) == pytest.approx(1)


def test_under_noise_rows_tell_bits_and_complexity_costs_some() -> None:
    known, rows = NoiseModel.noisy(1e-3, 0.01, 1000), 1000
    assert known.is_noisy
    bits = rows * 3.3219280949  # of a digit of the error
    price = (known.score(0.02, 5) - known.score(0.02, 4)) * bits
    assert price == pytest.approx(8.0, abs=0.01)
    assert known.score(0.1, 1) > known.score(0.01, 9)  # more rows than the other form has constants to waste


def test_below_the_noise_nothing_is_gained() -> None:
    known = NoiseModel.noisy(1e-3, 0.01, 1000)
    assert known.score(1e-6, 4) == pytest.approx(known.score(1e-5, 4), abs=1e-6)


def test_few_rows_make_complexity_no_dearer_than_without_noise() -> None:
    assert NoiseModel.noisy(0.01, 0.1, 3).price == MAX_PRICE
