"""Decision numbers of the baselines."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MlpThresholds:
    """Training of an MLP as a baseline.

    Attributes:
        max_lbfgs_work: Parameters times rows up to which L-BFGS is used.
        max_lbfgs_parameters: Parameters up to which L-BFGS is used.
        lbfgs_steps: Most steps of L-BFGS.
        lbfgs_patience_steps: Steps of L-BFGS without a lower validation loss until it stops.
        validation_period_steps: Steps of L-BFGS between two validations.
        lbfgs_gain: Factor by which the loss has to fall to reset the patience of L-BFGS.
        adam_gain: The same for Adam.
        batch_rows: Rows per batch of Adam.
        learning_rates: Of Adam, each until the loss stops falling.
        max_epochs: Most epochs of Adam per learning rate.
        patience_epochs: Epochs without a lower validation loss until the next learning rate.
        prediction_batch_rows: Rows per forward pass.
    """

    max_lbfgs_work: int = 5_000_000
    max_lbfgs_parameters: int = 20_000
    lbfgs_steps: int = 2_000
    lbfgs_patience_steps: int = 200
    validation_period_steps: int = 5
    lbfgs_gain: float = 0.99
    adam_gain: float = 0.999
    batch_rows: int = 256
    learning_rates: tuple[float, ...] = (5e-3, 1e-3, 2e-4)
    max_epochs: int = 200
    patience_epochs: int = 10
    prediction_batch_rows: int = 4_096


DEFAULT_MLP = MlpThresholds()


@dataclass(frozen=True, kw_only=True)
class BaselineThresholds:
    """Sizes of the baselines; all other parameters are scikit-learn's defaults.

    Attributes:
        validation_divisor: One in so many rows validates an MLP if the caller does not say which.
        boosting_rounds: Most rounds of boosting.
        boosting_step: Rounds between two calls of ``should_stop``.
        max_single_thread_values: Values below which one thread is faster: on a busy machine threads wait for
            each other.
        mlp: Training of MLPs.
    """

    validation_divisor: int = 5
    boosting_rounds: int = 300
    boosting_step: int = 25
    max_single_thread_values: int = 200_000
    mlp: MlpThresholds = DEFAULT_MLP


DEFAULT_BASELINES = BaselineThresholds()
