"""Orders that do not hang on the last digits of a processor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.numerics.ties import rank_error, round_rank, round_ranks

ROUNDING = 2.0**-50  # relative, of a sum over a few rows


@given(st.floats(1e-300, 1e300), st.sampled_from([-1.0, 1.0]))
def test_an_array_is_rounded_like_its_values(size: float, sign: float) -> None:
    value = sign * size
    assert round_ranks([value])[0] == pytest.approx(round_rank(value), rel=1e-14)
    assert round_rank(value) == pytest.approx(value, rel=1e-6)


def test_values_without_digits_stay_as_they_are() -> None:
    np.testing.assert_array_equal(round_ranks([0.0, np.inf, -np.inf, np.nan]), [0.0, np.inf, -np.inf, np.nan])


@given(st.integers(100_000, 999_999), st.integers(-300, 290))
def test_rounding_errors_make_no_difference(digits: int, exponent: int) -> None:
    value = float(f"{digits}e{exponent}")
    moved = value * (1 + ROUNDING)
    assert round_rank(moved) == round_rank(value)
    assert round_ranks([value])[0] == round_ranks([moved])[0]


def test_errors_of_exact_formulas_are_equal() -> None:
    errors = [3e-16, 0.0, 2e-15]
    assert sorted(range(3), key=lambda place: rank_error(errors[place])) == [0, 1, 2]
    assert rank_error(2e-9) < rank_error(3e-9)
