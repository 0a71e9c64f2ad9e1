"""A multilayer perceptron (MLP), trained as well as possible: the baseline that a KAN is compared with.

A small network on few rows is trained on all rows at once, by L-BFGS in float64. Otherwise it is trained
in batches, by Adam in float32. In both cases validation rows decide when to stop. scikit-learn's perceptron
is not suitable: it stops at 1e-4 of its loss and cannot be interrupted.
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

FULL_WORK, FULL_PARAMETERS = 5_000_000, 20_000  # L-BFGS up to these: parameters times rows, and parameters
FULL_STEPS, FULL_PATIENCE = 2_000, 200  # steps of L-BFGS: at most, and without a lower validation loss
LOOK = 5  # steps of L-BFGS between two validations
FULL_GAIN, GAIN = 0.99, 0.999  # factors by which the loss has to fall to reset the patience: L-BFGS, Adam
BATCH_ROWS, RATES = 256, (5e-3, 1e-3, 2e-4)  # of Adam: each learning rate until the loss stops falling
EPOCHS, EPOCHS_PATIENCE = 200, 10
PREDICTED_ROWS = 4_096  # rows per forward pass

ShouldStop = Callable[[], bool]
Loss = Callable[[Tensor, Tensor], Tensor]  # of outputs [n, outputs] and targets [n], for every row


@dataclass(frozen=True)
class Learnt:
    """Rows for an MLP: inputs [n, d], targets [n] (numbers or class indices), weights [n]."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def with_those(self, others: Learnt) -> Learnt:
        """Return these rows followed by others."""
        return Learnt(
            np.concatenate([self.x, others.x]),
            np.concatenate([self.y, others.y]),
            np.concatenate([self.weight, others.weight]),
        )


@dataclass(frozen=True)
class Mlp:
    """A trained network, and the number of its outputs."""

    network: nn.Sequential
    width: int

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(weight.numel() for weight in self.network.parameters())

    @torch.inference_mode()
    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the network [n, outputs]: numbers, or the logits of classes."""
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
    """Train an MLP and keep the weights with the lowest validation loss; None if it was interrupted.

    Args:
        hidden: Nodes of the inner layers.
        rows: Rows to fit.
        judging: Validation rows for early stopping.
        classes: Number of classes; None for a regression.
        seed: Seed of the initial weights and the batches.
        should_stop: Called between steps; true interrupts the training.
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
    """Return a network with Glorot's initial weights.

    With L-BFGS the activation is the smooth base function of the KAN, for precision; with many rows ReLU
    fits slightly better.
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
    """Train on all rows at once until the validation loss stops falling.

    If early stopping ended the training, train once more from the start, for the best number of steps, on
    the validation rows as well.
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
    """Take at most ``count`` steps of L-BFGS, fewer if it reaches a minimum."""
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
    """Train in batches, with one learning rate after the other.

    Once the validation loss stops falling, continue from the best weights at the next lower rate.
    """
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
    """The weights with the lowest validation loss so far.

    Attributes:
        is_now: Whether the last validation had the lowest loss.
    """

    def __init__(self, network: nn.Sequential, gain: float) -> None:
        self._network, self._gain = network, gain
        self._lowest, self._mark, self._stale = float("inf"), float("inf"), 0
        self.is_now = False
        self.keep_()

    def is_stale(self, judged: float, patience: int) -> bool:
        """Record a validation loss, keep the weights if it is the lowest, and return whether to stop."""
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
        """Keep the current weights as the best."""
        self._kept = _weights(self._network)

    def restore_(self) -> None:
        """Put the best weights back and reset the patience."""
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
    """Return the weighted mean loss over rows."""
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
