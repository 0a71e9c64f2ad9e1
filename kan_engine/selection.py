"""Which of several networks serves: shapes, penalties and input scales compared on the validation rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network import KAN, KANConfig, copied
from kan_engine.pruning import prune
from kan_engine.start import best_start, fresh_network
from kan_engine.training import Rows, Step, TrainingConfig, chosen_optimizer, train

THRESHOLDS = (0.1, 0.02)  # of the strongest edge's score: bold, and shy
UNMISSED = 1.005  # factor by which pruning may raise the validation loss
REFIT_STEPS = 6
SCORED_ROWS = 2000
FEW_ROWS = 5000


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A network to try.

    Attributes:
        config: Its shape.
        training: How it is trained.
        quantile: Whether inputs are scaled by their quantiles instead of their range.
    """

    config: KANConfig
    training: TrainingConfig
    quantile: bool


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained network.

    Attributes:
        loss: Its loss on the validation rows.
        history: Every step of its training.
    """

    trial: Trial
    network: KAN
    loss: float
    history: tuple[Step, ...]
    optimizer: str


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Rows before they are scaled.

    Attributes:
        scaled: Gives them on the scale of their quantiles (true) or of their ranges; one trial at a time
            needs one of these, so neither is kept.
        on_losses: Hears the loss of every row each time that a network is judged on them.
    """

    scaled: Callable[[bool], Float[Tensor, "batch in_dim"]]
    targets: Float[Tensor, "batch _"]
    weights: Float[Tensor, " batch"]
    on_losses: Callable[[Tensor], None] | None = None

    def rows(self, trial: Trial) -> Rows:
        """The rows as a trial sees them."""
        return Rows(
            x=self.scaled(trial.quantile),
            targets=self.targets,
            weights=self.weights,
            on_losses=self.on_losses,
        )


def run_trial(
    trial: Trial,
    fit: Inputs,
    validation: Inputs,
    *,
    generator: torch.Generator,
    starts: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Trained:
    """Train one network, from the best of several coarse starts if there is to be more than one."""
    rows, judge = fit.rows(trial), validation.rows(trial)
    training = trial.training
    if starts == 1:
        network = fresh_network(trial.config, len(rows), training, generator)
    else:
        training = replace(training, grid_schedule=training.grid_schedule or (trial.config.grid_size,))
        network = best_start(
            trial.config,
            rows,
            training,
            starts=starts,
            generator=generator,
            validation=judge,
            should_stop=should_stop,
        )
    optimizer = chosen_optimizer(network, len(rows), training)
    history = []
    steps = train(network, rows, training, validation=judge, generator=generator, should_stop=should_stop)
    for step in steps:
        history.append(step)
        on_step(step)
    loss = judge.loss(network, trial.training.loss)
    return Trained(trial=trial, network=network, loss=loss, history=tuple(history), optimizer=optimizer)


def given_trials(
    width: tuple[int, ...], grid: int, order: int, training: TrainingConfig, rows: int
) -> Iterator[Trial]:
    """A shape that was asked for, on the scale of the quantiles, and of few rows on that of the ranges, too.

    Many rows show on the first what they show on the second, and a second training of them takes long.
    """
    for quantile in (True, False) if rows <= FEW_ROWS else (True,):
        yield Trial(
            config=KANConfig(width=width, grid_size=grid, order=order), training=training, quantile=quantile
        )


def prune_trained(
    trained: Trained,
    fit: Inputs,
    validation: Inputs,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """The network without the edges and nodes that the validation rows do not miss.

    Thresholds of the score are tried from bold to shy, each followed by a short refit where that is of
    second order; the first whose validation loss stays is taken.
    """
    rows, judge = fit.rows(trained.trial), validation.rows(trained.trial)
    training = replace(trained.trial.training, grid_schedule=(), steps=REFIT_STEPS)
    is_refitted = trained.optimizer != "adam"  # a few epochs would lose more than they mend
    for threshold in THRESHOLDS:
        network = prune(trained.network, rows.x[:SCORED_ROWS], threshold=threshold)
        if network.edge_count == trained.network.edge_count or not _is_whole(network):
            continue
        if is_refitted:
            for _ in train(network, rows, training, validation=judge, should_stop=should_stop):
                pass
        loss = judge.loss(network, training.loss)
        if loss <= UNMISSED * trained.loss:
            return replace(trained, network=network, loss=loss)
    return trained


def _is_whole(network: KAN) -> bool:
    """Whether every output still has an entering edge, and every layer a live one."""
    return all(bool(layer.mask.any()) for layer in network.stack) and bool(
        network.stack[-1].mask.any(0).all()
    )


def train_on_all(
    trained: Trained,
    rows: Inputs,
    *,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[Step], None] = lambda _: None,
) -> KAN:
    """The network trained once more in the same way, from where it is, on validation rows and all.

    Nothing is left to be chosen by then, and the rows that chose are as good as the others to learn from.
    The network as it was is returned if the training is stopped, and if it is not one that was judged as
    its schedule had left it: nobody knows where that would end on other rows.
    """
    if not trained.trial.training.keep_last:
        return trained.network
    network = copied(trained.network)
    steps = train(
        network,
        rows.rows(trained.trial),
        trained.trial.training,
        generator=generator,
        should_stop=should_stop,
    )
    for step in steps:
        on_step(step)
    return trained.network if should_stop() else network
