"""Ticks of axes can be read: numbers of the language, powers of ten only where they are needed."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from kan_engine.drawing.svg import LIGHT
from kan_engine.drawing.translations import format_number
from service.rendering.charts.chart_frame import use_log_axis
from service.rendering.charts.tick_formats import format_ticks


def labels(low: float, high: float, language: str = "en", *, is_whole: bool = False) -> list[str]:
    axis = Figure().add_subplot().xaxis
    axis.axes.set_xlim(low, high)
    format_ticks(axis, replace(LIGHT, language=language), is_whole=is_whole)  # type: ignore[arg-type]
    told = axis.get_major_formatter().format_ticks([float(tick) for tick in axis.get_majorticklocs()])
    return [*told, axis.get_major_formatter().get_offset()]


def log_labels(low: float, high: float) -> list[str]:
    axes = Figure().add_subplot()
    use_log_axis(axes, [low, high], LIGHT)
    shown = [tick for tick in axes.yaxis.get_majorticklocs() if low * 0.999 <= tick <= high * 1.001]
    return axes.yaxis.get_major_formatter().format_ticks(shown)


def test_a_russian_axis_has_decimal_commas() -> None:
    assert "0,2" in labels(0, 1, "ru")
    assert "0.2" in labels(0, 1)


@pytest.mark.parametrize(("most", "power"), [(1.0, ""), (9_000.0, ""), (2e7, "× 10⁷"), (4e-9, "× 10⁻⁹")])
def test_large_and_small_numbers_share_a_power_of_ten(most: float, power: str) -> None:
    assert labels(0, most)[-1] == power


def test_whole_numbers_stay_whole() -> None:
    assert labels(0, 3, is_whole=True)[:-1] == ["0", "1", "2", "3"]


@settings(deadline=None, max_examples=60)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_there_are_ticks_to_read_a_value_by_and_no_two_say_the_same(low: float, spread: float) -> None:
    told = labels(low, low + spread)[:-1]
    assert len(told) >= 2
    assert len(set(told)) == len(told)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(1e-8, 1.0, "10⁻⁶"), (0.5, 20.0, "0.5"), (10.0, 1e4, "100"), (0.45, 0.48, "0.46")],
)
def test_logarithmic_ticks_are_powers_of_ten_where_these_are_many(low: float, high: float, told: str) -> None:
    shown = log_labels(low, high)
    assert told in shown
    assert 2 <= len(shown) <= 9
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize(
    ("value", "told"), [(1234.5, "1.23·10³"), (0.02, "0.02"), (-1.5, "−1.5"), (None, "?"), (math.nan, "?")]
)
def test_numbers_in_sentences_are_brief(value: float | None, told: str) -> None:
    assert format_number(value) == told
