"""The likelihood of two columns: it begins as the normal law, which has no price, and steps raise it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from kan_engine.density.bivariate import build_normal_network
from kan_engine.density.bivariate_likelihood import FittedBivariate, Likelihood, log_normaliser
from kan_engine.density.bivariate_mesh import BivariateMesh
from kan_engine.density.thresholds import DEFAULT_DENSITY

COVARIANCE = np.array([[0.2, 0.12], [0.12, 0.3]])


@pytest.fixture(scope="module")
def likelihood() -> Likelihood:
    """A narrow ring of rows on a coarse grid."""
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 80)
    x = 0.6 * np.stack([np.cos(angles), np.sin(angles)], 1)
    frame = BivariateMesh(
        (np.linspace(-1.5, 1.5, 6),) * 2, ((-np.inf, np.inf),) * 2, (0.1, -0.1), COVARIANCE, 3
    )
    return Likelihood(frame, frame.locate_rows(torch.from_numpy(x), torch.ones(80, dtype=torch.float64)))


def begun(likelihood: Likelihood) -> FittedBivariate:
    network = build_normal_network(likelihood.frame, 4)
    return FittedBivariate(network, log_normaliser(network, likelihood.frame.medium_rule), [])


def normal(x: Tensor) -> np.ndarray:
    z = x.numpy() - [0.1, -0.1]
    form = (z * np.linalg.solve(COVARIANCE, z.T).T).sum(1)
    return np.asarray(-0.5 * (form + np.log(np.linalg.det(COVARIANCE)) + 2 * np.log(2 * np.pi)))


def test_a_network_begins_as_the_normal_law(likelihood: Likelihood) -> None:
    x = torch.tensor([[0.1, -0.1], [1.0, 1.0], [-0.5, 0.8]], dtype=torch.float64)
    rows = likelihood.frame.locate_rows(x, torch.ones(3, dtype=torch.float64))
    assert begun(likelihood).log_densities(rows).numpy() == pytest.approx(
        normal(x),
        abs=1e-3,  # off the grid, three deviations out, the law goes on along tangents
    )


def test_the_normal_law_has_no_price(likelihood: Likelihood) -> None:
    network = begun(likelihood).network
    at = likelihood.evaluate(network, 1e6)
    assert at.objective == pytest.approx(at.loss, abs=1e-6)


def test_every_step_but_the_last_gains_what_counts(likelihood: Likelihood) -> None:
    start = begun(likelihood)
    found = likelihood.train(start, 1e-3, 8, lambda: False)
    before, after = (likelihood.evaluate(each.network, 1e-3) for each in (start, found))
    assert len(found.steps) > 1
    assert found.steps[-1] == pytest.approx(-after.loss)
    assert (
        after.objective < before.objective - (len(found.steps) - 1) * DEFAULT_DENSITY.joint_min_step_gain / 80
    )


def test_training_leaves_the_network_that_it_began_with(likelihood: Likelihood) -> None:
    start = begun(likelihood)
    before = likelihood.evaluate(start.network, 0.1).objective
    likelihood.train(start, 0.1, 1, lambda: False)
    assert likelihood.evaluate(start.network, 0.1).objective == before


def test_the_lower_the_price_the_likelier_are_the_rows(likelihood: Likelihood) -> None:
    start = begun(likelihood)
    losses = [
        likelihood.evaluate(likelihood.train(start, lamb, 3, lambda: False).network, lamb).loss
        for lamb in (1e4, 1.0, 1e-3)
    ]
    assert losses[0] > losses[1] > losses[2]


def test_without_time_nothing_changes(likelihood: Likelihood) -> None:
    start = begun(likelihood)
    found = likelihood.train(start, 1e-3, 8, lambda: True)
    assert found.steps == []
    assert found.log_z == pytest.approx(start.log_z, abs=1e-9)


def test_where_the_quadrature_misses_a_spike_the_network_stays_as_it_was(
    likelihood: Likelihood,
) -> None:
    strict = replace(DEFAULT_DENSITY, joint_max_log_z_error=0.0)
    likelihood = replace(likelihood, frame=replace(likelihood.frame, thresholds=strict))
    start = begun(likelihood)
    assert likelihood.train(start, 1e-3, 2, lambda: False) is start
