"""Decision numbers of the baselines."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.training.thresholds import DEFAULT_MLP, MlpThresholds


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
