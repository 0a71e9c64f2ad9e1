"""A multilayer perceptron (MLP), trained as well as possible: the baseline that a KAN is compared with.

A small network on few rows is trained on all rows at once, by L-BFGS in float64. Otherwise it is trained
in batches, by Adam in float32. In both cases validation rows decide when to stop. scikit-learn's perceptron
is not suitable: it stops at 1e-4 of its loss and cannot be interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import softmax
from torch import Tensor, nn

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.numerics.lbfgs import LBFGS
from kan_engine.training.thresholds import MlpThresholds

ShouldStop = Callable[[], bool]
# Loss of every row for outputs and targets
Loss = Callable[[Float[Tensor, "rows outputs"], Float[Tensor, " rows"]], Float[Tensor, " rows"]]


@dataclass(frozen=True)
class Mlp:
    """A trained network with the interface of scikit-learn's estimators.

    Attributes:
        outputs: Number of its outputs.
        classes: Number of classes; None for a regression.
        batch_rows: Rows of a forward pass.
    """

    network: nn.Sequential
    outputs: int
    classes: int | None
    batch_rows: int

    @property
    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(weight.numel() for weight in self.network.parameters())

    @property
    def classes_(self) -> Int[np.ndarray, " classes"]:
        """Indices of the classes [classes]."""
        return np.arange(self.classes or 0)

    def predict(self, x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        """Predict standardised targets [n]."""
        return self.evaluate(x)[:, 0]

    def predict_proba(self, x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows classes"]:
        """Predict class probabilities [n, classes]."""
        logits = self.evaluate(x).astype(float)
        if self.classes == 2:
            # The only logit of two classes is the log-odds of the second, so the logit of the first is 0
            logits = np.hstack([np.zeros_like(logits), logits])
        probabilities: np.ndarray = softmax(logits, axis=1)
        return probabilities

    @torch.inference_mode()
    def evaluate(self, x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows outputs"]:
        """Evaluate the network [n, outputs]: numbers, or the logits of classes."""
        starts = range(0, len(x), self.batch_rows)
        parts = [_to_tensor(x[start : start + self.batch_rows], self._dtype) for start in starts]
        return np.concatenate([np.zeros((0, self.outputs)), *(self.network(part).numpy() for part in parts)])

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.network.parameters()).dtype


def fit_mlp(
    layer_sizes: Sequence[int],
    rows: LabelledRows,
    judging: LabelledRows,
    *,
    classes: int | None,
    seed: int,
    should_stop: ShouldStop = lambda: False,
    thresholds: MlpThresholds,
    max_lbfgs_work: int = 5_000_000,
    lbfgs_gain: float = 0.99,
    adam_gain: float = 0.999,
) -> Mlp | None:
    """Train an MLP and keep the weights with the lowest validation loss; None if it was interrupted.

    Args:
        layer_sizes: Nodes of the inner layers.
        rows: Rows to fit.
        judging: Validation rows for early stopping.
        classes: Number of classes; None for a regression.
        seed: Seed of the initial weights and the batches.
        should_stop: Called between steps; true interrupts the training.
        thresholds: Choice of the optimizer, and when it stops.
        max_lbfgs_work: Parameters times rows up to which L-BFGS is used.
        lbfgs_gain: Factor by which the loss has to fall to reset the patience of L-BFGS.
        adam_gain: Factor by which the loss has to fall to reset the patience of Adam.
    """
    outputs = 1 if classes is None or classes == 2 else classes
    generator = torch.Generator().manual_seed(seed)
    width = (rows.x.shape[1], *layer_sizes, outputs)
    loss = (
        _half_squared_error if classes is None else _binary_cross_entropy if classes == 2 else _cross_entropy
    )
    # The work of a step of L-BFGS grows with parameters times rows, its memory with the parameters
    size = sum((before + 1) * after for before, after in pairwise(width))
    if size * len(rows) <= max_lbfgs_work and size <= thresholds.max_lbfgs_parameters:
        network = _make_network(width, nn.SiLU, generator)
        best = _BestWeights(network, lbfgs_gain)
        steps = _train_lbfgs(network, rows, judging, loss, best, thresholds)
    else:
        network = _make_network(width, nn.ReLU, generator).float()
        best = _BestWeights(network, adam_gain)
        steps = _train_adam(network, rows, judging, loss, best, generator, thresholds)
    for _ in steps:
        if should_stop():
            return None
    best.restore_()
    return Mlp(network, outputs, classes, thresholds.prediction_batch_rows)


def _make_network(
    width: Sequence[int], activation: Callable[[], nn.Module], generator: torch.Generator
) -> nn.Sequential:
    """Return a network with Glorot's initial weights.

    With L-BFGS the activation is the smooth base function of the KAN, for precision; with many rows ReLU
    fits slightly better.
    """
    layers: list[nn.Module] = []
    # Glorot's weights keep the variance of activations and gradients from layer to layer
    for inputs, outputs in pairwise(width):
        layer = nn.Linear(inputs, outputs, dtype=torch.float64)
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def _train_lbfgs(
    network: nn.Sequential,
    rows: LabelledRows,
    judging: LabelledRows,
    loss: Loss,
    best: _BestWeights,
    thresholds: MlpThresholds,
    *,
    lbfgs_patience_steps: int = 200,
    validation_period_steps: int = 5,
) -> Iterator[None]:
    """Train on all rows at once until the validation loss stops falling.

    If early stopping ended the training, train once more from the start, for the best number of steps, on
    the validation rows as well.

    Args:
        lbfgs_patience_steps: Steps of L-BFGS without a lower validation loss until it stops.
        validation_period_steps: Steps of L-BFGS between two validations.
    """
    start, best_step = _copy_weights(network), 0
    for step in _run_lbfgs(network, rows, loss, thresholds.lbfgs_steps):
        yield
        if step % validation_period_steps == 0:
            validation_loss = _mean_loss(network, judging, loss, thresholds.prediction_batch_rows)
            is_stale = best.record_loss(validation_loss, lbfgs_patience_steps // validation_period_steps)
            best_step = step if best.is_now else best_step
            if is_stale:
                break
    else:
        return
    # Nothing is left to validate on, so the number of steps is that of the best validation loss
    _set_weights_(network, start)
    for _ in _run_lbfgs(network, _concatenate(rows, judging), loss, best_step):
        yield
    best.keep_()


def _concatenate(rows: LabelledRows, validation: LabelledRows) -> LabelledRows:
    return replace(
        rows,
        x=np.concatenate([rows.x, validation.x]),
        y=np.concatenate([rows.y, validation.y]),
        weights=np.concatenate([rows.weights, validation.weights]),
    )


def _run_lbfgs(network: nn.Sequential, rows: LabelledRows, loss: Loss, count: int) -> Iterator[int]:
    """Take at most ``count`` steps of L-BFGS, fewer if it reaches a minimum."""
    x, y, weight = _to_tensors(rows, torch.float64)
    # Weighted mean of the loss: its scale does not depend on the number of rows
    weight = weight / weight.sum()
    minimiser = LBFGS(list(network.parameters()), lambda: [loss(network(x), y) @ weight])
    for step in range(1, count + 1):
        if minimiser.advance_() is None:
            return
        yield step


def _train_adam(
    network: nn.Sequential,
    rows: LabelledRows,
    judging: LabelledRows,
    loss: Loss,
    best: _BestWeights,
    generator: torch.Generator,
    thresholds: MlpThresholds,
    *,
    learning_rates: tuple[float, ...] = (5e-3, 1e-3, 2e-4),
    patience_epochs: int = 10,
) -> Iterator[None]:
    """Train in batches, with one learning rate after the other.

    Once the validation loss stops falling, continue from the best weights at the next lower rate.

    Args:
        learning_rates: Of Adam, each until the loss stops falling.
        patience_epochs: Epochs without a lower validation loss until the next learning rate.
    """
    x, y, weight = _to_tensors(rows, torch.float32)
    # Mean weight 1: a learning rate then means the same with and without weights
    weight = weight / weight.mean()
    for rate in learning_rates:
        optimiser = torch.optim.Adam(network.parameters(), lr=rate)
        for _ in range(thresholds.max_epochs):
            order = torch.randperm(len(x), generator=generator)
            for batch in order.split(thresholds.batch_rows):  # type: ignore[no-untyped-call]
                optimiser.zero_grad()
                (loss(network(x[batch]), y[batch]) * weight[batch]).mean().backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                yield
            validation_loss = _mean_loss(network, judging, loss, thresholds.prediction_batch_rows)
            if best.record_loss(validation_loss, patience_epochs):
                break
        best.restore_()


class _BestWeights:
    """The weights with the lowest validation loss so far.

    Attributes:
        is_now: Whether the last validation had the lowest loss.
    """

    def __init__(self, network: nn.Sequential, gain: float) -> None:
        self._network, self._gain = network, gain
        self._lowest, self._mark, self._stale = float("inf"), float("inf"), 0
        self.is_now = False
        self.keep_()

    def record_loss(self, loss: float, patience: int) -> bool:
        """Record a validation loss, keep the weights if it is the lowest, and return whether to stop."""
        self.is_now = loss < self._lowest
        if self.is_now:
            self._lowest = loss
            self.keep_()
        if loss < self._gain * self._mark:
            self._mark, self._stale = loss, 0
        else:
            self._stale += 1
        return self._stale >= patience

    def keep_(self) -> None:
        """Keep the current weights as the best."""
        self._kept = _copy_weights(self._network)

    def restore_(self) -> None:
        """Put the best weights back and reset the patience."""
        self._stale = 0
        _set_weights_(self._network, self._kept)


def _copy_weights(network: nn.Sequential) -> list[Float[Tensor, " ..."]]:
    return [weight.detach().clone() for weight in network.parameters()]


@torch.no_grad()
def _set_weights_(network: nn.Sequential, weights: Sequence[Float[Tensor, " ..."]]) -> None:
    for weight, source in zip(network.parameters(), weights, strict=True):
        weight.copy_(source)


@torch.inference_mode()
def _mean_loss(network: nn.Sequential, rows: LabelledRows, loss: Loss, batch_rows: int) -> float:
    """Return the weighted mean loss over rows."""
    # Sum over blocks of rows, which bounds the memory for activations
    total = 0.0
    dtype = next(network.parameters()).dtype
    for start in range(0, len(rows), batch_rows):
        part = slice(start, start + batch_rows)
        x, y, weight = _to_tensors(rows[part], dtype)
        total += float(loss(network(x), y) @ weight)
    return total / float(rows.weights.sum())


def _half_squared_error(
    outputs: Float[Tensor, "rows 1"], targets: Float[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    return (outputs[:, 0] - targets).square() / 2


def _binary_cross_entropy(
    outputs: Float[Tensor, "rows 1"], targets: Float[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    return nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], targets, reduction="none")


def _cross_entropy(
    outputs: Float[Tensor, "rows classes"], targets: Float[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    return nn.functional.cross_entropy(outputs, targets.long(), reduction="none")


def _to_tensors(
    rows: LabelledRows, dtype: torch.dtype
) -> tuple[Float[Tensor, "rows columns"], Float[Tensor, " rows"], Float[Tensor, " rows"]]:
    return _to_tensor(rows.x, dtype), _to_tensor(rows.y, dtype), _to_tensor(rows.weights, dtype)


def _to_tensor(values: Float[np.ndarray, "*dims"], dtype: torch.dtype) -> Float[Tensor, "*dims"]:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=float)).to(dtype)
