"""Adam on CUDA: where it is chosen, that it trains the same network, and its errors."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from kan_engine.cost import Workload
from kan_engine.errors import DeviceUnavailable
from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.training import adam, device
from kan_engine.training.adam import Adam
from kan_engine.training.config import Device, TrainingConfig
from kan_engine.training.device import choose_device
from kan_engine.training.loop import train
from kan_engine.training.penalty import Penalty
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import DEFAULT_TRAINING
from tests.support.engine.networks import uniform_rows
from tests.support.engine.second_device import SECOND, second_device

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")

X = uniform_rows(60, 2)
ROWS = TrainingRows.create(X, torch.sin(3 * X[:, :1]) + X[:, 1:] ** 2)
VALIDATION = ROWS[40:]
CONFIG = TrainingConfig(
    optimizer="adam", steps=4, batch_size=32, weight_decay=0.1, penalty=Penalty(ridge=1e-3, smoothness=1e-2)
)
ENSEMBLE = KANConfig(width=(2, 8, 4, 1), grid_size=4, groups=2)
CASES: dict[str, tuple[KANConfig, TrainingConfig, TrainingRows]] = {
    "one network": (KANConfig(width=(2, 4, 1), direct=True), CONFIG, ROWS),
    "an ensemble": (ENSEMBLE, CONFIG, ROWS),
    "an ensemble by folds": (ENSEMBLE, CONFIG, replace(ROWS, folds=torch.arange(60) % 2)),
    "a sparse network": (KANConfig(width=(2, 4, 1)), replace(CONFIG, lamb=1e-3), ROWS),
    "finer grids": (KANConfig(width=(2, 4, 1)), replace(CONFIG, grid_schedule=(5, 10)), ROWS),
    "no hidden layer": (KANConfig(width=(2, 1)), CONFIG, ROWS),
    "a polished network": (KANConfig(width=(2, 4, 1)), replace(CONFIG, polish=3), ROWS),
}
TARGETS: dict[str, torch.Tensor] = {
    "logistic": (X[:, :1] > 0).double(),
    "softmax": (X[:, :1] > 0).double() + (X[:, 1:] > 0),
}


def trained(shape: KANConfig, config: TrainingConfig, rows: TrainingRows) -> KAN:
    network = KAN(shape)
    initialise_(network, torch.Generator().manual_seed(0))
    if shape.groups == 1 and len(shape.width) > 2:
        network.stack[0].mask[0, 0] = False
    for _ in train(network, rows, config, validation=VALIDATION if config.loss == "squared" else None):
        pass
    return network


def on(name: Device, config: TrainingConfig) -> TrainingConfig:
    return replace(config, device=name)


@pytest.mark.parametrize("case", CASES)
def test_no_operation_of_adam_mixes_devices(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adam, "find_cuda", lambda: SECOND)
    shape, config, rows = CASES[case]
    with second_device():
        found = trained(shape, on("cuda", config), rows)
    assert {layer.weight.device.type for layer in found.all_layers} == {"cpu"}
    torch.testing.assert_close(found(X), trained(shape, config, rows)(X))


@pytest.mark.parametrize("loss", TARGETS)
def test_no_operation_of_a_classifier_mixes_devices(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adam, "find_cuda", lambda: SECOND)
    shape = KANConfig(width=(2, 4, 3 if loss == "softmax" else 1))
    rows, config = TrainingRows.create(X, TARGETS[loss]), replace(CONFIG, loss=loss)
    with second_device():
        found = trained(shape, on("cuda", config), rows)
    torch.testing.assert_close(found(X), trained(shape, config, rows)(X))


def test_rows_and_weights_are_on_the_device_while_adam_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adam, "find_cuda", lambda: SECOND)
    seen = set()
    forward = Adam._outputs

    def record(self: Adam, x: torch.Tensor) -> torch.Tensor:
        seen.update((x.device.type, self._leaves[0].device.type))
        return forward(self, x)

    monkeypatch.setattr(Adam, "_outputs", record)
    with second_device():
        trained(ENSEMBLE, on("cuda", CONFIG), ROWS)
    assert seen == {SECOND.type}


@needs_gpu
@pytest.mark.parametrize("case", CASES)
def test_a_network_trained_on_cuda_is_as_good_as_one_of_the_cpu(case: str) -> None:
    shape, config, rows = CASES[case]
    config = replace(config, steps=100)
    near, far = (
        VALIDATION.loss(trained(shape, on(name, config), rows), "squared") for name in ("cpu", "cuda")
    )
    assert far == pytest.approx(near, rel=0.1, abs=1e-5)  # sums of float32 in another order


WIDE = Workload(width=(100, 256, 1), terms=12, rows=100_000, batch_rows=512)


@pytest.mark.parametrize(
    ("is_seen", "work", "wanted"),
    [
        (True, WIDE, "cuda"),
        (True, replace(WIDE, width=(100, 16, 1)), "cpu"),
        (True, replace(WIDE, batch_rows=64), "cpu"),
        (True, replace(WIDE, rows=64), "cpu"),
        (False, WIDE, "cpu"),
    ],
)
def test_auto_is_cuda_where_torch_sees_it_and_batches_are_large(
    is_seen: bool, work: Workload, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_seen)
    assert choose_device("auto", work, thresholds=DEFAULT_TRAINING) == wanted


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_a_device_that_was_asked_for_is_taken_whatever_the_work(name: Any) -> None:
    assert choose_device(name, replace(WIDE, rows=1), thresholds=DEFAULT_TRAINING) == name


def test_the_work_that_cuda_takes_is_a_decision_number() -> None:
    small = replace(DEFAULT_TRAINING, min_cuda_batch_work=1.0)
    wanted = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto", replace(WIDE, rows=1), small) == wanted


def test_cuda_without_a_gpu_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable, match="sees no CUDA device; use device cpu"):
        trained(KANConfig(width=(2, 1)), on("cuda", CONFIG), ROWS)


def test_other_methods_train_on_the_cpu_whatever_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    trained(KANConfig(width=(2, 1)), replace(CONFIG, optimizer="lbfgs", device="cuda"), ROWS)


def test_a_full_gpu_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Adam, "advance_", fill)
    with pytest.raises(DeviceUnavailable, match="memory of the GPU is full; use device cpu"):
        trained(KANConfig(width=(2, 1)), CONFIG, ROWS)


def test_the_error_of_a_full_gpu_is_not_that_of_a_full_cpu() -> None:
    with pytest.raises(RuntimeError, match="allocate") as caught, device.report_full_memory():
        torch.empty(2**62, dtype=torch.uint8)
    assert not isinstance(caught.value, torch.OutOfMemoryError)
