"""Tables of more rows than choices need: estimators sample them as the service does, and tell it."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from kan_engine import KANClassifier, KANRegressor, SearchConfig
from kan_engine.estimators import base
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS, CHOICES = 4_000, 500
RNG = np.random.default_rng(0)
X = RNG.uniform(-2, 2, (ROWS, 2))
NOISE = RNG.normal(0, 0.05, ROWS)
QUICK: dict[str, Any] = {"optimizer": "adam", "steps": 12, "restarts": 1, "symbolic": False, "prune": False}
MILLION = """
import resource
resource.setrlimit(resource.RLIMIT_DATA, (4 * 2**30, 4 * 2**30))  # as of a job of the service
import numpy as np
from kan_engine import KANRegressor
generator = np.random.default_rng(0)
x = generator.uniform(-1, 1, (1_000_000, 20))
y = np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2 + generator.normal(0, 0.1, len(x))
model = KANRegressor(max_seconds=60).fit(x, y)
print(model.score(x, y) > 0.9, model.unused_rows_)
print(*model.warnings_, sep="\\n")
"""


@pytest.fixture
def _few_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(DEFAULT_THRESHOLDS.data, max_choice_rows=CHOICES)
    config = partial(SearchConfig, thresholds=replace(DEFAULT_THRESHOLDS, data=few))
    monkeypatch.setattr(base, "SearchConfig", config)


@pytest.mark.usefixtures("_few_choices")
def test_choices_are_made_on_a_sample_and_told() -> None:
    model = KANRegressor(hidden=(6,), grid=8, **QUICK).fit(X, np.sin(2 * X[:, 0]) * X[:, 1] + NOISE)
    assert [warning for warning in model.warnings_ if "chosen on 500 of 4,000 training rows" in warning]
    assert model.unused_rows_ is not None
    assert model.unused_rows_ < ROWS - CHOICES  # more rows lowered its error


@pytest.mark.usefixtures("_few_choices")
def test_rows_that_gain_less_than_a_standard_error_are_counted_and_told() -> None:
    model = KANRegressor(hidden=(), grid=3, **QUICK | {"optimizer": "lbfgs"}).fit(X, X[:, 0] + 20 * NOISE)
    assert model.unused_rows_ is not None
    assert model.unused_rows_ > 0
    assert [warning for warning in model.warnings_ if "by less than a standard error" in warning]


@pytest.mark.usefixtures("_few_choices")
def test_a_class_of_few_rows_is_among_those_that_choices_are_made_on() -> None:
    labels = np.where(X[:, 0] > 0, "high", "low").astype(object)
    labels[:4] = "rare"
    model = KANClassifier(hidden=(), grid=3, is_ordered=True, **QUICK).fit(X, labels)
    assert model.predict_proba(X[:1]).shape == (1, 3)


def test_of_a_small_table_no_row_is_unused() -> None:
    model = KANRegressor(hidden=(), grid=3, **QUICK).fit(X[:200], X[:200, 0] + NOISE[:200])
    assert model.unused_rows_ == 0


@pytest.mark.thorough
def test_a_million_rows_of_twenty_columns_are_fitted_within_the_memory_of_a_job() -> None:
    run = subprocess.run([sys.executable, "-c", MILLION], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    is_good, unused = run.stdout.split()[:2]
    assert is_good == "True"
    assert int(unused) >= 0
    assert "chosen on 100,000 of 1,000,000 training rows" in run.stdout
