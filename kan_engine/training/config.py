"""TrainingConfig: how a network is trained."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kan_engine.cost import BATCH_ROWS
from kan_engine.errors import InvalidConfig
from kan_engine.training.losses import Loss
from kan_engine.training.penalty import Penalty

Optimizer = Literal["auto", "levenberg_marquardt", "adam", "lbfgs"]
Precision = Literal["auto", "float32", "float64"]


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
        patience: Steps without a better validation loss after which training ends. Adam ignores it
            while its learning rate is high, where the loss says little about the end.
        batch_size: Rows per step of Adam.
        learning_rate: Peak of Adam's one-cycle schedule.
        weight_decay: Of AdamW.
        precision: Numbers that Adam computes with; ``auto`` is float32. The other methods, and the
            polish after Adam, always use float64.
        polish: Steps of L-BFGS after Adam.
        keep_last: Whether a training that reached its end keeps the weights of its last step, however low
            the validation loss once was: what can be repeated on other rows is a schedule, not a moment.
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
    batch_size: int = BATCH_ROWS
    learning_rate: float = 1e-2
    weight_decay: float = 1e-4
    precision: Precision = "auto"
    polish: int = 0
    keep_last: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if self.steps < 1:
            raise InvalidConfig(f"steps must be at least 1, got {self.steps}")
        if self.polish < 0:
            raise InvalidConfig(f"polish must be at least 0, got {self.polish}")
        if self.batch_size < 1:
            raise InvalidConfig(f"batch_size must be at least 1, got {self.batch_size}")
        if min(self.grid_schedule, default=1) < 1:
            raise InvalidConfig(f"grid sizes must be at least 1, got {self.grid_schedule}")
        if self.optimizer == "levenberg_marquardt" and self.lamb:
            raise InvalidConfig(
                "levenberg_marquardt cannot minimise the entropy term; use adam or lbfgs, or lamb 0"
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "TrainingConfig":
        """What ``to_dict`` described, also after a way through JSON."""
        schedule, penalty = tuple(data["grid_schedule"]), Penalty(**data["penalty"])
        return TrainingConfig(**data | {"grid_schedule": schedule, "penalty": penalty})
