"""pykan 0.2.8 as it comes: its defaults, its own L-BFGS, its own grid updates.

Sections import this within their functions: pykan is there only with the extra ``bench``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import kan
import numpy as np
import torch
from torch import Tensor


def network(width: Sequence[int], *, grid: int, seed: int = 0, order: int = 3, **options: Any) -> Any:
    """A fresh network; pykan writes checkpoints, which go to a folder that nobody misses."""
    return kan.KAN(width=list(width), grid=grid, k=order, seed=seed, ckpt_path=tempfile.mkdtemp(), **options)


def fit(
    model: Any,
    x: np.ndarray,
    y: np.ndarray,
    *,
    steps: int,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> None:
    """Train in place, in torch's default precision; y of integers are classes for a loss of that kind."""
    inputs, targets = tensor(x), tensor(y)
    dataset = {"train_input": inputs, "train_label": targets}
    dataset |= {"test_input": inputs[:100], "test_label": targets[:100]}  # it insists on some, and logs them
    model.fit(dataset, opt="LBFGS", steps=steps, loss_fn=loss)


def refined(
    width: Sequence[int],
    x: np.ndarray,
    y: np.ndarray,
    *,
    grids: Sequence[int],
    seed: int,
    order: int = 3,
    steps: int,
) -> Iterator[Any]:
    """A network trained on one grid after the other, yielded after each."""
    model = network(width, grid=grids[0], seed=seed, order=order)
    for grid in grids:
        model = model if grid == grids[0] else model.refine(grid)
        fit(model, x, y, steps=steps)
        yield model


@torch.no_grad()
def predict(model: Any, x: np.ndarray) -> np.ndarray:
    """Outputs [rows, outputs]."""
    outputs: np.ndarray = model(tensor(x)).double().numpy()
    return outputs


def rmse(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """Root of the mean squared error over all outputs."""
    return float(np.sqrt(np.mean((predict(model, x) - y) ** 2)))


def tensor(values: np.ndarray) -> Tensor:
    """Numbers in torch's default precision; classes stay integers."""
    result = torch.from_numpy(values)
    return result if values.dtype.kind == "i" else result.to(torch.get_default_dtype())
