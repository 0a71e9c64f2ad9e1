"""How many rows a network is fitted to where choices are made on a sample of them, and what is told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import SearchConfig
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.network_search import train_network
from kan_engine.search.result import SearchResult
from kan_engine.search.serialization import restore_result, to_metadata
from tests.support.engine.training_rows import prepare_data
from tests.support.predictors import make_predictor
from tests.support.tables import request_for, table_of

ROWS, TRAINING, CHOICES = 2_500, 2_000, 250
FIT, VALIDATION = 200, 50
RNG = np.random.default_rng(0)
A, B = RNG.uniform(-2, 2, (2, ROWS))
WAVE = np.sin(2 * A) * B
CONFIG = SearchConfig(hidden=(5,), grid=6, optimizer="adam", steps=15, restarts=1, prune=False)


def fit(y: np.ndarray, values: int = 10**6, **settings: Any) -> SearchResult:
    few = replace(DEFAULT_DATA, max_choice_rows=CHOICES, max_reserve_values=values)
    data = prepare_data(table_of(a=A, b=B, y=y), request_for(), few)
    return train_network(SearchContext.create(data, replace(CONFIG, **settings)))


def test_a_network_that_gains_by_all_rows_is_fitted_to_them_without_a_warning() -> None:
    found = fit(WAVE)
    assert (found.fitted_rows, found.warnings) == (TRAINING - VALIDATION, ())


def test_the_rows_in_memory_limit_those_of_the_fit() -> None:
    found = fit(WAVE, values=1_200)
    assert found.fitted_rows == FIT + 600
    assert found.warnings == (
        "the network was fitted to 800 of 1,950 training rows: a job reads no more into memory",
    )


def test_rows_that_hardly_lower_the_error_are_not_fitted_to() -> None:
    found = fit(A + 5 * RNG.normal(size=ROWS), hidden=(), grid=1)
    assert found.fitted_rows is not None
    assert found.fitted_rows < TRAINING - VALIDATION
    assert found.warnings[0].endswith(
        "more lower its error on the validation rows by less than a standard error"
    )


def test_the_time_limits_the_rows_as_it_is_estimated() -> None:
    found = fit(WAVE, max_seconds=0.01)
    assert found.fitted_rows == FIT
    assert found.warnings[0].endswith("more would take too long; increase max_seconds")


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "lbfgs"])
def test_every_optimizer_is_fitted_to_more_rows(optimizer: Any) -> None:
    found = fit(WAVE, optimizer=optimizer)
    assert found.optimizer == optimizer
    assert (found.fitted_rows or 0) > FIT


def test_the_rows_of_a_fit_are_kept_in_a_checkpoint() -> None:
    found = fit(WAVE, values=1_200)
    predictor = make_predictor()
    assert (
        restore_result(to_metadata(found), predictor, {}, thresholds=DEFAULT_ASSESSMENT).fitted_rows
        == found.fitted_rows
    )
