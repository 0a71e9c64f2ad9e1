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
        initial_rate_share: Of the peak rate, with which the rise begins.
        low_rate_share: Of the peak rate, below which patience counts epochs without improvement.
        max_early_validations: While the rate is high; with a low rate every epoch is validated.
        max_slice_batches, max_slice_work: Limits of a slice of an epoch: batches, weights times rows.
        min_cuda_batch_work: Rows of a batch times weights, from which ``auto`` selects CUDA. A step launches
            hundreds of kernels whatever their size, so a GPU cannot gain on small batches. At this work one
            core calculates for at least 10 ms by the cost model, several times as long as launching should
            take. The number is cautious, as no GPU was measured.
        adam_betas: Decay of the mean gradient and of its mean square.
        hidden_grid_reach: Grids of normalised hidden nodes are [-reach, reach]; the nodes have standard
            deviation 1.
        running_decay: Of the running statistics of hidden nodes per batch, after the first batches.
        variance_offset: Added to every variance, so that it is positive for a constant node.

        damping: Of Levenberg-Marquardt, by the ratio of actual to predicted decrease.
        max_first_damping: After a point from which no damping led further.
        min_straight_ratio: Share of the predicted decrease, below which later steps are accelerated.
        min_acceleration, max_acceleration: Acceleration over step: below negligible, above unreliable.
        evidence_jitter: Share of the diagonal added before the evidence, so that directions without effect
            are invertible.
        max_slow_steps: Consecutive steps of small gain of Levenberg-Marquardt, after which a grid has
            converged.
        grid_check_gain: Gain of a step, below which the position of the grids is checked.
        max_round_loss_ratio: To the loss of the last round, below which another round follows.
        last_round_steps: Reserved per grid, so that the final grids contain their hidden nodes.
        loose_hold, firm_hold: ``TrainingDamping.hold`` before the last round, and in it.

        max_relative_strength: Of the roughness penalty, to the curvature of the loss: then a polynomial
            results.
        min_free_share: Degrees of freedom of the residuals, as a share of the observations.
        min_determined_coefficients: Of an edge; smaller values are rounding errors.

        initial_noise: Of the coefficients, for first-order methods; second-order methods start from lines.
        auto_starts: Default number of starts: a few percent of single starts reach only a bad minimum.
        trial_grid_size: Maximum grid size of the trials of starts: few intervals have few bad minima.
        trial_steps: Sufficient to detect a start that reaches only a bad minimum.

        grids: Of the position of grids.
    """

    warm_up_share: float = 0.2
    initial_rate_share: float = 0.04
    low_rate_share: float = 0.1
    max_early_validations: int = 25
    max_slice_batches: int = 1000
    max_slice_work: float = 5e8
    min_cuda_batch_work: float = 1e8
    adam_betas: tuple[float, float] = (0.9, 0.99)
    hidden_grid_reach: float = 2.0
    running_decay: float = 0.95
    variance_offset: float = 1e-5

    damping: DampingConfig = DampingConfig(
        initial=1e-2, decrease=0.01, increase=2.0, acceleration=2.0, tries=8
    )
    max_first_damping: float = 1.0
    min_straight_ratio: float = 0.8
    min_acceleration: float = 0.05
    max_acceleration: float = 0.75
    evidence_jitter: float = 1e-13
    max_slow_steps: int = 3
    grid_check_gain: float = 0.1
    max_round_loss_ratio: float = 0.5
    last_round_steps: int = 5
    loose_hold: float = 1e-6
    firm_hold: float = 1.0

    max_relative_strength: float = 1e4
    min_free_share: float = 0.1
    min_determined_coefficients: float = 1e-6

    initial_noise: float = 0.3
    auto_starts: int = 2
    trial_grid_size: int = 3
    trial_steps: int = 20

    grids: GridThresholds = DEFAULT_GRIDS


DEFAULT_TRAINING = TrainingThresholds()
