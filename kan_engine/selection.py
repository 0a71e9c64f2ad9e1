"""Which of several networks serves: shapes, penalties and input scales compared on the validation rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.levenberg_marquardt import Penalty
from kan_engine.network import KAN, KANConfig, initialise_
from kan_engine.pruning import prune
from kan_engine.training import Rows, Step, TrainingConfig, chosen_optimizer, train

THRESHOLDS = (0.1, 0.02)  # of the strongest edge's score: bold, and shy
UNMISSED = 1.005  # factor by which pruning may raise the validation loss
REFIT_STEPS = 6
SCORED_ROWS = 2000


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
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Trained:
    """Train one network."""
    rows, judge = fit.rows(trial), validation.rows(trial)
    network = KAN(trial.config)
    initialise_(network, generator)
    optimizer = chosen_optimizer(network, len(rows.x), trial.training)
    history = []
    steps = train(
        network, rows, trial.training, validation=judge, generator=generator, should_stop=should_stop
    )
    for step in steps:
        history.append(step)
        on_step(step)
    loss = judge.loss(network, trial.training.loss)
    return Trained(trial=trial, network=network, loss=loss, history=tuple(history), optimizer=optimizer)


def default_trials(inputs: int, outputs: int, rows: int, base: TrainingConfig, order: int) -> Iterator[Trial]:
    """Shapes that suit tables without a known law, most promising first.

    Both scales of the inputs and a range of penalties; how many nodes a table carries grows with
    its rows. An additive network stands among them: it is hard to beat on small noisy tables.
    """
    hidden = 10 if rows >= 400 else 5

    def trial(width: tuple[int, ...], grid_size: int, smoothness: float, quantile: bool) -> Trial:
        penalty = Penalty(ridge=smoothness / 10, smoothness=smoothness)
        return Trial(
            config=KANConfig(width=width, grid_size=grid_size, order=order),
            training=replace(base, penalty=penalty),
            quantile=quantile,
        )

    yield trial((inputs, hidden, outputs), 5, 1e-4, True)
    yield trial((inputs, hidden, outputs), 5, 1e-4, False)
    yield trial((inputs, outputs), 8, 1e-4, True)
    yield trial((inputs, hidden, outputs), 8, 1e-3, True)
    yield trial((inputs, hidden, outputs), 8, 1e-5, True)
    if rows >= 1000:
        yield trial((inputs, 2 * hidden, outputs), 5, 1e-3, True)


def given_trials(width: tuple[int, ...], grid: int, order: int, training: TrainingConfig) -> Iterator[Trial]:
    """A shape that was asked for, on both scales of the inputs and with two penalties."""
    for smoothness, quantile in ((1e-5, True), (0.0, False)):
        penalty = Penalty(ridge=smoothness / 10, smoothness=smoothness)
        yield Trial(
            config=KANConfig(width=width, grid_size=grid, order=order),
            training=replace(training, penalty=penalty),
            quantile=quantile,
        )


def prune_trained(
    trained: Trained,
    fit: Inputs,
    validation: Inputs,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """The network without the edges and nodes that the validation rows do not miss.

    Thresholds of the score are tried from bold to shy, each followed by a short refit; the first whose
    validation loss stays is taken.
    """
    rows, judge = fit.rows(trained.trial), validation.rows(trained.trial)
    training = replace(trained.trial.training, grid_schedule=(), steps=REFIT_STEPS)
    for threshold in THRESHOLDS:
        network = prune(trained.network, rows.x[:SCORED_ROWS], threshold=threshold)
        if network.edge_count == trained.network.edge_count or not _is_whole(network):
            continue
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
