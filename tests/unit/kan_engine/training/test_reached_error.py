"""What whole trainings reach, with each optimiser."""

import pytest
import torch

from kan_engine.training.loop import TrainingConfig, TrainingRows, train
from tests.support.engine.networks import fresh_network
from tests.support.engine.problems import law_rows

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def test_levenberg_marquardt_falls_at_the_spline_rate_when_the_grid_is_refined() -> None:
    network, test = fresh_network(), law_rows(500, 1)
    errors = {}
    for step in train(
        network, law_rows(500, 0), TrainingConfig(grid_schedule=(5, 10, 20), steps=20, patience=1000)
    ):
        errors[step.grid_size] = (2 * test.loss(network, "squared")) ** 0.5
    assert errors[20] < 2e-6  # theory: 16 per doubling
    assert errors[5] / errors[10] > 5
    assert errors[10] / errors[20] > 5


@pytest.mark.parametrize(("optimizer", "steps", "error"), [("adam", 60, 0.07), ("lbfgs", 60, 0.01)])
def test_first_order_methods_reach_a_fair_fit(optimizer: str, steps: int, error: float) -> None:
    network = fresh_network((2, 3, 1), 5)
    config = TrainingConfig(optimizer=optimizer, steps=steps, batch_size=64, patience=1000)
    for _ in train(network, law_rows(250, 0), config, generator=torch.Generator().manual_seed(0)):
        pass
    assert (2 * law_rows(500, 1).loss(network, "squared")) ** 0.5 < error


def test_the_sparsity_penalty_shrinks_the_edges_that_the_target_does_not_need() -> None:
    rows = law_rows(300, 0)
    target = TrainingRows.create(rows.x, torch.sin(2 * rows.x[:, :1]))
    network = fresh_network((2, 1), 5)
    config = TrainingConfig(optimizer="lbfgs", steps=80, lamb=1e-2, patience=1000)
    for _ in train(network, target, config):
        pass
    size = network.layers[0].postacts(rows.x).detach().abs().mean(0)[:, 0]
    assert float(size[1] / size[0]) < 0.02
