"""Training by minibatch AdamW with a one-cycle schedule."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.network.grid_updates import initialise_grids_, refine_, update_grid_
from kan_engine.network.kan import KAN, copy_network
from kan_engine.network.layer import KANLayer
from kan_engine.numerics.adamw import AdamW
from kan_engine.training.batch_norm import NodeScales
from kan_engine.training.config import TrainingConfig
from kan_engine.training.device import find_cuda
from kan_engine.training.losses import loss_per_row
from kan_engine.training.penalty import frozen_terms
from kan_engine.training.regularization import regularization
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import TrainingThresholds


class Adam:
    """AdamW with a one-cycle schedule per grid; a step is an epoch, or a slice of a long epoch.

    The method trains a copy of the network, by default in float32, and exports its weights after every step.
    Only the copy and its rows are on ``config.device``: all that follows reads the network where it was.
    Random numbers are drawn on the CPU, so a seed draws the same on every device.

    In the copy, hidden nodes are normalised (see ``NodeScales``), and parallel networks are trained
    independently. With a sparsity penalty, a symbolic edge, a product or frozen weights the scales must not
    change: the copy is then trained without normalisation, all parallel networks together. Its grids are
    moved to the hidden nodes several times in the first third of the epochs. If some weights are frozen, none
    decays.
    """

    def __init__(
        self, network: KAN, rows: TrainingRows, config: TrainingConfig, *, generator: torch.Generator
    ) -> None:
        dtype = torch.float64 if config.precision == "float64" else torch.float32
        device = find_cuda() if config.device == "cuda" else network.stack[0].weight.device
        self._network, self._config, self._generator = network, config, generator
        self._thresholds = config.thresholds
        self._has_frozen = not (config.train_base and config.train_splines)
        is_plain = bool(config.lamb) or self._has_frozen
        is_plain |= any(layer.symbolic or layer.products for layer in network.all_layers)
        self._groups = 1 if is_plain else network.config.groups
        self._twin = copy_network(network).to(device, dtype)
        with torch.no_grad():
            self._twin.stack[-1].weight.mul_(self._groups)  # the network's outputs are their mean
        self._scales = None if is_plain else NodeScales(self._twin, config.thresholds)
        self._rows = rows.to(device, dtype)
        self._mean_weight = self._rows.weights.mean()
        self._own_folds = self._assign_folds()
        self._sizes = config.grid_schedule or (network.stack[0].grid_size,)
        self._epochs = max(1, config.steps // len(self._sizes))
        self._batches = -(-len(rows) // config.batch_size)
        self._place, self._epoch, self._batch = -1, 0, 0
        self._order: tuple[Tensor, ...] = ()
        self._reset_optimizer_()

    @property
    def grid_size(self) -> int:
        """Grid size of the last step."""
        return self._network.stack[0].grid_size

    @property
    def is_judged(self) -> bool:
        """Whether an epoch is complete after which the validation loss is to be measured."""
        period = max(1, self._epochs // self._thresholds.max_early_validations)
        return self._batch == 0 and (self._epoch % period == 0 or self.is_settling)

    @property
    def is_settling(self) -> bool:
        """Whether the learning rate has fallen below ``low_rate_share`` of its peak."""
        thresholds, progress = self._thresholds, self._progress()
        is_falling = progress > thresholds.warm_up_share
        return is_falling and one_cycle(progress, thresholds) < thresholds.low_rate_share

    def advance_(self) -> float | None:
        """Train on the next slice of an epoch; return the mean objective over it, or None at the end."""
        if self._place < 0:
            self._initialise_grids_()
        if self._place < 0 or self._epoch == self._epochs:
            self._begin_grid_()
        if self._place == len(self._sizes):
            return None
        if self._batch == 0:
            self._begin_epoch_()
        loss = self._train_slice_()
        self._export_weights_()
        with torch.no_grad():
            return loss + float(self._config.penalty.value(self._twin)) / self._groups

    def _initialise_grids_(self, *, hidden_grid_reach: float = 2.0) -> None:
        """Fit the grids to the rows.

        Args:
            hidden_grid_reach: Grids of normalised hidden nodes are [-reach, reach]; the nodes have standard
                deviation 1.
        """
        if self._scales:
            grids = self._thresholds.grids
            initialise_grids_(self._twin, self._rows.x, reach=hidden_grid_reach, thresholds=grids)
        else:
            update_grid_(self._twin, self._rows.x, thresholds=self._thresholds.grids)

    def _begin_grid_(self) -> None:
        self._place, self._epoch, self._batch = self._place + 1, 0, 0
        if self._place < len(self._sizes):
            if self._sizes[self._place] != self._twin.stack[0].grid_size:
                refine_(self._twin, self._sizes[self._place])
            self._reset_optimizer_()

    def _begin_epoch_(self) -> None:
        is_rising = 0 < self._epoch <= self._epochs // 3 and self._epoch % max(1, self._epochs // 9) == 0
        if is_rising and not self._scales:
            update_grid_(self._twin, self._rows.x, thresholds=self._thresholds.grids)
            self._reset_optimizer_()
        order = torch.randperm(len(self._rows), generator=self._generator).to(self._rows.x.device)
        self._order = torch.tensor_split(order, self._batches)

    def _train_slice_(self, *, max_slice_batches: int = 1000, max_slice_work: float = 5e8) -> float:
        """Train on the next batches; return their mean objective without the weight penalty.

        Args:
            max_slice_batches, max_slice_work: Limits of a slice of an epoch: batches, weights times rows.
        """
        # A slice is limited in batches and in work, so that one step takes a bounded time
        work = self._config.batch_size * max(1, self._network.parameter_count)
        max_batches = min(max_slice_batches, int(max_slice_work / work))
        count = max(1, min(max_batches, self._batches - self._batch))
        charges = [self._config.penalty.matrix(layer) for layer in self._twin.all_layers]
        total, rows = self._rows.x.new_zeros(()), 0
        for batch in self._order[self._batch : self._batch + count]:
            total += len(batch) * self._train_batch_(self._rows[batch], charges)
            rows += len(batch)
        if self._batch == self._batches:
            self._epoch, self._batch = self._epoch + 1, 0
        return float(total / rows)

    def _train_batch_(self, part: TrainingRows, charges: list[Float[Tensor, "_ _"]]) -> Float[Tensor, ""]:
        """Take a step on one batch; return its objective without the weight penalty."""
        config = self._config
        self._adamw.clear_gradients()
        outputs = self._outputs(part.x)
        # Every parallel network fits the same targets, with its own row weights
        targets = part.targets.expand(self._groups, *part.targets.shape).flatten(0, 1)
        per_row = loss_per_row(config.loss, outputs.flatten(0, 1), targets).view(self._groups, -1)
        objective = (per_row * self._group_row_weights(part)).sum(1).mean() / (len(part) * self._mean_weight)
        if config.lamb:
            objective = objective + config.lamb * regularization(self._twin, part.x, config)
        objective.backward()  # type: ignore[no-untyped-call]
        # The gradient of the quadratic penalty is known, so that its value needs no graph
        if config.penalty.is_active:
            self._add_penalty_gradient_(charges)
        if self._has_frozen:
            for layer, leaf in zip(self._twin.all_layers, self._leaves, strict=True):
                frozen = frozen_terms(layer, config.train_base, config.train_splines)
                leaf.grad = None if leaf.grad is None else leaf.grad.masked_fill(frozen, 0.0)
        self._adamw.step_(config.learning_rate * one_cycle(self._progress(), self._thresholds))
        self._batch += 1
        return objective.detach()

    def _group_row_weights(self, part: TrainingRows) -> Float[Tensor, "groups batch"]:
        """Row weights for each parallel network; their sums over all rows are equal."""
        if part.folds is None or self._own_folds is None:
            return part.weights.unsqueeze(0)
        fold, factors = self._own_folds
        return part.weights * (part.folds != fold) * factors

    def _assign_folds(self) -> tuple[Int[Tensor, "groups 1"], Float[Tensor, "groups 1"]] | None:
        """The fold that each parallel network omits, and the factor of its row weights, as columns."""
        rows = self._rows
        if rows.folds is None:
            return None
        # Network g omits fold g modulo their number; its other rows are weighted up to the same sum
        fold = torch.arange(self._groups, device=rows.folds.device) % (int(rows.folds.max()) + 1)
        fold_weights = (rows.weights * (rows.folds != fold.unsqueeze(1))).sum(1)
        return fold.unsqueeze(1), (rows.weights.sum() / fold_weights).unsqueeze(1)

    def _outputs(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "groups batch out_dim"]:
        """Outputs of each parallel network."""
        if not self._scales:
            together: Tensor = self._twin(x)
            return together.unsqueeze(0)
        # Hidden nodes are normalised after every layer; groups stay separate up to the outputs
        *inner, last_layer = self._twin.stack
        h = x
        for number, layer in enumerate(inner):
            sums = layer.group_sums(h, layer.groups, self._live_weights(number))
            h = self._scales.normalise(number, sums.flatten(1))
        alone = last_layer.group_sums(h, self._groups, self._live_weights(len(inner))).transpose(0, 1)
        if self._twin.direct is not None:
            alone = alone + self._twin.direct(x)
        return alone

    def _live_weights(self, number: int) -> Float[Tensor, "in_dim terms _"]:
        """Trained weights of a layer, with pruned edges set to 0."""
        mask = self._masks[number]
        return self._leaves[number] if mask is None else self._leaves[number] * mask

    @torch.no_grad()
    def _add_penalty_gradient_(self, charges: list[Float[Tensor, "_ _"]]) -> None:
        """Add the gradient Qw of the weight penalty to the gradients of all activations."""
        for number, (leaf, matrix) in enumerate(zip(self._leaves, charges, strict=True)):
            if leaf.grad is not None:
                leaf.grad += matrix @ self._live_weights(number) / self._groups

    def _progress(self) -> float:
        """Completed share of the training on this grid, from 0 to 1."""
        return (self._epoch * self._batches + self._batch) / (self._epochs * self._batches)

    def _reset_optimizer_(self, *, adam_betas: tuple[float, float] = (0.9, 0.99)) -> None:
        """Create leaf tensors, masks and optimiser for the present weights of the copy.

        Args:
            adam_betas: Decay of the mean gradient and of its mean square.
        """
        layers = self._twin.all_layers
        masks = (layer.trainable_mask().unsqueeze(1).to(layer.weight) for layer in layers)
        alive = [self._select_group_blocks(layer, mask) for layer, mask in zip(layers, masks, strict=True)]
        # Without pruned or symbolic edges the product with the mask is omitted
        self._masks = [None if bool(mask.all()) else mask for mask in alive]
        self._leaves = [self._create_leaf(layer) for layer in layers]
        decay = 0.0 if self._has_frozen else self._config.weight_decay
        self._adamw = AdamW(self._leaves, decay=decay, betas=adam_betas)

    def _create_leaf(self, layer: KANLayer) -> Float[Tensor, "in_dim terms _"]:
        """Trained tensor of a layer: its weights, or a copy of those within its groups."""
        weight = self._select_group_blocks(layer, layer.weight)
        return weight if weight is layer.weight else weight.detach().clone().requires_grad_()

    def _select_group_blocks(
        self, layer: KANLayer, weight: Float[Tensor, "in_dim terms out_dim"]
    ) -> Float[Tensor, "in_dim terms _"]:
        """Part of a weight tensor within groups, if parallel networks are trained independently."""
        return weight if self._groups == 1 else layer.group_blocks(weight)

    @torch.no_grad()
    def _export_weights_(self) -> None:
        """Write the trained weights of the copy into the network, with the normalisation folded in."""
        for layer, leaf in zip(self._twin.all_layers, self._leaves, strict=True):
            if leaf is not layer.weight:
                layer.set_group_blocks_(leaf)
        plain_network = copy_network(self._twin)
        if self._scales:
            self._scales.fold_(plain_network)
        plain_network.stack[-1].weight.div_(self._groups)
        for layer, source in zip(self._network.all_layers, plain_network.all_layers, strict=True):
            device = layer.weight.device
            layer.knots = source.knots.to(device, torch.float64)
            layer.weight = torch.nn.Parameter(source.weight.detach().to(device, torch.float64))


def one_cycle(share: float, thresholds: TrainingThresholds, *, initial_rate_share: float = 0.04) -> float:
    """Learning rate, as a share of its peak: linear up to 1, then a cosine to 0 (Smith 2018).

    Args:
        share: Completed share of the training, from 0 to 1.
        thresholds: Start and duration of the linear rise.
        initial_rate_share: Of the peak rate, with which the rise begins.
    """
    warm_up = thresholds.warm_up_share
    if share < warm_up:
        return initial_rate_share + (1 - initial_rate_share) * share / warm_up
    return 0.5 * (1 + math.cos((share - warm_up) / (1 - warm_up) * math.pi))
