"""A base function that the table gets by one entry trains, is stored, and is exported."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kan_engine.errors import ArtifactError, InvalidConfig
from kan_engine.export.onnx.export import run_onnx, to_onnx
from kan_engine.export.python.export import run_python, to_python
from kan_engine.network.compiled.network import compile_network
from kan_engine.network.header import NetworkHeader
from kan_engine.network.kan import KAN, KANConfig, copy_network, initialise_
from kan_engine.splines.base_functions import BASE_FUNCTIONS, BaseFunction
from kan_engine.training.loop import TrainingConfig, train
from tests.support.engine.problems import law_rows
from tests.support.predictors import make_predictor, some_columns

WAVE = BaseFunction(
    lambda x: x * np.sin(2 * x),
    lambda x: np.sin(2 * x) + 2 * x * np.cos(2 * x),
    lambda x, n: x * _sine(x, n) + n * _sine(x, n - 1),
)
POINTS = torch.from_numpy(np.random.default_rng(0).uniform(-2.0, 2.0, (50, 2)))  # also outside the grid


def _sine(x: torch.Tensor, derivative: int) -> torch.Tensor:
    """sin(2x), or its derivative."""
    return 2.0**derivative * torch.sin(2 * x + derivative * torch.pi / 2)


@pytest.fixture(autouse=True)
def _wave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BASE_FUNCTIONS, "wave", WAVE)


def make_network(nodes: int, inputs: int = 2) -> KAN:
    network = KAN(KANConfig(width=(inputs, nodes, 1), grid_size=4, base="wave"))
    initialise_(network, torch.Generator().manual_seed(0))
    for layer in network.all_layers:
        layer.weight.data[:, -1] += 0.5
    return network


@pytest.mark.parametrize("nodes", [3, 12])  # few and many: both kinds of compiled layers
def test_it_is_part_of_every_activation(nodes: int) -> None:
    network = make_network(nodes)
    other = KAN(KANConfig(width=(2, nodes, 1), grid_size=4))
    other.load_state_dict(network.state_dict())
    np.testing.assert_allclose(compile_network(network)(POINTS.numpy()), network(POINTS).detach(), rtol=1e-9)
    assert not torch.allclose(network(POINTS), other(POINTS))


def test_its_second_derivatives_are_those_of_autograd() -> None:
    x = POINTS.clone().requires_grad_()
    assert torch.autograd.gradgradcheck(make_network(3), (x[:5] * 0.4,))


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "adam", "lbfgs"])
def test_a_network_with_it_is_trained(optimizer: str) -> None:
    network, rows = make_network(3), law_rows(80, 0)
    before = rows.loss(network, "squared")
    config = TrainingConfig(optimizer=optimizer, steps=40, batch_size=16, grid_schedule=(4, 6))
    for _ in train(network, rows, config):
        pass
    assert network.config.base == "wave"
    assert rows.loss(network, "squared") < 0.5 * before


@pytest.mark.parametrize("nodes", [3, 12])
def test_files_compute_it(nodes: int) -> None:
    predictor = make_predictor()
    inputs = predictor.network.config.width[0]
    predictor = replace(predictor, network=make_network(nodes, inputs))
    columns = some_columns()
    expected = predictor.predict(columns)
    onnx, python = run_onnx(to_onnx(predictor), predictor, columns), run_python(to_python(predictor), columns)
    for found in (onnx, python):
        np.testing.assert_allclose(found.numbers[:, 0], expected, rtol=1e-9, atol=1e-12)


def test_its_name_is_stored_with_the_network() -> None:
    network = make_network(3)
    header = NetworkHeader.from_dict(network.to_header().to_dict())
    assert header.base == copy_network(network).config.base == "wave"


def test_networks_of_earlier_versions_have_silu() -> None:
    stored = KAN(KANConfig(width=(2, 1))).to_header().to_dict()
    del stored["base"]
    assert KAN.from_header(NetworkHeader.from_dict(stored)).config.base == "silu"


def test_an_unknown_base_function_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="base must be one of silu, identity, zero, wave, got 'relu'"):
        KANConfig(width=(2, 1), base="relu")
    stored = KAN(KANConfig(width=(2, 1))).to_header().to_dict() | {"base": "relu"}
    with pytest.raises(ArtifactError):
        KAN.from_header(NetworkHeader.from_dict(stored))
