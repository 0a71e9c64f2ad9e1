"""A column drifts if its distribution differs by more than chance explains, and not by a trifle."""

from typing import Any

import numpy as np
import pytest

from kan_engine import Encoding, LabelledRows
from kan_engine.assessment.monitoring.drift import ColumnDrift, measure_drift
from kan_engine.assessment.monitoring.reference import (
    ColumnReference,
    InputReference,
    read_older_reference,
    summarize_inputs,
)
from kan_engine.assessment.monitoring.thresholds import DEFAULT_MONITORING

ROWS = 2_000
RNG = np.random.default_rng(0)
TYPES = {"x": "number", "steps": "number", "colour": "category", "flag": "boolean"}


def draw(rows: int, shift: float = 0.0, red: float = 0.3, missing: float = 0.1) -> dict[str, np.ndarray]:
    x = RNG.normal(shift, 1, rows)
    x[RNG.random(rows) < missing] = np.nan
    colours = RNG.choice(np.array(["red", "green", "blue"], dtype=object), rows, p=[red, 0.3, 0.7 - red])
    flags = (RNG.random(rows) < 0.5).astype(float)
    return {"x": x, "steps": RNG.integers(0, 5, rows).astype(float), "colour": colours, "flag": flags}


TRAINING = draw(ROWS)
ENCODING = Encoding.fit(TRAINING, TYPES)
X = ENCODING.transform(TRAINING)
LABELLED = LabelledRows(X, X[:, 0], np.ones(ROWS), tuple(column.name for column in ENCODING.names))
REFERENCE = summarize_inputs(ENCODING, LABELLED, frozenset())


def drift(columns: dict[str, np.ndarray], reference: Any = REFERENCE) -> dict[str, ColumnDrift]:
    return {
        column.name: column
        for column in measure_drift(ENCODING, columns, reference, limits=DEFAULT_MONITORING)
    }


@pytest.mark.parametrize("rows", [20, 300, 5_000])
def test_rows_of_the_same_distribution_do_not_drift(rows: int) -> None:
    assert not [column for column in drift(draw(rows)).values() if column.drifted]


def test_tests_of_rows_from_the_same_distribution_reject_as_often_as_they_say() -> None:
    found = [drift(draw(200)) for _ in range(100)]
    for name in TYPES:
        rejected = np.mean([columns[name].p_value <= 0.05 for columns in found])
        assert rejected <= 0.13  # 0.05 and 3.5 standard errors


@pytest.mark.parametrize(
    ("change", "name"), [({"shift": 1.0}, "x"), ({"red": 0.65}, "colour"), ({"missing": 0.5}, "x")]
)
def test_a_change_of_one_column_is_found_in_it_alone(change: dict[str, float], name: str) -> None:
    found = drift(draw(400, **change))
    assert [column.name for column in found.values() if column.drifted] == [name]
    assert next(iter(found)) == name  # the largest first


def test_values_outside_the_range_and_unseen_categories_are_counted() -> None:
    columns = draw(100, missing=0.0)
    columns["x"][:25] = 99.0
    columns["colour"][:10] = "violet"
    found = drift(columns)
    assert (found["x"].outside, found["x"].unseen) == (0.25, [])
    assert (found["colour"].outside, found["colour"].unseen) == (0.1, ["violet"])
    assert found["flag"].outside == 0.0


def test_the_index_of_equal_shares_is_nearly_zero_and_grows_with_the_shift() -> None:
    indices = [drift(draw(5_000, shift=shift))["x"].stability_index or 0.0 for shift in (0.0, 0.5, 1.0)]
    assert indices[0] < 0.02
    assert indices == sorted(indices)


def test_without_a_reference_only_ranges_are_compared() -> None:
    found = drift({"x": np.array([0.0, 99.0])}, None)["x"]
    assert (found.outside, found.stability_index, found.p_value, found.drifted) == (0.5, None, None, False)


def test_absent_columns_are_left_out() -> None:
    assert list(drift({"x": np.array([0.0])})) == ["x"]


def test_a_column_without_any_value_is_compared_by_its_missing_values() -> None:
    found = drift({"x": np.full(50, np.nan)})["x"]
    assert (found.missing, found.outside) == (1.0, 0.0)
    assert found.drifted


def test_a_category_of_two_levels_has_both_shares() -> None:
    values = np.array(["a"] * 30 + ["b"] * 70, dtype=object)
    encoding = Encoding.fit({"c": values}, {"c": "category"})
    x = encoding.transform({"c": values})
    rows = LabelledRows(x, x[:, 0], np.ones(100), ("c",))
    (column,) = summarize_inputs(encoding, rows, frozenset()).columns
    assert column.shares == pytest.approx([0.3, 0.7])
    assert not measure_drift(
        encoding, {"c": values}, InputReference(rows=100, columns=[column]), limits=DEFAULT_MONITORING
    )[0].drifted


def test_older_models_are_compared_by_the_deciles_of_their_effects() -> None:
    deciles = np.nanquantile(TRAINING["x"], np.linspace(0, 1, 11)).tolist()
    shares = [float((TRAINING["colour"] == name).mean()) for name in ("blue", "green", "red")]
    effects = [
        {"name": "x", "deciles": deciles, "shares": None, "values": []},
        {"name": "colour", "deciles": None, "shares": shares, "values": ["blue", "green", "red"]},
    ]
    older = read_older_reference(effects, ROWS)
    same, other = drift(draw(400), older), drift(draw(400, shift=1.0, red=0.65), older)
    assert not any(column.drifted for column in same.values())
    assert {name for name, column in other.items() if column.drifted} == {"x", "colour"}


def test_a_reference_survives_json() -> None:
    column = ColumnReference(name="x", missing=0.0, points=[0.0, 1.0], cumulative=[0.5, 1.0])
    data = {"rows": 3, "columns": [vars(column)], "background": [[0.0]]}
    assert InputReference.from_json(data) == InputReference(rows=3, columns=[column], background=[[0.0]])


def test_the_background_is_a_sample_of_the_rows() -> None:
    known = {tuple(row) for row in X.tolist()}
    assert len(REFERENCE.background) == 64
    assert {tuple(row) for row in REFERENCE.background} <= known
