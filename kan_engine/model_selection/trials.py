"""Train trials of shapes, penalties and input scales, and compare them on the validation rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.cost import Workload, trains_in_batches
from kan_engine.model_selection.thresholds import SelectionThresholds
from kan_engine.network.kan import KAN, KANConfig, copy_network, extract_group
from kan_engine.network.pruning import live_inputs, prune
from kan_engine.training.config import Device
from kan_engine.training.loop import TrainingConfig, TrainingRows, TrainingStep, select_optimizer, train
from kan_engine.training.losses import Loss, loss_per_row
from kan_engine.training.multi_start import best_start, create_network
from kan_engine.training.thresholds import TrainingThresholds


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A network to train and evaluate.

    Attributes:
        config: Shape of the network.
        training: Settings of the training.
        quantile: Whether inputs are scaled by their quantiles instead of their range.
    """

    config: KANConfig
    training: TrainingConfig
    quantile: bool

    @property
    def last_grid(self) -> int:
        """Intervals of the grid on which the training ends."""
        return (self.config.grid_size, *self.training.grid_schedule)[-1]

    def to_dict(self) -> dict[str, Any]:
        """The trial as JSON, without the thresholds of its training."""
        return asdict(self) | {"training": self.training.to_dict()}

    @staticmethod
    def from_dict(data: Mapping[str, Any], thresholds: TrainingThresholds) -> "Trial":
        """The inverse of ``to_dict``; also accepts its result after JSON serialization."""
        return Trial(
            config=KANConfig(**data["config"] | {"width": tuple(data["config"]["width"])}),
            training=TrainingConfig.from_dict(data["training"], thresholds),
            quantile=data["quantile"],
        )


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """The trained network of a trial.

    Attributes:
        trial: The trial.
        network: The trained network.
        loss: Loss on the validation rows, which the network was not fitted to.
        history: Every step of the training.
        optimizer: Name of the optimizer used.
        fold_losses: Estimated loss of every row for an ensemble of the final size that was not fitted to the
            row, NaN in folds that were not held out; None without cross-validation.
        folds_loss: Weighted mean of the known ``fold_losses``.
        stages: The best network on each grid of the schedule, if requested.
    """

    trial: Trial
    network: KAN
    loss: float
    history: tuple[TrainingStep, ...]
    optimizer: str
    fold_losses: Float[Tensor, " batch"] | None = None
    folds_loss: float | None = None
    stages: tuple[KAN, ...] = ()

    @property
    def device(self) -> Device:
        """Device of the training: only batches are trained on CUDA."""
        return self.trial.training.device if trains_in_batches(self.optimizer) else "cpu"

    @property
    def expected_loss(self) -> float:
        """Estimated loss on new rows: by cross-validation if there was one, else on the validation rows."""
        return self.loss if self.folds_loss is None else self.folds_loss


@dataclass(frozen=True, kw_only=True)
class UnscaledRows:
    """Rows with unscaled inputs.

    Attributes:
        scaled: Returns the inputs scaled by their quantiles (true) or by their ranges. They are computed on
            demand, because a trial needs only one of the two.
        targets: Targets of the rows, as the loss takes them.
        weights: Weight of every row.
        on_losses: Called with the loss of every row whenever a network is evaluated on the rows.
    """

    scaled: Callable[[bool], Float[Tensor, "batch in_dim"]]
    targets: Float[Tensor, "batch _"]
    weights: Float[Tensor, " batch"]
    on_losses: Callable[[Float[Tensor, " batch"]], None] | None = None

    def rows(self, trial: Trial) -> TrainingRows:
        """Return the rows with the inputs scaled for a trial."""
        return TrainingRows(
            x=self.scaled(trial.quantile),
            targets=self.targets,
            weights=self.weights,
            on_losses=self.on_losses,
        )


def run_trial(
    trial: Trial,
    fit: UnscaledRows,
    validation: UnscaledRows,
    *,
    generator: torch.Generator,
    starts: int = 1,
    keeps_stages: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
) -> TrialResult:
    """Train one network, with several ``starts`` from the best of so many initializations on a coarse grid.

    Args:
        trial: The network.
        fit: Rows to fit.
        validation: Rows to evaluate the network on.
        generator: Random numbers for initializations and batches.
        starts: Number of initializations.
        keeps_stages: Whether to return the best network on each grid of the schedule.
        should_stop: Called after every step; true ends the training.
        on_step: Called with every step.
    """
    rows, judge = fit.rows(trial), validation.rows(trial)
    training = trial.training
    if starts == 1:
        network = create_network(trial.config, len(rows), training, generator)
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
    optimizer = select_optimizer(network, len(rows), training)
    history, stages = list[TrainingStep](), dict[int, tuple[float, KAN]]()
    steps = train(network, rows, training, validation=judge, generator=generator, should_stop=should_stop)
    last_loss = float("inf")  # a step without an evaluation repeats the validation loss of the previous step
    for step in steps:
        # The best network on every grid; a repeated loss is no new evaluation
        lowest, _ = stages.get(step.grid_size, (float("inf"), network))
        if keeps_stages and step.validation_loss != last_loss and step.validation_loss < lowest:
            stages[step.grid_size] = step.validation_loss, copy_network(network)
        last_loss = step.validation_loss
        history.append(step)
        on_step(step)
    return TrialResult(
        trial=trial,
        network=network,
        loss=judge.loss(network, trial.training.loss),
        history=tuple(history),
        optimizer=optimizer,
        stages=tuple(stage for _, stage in stages.values()),
    )


def cross_validate(
    trial: Trial,
    rows: UnscaledRows,
    folds: Int[Tensor, " batch"],
    holdout_folds: Sequence[int],
    *,
    members: int,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
) -> TrialResult:
    """Cross-validate a trial: evaluate every row on networks that were not fitted to it.

    Parallel networks are trained together, each without one fold, and equally many without each of the folds
    that are held out. A single network is trained once per fold.

    Args:
        trial: A trial of minibatch training; the number of its parallel networks is 1 or a multiple of that
            of ``holdout_folds``.
        rows: All rows.
        folds: Fold of every row, from 0 on.
        holdout_folds: The folds to hold out.
        members: Size of the ensemble whose loss is estimated.
        generator: Random numbers for initializations and batches.
        should_stop: Called after every step; true ends the training.
        on_step: Called with every step.

    Returns:
        A network that was not fitted to the first of these folds, its loss there, and the estimated losses.
    """
    everything, count = rows.rows(trial), len(holdout_folds)
    training = trial.training

    def train_once(learnt: TrainingRows, training: TrainingConfig) -> tuple[KAN, list[TrainingStep]]:
        network = create_network(trial.config, len(learnt), training, generator)
        history = []
        for step in train(network, learnt, training, generator=generator, should_stop=should_stop):
            history.append(step)
            on_step(step)
        return network, history

    if trial.config.groups > 1:
        # Each network omits a fold of the batch; it is then fitted to as many rows as without folds.
        numbers = torch.full_like(folds, -1)
        for number, fold in enumerate(holdout_folds):
            numbers[folds == fold] = number
        omitted_share = float((numbers >= 0).double().mean()) / count
        ensemble_training = replace(training, batch_size=round(training.batch_size / (1 - omitted_share)))
        network, history = train_once(replace(everything, folds=numbers), ensemble_training)
        alone = [extract_group(network, group) for group in range(trial.config.groups)]
    else:
        runs = [train_once(everything[folds != fold], training) for fold in holdout_folds]
        alone, history = [network for network, _ in runs], runs[0][1]
    # Every row is judged by the networks that were not fitted to its fold
    losses = torch.full_like(everything.weights, torch.nan)
    for number, fold in enumerate(holdout_folds):
        part = folds == fold
        # Parallel networks omit the folds in turn, so those without one fold are equally spaced
        losses[part] = _estimate_ensemble_losses(
            alone[number::count], everything[part], training.loss, members
        )
    return TrialResult(
        trial=trial,
        network=alone[0],
        loss=everything[folds == holdout_folds[0]].loss(alone[0], training.loss),
        history=tuple(history),
        optimizer="adam",
        fold_losses=losses,
        folds_loss=average_known_losses(losses, everything.weights),
    )


def average_known_losses(losses: Float[Tensor, " batch"], weights: Float[Tensor, " batch"]) -> float:
    """Return the weighted mean of the losses that are not NaN."""
    is_known = ~losses.isnan()
    return float(losses[is_known] @ weights[is_known] / weights[is_known].sum())


@torch.no_grad()
def _estimate_ensemble_losses(
    networks: list[KAN], rows: TrainingRows, kind: str | Loss, members: int
) -> Float[Tensor, " batch"]:
    """Estimate the loss of every row for an ensemble of ``members`` networks from the networks given.

    The reduction of the loss by averaging m networks is proportional to 1 - 1/m for the squared error (Krogh
    and Vedelsby, "Neural network ensembles, cross validation, and active learning", NIPS 1994), and
    approximately so for the other losses. The estimate for a single row may be negative.
    """
    outputs = torch.stack([network(rows.x) for network in networks])
    single = torch.stack([loss_per_row(kind, output, rows.targets) for output in outputs]).mean(0)
    if len(networks) == 1:
        return single
    # Gain from averaging the networks at hand, which is then scaled to the size of the ensemble
    reduction = single - loss_per_row(kind, outputs.mean(0), rows.targets)
    return single - reduction * (1 - 1 / members) / (1 - 1 / len(networks))


def generate_requested_trials(
    width: tuple[int, ...],
    grid: int,
    order: int,
    training: TrainingConfig,
    rows: int,
    thresholds: SelectionThresholds,
) -> Iterator[Trial]:
    """Yield trials of a requested shape: scaled by quantiles and, unless Adam fits many rows, by ranges.

    Scaling by quantiles suits inputs with dense clusters. It is piecewise linear, and no spline grid fits its
    kinks exactly, which matters for data without noise. With Adam other errors are larger than the
    difference, and a second training on many rows takes long.
    """
    finest = max((grid, *training.grid_schedule))
    work = Workload(
        width=width,
        terms=finest + order + 1,
        rows=rows,
        is_sparse=training.lamb > 0,
        cost=thresholds.cost,
    )
    optimizer = work.method() if training.optimizer == "auto" else training.optimizer
    is_one_enough = trains_in_batches(optimizer) and rows > thresholds.max_rows_for_both_scales
    for quantile in (True,) if is_one_enough else (True, False):
        yield Trial(
            config=KANConfig(width=width, grid_size=grid, order=order), training=training, quantile=quantile
        )


def prune_result(
    result: TrialResult,
    fit: UnscaledRows,
    validation: UnscaledRows,
    *,
    input_sets: Sequence[frozenset[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: SelectionThresholds,
    pruning_refit_steps: int = 6,
    max_scored_rows: int = 2000,
) -> TrialResult:
    """Remove edges and nodes whose removal hardly raises the validation loss.

    The thresholds of the edge score are tried from the largest to the smallest. After each, a network that
    was trained by a second-order method is refitted briefly. The first result that raises the loss by at most
    ``max_pruning_loss_ratio`` is returned, else the result is returned unchanged. Of every set of
    ``input_sets``, one input stays connected.

    Args:
        pruning_refit_steps: Of a second-order method after pruning.
        max_scored_rows: On which edges are scored.
    """
    rows, judge = fit.rows(result.trial), validation.rows(result.trial)
    training = replace(result.trial.training, grid_schedule=(), steps=pruning_refit_steps)
    is_refitted = not trains_in_batches(result.optimizer)  # a few epochs would raise the loss
    for threshold in thresholds.pruning_thresholds:
        network = prune(result.network, rows.x[:max_scored_rows], threshold=threshold)
        # No output and no set of inputs may lose its last edge
        is_whole = _is_connected(network) and _reads_required(network, input_sets)
        if network.edge_count == result.network.edge_count or not is_whole:
            continue
        if is_refitted:
            for _ in train(network, rows, training, validation=judge, should_stop=should_stop):
                pass
        loss = judge.loss(network, training.loss)
        if loss <= thresholds.max_pruning_loss_ratio * result.loss:
            return replace(result, network=network, loss=loss)
    return result


def _reads_required(network: KAN, input_sets: Sequence[frozenset[int]]) -> bool:
    live = set(torch.nonzero(live_inputs(network))[:, 0].tolist())
    return not any(group.isdisjoint(live) for group in input_sets)


def _is_connected(network: KAN) -> bool:
    """Whether every output has an incoming live edge, and every layer a live edge."""
    return all(bool(layer.mask.any()) for layer in network.stack) and bool(
        network.stack[-1].mask.any(0).all()
    )


def train_on_all_rows(
    trial: Trial,
    rows: UnscaledRows,
    *,
    template: KAN | None = None,
    generator: torch.Generator,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[TrainingStep], None] = lambda _: None,
) -> KAN:
    """Train the selected network on all rows, including validation rows, or what pruning left of it.

    The selection is complete, so that the validation rows can be used for fitting. Training does not continue
    from the selected network, because that would double the number of epochs found to be best.
    """
    learnt, training = rows.rows(trial), trial.training
    config = trial.config if template is None else template.config
    network = create_network(config, len(learnt), training, generator)
    if template is not None:
        for layer, template_layer in zip(network.all_layers, template.all_layers, strict=True):
            # Pruned edges stay away, and the weights start anew
            layer.mask = template_layer.mask.clone()
    for step in train(network, learnt, training, generator=generator, should_stop=should_stop):
        on_step(step)
    return network
