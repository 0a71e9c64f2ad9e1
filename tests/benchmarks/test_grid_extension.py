"""The test error of exp(sin x1 - x2²) as the grid grows, beside pykan's."""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from kan_engine.network import KAN, KANConfig, initialise_
from kan_engine.training import Rows, TrainingConfig, train
from tests.benchmarks.conftest import Report

pytestmark = pytest.mark.benchmark

GRIDS = (3, 5, 10, 20, 50, 100)
PYKAN_GRIDS = (3, 5, 10, 20)
PYKAN_STEPS = 50


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Threads cost a network this small more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_one_thread")
def test_error_by_grid(report: Report, tmp_path: Path) -> None:
    ours, theirs = _ours(), _pykan(tmp_path)
    rows = [
        [grid, f"{error:.1e}", f"{seconds:.2f}", *theirs.get(grid, ("", ""))]
        for grid, (error, seconds) in ours.items()
    ]
    head = ["G", "test RMSE", "seconds", "pykan: test RMSE", "seconds"]
    report("exp(sin x1 - x2²), [2,1,1], 1,000 rows, one thread", head, rows)


def _ours() -> dict[int, tuple[float, float]]:
    network = KAN(KANConfig(width=(2, 1, 1), grid_size=GRIDS[0]))
    initialise_(network, torch.Generator().manual_seed(0))
    training, test = _law(0), _law(1)
    found: dict[int, tuple[float, float]] = {}
    started = time.perf_counter()
    for step in train(network, training, TrainingConfig(grid_schedule=GRIDS, patience=1000)):
        error = (2 * test.loss(network, "squared")) ** 0.5
        found[step.grid_size] = (error, time.perf_counter() - started)
    return found


def _pykan(folder: Path) -> dict[int, tuple[str, str]]:
    """The same with pykan as it comes, float32; nothing where the extra ``bench`` is not installed."""
    if importlib.util.find_spec("kan") is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kan

        training, test = _law(0), _law(1)
        parts = {
            "train_input": training.x, "train_label": training.targets,
            "test_input": test.x, "test_label": test.targets,
        }  # fmt: skip
        dataset = {name: tensor.float() for name, tensor in parts.items()}
        model = kan.KAN(width=[2, 1, 1], grid=PYKAN_GRIDS[0], k=3, seed=0, ckpt_path=str(folder))
        found, started = {}, time.perf_counter()
        for grid in PYKAN_GRIDS:
            model = model if grid == PYKAN_GRIDS[0] else model.refine(grid)
            losses = model.fit(dataset, opt="LBFGS", steps=PYKAN_STEPS)["test_loss"]
            found[grid] = (f"{float(losses[-1]):.1e}", f"{time.perf_counter() - started:.2f}")
    return found


def _law(seed: int) -> Rows:
    x = torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (1000, 2)))
    return Rows.of(x, torch.exp(torch.sin(x[:, :1]) - x[:, 1:] ** 2))
