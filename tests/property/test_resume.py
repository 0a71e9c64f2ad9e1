"""The law of checkpoints: a training that is thrown away and resumed goes on bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.errors import ArtifactError
from kan_engine.layer import SymbolicEdge
from kan_engine.network import KAN, KANConfig, initialise_
from kan_engine.penalty import Penalty
from kan_engine.rows import Rows
from kan_engine.training import Step, Training
from kan_engine.training_config import TrainingConfig

PATIENCE = 4
COURSES: dict[str, dict[str, Any]] = {
    "levenberg_marquardt": {"optimizer": "levenberg_marquardt", "grid_schedule": (3, 5, 6), "steps": 4},
    "adam": {"optimizer": "adam", "grid_schedule": (3, 6), "steps": 6, "precision": "float64"},
    "adam in float32": {"optimizer": "adam", "grid_schedule": (3, 6), "steps": 6},
    "lbfgs": {"optimizer": "lbfgs", "grid_schedule": (3, 6), "steps": 5},
    "adam, then lbfgs": {"optimizer": "adam", "steps": 4, "polish": 6},
    "adam, sparse": {"optimizer": "adam", "grid_schedule": (3, 6), "steps": 6, "lamb": 1e-2},
    "sparse": {"optimizer": "lbfgs", "steps": 8, "lamb": 1e-2},
}
SHAPES = {
    "one network": KANConfig(width=(2, 2, 1), grid_size=3),
    "two side by side": KANConfig(width=(2, 4, 2, 1), grid_size=3, groups=2),
}
SLICE_BATCHES = 2  # of the five of an epoch: most steps of Adam end inside an epoch


def law(rows: int, seed: int) -> Rows:
    x = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (rows, 2)))
    weights = torch.from_numpy(np.random.default_rng(seed).uniform(0.5, 2.0, rows))
    return Rows.of(x, torch.exp(torch.sin(x[:, :1]) - x[:, 1:] ** 2), weights)


FIT, VALIDATION = law(80, 0), law(60, 1)


def plain(network: KAN) -> None:
    del network


def pruned(network: KAN) -> None:
    network.stack[0].mask[0, 1] = False


def partly_symbolic(network: KAN) -> None:
    network.stack[0].symbolic[1, 0] = SymbolicEdge("sin", 1.5, 0.2, 0.7, 0.1)


def begun(
    course: str,
    seed: int,
    change: Callable[[KAN], None] = plain,
    *,
    direct: bool = False,
    shape: str = "one network",
) -> Training:
    network = KAN(replace(SHAPES[shape], direct=direct))
    generator = torch.Generator().manual_seed(seed)
    initialise_(network, generator)
    change(network)
    config = TrainingConfig(
        patience=PATIENCE, batch_size=16, penalty=Penalty(ridge=1e-6, smoothness=1e-6), **COURSES[course]
    )
    return Training(network, FIT, config, validation=VALIDATION, generator=generator)


def ended(run: Training) -> tuple[list[Step], dict[str, torch.Tensor]]:
    """The steps that are left, and what the network is after them."""
    steps = []
    while (step := run.step()) is not None:
        steps.append(step)
    run.finish_()
    return steps, {name: tensor.clone() for name, tensor in run.network.state_dict().items()}


def advanced(run: Training, steps: int) -> Training:
    for _ in range(steps):
        run.step()
    return run


def assert_equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def assert_resumes(run: Training) -> None:
    """What is resumed from its checkpoint goes on as it does."""
    resumed = Training.resume(run.checkpoint(), FIT, validation=VALIDATION)
    steps, network = ended(run)
    resumed_steps, resumed_network = ended(resumed)
    assert resumed_steps == steps
    assert_equal(resumed_network, network)


@pytest.fixture(autouse=True, scope="module")
def _short_slices() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kan_engine.first_order.SLICE_BATCHES", SLICE_BATCHES)
        yield


@pytest.mark.parametrize("course", COURSES)
@settings(max_examples=3)
@given(seed=st.integers(0, 2**31), taken=st.integers(0, 16), direct=st.booleans())
def test_a_resumed_training_goes_on_bit_for_bit(course: str, seed: int, taken: int, direct: bool) -> None:
    steps, network = ended(advanced(begun(course, seed, direct=direct), taken))
    checkpoint = advanced(begun(course, seed, direct=direct), taken).checkpoint()
    torch.rand(3)  # whatever else draws random numbers in between
    resumed = Training.resume(checkpoint, FIT, validation=VALIDATION)
    assert resumed.checkpoint() == checkpoint
    resumed_steps, resumed_network = ended(resumed)
    assert resumed_steps == steps
    assert_equal(resumed_network, network)


@pytest.mark.parametrize(
    ("course", "change", "taken"),
    [
        ("levenberg_marquardt", plain, 3),  # before the grid is refined, after it, and at the end
        ("levenberg_marquardt", pruned, 9),
        ("levenberg_marquardt", partly_symbolic, 30),
        ("adam", pruned, 3),
        ("adam", partly_symbolic, 9),
        ("adam in float32", plain, 9),
        ("adam in float32", pruned, 30),
        ("adam, sparse", partly_symbolic, 3),
        ("adam, sparse", plain, 30),
    ],
)
def test_networks_side_by_side_are_resumed_bit_for_bit(
    course: str, change: Callable[[KAN], None], taken: int
) -> None:
    assert_resumes(advanced(begun(course, 0, change, shape="two side by side"), taken))


@pytest.mark.parametrize("change", [pruned, partly_symbolic])
@pytest.mark.parametrize("course", COURSES)
def test_pruned_and_symbolic_edges_are_resumed_too(course: str, change: Callable[[KAN], None]) -> None:
    assert_resumes(advanced(begun(course, 0, change), 3))


@pytest.mark.parametrize("course", COURSES)
def test_the_same_seed_gives_the_same_bits(course: str) -> None:
    first, second = ended(begun(course, 7)), ended(begun(course, 7))
    assert first[0] == second[0]
    assert len(first[0]) > 3
    assert_equal(first[1], second[1])


def test_a_checkpoint_brings_the_generator_along() -> None:
    run = advanced(begun("adam", 3), 3)
    resumed = Training.resume(run.checkpoint(), FIT, validation=VALIDATION)
    assert torch.equal(torch.rand(5, generator=resumed.generator), torch.rand(5, generator=run.generator))


def test_a_finished_training_resumes_as_finished() -> None:
    run = begun("lbfgs", 0)
    ended(run)
    resumed = Training.resume(run.checkpoint(), FIT, validation=VALIDATION)
    assert resumed.step() is None


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_checkpoint_that_lost_its_end_is_refused(share: float) -> None:
    data = begun("adam", 0).checkpoint()
    with pytest.raises(ArtifactError):
        Training.resume(data[: int(share * len(data))], FIT)


def test_a_checkpoint_is_refused_for_other_rows() -> None:
    data = begun("adam", 0).checkpoint()
    with pytest.raises(ArtifactError, match="80, 2"):
        Training.resume(data, law(81, 0))
