"""How training goes on from step to step and from grid to grid, and how it stops."""

import json

import numpy as np
import pytest
import torch

from kan_engine.errors import InvalidConfig, TrainingDiverged
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.loop import TrainingConfig, TrainingRows, select_optimizer, train
from kan_engine.training.thresholds import TrainingThresholds
from tests.support.engine.networks import fresh_network
from tests.support.engine.problems import law_rows


def test_a_classifier_is_trained_by_the_gauss_newton_matrix() -> None:
    rows = law_rows(300, 0)
    labels = TrainingRows.create(rows.x, (rows.x[:, :1] + rows.x[:, 1:] ** 2 > 0.3).double())
    network = fresh_network((2, 1), 5)
    for _ in train(network, labels, TrainingConfig(loss="logistic", steps=15)):
        pass
    with torch.no_grad():
        right = ((network(rows.x) > 0).double() == labels.targets).double().mean()
    assert float(right) > 0.95


def test_a_configuration_comes_back_from_json_with_the_thresholds_of_the_reader() -> None:
    config = TrainingConfig(grid_schedule=(3, 6), thresholds=TrainingThresholds(trial_steps=4))
    data = json.loads(json.dumps(config.to_dict()))
    assert "thresholds" not in data
    assert TrainingConfig.from_dict(data, config.thresholds) == config


def test_the_weights_of_the_best_validation_step_are_kept() -> None:
    training, validation = law_rows(30, 0), law_rows(60, 1)
    network = fresh_network((2, 2, 1), 10)
    losses = [
        step.validation_loss
        for step in train(network, training, TrainingConfig(steps=20, patience=5), validation=validation)
    ]
    assert validation.loss(network, "squared") == pytest.approx(min(losses))
    assert len(losses) - 1 - int(np.argmin(losses)) <= 5


def test_closing_the_iterator_keeps_the_best_weights() -> None:
    rows, network = law_rows(100, 0), fresh_network()
    steps = train(network, rows, TrainingConfig())
    loss = [next(steps).loss for _ in range(4)][-1]
    steps.close()
    assert rows.loss(network, "squared") == pytest.approx(loss)


def test_training_stops_after_the_step_in_which_it_is_told_to() -> None:
    taken = list(train(fresh_network(), law_rows(100, 0), TrainingConfig(), should_stop=lambda: True))
    assert len(taken) == 1


def test_the_same_seed_gives_the_same_network_bit_for_bit() -> None:
    def trained() -> KAN:
        network = fresh_network((2, 2, 1), 4)
        config = TrainingConfig(optimizer="adam", steps=3)
        for _ in train(network, law_rows(200, 0), config, generator=torch.Generator().manual_seed(3)):
            pass
        return network

    first, second = trained(), trained()
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_loss_that_is_not_finite_stops_training_at_its_step() -> None:
    rows = law_rows(50, 0)
    broken = TrainingRows.create(rows.x, torch.full((50, 1), float("nan"), dtype=torch.float64))
    with pytest.raises(TrainingDiverged) as caught:
        list(train(fresh_network(), broken, TrainingConfig(optimizer="adam", steps=3)))
    assert caught.value.step == 0


def test_auto_takes_second_order_for_small_networks_and_adam_for_large_ones() -> None:
    config = TrainingConfig()
    assert select_optimizer(fresh_network(), 1000, config) == "levenberg_marquardt"
    assert select_optimizer(fresh_network((20, 40, 10)), 100_000, config) == "adam"
    assert select_optimizer(fresh_network(), 1000, TrainingConfig(lamb=0.1)) == "adam"


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"grid_schedule": (0,)}, {"optimizer": "levenberg_marquardt", "lamb": 1.0}]
)
def test_a_training_that_cannot_be_run_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig):
        TrainingConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "levenberg_marquardt"])
def test_a_schedule_ends_on_its_finest_grid(optimizer: str) -> None:
    network = fresh_network((2, 1), 3)
    config = TrainingConfig(optimizer=optimizer, grid_schedule=(3, 6), steps=4, patience=1000)
    grids = [step.grid_size for step in train(network, law_rows(60, 0), config)]
    assert sorted(set(grids)) == [3, 6]
    assert grids == sorted(grids)


def test_a_round_of_second_order_steps_ends_when_three_in_a_row_gain_little() -> None:
    network, rows = fresh_network((2, 1), 3), law_rows(60, 0)
    taken = list(train(network, rows, TrainingConfig(steps=50, patience=1000, gain=1.0)))
    assert len(taken) == 3  # no step lowers the loss by its whole


def test_a_network_at_its_minimum_is_left_alone() -> None:
    network, rows = KAN(KANConfig(width=(2, 1))), law_rows(20, 0)
    nothing = TrainingRows.create(rows.x, torch.zeros(20, 1, dtype=torch.float64))
    assert list(train(network, nothing, TrainingConfig())) == []
    assert not network(rows.x).any()
