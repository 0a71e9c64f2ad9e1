"""An optimizer that both tables name trains networks, and is offered wherever one is chosen."""

from dataclasses import replace

import pytest
import torch

from kan_engine.cost import OPTIMIZERS, Optimizer, Workload
from kan_engine.errors import InvalidConfig
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION
from kan_engine.model_selection.trials import generate_requested_trials
from kan_engine.network.kan import KAN
from kan_engine.training.loop import CREATORS, TrainingConfig, TrainingRows, train
from tests.support.engine.networks import fresh_network
from tests.support.engine.problems import law_rows

WORK = Workload(width=(2, 3, 1), terms=9, rows=60, validation_rows=10)


class GradientDescent:
    """Steps of fixed length down the gradient."""

    is_judged = is_settling = True

    def __init__(self, network: KAN, rows: TrainingRows, config: TrainingConfig, _: torch.Generator) -> None:
        self._network, self._rows, self._config, self._left = network, rows, config, config.steps
        self.grid_size = network.stack[0].grid_size

    def advance_(self) -> float | None:
        if not self._left:
            return None
        self._left -= 1
        weights = [layer.weight for layer in self._network.all_layers]
        loss = (self._network(self._rows.x) - self._rows.targets).square().sum(1).mean() / 2
        with torch.no_grad():
            for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
                weight.sub_(slope, alpha=self._config.learning_rate)
        return float(loss.detach())


@pytest.fixture(autouse=True)
def descent(monkeypatch: pytest.MonkeyPatch) -> Optimizer:
    optimizer = Optimizer(
        memory_bytes=lambda work: 8 * work.parameters, seconds=lambda work: float(work.rows)
    )
    monkeypatch.setitem(OPTIMIZERS, "descent", optimizer)
    monkeypatch.setitem(CREATORS, "descent", GradientDescent)
    return optimizer


def test_every_optimizer_can_be_created() -> None:
    assert CREATORS.keys() == OPTIMIZERS.keys()


def test_it_trains_a_network() -> None:
    network, rows = fresh_network(), law_rows(60, 0)
    before = rows.loss(network, "squared")
    steps = list(train(network, rows, TrainingConfig(optimizer="descent", steps=20, learning_rate=0.1)))
    assert len(steps) == 20
    assert rows.loss(network, "squared") < before


def test_its_cost_is_its_own() -> None:
    assert WORK.seconds("descent") == 60
    assert WORK.memory_bytes("descent") < WORK.memory_bytes("lbfgs")


@pytest.mark.parametrize(("in_batches", "scalings"), [(False, 2), (True, 1)])
def test_of_many_rows_batches_train_one_scaling(
    monkeypatch: pytest.MonkeyPatch, descent: Optimizer, in_batches: bool, scalings: int
) -> None:
    monkeypatch.setitem(OPTIMIZERS, "descent", replace(descent, in_batches=in_batches))
    training = TrainingConfig(optimizer="descent")
    assert (
        len(
            list(
                generate_requested_trials((2, 3, 1), 5, 3, training, rows=10**6, thresholds=DEFAULT_SELECTION)
            )
        )
        == scalings
    )


def test_a_second_order_is_not_asked_for_a_sparse_network(
    monkeypatch: pytest.MonkeyPatch, descent: Optimizer
) -> None:
    assert TrainingConfig(optimizer="descent", lamb=0.1).lamb == 0.1
    monkeypatch.setitem(OPTIMIZERS, "descent", replace(descent, is_second_order=True))
    with pytest.raises(InvalidConfig, match="descent cannot minimise the entropy term; use adam, lbfgs or"):
        TrainingConfig(optimizer="descent", lamb=0.1)


def test_an_unknown_optimizer_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="one of levenberg_marquardt, adam, lbfgs, descent, got 'newton'"):
        TrainingConfig(optimizer="newton")
