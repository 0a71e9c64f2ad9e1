"""The decision numbers of the network selection, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.cost import DEFAULT_COST, CostModel


@dataclass(frozen=True, kw_only=True)
class SelectionThresholds:
    """Budget and moves of the hill climb, and how trained networks are compared and pruned.

    Attributes:
        climb_time_share: Of a job's time; the final training and the one on all rows may each take as much.
        setup_seconds: To build a network and its grids.
        cost: Of a training.

        initial_hidden, initial_grid, initial_groups: Of the first network of the climb.
        min_grid: Below which no move goes.
        max_groups: Of parallel networks.
        max_hidden_nodes: Of all hidden layers together.
        max_layer_weights: Most weights are between groups; a larger layer costs more than it improves.
        fixed_hidden, fixed_steps: Of the network of fixed, small shape.

        training_updates: Of the weights in one training.
        min_epochs, max_epochs: Of one training.
        epochs_factor: By which a move lengthens or shortens a training.
        batches_per_epoch: Unless the limits of the batch size require otherwise.
        min_batch_rows, max_batch_rows: Of a batch.
        large_table_rows, large_table_batch_rows: Tables of more rows have a larger maximum batch size.
        regularization_levels: Weight decay and smoothness, from weak to strong.

        fold_count: Of a cross-validation.
        min_climb_rows: That steps of a climb are compared on, and therefore folds: the best step is then
            cross-validated on all folds.
        max_cross_validation_rows: Up to so many rows the loss on one validation part is too noisy.
        cross_validation_time_factor: To the time of a climb without folds; the trainings after it take less.

        pruning_thresholds: Of the edge score, relative to the largest.
        max_pruning_loss_ratio: Of the validation losses after and before pruning.
        max_rows_for_both_scales: Up to which a requested shape is also trained by Adam on inputs scaled by
            their ranges.
    """

    climb_time_share: float = 0.12
    setup_seconds: float = 0.1
    cost: CostModel = DEFAULT_COST

    initial_hidden: tuple[int, ...] = (32, 16)
    initial_grid: int = 8
    initial_groups: int = 2
    min_grid: int = 4
    max_groups: int = 8
    max_hidden_nodes: int = 512
    max_layer_weights: int = 400_000
    fixed_hidden: int = 10
    fixed_steps: int = 60

    training_updates: int = 800
    min_epochs: int = 4
    max_epochs: int = 200
    epochs_factor: int = 3
    batches_per_epoch: int = 6
    min_batch_rows: int = 64
    max_batch_rows: int = 512
    large_table_rows: int = 100_000
    large_table_batch_rows: int = 1024
    regularization_levels: tuple[tuple[float, float], ...] = (
        (0.01, 1e-4),
        (0.1, 1e-3),
        (0.3, 1e-2),
        (1.0, 1e-1),
        (3.0, 1.0),
    )

    fold_count: int = 8
    min_climb_rows: int = 450
    max_cross_validation_rows: int = 2000
    cross_validation_time_factor: float = 1.7

    pruning_thresholds: tuple[float, ...] = (0.1, 0.02)
    max_pruning_loss_ratio: float = 1.005
    max_rows_for_both_scales: int = 5000


DEFAULT_SELECTION = SelectionThresholds()
