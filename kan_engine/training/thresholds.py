"""The decision numbers of training, each with its reason or what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.numerics.damping_config import DampingConfig
from kan_engine.splines.thresholds import DEFAULT_GRIDS, GridThresholds


@dataclass(frozen=True, kw_only=True)
class TrainingThresholds:
    """Where training decides one way or the other, and the settings of its methods that are not options.

    Attributes:
        warm_up_share: Of the epochs of Adam, in which its learning rate rises.
        low_rate_share: Of the peak rate, below which patience counts epochs without improvement.
        max_early_validations: While the rate is high; with a low rate every epoch is validated.
        min_cuda_batch_work: Rows of a batch times weights, from which ``auto`` selects CUDA. A step launches
            hundreds of kernels whatever their size, so a GPU cannot gain on small batches. At this work one
            core calculates for at least 10 ms by the cost model, several times as long as launching should
            take. The number is cautious, as no GPU was measured.
        running_decay: Of the running statistics of hidden nodes per batch, after the first batches.
        variance_offset: Added to every variance, so that it is positive for a constant node.

        damping: Of Levenberg-Marquardt, by the ratio of actual to predicted decrease.
        max_slow_steps: Consecutive steps of small gain of Levenberg-Marquardt, after which a grid has
            converged.
        last_round_steps: Reserved per grid, so that the final grids contain their hidden nodes.

        max_relative_strength: Of the roughness penalty, to the curvature of the loss: then a polynomial
            results.

        auto_starts: Default number of starts: a few percent of single starts reach only a bad minimum.
        trial_grid_size: Maximum grid size of the trials of starts: few intervals have few bad minima.
        trial_steps: Sufficient to detect a start that reaches only a bad minimum.

        grids: Of the position of grids.
    """

    warm_up_share: float = 0.2
    low_rate_share: float = 0.1
    max_early_validations: int = 25
    min_cuda_batch_work: float = 1e8
    running_decay: float = 0.95
    variance_offset: float = 1e-5

    damping: DampingConfig = DampingConfig(
        initial=1e-2, decrease=0.01, increase=2.0, acceleration=2.0, tries=8
    )
    max_slow_steps: int = 3
    last_round_steps: int = 5

    max_relative_strength: float = 1e4

    auto_starts: int = 2
    trial_grid_size: int = 3
    trial_steps: int = 20

    grids: GridThresholds = DEFAULT_GRIDS


DEFAULT_TRAINING = TrainingThresholds()


@dataclass(frozen=True, kw_only=True)
class MlpThresholds:
    """Training of an MLP as a baseline.

    Attributes:
        max_lbfgs_parameters: Parameters up to which L-BFGS is used.
        lbfgs_steps: Most steps of L-BFGS.
        batch_rows: Rows per batch of Adam.
        max_epochs: Most epochs of Adam per learning rate.
        prediction_batch_rows: Rows per forward pass.
    """

    max_lbfgs_parameters: int = 20_000
    lbfgs_steps: int = 2_000
    batch_rows: int = 256
    max_epochs: int = 200
    prediction_batch_rows: int = 4_096


DEFAULT_MLP = MlpThresholds()
