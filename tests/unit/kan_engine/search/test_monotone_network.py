"""Networks that rise or fall with columns, at every point."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import TrainingData
from kan_engine.formulas.callbacks import TrialReport
from kan_engine.search.assembly import assemble_predictor
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.monotone_network import find_monotone_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

RNG = np.random.default_rng(0)
ROWS = 200
DOSE, AGE = RNG.uniform(0, 4, ROWS), RNG.uniform(20, 80, ROWS)
KIND = np.array(["p", "q"])[RNG.integers(0, 2, ROWS)]
EFFECT = 100 * DOSE**2 / (1 + DOSE**2) - 0.01 * (AGE - 50) ** 2 + 5 * (KIND == "q")
NOISY = EFFECT + RNG.normal(0, 12, ROWS)  # far from monotone row by row


def prepare(**wishes: Any) -> tuple[TrainingData, SearchContext]:
    request = request_for(symbolic=False, **wishes)
    data = prepare_data(table_of(dose=DOSE, age=AGE, kind=KIND, y=NOISY), request)
    return data, SearchContext.create(data, make_search_config(request))


def test_every_fit_is_a_trial_and_the_lowest_error_is_that_of_the_network() -> None:
    _, run = prepare(monotone={"dose": "increasing"})
    tried: list[TrialReport] = []
    found = find_monotone_network(replace(run, record_trial=tried.append))
    assert len(tried) > 3
    assert {trial.width for trial in tried} == {found.network.config.width}
    lowest = min(tried, key=lambda trial: trial.error)
    assert lowest.error == pytest.approx((2 * found.history[0].validation_loss) ** 0.5)


@pytest.mark.parametrize("direction", ["increasing", "decreasing"])
def test_every_network_is_monotone_and_bounded_on_a_dense_grid(direction: str) -> None:
    data, run = prepare(monotone={"dose": direction}, bounds={"min": 10, "max": 90}, must_use=["age"])
    found = find_monotone_network(run)
    predictor, _ = assemble_predictor(found, data)
    assert found.compact is not None
    assert predictor.compact is not None
    sign = {"increasing": 1, "decreasing": -1}[direction]
    dose = np.linspace(-1, 5, 1500)  # beyond the training range, too
    for member in (predictor, predictor.compact_predictor):
        assert member is not None
        for age in (20.0, 50.0, 80.0):
            rows = {"dose": dose, "age": np.full(1500, age), "kind": np.full(1500, "q", dtype=object)}
            values = member.predict(rows)
            assert (sign * np.diff(values)).min() >= -1e-9 * 100  # rounding of values up to 100
            assert (values.min() >= 10, values.max() <= 90) == (True, True)


def test_a_monotone_network_is_as_accurate_as_its_curves_can_be() -> None:
    data, run = prepare(monotone={"dose": "increasing"})
    predictor, _ = assemble_predictor(find_monotone_network(run), data)
    rows = {"dose": DOSE, "age": AGE, "kind": KIND.astype(object)}
    left = predictor.predict(rows) - EFFECT
    assert np.sqrt(np.mean(left**2)) < 4  # a third of the noise


def test_the_model_says_how_the_wishes_are_held() -> None:
    data, _ = prepare(monotone={"dose": "increasing"}, bounds={"min": 0})
    assert ["monotone ('dose' increasing)" in data.warnings[0], "clipped" in data.warnings[1]] == [True, True]
