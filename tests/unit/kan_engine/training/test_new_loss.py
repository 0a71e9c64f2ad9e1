"""A loss that the table gets by one entry is minimised by every optimizer."""

import pytest
import torch

from kan_engine.compact.losses import LOSSES as SOFT_LOSSES
from kan_engine.cost import OPTIMIZERS
from kan_engine.errors import InvalidConfig
from kan_engine.training.loop import TrainingConfig, train
from kan_engine.training.losses import LOSSES, Loss
from tests.support.engine.networks import fresh_network
from tests.support.engine.problems import law_rows


def pseudo_huber(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return ((1 + (outputs - targets).square()).sqrt() - 1).sum(1)


def derivatives(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    size = (1 + (outputs - targets).square()).sqrt()
    return (outputs - targets) / size, torch.diag_embed(size**-1.5)


def test_compact_networks_have_the_same_losses() -> None:
    assert SOFT_LOSSES.keys() == LOSSES.keys()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_is_minimised(optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOSSES, "pseudo_huber", Loss(per_row=pseudo_huber, derivatives=derivatives))
    network, rows = fresh_network(), law_rows(60, 0)
    before = rows.loss(network, "pseudo_huber")
    for _ in train(network, rows, TrainingConfig(loss="pseudo_huber", optimizer=optimizer, steps=20)):
        pass
    assert rows.loss(network, "pseudo_huber") < 0.9 * before


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="one of squared, logistic, softmax, got 'hinge'"):
        TrainingConfig(loss="hinge")
