"""TrainingConfig: how a network is trained."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kan_engine.cost import DEFAULT_COST, OPTIMIZERS, sparse_optimizers
from kan_engine.errors import InvalidConfig
from kan_engine.training.losses import LOSSES, Loss
from kan_engine.training.penalty import Penalty
from kan_engine.training.thresholds import DEFAULT_TRAINING, TrainingThresholds

Precision = Literal["auto", "float32", "float64"]
Device = Literal["cpu", "cuda"]
DeviceChoice = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Method and parameters of a training.

    Args:
        loss: One of ``losses.LOSSES``, or a loss of one's own.
        optimizer: One of ``cost.OPTIMIZERS``; ``auto`` selects Levenberg-Marquardt while one of its steps is
            cheap, otherwise Adam. With ``lamb`` it selects a first-order method, since the entropy is not a
            sum of squares.
        grid_schedule: Grid sizes, coarse to fine; empty keeps the present grid size.
        steps: Maximum number of Levenberg-Marquardt or L-BFGS steps per grid, or of Adam epochs in total.
        penalty: Quadratic penalty of the weights.
        lamb: λ of eq. 2.20; 0 trains without the sparsity penalty, whose terms the next four weigh.
        lamb_l1: μ1 of eq. 2.20.
        lamb_entropy: μ2 of eq. 2.20.
        lamb_coef: Of the spline coefficients' absolute values, as in pykan.
        lamb_coefdiff: Of those of their differences, as in pykan.
        gain: A grid has converged after three consecutive steps that each lower the objective by less than
            this share.
        patience: Validations without a better validation loss after which training ends. Adam ignores it
            while its learning rate is high, when the loss does not predict the final loss.
        batch_size: Rows per Adam step.
        learning_rate: Peak of Adam's one-cycle schedule.
        weight_decay: Weight decay of AdamW.
        precision: Floating-point type of Adam; ``auto`` is float32. The other methods, including L-BFGS
            after Adam, always use float64.
        polish: Number of L-BFGS steps after Adam.
        device: ``cuda`` trains by Adam on CUDA. ``cpu`` trains where the network is; so do all other methods.
        train_base: Whether the weights of base functions are trained.
        train_splines: Whether the coefficients of splines are trained.
        keep_last: Whether a completed training keeps the weights of its last step instead of those with the
            lowest validation loss. A schedule can be repeated on other rows, the choice of a step cannot.
        thresholds: Decision numbers of the training; not part of its JSON object.
    """

    loss: str | Loss = "squared"
    optimizer: str = "auto"
    grid_schedule: tuple[int, ...] = ()
    steps: int = 50
    penalty: Penalty = field(default_factory=Penalty)
    lamb: float = 0.0
    lamb_l1: float = 1.0
    lamb_entropy: float = 2.0
    lamb_coef: float = 0.0
    lamb_coefdiff: float = 0.0
    gain: float = 1e-3
    patience: int = 15
    batch_size: int = DEFAULT_COST.batch_rows
    learning_rate: float = 1e-2
    weight_decay: float = 1e-4
    precision: Precision = "auto"
    polish: int = 0
    device: Device = "cpu"
    train_base: bool = True
    train_splines: bool = True
    keep_last: bool = False
    thresholds: TrainingThresholds = DEFAULT_TRAINING

    def __post_init__(self) -> None:
        """Validate the values."""
        if self.steps < 1:
            raise InvalidConfig(f"steps must be at least 1, got {self.steps}")
        if self.polish < 0:
            raise InvalidConfig(f"polish must be at least 0, got {self.polish}")
        if self.batch_size < 1:
            raise InvalidConfig(f"batch_size must be at least 1, got {self.batch_size}")
        if min(self.grid_schedule, default=1) < 1:
            raise InvalidConfig(f"grid sizes must be at least 1, got {self.grid_schedule}")
        if isinstance(self.loss, str) and self.loss not in LOSSES:
            raise InvalidConfig(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        if self.optimizer not in ("auto", *OPTIMIZERS):
            names = ", ".join(OPTIMIZERS)
            raise InvalidConfig(f"optimizer must be auto or one of {names}, got {self.optimizer!r}")
        if self.lamb and self.optimizer not in ("auto", *sparse_optimizers()):
            others = ", ".join(sparse_optimizers())
            raise InvalidConfig(
                f"{self.optimizer} cannot minimise the entropy term; use {others} or lamb = 0"
            )

    def to_dict(self) -> dict[str, Any]:
        """The configuration as a JSON object, without its thresholds."""
        return {name: value for name, value in asdict(self).items() if name != "thresholds"}

    @staticmethod
    def from_dict(data: dict[str, Any], thresholds: TrainingThresholds) -> "TrainingConfig":
        """Inverse of ``to_dict``; also accepts its result after JSON serialization."""
        schedule, penalty = tuple(data["grid_schedule"]), Penalty(**data["penalty"])
        return TrainingConfig(
            **data | {"grid_schedule": schedule, "penalty": penalty, "thresholds": thresholds}
        )
