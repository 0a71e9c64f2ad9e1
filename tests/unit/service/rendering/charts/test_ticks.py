"""Marks of axes lie within them, in order, not too many, and can be told apart."""

import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kan_engine.drawing.translations import format_number
from service.rendering.charts.axes import Scale
from service.rendering.charts.ticks import log_ticks, nice_ticks, tick_labels

NUMBERS = st.floats(-1e300, 1e300)
POSITIVE = st.floats(1e-290, 1e290)


@given(st.tuples(NUMBERS, NUMBERS).map(sorted), st.integers(1, 12))
def test_marks_lie_in_the_range_increase_and_are_not_too_many(bounds: list[float], most: int) -> None:
    low, high = bounds
    ticks = nice_ticks(low, high, most)
    assert all(low <= tick <= high for tick in ticks)
    assert all(b > a for a, b in pairwise(ticks))
    assert len(ticks) <= max(most, 1)


@given(st.tuples(POSITIVE, st.floats(1.001, 1e9)), st.integers(3, 12))
def test_logarithmic_marks_do_as_well(bounds: tuple[float, float], most: int) -> None:
    low, high = bounds[0], bounds[0] * bounds[1]
    ticks = log_ticks(low, high, most)
    assert all(low <= tick <= high for tick in ticks)
    assert all(b > a for a, b in pairwise(ticks))
    assert 1 <= len(ticks) <= most


@example(low=500001.0, spread=899999.0, most=4)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(4, 9))
def test_there_are_marks_to_read_a_value_by(low: float, spread: float, most: int) -> None:
    assert len(nice_ticks(low, low + spread, most)) >= 2


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 9))
def test_no_two_marks_say_the_same(low: float, spread: float, most: int) -> None:
    labels = tick_labels(nice_ticks(low, low + spread, most))
    assert len(set(labels)) == len(labels)


@given(st.floats(1e-3, 1e6), st.floats(1.01, 20), st.integers(3, 9))
def test_no_two_logarithmic_marks_say_the_same(low: float, factor: float, most: int) -> None:
    labels = tick_labels(log_ticks(low, low * factor, most), is_log=True)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([-1.0, 0.0, 1.0], ["−1", "0", "1"]),
        ([0.0, 0.2, 0.4], ["0.0", "0.2", "0.4"]),
        ([0.0, 20_000.0], ["0", "20,000"]),
        ([0.0, 2e6], ["0", "2·10⁶"]),
        ([0.0, 1e-5], ["0", "10⁻⁵"]),
        ([], []),
    ],
)
def test_marks_are_as_short_as_they_can_be(ticks: list[float], labels: list[str]) -> None:
    assert tick_labels(ticks) == labels


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([1e-6, 1e-5], ["10⁻⁶", "10⁻⁵"]),
        ([0.5, 1.0, 20.0], ["0.5", "1", "20"]),
        ([10.0, 100.0], ["10", "100"]),
    ],
)
def test_logarithmic_marks_are_powers_where_they_are_far_from_one(
    ticks: list[float], labels: list[str]
) -> None:
    assert tick_labels(ticks, is_log=True) == labels


@given(st.lists(st.floats() | st.none(), max_size=6), st.booleans())
def test_every_value_that_can_be_shown_lies_within_the_scale(
    values: list[float | None], is_log: bool
) -> None:
    scale = Scale.from_values(values, is_log=is_log)
    assert scale.low < scale.high
    assert scale.ticks(6)
    for value in values:
        if value is not None and 1e-290 < abs(value) < 1e290 and (value > 0 or not is_log):
            assert -1e-9 <= scale.share(value) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("value", "told"), [(1234.5, "1.23·10³"), (0.02, "0.02"), (-1.5, "−1.5"), (None, "?"), (math.nan, "?")]
)
def test_numbers_in_sentences_are_brief(value: float | None, told: str) -> None:
    assert format_number(value) == told
