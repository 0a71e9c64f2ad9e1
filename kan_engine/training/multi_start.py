"""Random initialisation of a network, from one start or from the best of several."""

from collections.abc import Callable
from dataclasses import replace

import torch

from kan_engine.cost import OPTIMIZERS
from kan_engine.errors import InvalidConfig
from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.training.loop import TrainingConfig, select_optimizer, train
from kan_engine.training.rows import TrainingRows


def create_network(
    config: KANConfig,
    rows: int,
    training: TrainingConfig,
    generator: torch.Generator,
    *,
    initial_noise: float = 0.3,
) -> KAN:
    """Create a randomly initialised network for the optimiser of the training.

    Second-order methods start from random lines: with random deviations they reach more bad minima, and they
    determine the curvature of the activations without them.

    Args:
        config: Shape of the network.
        rows: Number of training rows.
        training: Configuration of the training.
        generator: Source of the random numbers.
        initial_noise: Of the coefficients, for first-order methods; second-order methods start from lines.
    """
    network = KAN(config)
    is_second_order = OPTIMIZERS[select_optimizer(network, rows, training)].is_second_order
    initialise_(network, generator, noise=0.0 if is_second_order else initial_noise)
    return network


def best_start(
    config: KANConfig,
    rows: TrainingRows,
    training: TrainingConfig,
    *,
    starts: int,
    generator: torch.Generator,
    validation: TrainingRows | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> KAN:
    """The best of several random starts, each trained for ``trial_steps`` steps on a coarse grid.

    First-order methods use the first start: their first steps do not predict the final loss.

    Args:
        config: Shape of the network. The result may have a coarser grid, which the schedule then refines.
        rows: Rows to fit.
        training: Configuration of the training.
        starts: Number of starts.
        generator: Source of the random numbers.
        validation: Rows that select the start; None selects by the training rows.
        should_stop: Called after every step; True ends the search.

    Raises:
        InvalidConfig: ``starts`` is less than 1.
    """
    if starts < 1:
        raise InvalidConfig(f"starts must be at least 1, got {starts}")
    best = create_network(config, len(rows), training, generator)
    if not OPTIMIZERS[select_optimizer(best, len(rows), training)].is_second_order:
        return best
    thresholds = training.thresholds
    coarse = replace(config, grid_size=min(thresholds.trial_grid_size, config.grid_size))
    brief = replace(training, grid_schedule=(), steps=min(thresholds.trial_steps, training.steps))
    lowest, judge = float("inf"), validation or rows
    for _ in range(starts):
        network = create_network(coarse, len(rows), training, generator)
        for _ in train(network, rows, brief, validation=validation, should_stop=should_stop):
            pass
        loss = judge.loss(network, training.loss)
        if loss < lowest:
            best, lowest = network, loss
        if should_stop():
            break
    return best
