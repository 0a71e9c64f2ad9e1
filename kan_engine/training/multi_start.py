"""A fresh network at a random start, or at the best of several."""

from collections.abc import Callable
from dataclasses import replace

import torch

from kan_engine.errors import InvalidConfig
from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.training.loop import TrainingConfig, chosen_optimizer, train
from kan_engine.training.rows import Rows

NOISE = 0.3  # of the coefficients, for first-order methods; second order starts from lines
COARSE = 3  # grid of the trials: few intervals have few bad minima
AUTO_STARTS = 2  # where nobody says how many: of single ones a few in a hundred lead nowhere
TRIAL_STEPS = 20  # enough to tell a start that leads nowhere


def fresh_network(config: KANConfig, rows: int, training: TrainingConfig, generator: torch.Generator) -> KAN:
    """A random start that suits the optimiser.

    Second-order steps find by themselves how far an activation bends, and out of fewer bad minima from
    random lines than from random wiggles.

    Args:
        config: Its shape.
        rows: Number of rows that it will be trained on.
        training: How.
        generator: Source of the start.
    """
    network = KAN(config)
    is_second_order = chosen_optimizer(network, rows, training) == "levenberg_marquardt"
    initialise_(network, generator, noise=0.0 if is_second_order else NOISE)
    return network


def best_start(
    config: KANConfig,
    rows: Rows,
    training: TrainingConfig,
    *,
    starts: int,
    generator: torch.Generator,
    validation: Rows | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> KAN:
    """The most promising of several random starts, each trained for some steps on a coarse grid.

    Other methods than second order take the first one: their first steps do not tell where they lead.

    Args:
        config: Shape of the network; it may come back on a coarser grid, for a schedule that refines it.
        rows: Rows to fit.
        training: How the network will be trained.
        starts: Number of starts.
        generator: Source of all starts.
        validation: Rows that judge; the training rows without them.
        should_stop: Asked after every step; true ends the search.
    """
    if starts < 1:
        raise InvalidConfig(f"starts must be at least 1, got {starts}")
    best = fresh_network(config, len(rows), training, generator)
    if chosen_optimizer(best, len(rows), training) != "levenberg_marquardt":
        return best
    coarse = replace(config, grid_size=min(COARSE, config.grid_size))
    brief = replace(training, grid_schedule=(), steps=min(TRIAL_STEPS, training.steps))
    lowest, judge = float("inf"), validation or rows
    for _ in range(starts):
        network = fresh_network(coarse, len(rows), training, generator)
        for _ in train(network, rows, brief, validation=validation, should_stop=should_stop):
            pass
        loss = judge.loss(network, training.loss)
        if loss < lowest:
            best, lowest = network, loss
        if should_stop():
            break
    return best
