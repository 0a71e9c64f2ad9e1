"""A row of weight two is two rows, whatever trains and whatever is minimised."""

import pytest
import torch

from kan_engine.inference.calibration import fit_calibration
from kan_engine.inference.thresholds import DEFAULT_INFERENCE
from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.training.loop import TrainingConfig, TrainingRows, train
from kan_engine.training.penalty import Penalty
from tests.support.engine.networks import uniform_rows

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS = 60
TWICE = torch.arange(ROWS) % 3 == 0
DOUBLE = 1 + TWICE.double()
CLOSE: dict[str, float] = {
    "levenberg_marquardt": 1e-8,
    "lbfgs": 1e-6,  # its line search magnifies rounding
    "adam": 1e-6,  # it divides by moments that start near 0
}


def sample(loss: str) -> tuple[torch.Tensor, torch.Tensor]:
    x = uniform_rows(ROWS, 2)
    value = torch.sin(3 * x[:, :1]) + x[:, 1:]
    if loss == "squared":
        return x, value
    return x, (value > 0).double() if loss == "logistic" else (value > 0).double() + (value > 1)


def trained(rows: TrainingRows, loss: str, optimizer: str, steps: int = 6) -> KAN:
    hidden = () if optimizer == "adam" else (2,)  # it scales hidden nodes by rows, whatever their weights
    network = KAN(KANConfig(width=(2, *hidden, 3 if loss == "softmax" else 1), grid_size=3))
    initialise_(network, torch.Generator().manual_seed(0))
    fixed = Penalty(adaptive=False)  # evidence counts effective rows, fewer than the sum of unequal weights
    config = TrainingConfig(
        loss=loss,
        optimizer=optimizer,
        steps=steps,
        batch_size=1_000,
        penalty=fixed,
        precision="float64",  # steps of Adam by weights that differ are alike at first
    )
    for _ in train(network, rows, config):
        pass
    return network


@pytest.mark.parametrize("optimizer", CLOSE)
@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax"])
def test_a_row_of_weight_two_trains_like_the_row_twice(loss: str, optimizer: str) -> None:
    x, targets = sample(loss)
    weighted = TrainingRows.create(x, targets, DOUBLE)
    repeated = TrainingRows.create(torch.cat([x, x[TWICE]]), torch.cat([targets, targets[TWICE]]))
    one, other = (trained(rows, loss, optimizer) for rows in (weighted, repeated))
    plain = trained(TrainingRows.create(x, targets), loss, optimizer)
    with torch.no_grad():
        distance = (one(x) - other(x)).abs().max()
        assert distance < CLOSE[optimizer]
        assert (one(x) - plain(x)).abs().max() > 1_000 * distance


def test_with_prices_by_evidence_a_row_of_weight_two_trains_nearly_like_the_row_twice() -> None:
    x = uniform_rows(300, 1)
    noise = 0.3 * torch.randn(300, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    targets, twice = torch.sin(3 * x) + noise, torch.arange(300) % 3 == 0
    weighted = TrainingRows.create(x, targets, 1 + twice.double())
    repeated = TrainingRows.create(torch.cat([x, x[twice]]), torch.cat([targets, targets[twice]]))
    found = []
    for rows in (weighted, repeated):
        network = KAN(KANConfig(width=(1, 1), grid_size=10))
        for _ in train(network, rows, TrainingConfig()):
            pass
        found.append(network(x).detach())
    assert float((found[0] - found[1]).square().mean().sqrt()) < 0.02


@pytest.mark.parametrize("optimizer", CLOSE)
def test_only_ratios_of_weights_matter_in_training(optimizer: str) -> None:
    x, targets = sample("logistic")
    one, other = (
        trained(TrainingRows.create(x, targets, scale * DOUBLE), "logistic", optimizer)
        for scale in (1.0, 1e3)
    )
    with torch.no_grad():
        assert (one(x) - other(x)).abs().max() < CLOSE[optimizer]


@pytest.mark.parametrize("optimizer", CLOSE)
def test_a_heavier_class_is_found_more_often(optimizer: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(400, 2, generator=generator).double() - 1
    targets = (torch.rand(400, 1, generator=generator).double() < torch.sigmoid(2 * x[:, :1] - 2)).double()
    found = [
        float((network(x) > 0)[targets > 0].double().mean())
        for weight in (1.0, 6.0)
        for network in [
            trained(
                TrainingRows.create(x, targets, 1 + (weight - 1) * targets[:, 0]), "logistic", optimizer, 30
            )
        ]
    ]
    assert found[1] > found[0] + 0.3


def test_a_row_of_weight_two_calibrates_nearly_like_the_row_twice() -> None:
    """Nearly: of unequal weights the effective number of rows is less than their sum."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(400, 3, generator=generator, dtype=torch.float64)
    codes = torch.multinomial(torch.softmax(2 * logits, 1), 1, generator=generator)[:, 0]
    twice = torch.arange(400) % 3 == 0
    prior = torch.zeros(3, dtype=torch.float64)
    one = fit_calibration(logits, codes, 1 + twice.double(), prior=prior, thresholds=DEFAULT_INFERENCE)
    other = fit_calibration(
        torch.cat([logits, logits[twice]]),
        torch.cat([codes, codes[twice]]),
        torch.ones(400 + int(twice.sum())).double(),
        prior=prior,
        thresholds=DEFAULT_INFERENCE,
    )
    assert one.scale == pytest.approx(other.scale, rel=0.02)
