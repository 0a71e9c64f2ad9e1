"""TrainingConfig and train(): an iterator of steps that chooses its optimiser and watches validation rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.errors import InvalidConfig, TrainingDiverged
from kan_engine.grid import refine_, update_grid_
from kan_engine.lbfgs import minimise_
from kan_engine.levenberg_marquardt import Damping, Penalty, Problem, step_
from kan_engine.loss import Loss, loss_per_row
from kan_engine.network import KAN
from kan_engine.regularization import regularization

Optimizer = Literal["auto", "levenberg_marquardt", "adam", "lbfgs"]

LM_WORK = 4e10  # multiply-adds of one second-order step above which first order is cheaper


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a network is trained.

    Args:
        loss: What is minimised.
        optimizer: ``auto`` takes Levenberg-Marquardt while a step of it is cheap, else Adam; with
            ``lamb`` always a first-order method, since entropy is no sum of squares.
        grid_schedule: Grid sizes, coarse to fine; empty keeps the present one.
        steps: Most steps of Levenberg-Marquardt or L-BFGS per grid, most epochs of Adam in all.
        penalty: Quadratic price of the weights.
        lamb: λ of eq. 2.20; 0 trains without it.
        lamb_l1: μ1 of eq. 2.20.
        lamb_entropy: μ2 of eq. 2.20.
        gain: A grid has converged after three steps that each lower the loss by less than this share.
        patience: Steps without a better validation loss after which training ends.
        batch_size: Rows per step of Adam.
        learning_rate: Peak of Adam's one-cycle schedule.
        weight_decay: Of AdamW.
    """

    loss: Loss = "squared"
    optimizer: Optimizer = "auto"
    grid_schedule: tuple[int, ...] = ()
    steps: int = 50
    penalty: Penalty = field(default_factory=Penalty)
    lamb: float = 0.0
    lamb_l1: float = 1.0
    lamb_entropy: float = 2.0
    gain: float = 1e-3
    patience: int = 15
    batch_size: int = 256
    learning_rate: float = 1e-2
    weight_decay: float = 1e-4

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if self.steps < 1:
            raise InvalidConfig(f"steps must be at least 1, got {self.steps}")
        if min(self.grid_schedule, default=1) < 1:
            raise InvalidConfig(f"grid sizes must be at least 1, got {self.grid_schedule}")
        if self.optimizer == "levenberg_marquardt" and self.lamb:
            raise InvalidConfig(
                "levenberg_marquardt cannot minimise the entropy term; use adam or lbfgs, or lamb 0"
            )


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Inputs, targets and weights of a set of rows."""

    x: Float[Tensor, "batch in_dim"]
    targets: Float[Tensor, "batch _"]
    weights: Float[Tensor, " batch"]

    @staticmethod
    def of(x: Tensor, targets: Tensor, weights: Tensor | None = None) -> "Rows":
        """Rows with weight 1 unless weights are given."""
        return Rows(x=x, targets=targets, weights=x.new_ones(len(x)) if weights is None else weights)

    @torch.no_grad()
    def loss(self, network: KAN, kind: Loss) -> float:
        """Weighted mean loss."""
        return float(
            (loss_per_row(kind, network(self.x), self.targets) * self.weights).sum() / self.weights.sum()
        )


@dataclass(frozen=True)
class Step:
    """What one step of training reached."""

    number: int
    grid_size: int
    loss: float
    validation_loss: float


def chosen_optimizer(network: KAN, rows: int, config: TrainingConfig) -> Optimizer:
    """The optimiser that ``auto`` stands for: by the multiply-adds of one second-order step."""
    if config.optimizer != "auto":
        return config.optimizer
    parameters, outputs = network.parameter_count, network.config.width[-1]
    work = rows * outputs * parameters**2 + parameters**3 / 3
    return "adam" if config.lamb or work > LM_WORK else "levenberg_marquardt"


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
    optimizer = chosen_optimizer(network, len(training.x), config)
    methods: dict[Optimizer, Callable[[KAN, Rows, TrainingConfig], Iterator[float]]] = {
        "levenberg_marquardt": _second_order,
        "adam": partial(_adam, generator=generator),
        "lbfgs": _lbfgs,
    }
    best, stale = _Snapshot(network), 0
    try:
        for number, loss in enumerate(methods[optimizer](network, training, config)):
            judged = validation.loss(network, config.loss) if validation else loss
            if not (loss < float("inf") and judged < float("inf")):
                raise TrainingDiverged(number)
            stale = 0 if best.offer(network, judged) else stale + 1
            yield Step(number, network.stack[0].grid_size, loss, judged)
            if should_stop() or stale >= config.patience:
                return
    finally:
        best.restore_(network)


class _Snapshot:
    """The best weights seen so far."""

    def __init__(self, network: KAN) -> None:
        self.loss = float("inf")
        self._keep(network)

    def offer(self, network: KAN, loss: float) -> bool:
        """Keep these weights if they are better."""
        if not loss < self.loss:
            return False
        self.loss = loss
        self._keep(network)
        return True

    def _keep(self, network: KAN) -> None:
        self.state = [(layer.knots.clone(), layer.weight.detach().clone()) for layer in network.all_layers]

    def restore_(self, network: KAN) -> None:
        """Put the best weights back."""
        for layer, (knots, weight) in zip(network.all_layers, self.state, strict=True):
            layer.knots = knots
            layer.weight = torch.nn.Parameter(weight)


def _grids(network: KAN, x: Tensor, config: TrainingConfig) -> Iterator[int]:
    """Move the grids to the data, then refine along the schedule; yields before each grid is trained."""
    update_grid_(network, x)
    for grid_size in config.grid_schedule or (network.stack[0].grid_size,):
        if grid_size != network.stack[0].grid_size:
            refine_(network, grid_size)
        yield grid_size


def _second_order(network: KAN, rows: Rows, config: TrainingConfig) -> Iterator[float]:
    """Levenberg-Marquardt on every grid of the schedule until it has converged there.

    Hidden nodes drift during training; after a round on a grid the grids follow them once and the
    round goes on, which ends most stalls.
    """
    problem = Problem(
        x=rows.x, targets=rows.targets, row_weights=rows.weights, loss=config.loss, penalty=config.penalty
    )
    for _ in _grids(network, rows.x, config):
        left, reached, previous = config.steps, float("inf"), float("inf")
        while left > 0:
            for objective in _until_converged(network, problem, left, config.gain):
                left, reached = left - 1, objective
                yield objective
            if not reached < 0.8 * previous:
                break
            previous = reached
            update_grid_(network, rows.x)


def _until_converged(network: KAN, problem: Problem, steps: int, gain: float) -> Iterator[float]:
    """Accepted steps until three in a row gain little, or none is accepted."""
    damping, objective, slow = Damping(), problem.objective(network), 0
    for _ in range(steps):
        reached = step_(network, problem, damping, objective)
        if reached is None:
            return
        slow = slow + 1 if objective - reached < gain * objective else 0
        objective = reached
        yield objective
        if slow == 3:
            return


def _adam(
    network: KAN, rows: Rows, config: TrainingConfig, generator: torch.Generator | None
) -> Iterator[float]:
    """AdamW with a one-cycle schedule; a step of the iterator is an epoch.

    The grids follow the hidden nodes during the first third, while the learning rate still rises.
    """
    sizes = config.grid_schedule or (network.stack[0].grid_size,)
    epochs = max(1, config.steps // len(sizes))
    update_grid_(network, rows.x)
    for grid_size in sizes:
        if grid_size != network.stack[0].grid_size:
            refine_(network, grid_size)
        batches = -(-len(rows.x) // config.batch_size)
        schedule = [_one_cycle(step / max(1, epochs * batches)) for step in range(epochs * batches)]
        moments = None
        for epoch in range(epochs):
            if 0 < epoch <= epochs // 3 and epoch % max(1, epochs // 9) == 0:
                update_grid_(network, rows.x)
                moments = None
            if moments is None:
                moments = torch.optim.AdamW(
                    network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
                )
            order = torch.randperm(len(rows.x), generator=generator)
            total = 0.0
            for number, batch in enumerate(torch.split(order, config.batch_size)):
                for group in moments.param_groups:
                    group["lr"] = config.learning_rate * schedule[epoch * batches + number]
                part = Rows(x=rows.x[batch], targets=rows.targets[batch], weights=rows.weights[batch])
                total += _gradient_step(network, part, config, moments) * len(batch)
            yield total / len(rows.x)


def _one_cycle(share: float) -> float:
    """Learning rate over the training: a linear rise to 1 over 30 %, then a cosine down to 0 (Smith 2018)."""
    if share < 0.3:
        return 0.04 + 0.96 * share / 0.3
    return 0.5 * (1 + float(torch.cos(torch.tensor((share - 0.3) / 0.7 * torch.pi))))


def _gradient_step(
    network: KAN, rows: Rows, config: TrainingConfig, optimizer: torch.optim.Optimizer
) -> float:
    optimizer.zero_grad()
    objective = _differentiable_objective(network, rows, config)
    objective.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(objective.detach())


def _differentiable_objective(network: KAN, rows: Rows, config: TrainingConfig) -> Tensor:
    per_row = loss_per_row(config.loss, network(rows.x), rows.targets)
    objective = (per_row * rows.weights).sum() / rows.weights.sum()
    for layer in network.all_layers:
        weight = layer.effective_weight()
        objective = objective + torch.einsum("ito,ts,iso->", weight, config.penalty.matrix(layer), weight) / 2
    if config.lamb:
        objective = objective + config.lamb * regularization(
            network, rows.x, lamb_l1=config.lamb_l1, lamb_entropy=config.lamb_entropy
        )
    return objective


def _lbfgs(network: KAN, rows: Rows, config: TrainingConfig) -> Iterator[float]:
    """Full-batch L-BFGS on every grid of the schedule."""
    for _ in _grids(network, rows.x, config):
        weights = [layer.weight for layer in network.all_layers]
        yield from islice(
            minimise_(weights, lambda: _differentiable_objective(network, rows, config)), config.steps
        )
