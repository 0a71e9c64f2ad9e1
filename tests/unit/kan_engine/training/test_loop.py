"""What training reaches, with each optimiser, and how it stops."""

import numpy as np
import pytest
import torch

from kan_engine.errors import InvalidConfig, TrainingDiverged
from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.training.loop import Optimizer, TrainingConfig, TrainingRows, select_optimizer, train


def law(rows: int, seed: int) -> TrainingRows:
    """exp(sin x1 - x2²), the survey's first formula."""
    x = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (rows, 2)))
    return TrainingRows.create(x, torch.exp(torch.sin(x[:, :1]) - x[:, 1:] ** 2))


def fresh(width: tuple[int, ...] = (2, 1, 1), grid_size: int = 3, seed: int = 0) -> KAN:
    network = KAN(KANConfig(width=width, grid_size=grid_size))
    initialise_(network, torch.Generator().manual_seed(seed))
    return network


def test_levenberg_marquardt_falls_at_the_spline_rate_when_the_grid_is_refined() -> None:
    network, test = fresh(), law(500, 1)
    errors = {}
    for step in train(
        network, law(500, 0), TrainingConfig(grid_schedule=(5, 10, 20), steps=20, patience=1000)
    ):
        errors[step.grid_size] = (2 * test.loss(network, "squared")) ** 0.5
    assert errors[20] < 2e-6  # theory: 16 per doubling
    assert errors[5] / errors[10] > 5
    assert errors[10] / errors[20] > 5


@pytest.mark.parametrize(("optimizer", "steps", "error"), [("adam", 60, 0.07), ("lbfgs", 60, 0.01)])
def test_first_order_methods_reach_a_fair_fit(optimizer: Optimizer, steps: int, error: float) -> None:
    network = fresh((2, 3, 1), 5)
    config = TrainingConfig(optimizer=optimizer, steps=steps, batch_size=64, patience=1000)
    for _ in train(network, law(250, 0), config, generator=torch.Generator().manual_seed(0)):
        pass
    assert (2 * law(500, 1).loss(network, "squared")) ** 0.5 < error


def test_the_sparsity_penalty_shrinks_the_edges_that_the_target_does_not_need() -> None:
    rows = law(300, 0)
    target = TrainingRows.create(rows.x, torch.sin(2 * rows.x[:, :1]))
    network = fresh((2, 1), 5)
    config = TrainingConfig(optimizer="lbfgs", steps=80, lamb=1e-2, patience=1000)
    for _ in train(network, target, config):
        pass
    size = network.layers[0].postacts(rows.x).detach().abs().mean(0)[:, 0]
    assert float(size[1] / size[0]) < 0.02


def test_a_classifier_is_trained_by_the_gauss_newton_matrix() -> None:
    rows = law(300, 0)
    labels = TrainingRows.create(rows.x, (rows.x[:, :1] + rows.x[:, 1:] ** 2 > 0.3).double())
    network = fresh((2, 1), 5)
    for _ in train(network, labels, TrainingConfig(loss="logistic", steps=15)):
        pass
    with torch.no_grad():
        right = ((network(rows.x) > 0).double() == labels.targets).double().mean()
    assert float(right) > 0.95


def test_the_weights_of_the_best_validation_step_are_kept() -> None:
    training, validation = law(30, 0), law(200, 1)
    network = fresh((2, 3, 1), 10)
    losses = [
        step.validation_loss
        for step in train(network, training, TrainingConfig(steps=20, patience=5), validation=validation)
    ]
    assert validation.loss(network, "squared") == pytest.approx(min(losses))
    assert len(losses) - 1 - int(np.argmin(losses)) <= 5


def test_closing_the_iterator_keeps_the_best_weights() -> None:
    rows, network = law(100, 0), fresh()
    steps = train(network, rows, TrainingConfig())
    loss = [next(steps).loss for _ in range(4)][-1]
    steps.close()
    assert rows.loss(network, "squared") == pytest.approx(loss)


def test_training_stops_after_the_step_in_which_it_is_told_to() -> None:
    taken = list(train(fresh(), law(100, 0), TrainingConfig(), should_stop=lambda: True))
    assert len(taken) == 1


def test_the_same_seed_gives_the_same_network_bit_for_bit() -> None:
    def trained() -> KAN:
        network = fresh((2, 2, 1), 4)
        config = TrainingConfig(optimizer="adam", steps=3)
        for _ in train(network, law(200, 0), config, generator=torch.Generator().manual_seed(3)):
            pass
        return network

    first, second = trained(), trained()
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_loss_that_is_not_finite_stops_training_at_its_step() -> None:
    rows = law(50, 0)
    broken = TrainingRows.create(rows.x, torch.full((50, 1), float("nan"), dtype=torch.float64))
    with pytest.raises(TrainingDiverged) as caught:
        list(train(fresh(), broken, TrainingConfig(optimizer="adam", steps=3)))
    assert caught.value.step == 0


def test_auto_takes_second_order_for_small_networks_and_adam_for_large_ones() -> None:
    config = TrainingConfig()
    assert select_optimizer(fresh(), 1000, config) == "levenberg_marquardt"
    assert select_optimizer(fresh((20, 40, 10)), 100_000, config) == "adam"
    assert select_optimizer(fresh(), 1000, TrainingConfig(lamb=0.1)) == "adam"


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"grid_schedule": (0,)}, {"optimizer": "levenberg_marquardt", "lamb": 1.0}]
)
def test_a_training_that_cannot_be_run_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig):
        TrainingConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "levenberg_marquardt"])
def test_a_schedule_ends_on_its_finest_grid(optimizer: Optimizer) -> None:
    network = fresh((2, 1), 3)
    config = TrainingConfig(optimizer=optimizer, grid_schedule=(3, 6), steps=4, patience=1000)
    grids = [step.grid_size for step in train(network, law(60, 0), config)]
    assert sorted(set(grids)) == [3, 6]
    assert grids == sorted(grids)


def test_a_round_of_second_order_steps_ends_when_three_in_a_row_gain_little() -> None:
    network, rows = fresh((2, 1), 3), law(60, 0)
    taken = list(train(network, rows, TrainingConfig(steps=50, patience=1000, gain=1.0)))
    assert len(taken) == 3  # no step lowers the loss by its whole


def test_a_network_at_its_minimum_is_left_alone() -> None:
    network, rows = KAN(KANConfig(width=(2, 1))), law(20, 0)
    nothing = TrainingRows.create(rows.x, torch.zeros(20, 1, dtype=torch.float64))
    assert list(train(network, nothing, TrainingConfig())) == []
    assert not network(rows.x).any()
