"""train(): an iterator of steps that chooses its optimiser and watches validation rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from kan_engine.cost import automatic
from kan_engine.errors import TrainingDiverged
from kan_engine.network.kan import KAN
from kan_engine.training.adam import Adam
from kan_engine.training.config import Optimizer, TrainingConfig
from kan_engine.training.full_batch_lbfgs import FullBatch
from kan_engine.training.grid_schedule_lm import SecondOrder
from kan_engine.training.optimizer import InTurn, Method
from kan_engine.training.rows import Rows

__all__ = ["Optimizer", "Rows", "Step", "Training", "TrainingConfig", "chosen_optimizer", "train"]


@dataclass(frozen=True)
class Step:
    """What one step of training reached.

    Attributes:
        loss: Of the training rows; for a slice of an epoch, of the rows in it.
        validation_loss: As last measured; the training loss where there are no validation rows, or
            before they were first asked.
    """

    number: int
    grid_size: int
    loss: float
    validation_loss: float


def chosen_optimizer(network: KAN, rows: int, config: TrainingConfig) -> Optimizer:
    """The optimiser that trains this network: the one asked for, or what its cost suggests."""
    if config.optimizer != "auto":
        return config.optimizer
    outputs, parameters = network.config.width[-1], network.parameter_count
    return automatic(rows, outputs, parameters, is_sparse=config.lamb > 0)


def train(
    network: KAN,
    training: Rows,
    config: TrainingConfig,
    *,
    validation: Rows | None = None,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Step]:
    """Train in place, one yielded step at a time.

    At the end, and when the iterator is closed early, the network holds the weights of the step
    with the lowest validation loss (training loss without validation rows).

    Args:
        network: Initialised network; its grids are moved to the data first.
        training: Rows to fit.
        config: How.
        validation: Rows that decide which step was best; never fitted.
        generator: Source of the order of batches.
        should_stop: Asked after every step; true ends the training.

    Raises:
        TrainingDiverged: The loss left the finite numbers.
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
        config: How.
        validation: As for ``train``.
        generator: As for ``train``; a fixed seed if none is given.
    """

    def __init__(
        self,
        network: KAN,
        rows: Rows,
        config: TrainingConfig,
        *,
        validation: Rows | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        self.network, self.config = network, config
        self.generator = generator if generator is not None else torch.Generator().manual_seed(0)
        self._rows, self._validation = rows, validation
        for layer in network.all_layers:  # sums are taken in the order in which memory holds them
            layer.weight = torch.nn.Parameter(layer.weight.detach().contiguous())
        self._method = _method(network, rows, config, self.generator)
        self._best = _Snapshot(network)
        self._number, self._stale = 0, 0
        self._judged: float | None = None
        self._is_complete = False

    def step(self) -> Step | None:
        """Train on; None once training is over.

        Raises:
            TrainingDiverged: The loss left the finite numbers.
        """
        if self._stale >= self.config.patience:
            return None
        loss = self._method.advance_()
        if loss is None:
            self._is_complete = True
            return None
        judged = self._judge_(loss)
        if not (loss < float("inf") and judged < float("inf")):
            raise TrainingDiverged(self._number)
        self._number += 1
        return Step(self._number - 1, self._method.grid_size, loss, judged)

    def finish_(self) -> None:
        """Put the weights of the best step into the network, if the last ones are not to be kept."""
        if self._is_complete and self.config.keep_last:
            return
        self._best.restore_(self.network)

    def _judge_(self, loss: float) -> float:
        """The validation loss, measured where the method says it is worth it; keeps the best weights."""
        if not self._method.is_judged:
            return loss if self._judged is None else self._judged
        judged = loss if self._validation is None else self._validation.loss(self.network, self.config.loss)
        self._judged = judged
        is_better = self._best.offer(self.network, judged)
        self._stale = 0 if is_better or not self._method.is_settling else self._stale + 1
        return judged


def _method(network: KAN, rows: Rows, config: TrainingConfig, generator: torch.Generator) -> Method:
    optimizer = chosen_optimizer(network, len(rows), config)
    sizes = config.grid_schedule or (network.stack[0].grid_size,)
    if optimizer == "levenberg_marquardt":
        return SecondOrder(network, rows, config)
    if optimizer == "lbfgs":
        return FullBatch(network, rows, config, sizes=sizes, steps=config.steps)
    adam = Adam(network, rows, config, generator=generator)
    if not config.polish:
        return adam
    return InTurn(adam, FullBatch(network, rows, config, sizes=(), steps=config.polish))


class _Snapshot:
    """The best weights seen so far."""

    def __init__(self, network: KAN) -> None:
        self._loss = float("inf")
        self._keep_(network)

    def offer(self, network: KAN, loss: float) -> bool:
        """Keep these weights if they are better."""
        if not loss < self._loss:
            return False
        self._loss = loss
        self._keep_(network)
        return True

    def _keep_(self, network: KAN) -> None:
        self._layers = [(layer.knots.clone(), layer.weight.detach().clone()) for layer in network.all_layers]

    def restore_(self, network: KAN) -> None:
        """Put the best weights back."""
        for layer, (knots, weight) in zip(network.all_layers, self._layers, strict=True):
            layer.knots = knots.clone()
            layer.weight = torch.nn.Parameter(weight.clone())
