"""Settings of next rows: within the ranges, whole numbers and categories as such, and clear refusals."""

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kan_engine.data.encoding import Encoding
from kan_engine.errors import InvalidData
from kan_engine.experiments.settings import Setting, draw_settings, make_settings, write_rows

COLUMNS = {
    "T": np.linspace(280.0, 400.0, 30),
    "n": np.arange(30.0),
    "metal": np.array(["steel", "iron", "brass"] * 10, dtype=object),
    "hot": np.array([True, False] * 15, dtype=object),
    "day": np.array([f"2026-01-{1 + place:02d}" for place in range(30)], dtype=object),
    "c": np.geomspace(1e-6, 1e-2, 30),
}
TYPES = {
    "T": "number",
    "n": "integer",
    "metal": "category",
    "hot": "boolean",
    "day": "datetime",
    "c": "number",
}
ENCODING = Encoding.fit(COLUMNS, TYPES)


def settle(within: dict[str, Any] | None = None, fixed: dict[str, Any] | None = None) -> list[Setting]:
    return make_settings(ENCODING.features, within or {}, fixed or {}, ["n"])


def draw(count: int = 64, seed: int = 0, **told: Any) -> list[dict[str, Any]]:
    settings = settle(**told)
    return write_rows(settings, draw_settings(settings, count, seed))


@given(seed=st.integers(0, 1000))
def test_rows_stay_within_what_training_has_seen(seed: int) -> None:
    for row in draw(16, seed):
        assert 280 <= row["T"] <= 400
        assert isinstance(row["n"], int)
        assert 0 <= row["n"] <= 29
        assert row["metal"] in ("steel", "iron", "brass")
        assert row["hot"] in (True, False)
        assert "2026-01-01" <= row["day"] <= "2026-01-30T00:00:00"


def test_the_ends_of_ranges_are_among_the_rows() -> None:
    drawn = [row["T"] for row in draw()]
    assert (min(drawn), max(drawn)) == (280, 400)


def test_a_column_of_decades_is_drawn_by_factors() -> None:
    assert np.median([row["c"] for row in draw()]) == pytest.approx(1e-4, rel=0.3)


def test_a_wish_narrows_columns_and_a_fixed_one_has_one_value() -> None:
    rows = draw(within={"T": [300, 310], "n": [2, 3.5], "metal": ["iron"]}, fixed={"hot": True, "c": 1e-3})
    assert {row["metal"] for row in rows} == {"iron"}
    assert all(300 <= row["T"] <= 310 and row["n"] in (2, 3) for row in rows)
    assert {(row["hot"], row["c"]) for row in rows} == {(True, 1e-3)}


@given(
    low=st.floats(-sys.float_info.max, sys.float_info.max),
    width=st.floats(0, sys.float_info.max),
    is_integer=st.booleans(),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=8),
)
@example(low=-sys.float_info.max, width=sys.float_info.max, is_integer=False, shares=[0.0])
@example(low=0.0, width=sys.float_info.max, is_integer=False, shares=[1.0])
def test_numbers_are_finite_and_within_their_ends(
    low: float, width: float, is_integer: bool, shares: list[float]
) -> None:
    """Also in ranges that are narrow beside their values, and in ranges whose width overflows."""
    high = min(low + width, sys.float_info.max)
    assume(not is_integer or np.ceil(low) <= np.floor(high))
    setting = Setting(name="x", ends=(low, high), is_integer=is_integer)
    written = [row["x"] for row in write_rows([setting], {"x": setting.place(np.array(shares))})]
    slack = 1e-11 * max(abs(low), abs(high))  # twelve digits are written
    assert all(low - slack <= value <= high + slack for value in written)


def test_numbers_of_a_narrow_range_differ() -> None:
    drawn = {row["T"] for row in draw(within={"T": [300.01, 300.05]})}
    assert len(drawn) > 20
    assert all(300.01 <= value <= 300.05 and len(f"{value}") <= 9 for value in drawn)


def test_the_rows_can_be_encoded() -> None:
    encoded = ENCODING.transform(draw_settings(settle(), 16, 0))
    assert np.isfinite(encoded).all()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"within": {"p": [1, 2]}}, "the model has no column 'p'"),
        ({"within": {"T": [1]}}, "two numbers"),
        ({"within": {"T": [400, 280]}}, "two numbers"),
        ({"within": {"T": ["cold", 280]}}, "two numbers"),
        ({"within": {"T": ["290", "300"]}}, "two numbers"),
        ({"within": {"T": [0, 10**400]}}, "two numbers"),
        ({"within": {"T": [False, True]}}, "two numbers"),
        ({"within": {"n": [2.2, 2.8]}}, "has none"),
        ({"within": {"metal": ["gold"]}}, "never is"),
        ({"within": {"metal": []}}, "never is"),
        ({"within": {"day": ["2026-01-01", "2026-01-02"]}}, "omit it"),
        ({"fixed": {"T": "hot"}}, "has numbers"),
        ({"fixed": {"T": True}}, "has numbers"),
        ({"fixed": {"n": 10**400}}, "has numbers"),
        ({"fixed": {"metal": 3}}, "never is 3"),
        ({"fixed": {"day": 3}}, "has times"),
        ({"fixed": {"T": 300}, "within": {"T": [300, 310]}}, "omit it in within"),
    ],
)
def test_a_wish_that_a_column_cannot_satisfy_is_refused_with_the_column(
    told: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidData, match=words) as refused:
        settle(**told)
    assert refused.value.column in told.get("fixed", {}).keys() | told.get("within", {}).keys()
