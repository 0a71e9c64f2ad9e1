"""An ordinary network, a multilayer perceptron, trained as well as can be: what a KAN is measured against.

Few rows are learnt all at once, by L-BFGS in float64; many in batches, by Adam in float32. Either way the
rows that judge say when to stop. scikit-learn's perceptron would not do: it stops at 1e-4 of its loss, and
cannot be interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from kan_engine import Minimiser
from service.schemas.baselines import parameters_of

FULL_WORK, FULL_PARAMETERS = 5_000_000, 20_000  # parameters times rows, and parameters: up to here by L-BFGS
FULL_STEPS, FULL_PATIENCE = 2_000, 200  # of L-BFGS, and those without a lower loss of the judging rows
LOOK = 5  # of these steps between two looks at the judging rows
FULL_GAIN, GAIN = 0.99, 0.999  # factors by which a loss has to fall for patience to begin anew
BATCH_ROWS, RATES = 256, (5e-3, 1e-3, 2e-4)  # of Adam: each rate until the loss stays
EPOCHS, EPOCHS_PATIENCE = 200, 10
PREDICTED_ROWS = 4_096  # at once

ShouldStop = Callable[[], bool]
Loss = Callable[[Tensor, Tensor], Tensor]  # of outputs [n, outputs] and targets [n], for every row


@dataclass(frozen=True)
class Learnt:
    """Rows as it reads them: inputs [n, d], targets [n] (numbers, or places of classes), weights [n]."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def with_those(self, others: Learnt) -> Learnt:
        """These rows and others."""
        return Learnt(
            np.concatenate([self.x, others.x]),
            np.concatenate([self.y, others.y]),
            np.concatenate([self.weight, others.weight]),
        )


@dataclass(frozen=True)
class Mlp:
    """A trained network, and how many numbers it gives per row."""

    network: nn.Sequential
    width: int

    @property
    def parameters(self) -> int:
        """Numbers that it learnt."""
        return sum(weight.numel() for weight in self.network.parameters())

    @torch.inference_mode()
    def outputs(self, x: np.ndarray) -> np.ndarray:
        """What it gives [n, outputs]: numbers, or the logits of classes."""
        parts = [_tensor(x[start : start + PREDICTED_ROWS], self._dtype) for start in _starts(len(x))]
        return np.concatenate([np.zeros((0, self.width)), *(self.network(part).numpy() for part in parts)])

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype


def fit_mlp(
    hidden: Sequence[int],
    rows: Learnt,
    judging: Learnt,
    *,
    classes: int | None,
    seed: int,
    should_stop: ShouldStop = lambda: False,
) -> Mlp | None:
    """A network of this shape with the weights that the judging rows liked best; None if it was stopped.

    Args:
        hidden: Nodes of the inner layers.
        rows: Rows to fit.
        judging: Rows that say when to stop.
        classes: How many classes there are; None for a regression.
        seed: Decides the first weights, and the batches.
        should_stop: Asked between steps.
    """
    outputs = 1 if classes is None or classes == 2 else classes
    generator = torch.Generator().manual_seed(seed)
    width = (rows.x.shape[1], *hidden, outputs)
    loss = _squared if classes is None else _binary if classes == 2 else _cross_entropy
    size = parameters_of(hidden, rows.x.shape[1], outputs)
    if size * len(rows) <= FULL_WORK and size <= FULL_PARAMETERS:
        network = _fresh(width, nn.SiLU, generator)
        best = _Best(network, FULL_GAIN)
        steps = _by_lbfgs(network, rows, judging, loss, best)
    else:
        network = _fresh(width, nn.ReLU, generator).float()
        best = _Best(network, GAIN)
        steps = _by_adam(network, rows, judging, loss, best, generator)
    for _ in steps:
        if should_stop():
            return None
    best.restore_()
    return Mlp(network, outputs)


def _fresh(
    width: Sequence[int], activation: Callable[[], nn.Module], generator: torch.Generator
) -> nn.Sequential:
    """Glorot's start.

    Where digits count the activation is smooth, the base function of the KAN; many rows are learnt a little
    better with ReLU.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(width):
        layer = nn.Linear(inputs, outputs, dtype=torch.float64)
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def _by_lbfgs(
    network: nn.Sequential, rows: Learnt, judging: Learnt, loss: Loss, best: _Best
) -> Iterator[None]:
    """All rows at once, step by step, until the judging rows like it no better.

    If they did stop it, it learns once more for as many steps as they liked best, from them as well.
    """
    start, liked = _weights(network), 0
    for step in _steps(network, rows, loss, FULL_STEPS):
        yield
        if step % LOOK == 0:
            is_stale = best.is_stale(_judged(network, judging, loss), FULL_PATIENCE // LOOK)
            liked = step if best.is_now else liked
            if is_stale:
                break
    else:
        return
    _put_(network, start)
    for _ in _steps(network, rows.with_those(judging), loss, liked):
        yield
    best.keep_()


def _steps(network: nn.Sequential, rows: Learnt, loss: Loss, count: int) -> Iterator[int]:
    """So many steps of L-BFGS, or fewer if it comes to a minimum."""
    x, y, weight = _tensors(rows, torch.float64)
    weight = weight / weight.sum()
    minimiser = Minimiser(list(network.parameters()), lambda: [loss(network(x), y) @ weight])
    for step in range(1, count + 1):
        if minimiser.advance_() is None:
            return
        yield step


def _by_adam(
    network: nn.Sequential,
    rows: Learnt,
    judging: Learnt,
    loss: Loss,
    best: _Best,
    generator: torch.Generator,
) -> Iterator[None]:
    """Batch by batch; where the judging rows like it no better, on from the best weights at a lower rate."""
    x, y, weight = _tensors(rows, torch.float32)
    weight = weight / weight.mean()
    for rate in RATES:
        optimiser = torch.optim.Adam(network.parameters(), lr=rate)
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(x), generator=generator).split(BATCH_ROWS):  # type: ignore[no-untyped-call]
                optimiser.zero_grad()
                (loss(network(x[batch]), y[batch]) * weight[batch]).mean().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                yield
            if best.is_stale(_judged(network, judging, loss), EPOCHS_PATIENCE):
                break
        best.restore_()


class _Best:
    """The weights that the judging rows have liked best.

    Attributes:
        is_now: Whether they are those that were looked at last.
    """

    def __init__(self, network: nn.Sequential, gain: float) -> None:
        self._network, self._gain = network, gain
        self._lowest, self._mark, self._stale = float("inf"), float("inf"), 0
        self.is_now = False
        self.keep_()

    def is_stale(self, judged: float, patience: int) -> bool:
        """Look at a loss, keep the weights if it is the lowest; whether none has been lower for too long."""
        self.is_now = judged < self._lowest
        if self.is_now:
            self._lowest = judged
            self.keep_()
        if judged < self._gain * self._mark:
            self._mark, self._stale = judged, 0
        else:
            self._stale += 1
        return self._stale >= patience

    def keep_(self) -> None:
        """Take the weights as they are."""
        self._kept = _weights(self._network)

    def restore_(self) -> None:
        """Put the best weights back."""
        self._stale = 0
        _put_(self._network, self._kept)


def _weights(network: nn.Sequential) -> list[Tensor]:
    return [weight.detach().clone() for weight in network.parameters()]


@torch.no_grad()
def _put_(network: nn.Sequential, weights: Sequence[Tensor]) -> None:
    for weight, other in zip(network.parameters(), weights, strict=True):
        weight.copy_(other)


@torch.inference_mode()
def _judged(network: nn.Sequential, rows: Learnt, loss: Loss) -> float:
    """Weighted mean loss."""
    total = 0.0
    dtype = next(network.parameters()).dtype
    for start in _starts(len(rows)):
        part = slice(start, start + PREDICTED_ROWS)
        x, y, weight = _tensors(Learnt(rows.x[part], rows.y[part], rows.weight[part]), dtype)
        total += float(loss(network(x), y) @ weight)
    return total / float(rows.weight.sum())


def _squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, 0] - targets).square() / 2


def _binary(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets.long(), reduction="none")


def _tensors(rows: Learnt, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    return _tensor(rows.x, dtype), _tensor(rows.y, dtype), _tensor(rows.weight, dtype)


def _tensor(values: np.ndarray, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=float)).to(dtype)


def _starts(count: int) -> range:
    return range(0, count, PREDICTED_ROWS)
