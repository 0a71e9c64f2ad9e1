"""Decision numbers of the baselines."""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True, kw_only=True)
class BaselineThresholds:
    """Sizes of the baselines; all other parameters are scikit-learn's defaults.

    Attributes:
        boosting_rounds: Most rounds of boosting.
        boosting_step: Rounds between two calls of ``should_stop``.
        mlp: Training of MLPs.
    """

    boosting_rounds: int = 300
    boosting_step: int = 25
    mlp: MlpThresholds = DEFAULT_MLP


DEFAULT_BASELINES = BaselineThresholds()
