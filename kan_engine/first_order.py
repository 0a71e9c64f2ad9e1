"""Training by minibatch AdamW with a one-cycle schedule."""

import math

import torch
from torch import Tensor

from kan_engine.checkpoint import State
from kan_engine.grid import refine_, update_grid_
from kan_engine.loss import loss_per_row
from kan_engine.network import KAN, copied
from kan_engine.regularization import regularization
from kan_engine.rows import Rows
from kan_engine.training_config import TrainingConfig

WARM_UP = 0.3  # share of the training in which the learning rate rises
SETTLING = 0.1  # of the peak rate: below it a stale validation loss means something
SLICE_BATCHES, SLICE_WORK = 1000, 5e8  # most batches, and weights times rows, between two looks at the caller


class Adam:
    """AdamW with a one-cycle schedule per grid; a step is an epoch, or a slice of a long one.

    The grids follow the hidden nodes during the first third, while the learning rate still rises. In
    float32 a twin of the network is trained, and its weights are handed over after every step.
    """

    def __init__(
        self, network: KAN, rows: Rows, config: TrainingConfig, *, generator: torch.Generator
    ) -> None:
        dtype = torch.float64 if config.precision == "float64" else torch.float32
        self._network, self._config, self._generator = network, config, generator
        self._twin = network if dtype == torch.float64 else copied(network).to(dtype)
        self._rows = rows.to(dtype)
        self._mean_weight = self._rows.weights.mean()
        self._sizes = config.grid_schedule or (network.stack[0].grid_size,)
        self._epochs = max(1, config.steps // len(self._sizes))
        self._batches = -(-len(rows) // config.batch_size)
        self._place, self._epoch, self._batch = -1, 0, 0
        self._drawn = generator.get_state()  # before the order of this epoch was drawn
        self._order: tuple[Tensor, ...] = ()
        self._adamw = self._fresh()

    @property
    def grid_size(self) -> int:
        """Grid that the last step was taken on."""
        return self._network.stack[0].grid_size

    @property
    def is_judged(self) -> bool:
        """Whether an epoch is complete."""
        return self._batch == 0

    @property
    def is_settling(self) -> bool:
        """Whether the rate has fallen."""
        return self._share() > WARM_UP and one_cycle(self._share()) < SETTLING

    def advance_(self) -> float | None:
        """Train on the next slice of an epoch; the mean objective over it."""
        if self._place < 0:
            update_grid_(self._twin, self._rows.x)
        if self._place < 0 or self._epoch == self._epochs:
            self._begin_grid_()
        if self._place == len(self._sizes):
            return None
        if self._batch == 0:
            self._begin_epoch_()
        loss = self._slice_()
        self._hand_over_()
        return loss

    def state(self) -> State:
        """Place in the schedule and the epoch, and the moments of AdamW."""
        own: State = {"place": self._place, "epoch": self._epoch, "batch": self._batch, "drawn": self._drawn}
        for number, moments in self._adamw.state_dict()["state"].items():
            own |= {f"moments.{number}.{name}": tensor for name, tensor in moments.items()}
        return own

    def restore_(self, state: State) -> None:
        """Go on where ``state`` was taken; the twin is read from the network."""
        self._place, self._epoch, self._batch = state["place"], state["epoch"], state["batch"]
        if self._twin is not self._network:
            self._twin = copied(self._network).to(self._rows.x.dtype)
        self._adamw = self._fresh()
        moments: dict[int, State] = {}
        for name in [name for name in state if name.startswith("moments.")]:
            _, number, part = name.split(".")
            moments.setdefault(int(number), {})[part] = state[name]
        groups = self._adamw.state_dict()["param_groups"]
        self._adamw.load_state_dict({"state": moments, "param_groups": groups})
        self._draw_(state["drawn"])

    def _begin_grid_(self) -> None:
        self._place, self._epoch, self._batch = self._place + 1, 0, 0
        if self._place < len(self._sizes):
            if self._sizes[self._place] != self._twin.stack[0].grid_size:
                refine_(self._twin, self._sizes[self._place])
            self._adamw = self._fresh()

    def _begin_epoch_(self) -> None:
        if 0 < self._epoch <= self._epochs // 3 and self._epoch % max(1, self._epochs // 9) == 0:
            update_grid_(self._twin, self._rows.x)
            self._adamw = self._fresh()
        state = self._generator.get_state()
        self._draw_(state)
        torch.randperm(len(self._rows), generator=self._generator)

    def _draw_(self, state: Tensor) -> None:
        """The order of rows that the generator gives from this state on."""
        self._drawn, generator = state, torch.Generator()
        generator.set_state(state)
        order = torch.randperm(len(self._rows), generator=generator).to(self._rows.x.device)
        self._order = torch.tensor_split(order, self._batches)

    def _slice_(self) -> float:
        work = self._config.batch_size * max(1, self._network.parameter_count)
        count = max(1, min(SLICE_BATCHES, int(SLICE_WORK / work), self._batches - self._batch))
        charges = [self._config.penalty.matrix(layer) for layer in self._twin.all_layers]
        total, rows = self._rows.x.new_zeros(()), 0
        for batch in self._order[self._batch : self._batch + count]:
            total += len(batch) * self._batch_step_(self._rows[batch], charges)
            rows += len(batch)
        if self._batch == self._batches:
            self._epoch, self._batch = self._epoch + 1, 0
        with torch.no_grad():
            return float(total / rows) + float(self._config.penalty.price(self._twin))

    def _batch_step_(self, part: Rows, charges: list[Tensor]) -> Tensor:
        """A step on one batch; its objective without the price of the weights."""
        config = self._config
        for group in self._adamw.param_groups:
            group["lr"] = config.learning_rate * one_cycle(self._share())
        self._adamw.zero_grad()
        per_row = loss_per_row(config.loss, self._twin(part.x), part.targets)
        objective = per_row @ part.weights / (len(part) * self._mean_weight)
        if config.lamb:
            objective = objective + config.lamb * regularization(
                self._twin, part.x, lamb_l1=config.lamb_l1, lamb_entropy=config.lamb_entropy
            )
        objective.backward()  # type: ignore[no-untyped-call]
        if config.penalty.is_charged:
            self._charge_(charges)
        self._adamw.step()
        self._batch += 1
        return objective.detach()

    @torch.no_grad()
    def _charge_(self, charges: list[Tensor]) -> None:
        """Add the gradient Qw of the price to every activation's."""
        for layer, matrix in zip(self._twin.all_layers, charges, strict=True):
            if layer.weight.grad is not None:
                layer.weight.grad += matrix @ layer.effective_weight()

    def _share(self) -> float:
        """How much of the training on this grid is over."""
        return (self._epoch * self._batches + self._batch) / (self._epochs * self._batches)

    def _fresh(self) -> torch.optim.AdamW:
        config = self._config
        return torch.optim.AdamW(
            self._twin.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )

    def _hand_over_(self) -> None:
        """Copy the twin's weights and grids into the network."""
        if self._twin is self._network:
            return
        for layer, other in zip(self._network.all_layers, self._twin.all_layers, strict=True):
            layer.knots = other.knots.double()
            layer.weight = torch.nn.Parameter(other.weight.detach().double())


def one_cycle(share: float) -> float:
    """Learning rate over the training: a linear rise to 1 over 30 %, then a cosine down to 0 (Smith 2018)."""
    if share < WARM_UP:
        return 0.04 + 0.96 * share / WARM_UP
    return 0.5 * (1 + math.cos((share - WARM_UP) / (1 - WARM_UP) * math.pi))
