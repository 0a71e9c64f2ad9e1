"""train(): iterates over training steps, selects the optimiser and evaluates the validation rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from kan_engine.cost import select_method
from kan_engine.errors import TrainingDiverged
from kan_engine.network.kan import KAN
from kan_engine.training.adam import Adam
from kan_engine.training.config import TrainingConfig
from kan_engine.training.device import report_full_memory
from kan_engine.training.full_batch_lbfgs import FullBatchLBFGS
from kan_engine.training.grid_schedule_lm import LevenbergMarquardt
from kan_engine.training.optimizer import IterativeOptimizer, SequentialOptimizer
from kan_engine.training.rows import TrainingRows

__all__ = [
    "Training",
    "TrainingConfig",
    "TrainingRows",
    "TrainingStep",
    "select_optimizer",
    "train",
]


@dataclass(frozen=True)
class TrainingStep:
    """Result of one training step.

    Attributes:
        number: Number of the step, counted from 0.
        grid_size: Grid size of the step.
        loss: Training loss; for a slice of an epoch, the loss of the rows in it.
        validation_loss: Last measured validation loss. The training loss if there are no validation rows, or
            before the first validation.
    """

    number: int
    grid_size: int
    loss: float
    validation_loss: float


def select_optimizer(network: KAN, rows: int, config: TrainingConfig) -> str:
    """The configured optimiser; for ``auto``, the one that the cost model selects."""
    if config.optimizer != "auto":
        return config.optimizer
    outputs, parameters = network.config.width[-1], network.parameter_count
    return select_method(rows, outputs, parameters, is_sparse=config.lamb > 0)


def train(
    network: KAN,
    training: TrainingRows,
    config: TrainingConfig,
    *,
    validation: TrainingRows | None = None,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[TrainingStep]:
    """Train a network in place and yield every step.

    At the end, and when the iterator is closed early, the network has the weights of the step with the lowest
    validation loss, or training loss without validation rows. With ``config.keep_last`` a completed training
    keeps the last weights instead.

    Args:
        network: Initialised network; its grids are moved to the data first.
        training: Rows to fit.
        config: Method and parameters.
        validation: Rows that select the best step; they are not fitted.
        generator: Source of the order of batches.
        should_stop: Called after every step; True ends the training.

    Raises:
        TrainingDiverged: The loss is not finite.
        DeviceUnavailable: CUDA is requested, but torch sees none, or its memory is full.
    """
    run = Training(network, training, config, validation=validation, generator=generator)
    try:
        while (step := run.step()) is not None:
            yield step
            if should_stop():
                return
    finally:
        run.finish_()


class Training:
    """A training, step by step.

    Args:
        network: As for ``train``.
        rows: Rows to fit.
        config: Method and parameters.
        validation: As for ``train``.
        generator: As for ``train``; a fixed seed if none is given.
    """

    def __init__(
        self,
        network: KAN,
        rows: TrainingRows,
        config: TrainingConfig,
        *,
        validation: TrainingRows | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.network, self.config = network, config
        self.generator = generator if generator is not None else torch.Generator().manual_seed(0)
        self._rows, self._validation = rows, validation
        for layer in network.all_layers:  # the memory layout determines the order of sums
            layer.weight = torch.nn.Parameter(layer.weight.detach().contiguous())
        with report_full_memory():
            create = CREATORS[select_optimizer(network, len(rows), config)]
            self._method = create(network, rows, config, self.generator)
        self._best = _BestWeights(network)
        self._number, self._stale = 0, 0
        self._judged: float | None = None
        self._is_complete = False

    def step(self) -> TrainingStep | None:
        """Take the next step; return None at the end of the training.

        Raises:
            TrainingDiverged: The loss is not finite.
            DeviceUnavailable: The memory of the GPU is full.
        """
        if self._stale >= self.config.patience:
            return None
        with report_full_memory():
            loss = self._method.advance_()
        if loss is None:
            self._is_complete = True
            return None
        validation_loss = self._validate_(loss)
        if not (loss < float("inf") and validation_loss < float("inf")):
            raise TrainingDiverged(self._number)
        self._number += 1
        return TrainingStep(self._number - 1, self._method.grid_size, loss, validation_loss)

    def finish_(self) -> None:
        """Restore the weights of the best step, unless ``keep_last`` applies to a completed training."""
        if self._is_complete and self.config.keep_last:
            return
        self._best.restore_(self.network)

    def _validate_(self, loss: float) -> float:
        """Measure the validation loss when the optimiser requests it; otherwise return the last one.

        Stores the best weights and counts validations without improvement.
        """
        if not self._method.is_judged:
            return loss if self._judged is None else self._judged
        validation_loss = (
            loss if self._validation is None else self._validation.loss(self.network, self.config.loss)
        )
        self._judged = validation_loss
        is_better = self._best.keep_if_better(self.network, validation_loss)
        self._stale = 0 if is_better or not self._method.is_settling else self._stale + 1
        return validation_loss


Creator = Callable[[KAN, TrainingRows, TrainingConfig, torch.Generator], IterativeOptimizer]


def _create_adam(
    network: KAN, rows: TrainingRows, config: TrainingConfig, generator: torch.Generator
) -> IterativeOptimizer:
    adam = Adam(network, rows, config, generator=generator)
    if not config.polish:
        return adam
    return SequentialOptimizer(adam, FullBatchLBFGS(network, rows, config, sizes=(), steps=config.polish))


CREATORS: dict[str, Creator] = {
    "levenberg_marquardt": lambda network, rows, config, _: LevenbergMarquardt(network, rows, config),
    "adam": _create_adam,
    "lbfgs": lambda network, rows, config, _: FullBatchLBFGS(
        network, rows, config, sizes=config.grid_schedule or (network.stack[0].grid_size,), steps=config.steps
    ),
}
"""How each of ``cost.OPTIMIZERS`` begins."""


class _BestWeights:
    """Weights with the lowest loss so far."""

    def __init__(self, network: KAN) -> None:
        self._loss = float("inf")
        self._store_(network)

    def keep_if_better(self, network: KAN, loss: float) -> bool:
        """Store the weights if their loss is lower; return whether it is."""
        if not loss < self._loss:
            return False
        self._loss = loss
        self._store_(network)
        return True

    def _store_(self, network: KAN) -> None:
        self._layers = [
            (layer.knots.clone(), layer.weight.detach().clone(), dict(layer.symbolic))
            for layer in network.all_layers
        ]

    def restore_(self, network: KAN) -> None:
        """Write the best weights into the network."""
        for layer, (knots, weight, symbolic) in zip(network.all_layers, self._layers, strict=True):
            layer.knots = knots.clone()
            layer.weight = torch.nn.Parameter(weight.clone())
            layer.symbolic = dict(symbolic)
