"""Fresh networks, and the best of several starts."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import torch

from kan_engine.errors import InvalidConfig
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.loop import TrainingConfig, train
from kan_engine.training.multi_start import best_start, create_network
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import TrainingThresholds
from tests.support.engine.networks import uniform_rows

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

CONFIG = KANConfig(width=(2, 1, 1), grid_size=10)
SECOND_ORDER = TrainingConfig(grid_schedule=(10,), patience=1000)
# Trials too short to tell a bad minimum, where a test is not about what they find
BRIEF = replace(SECOND_ORDER, thresholds=TrainingThresholds(trial_steps=4))


def law(rows: int, seed: int = 0) -> TrainingRows:
    """exp(sin x1 - x2²)."""
    x = uniform_rows(rows, 2, seed=seed)
    return TrainingRows.create(x, torch.exp(torch.sin(x[:, :1]) - x[:, 1:] ** 2))


def started(starts: int, seed: int, training: TrainingConfig = SECOND_ORDER, **options: Any) -> KAN:
    generator = torch.Generator().manual_seed(seed)
    return best_start(CONFIG, law(200), training, starts=starts, generator=generator, **options)


def bends(network: KAN) -> float:
    """Largest second difference of coefficients: 0 for lines."""
    return max(
        float(layer.weight[:, :-1].detach().diff(n=2, dim=1).abs().max()) for layer in network.all_layers
    )


def test_second_order_starts_from_lines_and_other_methods_from_wiggles() -> None:
    def start(training: TrainingConfig) -> KAN:
        return create_network(CONFIG, 200, training, torch.Generator().manual_seed(0))

    assert bends(start(SECOND_ORDER)) < 1e-12
    assert bends(start(TrainingConfig(optimizer="adam"))) > 0.1


def test_more_starts_never_begin_worse_on_the_rows_that_judge() -> None:
    judge = law(100, seed=1)
    found = [started(starts, 0, BRIEF, validation=judge) for starts in (1, 3)]
    one, best_of_three = (judge.loss(network, "squared") for network in found)
    assert best_of_three <= one


def test_the_same_seed_finds_the_same_start_bit_for_bit() -> None:
    one, other = (started(2, 5, BRIEF).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(("order", "seed"), [(2, 0), (5, 1)])
def test_training_from_the_best_of_two_coarse_starts_finds_the_law(order: int, seed: int) -> None:
    """Of single starts on the fine grid some end at errors above 0.1."""
    config, rows = KANConfig(width=(2, 1, 1), grid_size=10, order=order), law(300)
    network = best_start(config, rows, SECOND_ORDER, starts=2, generator=torch.Generator().manual_seed(seed))
    for _ in train(network, rows, SECOND_ORDER):
        pass
    assert network.layers[0].grid_size == 10
    assert (2 * rows.loss(network, "squared")) ** 0.5 < (1e-3 if order == 2 else 1e-6)


def test_the_search_for_a_start_ends_when_it_is_told_to() -> None:
    asked = count(1)
    network = started(50, 0, should_stop=lambda: next(asked) >= 3)
    assert next(asked) < 6
    assert torch.isfinite(network(law(5).x)).all()


def test_first_order_methods_begin_at_their_first_start() -> None:
    training = TrainingConfig(optimizer="adam", grid_schedule=(10,))
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    found = best_start(CONFIG, law(50), training, starts=9, generator=generators[0])
    alone = best_start(CONFIG, law(50), training, starts=1, generator=generators[1])
    assert torch.equal(found.layers[0].weight, alone.layers[0].weight)
    assert found.layers[0].grid_size == 10


def test_no_start_at_all_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="starts must be at least 1, got 0"):
        started(0, 0)
