"""Proposed rows of a fitted model, as a user of the estimator gets them."""

import numpy as np
import polars as pl
import pytest

from kan_engine import KANRegressor
from kan_engine.errors import InvalidData

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

GENERATOR = np.random.default_rng(0)
X, Z = GENERATOR.uniform(1, 5, (2, 40))
TABLE = pl.DataFrame({"x": X, "z": Z, "n": GENERATOR.integers(1, 4, 40)})


@pytest.fixture(scope="module")
def model() -> KANRegressor:
    noisy = 3 * X / (1 + Z) + GENERATOR.normal(0, 0.2, 40)
    return KANRegressor(max_seconds=4, compact=False).fit(TABLE, noisy)


def test_rows_come_with_their_gain_and_what_every_formula_foretells(model: KANRegressor) -> None:
    found = model.suggest_rows(4)
    assert found.columns[:4] == ["x", "z", "n", "gain"]
    assert found.columns[4] == model.formula_
    assert found["gain"].is_sorted(descending=True)
    assert len(found.unique(["x", "z", "n"])) == 4
    assert found["n"].dtype == pl.Int64
    np.testing.assert_allclose(
        found[model.formula_], model.predict(found.select("x", "z", "n"), by="formula"), rtol=0.01
    )


def test_no_more_rows_are_proposed_than_there_are(model: KANRegressor) -> None:
    assert len(model.suggest_rows(9, fixed={"x": 2.0, "z": 3.0})) == 3  # whole numbers from 1 to 3


def test_an_estimator_from_a_file_has_no_rows(model: KANRegressor, tmp_path) -> None:  # type: ignore[no-untyped-def]
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(InvalidData, match="from a file"):
        KANRegressor.load(tmp_path / "model.safetensors").suggest_rows()


def test_the_mean_of_rivals_predicts_like_the_formula_where_they_agree(model: KANRegressor) -> None:
    difference = model.predict(TABLE, by="rivals") - model.predict(TABLE, by="formula")
    assert np.abs(difference).mean() < 0.5
    widths = np.ptp(model.predict_interval(TABLE, 0.8, by="rivals"), axis=1)
    assert (widths >= np.ptp(model.predict_interval(TABLE, 0.8, by="formula"), axis=1) - 1e-9).all()
