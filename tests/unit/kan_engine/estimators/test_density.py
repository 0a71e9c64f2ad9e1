"""The density of a column is estimated as the service does, and its law is named."""

import pickle

import numpy as np
import pandas as pd
import pytest

from kan_engine import InvalidData, KANDensity
from tests.support.engine.notebooks import display

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

RNG = np.random.default_rng(0)
HEIGHTS = pd.DataFrame({"height": RNG.normal(170.0, 8.0, 300)})


@pytest.fixture(scope="module")
def of_heights() -> KANDensity:
    return KANDensity().fit(HEIGHTS)


def test_a_normal_column_follows_the_normal_law(of_heights: KANDensity) -> None:
    assert of_heights.law_ == "normal"
    mean = next(each for each in of_heights.law_parameters_ if each["name"] == "mean")
    assert mean["low"] < 170 < mean["high"]
    assert "height" in str(of_heights.formula_)


def test_the_log_density_is_near_that_of_the_law_and_integrates_to_one(of_heights: KANDensity) -> None:
    x = np.linspace(120.0, 220.0, 2001)
    density = np.exp(of_heights.score_samples(pd.DataFrame({"height": x})))
    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-3)
    assert of_heights.score(HEIGHTS) == pytest.approx(-np.log(8 * np.sqrt(2 * np.pi * np.e)), abs=0.1)


def test_a_notebook_shows_the_law_its_parameters_and_the_network(of_heights: KANDensity) -> None:
    shown = display(of_heights)["text/html"]
    assert "<math" in shown
    assert "mean = 1" in shown
    assert "<svg" in shown
    assert "Not fitted" in display(KANDensity())["text/html"]


def test_a_density_can_be_pickled(of_heights: KANDensity) -> None:
    again = pickle.loads(pickle.dumps(of_heights))
    assert again.score(HEIGHTS) == of_heights.score(HEIGHTS)


def test_three_columns_or_a_constant_have_no_density() -> None:
    with pytest.raises(InvalidData, match="one or two columns, got 3"):
        KANDensity().fit(RNG.normal(size=(50, 3)))
    with pytest.raises(InvalidData, match="'x0' is constant"):
        KANDensity().fit(np.ones((50, 1)))
