"""Which of several networks serves: shapes, penalties and input scales compared on the validation rows."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.cost import Workload
from kan_engine.network.kan import KAN, KANConfig, copied, member
from kan_engine.network.pruning import prune
from kan_engine.training.loop import Rows, Step, TrainingConfig, chosen_optimizer, train
from kan_engine.training.losses import Loss, loss_per_row
from kan_engine.training.multi_start import best_start, fresh_network

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

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "config": asdict(self.config),
            "training": self.training.to_dict(),
            "quantile": self.quantile,
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "Trial":
        """What ``to_dict`` described, also after a way through JSON."""
        return Trial(
            config=KANConfig(**data["config"] | {"width": tuple(data["config"]["width"])}),
            training=TrainingConfig.from_dict(data["training"]),
            quantile=data["quantile"],
        )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trained network.

    Attributes:
        loss: Its loss on the validation rows, which it has not seen.
        fold_losses: Loss of every row that as many networks of its kind as will serve would have without
            having seen it, if that is known.
        folds_loss: The weighted mean of these.
        history: Every step of its training.
        stages: What it was on every grid of its schedule, if that was to be kept: the best on each.
    """

    trial: Trial
    network: KAN
    loss: float
    history: tuple[Step, ...]
    optimizer: str
    fold_losses: Float[Tensor, " batch"] | None = None
    folds_loss: float | None = None
    stages: tuple[KAN, ...] = ()

    @property
    def expected_loss(self) -> float:
        """The best guess of its loss on fresh rows."""
        return self.loss if self.folds_loss is None else self.folds_loss


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
    keeps_stages: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Trained:
    """Train one network, from the best of several coarse starts if there is to be more than one.

    Args:
        trial: The network.
        fit: Rows to fit.
        validation: Rows to judge by.
        generator: Source of starts and batches.
        starts: How many starts.
        keeps_stages: Whether what it was on every grid of its schedule is wanted.
        should_stop: Asked after every step.
        on_step: Hears every step.
    """
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
    history, stages = list[Step](), dict[int, tuple[float, KAN]]()
    steps = train(network, rows, training, validation=judge, generator=generator, should_stop=should_stop)
    judged = float("inf")  # where it is not measured, a step tells the validation loss of the one before
    for step in steps:
        lowest, _ = stages.get(step.grid_size, (float("inf"), network))
        if keeps_stages and step.validation_loss != judged and step.validation_loss < lowest:
            stages[step.grid_size] = step.validation_loss, copied(network)
        judged = step.validation_loss
        history.append(step)
        on_step(step)
    return Trained(
        trial=trial,
        network=network,
        loss=judge.loss(network, trial.training.loss),
        history=tuple(history),
        optimizer=optimizer,
        stages=tuple(stage for _, stage in stages.values()),
    )


def cross_validate(
    trial: Trial,
    rows: Inputs,
    folds: Int[Tensor, " batch"],
    *,
    members: int,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Trained:
    """Judge a trial by all rows, each by networks that have not seen it.

    Networks side by side are trained at once, each without one fold of the rows and as many without every
    fold; a trial that stands alone is trained once per fold.

    Args:
        trial: What to train by minibatches; its networks side by side are a multiple of the folds.
        rows: All rows.
        folds: Fold of every row, from 0 on.
        members: How many networks side by side the loss is wanted of.
        generator: Source of starts and batches.
        should_stop: Asked after every step.
        on_step: Hears every step.

    Returns:
        A network without the first fold, with the loss on all rows.
    """
    everything, count = rows.rows(trial), int(folds.max()) + 1
    training = trial.training

    def trained(learnt: Rows, training: TrainingConfig) -> tuple[KAN, list[Step]]:
        network = fresh_network(trial.config, len(learnt), training, generator)
        history = []
        for step in train(network, learnt, training, generator=generator, should_stop=should_stop):
            history.append(step)
            on_step(step)
        return network, history

    if trial.config.groups > 1:
        # A batch then holds as many rows to learn from as one of a training without folds.
        batched = replace(training, batch_size=round(training.batch_size * count / (count - 1)))
        network, history = trained(replace(everything, folds=folds), batched)
        alone = [member(network, group) for group in range(trial.config.groups)]
    else:
        runs = [trained(everything[folds != fold], training) for fold in range(count)]
        alone, history = [network for network, _ in runs], runs[0][1]
    losses = torch.empty_like(everything.weights)
    for fold in range(count):
        held = folds == fold
        losses[held] = _expected_losses(alone[fold::count], everything[held], training.loss, members)
    return Trained(
        trial=trial,
        network=alone[0],
        loss=everything[folds == 0].loss(alone[0], training.loss),
        history=tuple(history),
        optimizer="adam",
        fold_losses=losses,
        folds_loss=float(losses @ everything.weights / everything.weights.sum()),
    )


@torch.no_grad()
def _expected_losses(networks: list[KAN], rows: Rows, kind: Loss, members: int) -> Float[Tensor, " batch"]:
    """Loss of every row that the mean of so many such networks would have.

    What the mean of m networks saves grows as 1 - 1/m for the squared error (Krogh and Vedelsby, "Neural
    network ensembles, cross validation, and active learning", NIPS 1994), and nearly so for the others. As an
    estimate it may fall below 0 at a single row.
    """
    outputs = torch.stack([network(rows.x) for network in networks])
    single = torch.stack([loss_per_row(kind, output, rows.targets) for output in outputs]).mean(0)
    if len(networks) == 1:
        return single
    saved = single - loss_per_row(kind, outputs.mean(0), rows.targets)
    return single - saved * (1 - 1 / members) / (1 - 1 / len(networks))


def given_trials(
    width: tuple[int, ...], grid: int, order: int, training: TrainingConfig, rows: int
) -> Iterator[Trial]:
    """A shape that was asked for, on the scale of the quantiles, and mostly on that of the ranges, too.

    Quantiles suit inputs that crowd together; they have kinks, which no grid follows where there is no noise.
    By Adam the difference drowns in other errors, and a second training of many rows takes long.
    """
    finest = max((grid, *training.grid_schedule))
    work = Workload(width=width, terms=finest + order + 1, rows=rows, is_sparse=training.lamb > 0)
    is_first_order = (work.method() if training.optimizer == "auto" else training.optimizer) == "adam"
    for quantile in (True,) if is_first_order and rows > FEW_ROWS else (True, False):
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
    """A fresh network trained in the same way on validation rows and all, without what was pruned.

    Nothing is left to be chosen by then, and the rows that chose are as good as the others to learn from.
    It does not go on from the network as it was, which would be trained for twice as long as was found to
    be best. That network is returned if the training is stopped, and if it is not one that was judged as
    its schedule had left it: nobody knows where that would end on other rows.
    """
    if not trained.trial.training.keep_last:
        return trained.network
    learnt, training = rows.rows(trained.trial), trained.trial.training
    network = fresh_network(trained.network.config, len(learnt), training, generator)
    for layer, judged in zip(network.all_layers, trained.network.all_layers, strict=True):
        layer.mask = judged.mask.clone()
    steps = train(
        network,
        learnt,
        training,
        generator=generator,
        should_stop=should_stop,
    )
    for step in steps:
        on_step(step)
    return trained.network if should_stop() else network
