"""Training by Levenberg-Marquardt, grid by grid."""

from dataclasses import asdict

from kan_engine.checkpoint import State
from kan_engine.grid import refine_, update_grid_
from kan_engine.levenberg_marquardt import Damping, Problem, step_
from kan_engine.network import KAN
from kan_engine.rows import Rows
from kan_engine.training_config import TrainingConfig

SLOW_STEPS = 3  # in a row that each gain little: this grid has converged
WORTH_FOLLOWING = 0.8  # a round that lowers the objective below this share is followed by another one


class SecondOrder:
    """Levenberg-Marquardt on every grid of the schedule until it has converged there.

    Hidden nodes drift during training; after a round on a grid the grids follow them once and the
    round goes on, which ends most stalls.
    """

    is_judged = True
    is_settling = True

    def __init__(self, network: KAN, rows: Rows, config: TrainingConfig) -> None:
        self._network, self._config = network, config
        self._problem = Problem(
            x=rows.x,
            targets=rows.targets,
            row_weights=rows.weights,
            loss=config.loss,
            penalty=config.penalty,
        )
        self._sizes = config.grid_schedule or (network.stack[0].grid_size,)
        self._place = -1  # in the schedule; before its first grid
        self._left = 0  # steps that this grid still may take
        self._slow = 0
        self._objective: float | None = None  # now, and when the last round ended
        self._previous: float | None = None
        self._damping = Damping()

    @property
    def grid_size(self) -> int:
        """Grid that the last step was taken on."""
        return self._network.stack[0].grid_size

    def advance_(self) -> float | None:
        """Take the next accepted step, on this grid or a later one."""
        if self._place < 0:
            update_grid_(self._network, self._problem.x)
            self._begin_grid_()
        while self._place < len(self._sizes):
            if self._step_():
                return self._objective
            self._end_round_()
        return None

    def state(self) -> State:
        """All scalars of the course; the network holds the rest."""
        return {
            "place": self._place,
            "left": self._left,
            "slow": self._slow,
            "objective": self._objective,
            "previous": self._previous,
            "damping": asdict(self._damping),
        }

    def restore_(self, state: State) -> None:
        """Go on where ``state`` was taken."""
        self._place, self._left, self._slow = state["place"], state["left"], state["slow"]
        self._objective, self._previous = state["objective"], state["previous"]
        self._damping = Damping(**state["damping"])

    def _step_(self) -> bool:
        """A step on this grid, unless it has converged or used up its steps."""
        if self._left == 0 or self._slow == SLOW_STEPS:
            return False
        if self._objective is None:
            self._objective = self._problem.objective(self._network)
        reached = step_(self._network, self._problem, self._damping, self._objective)
        if reached is None:
            return False
        is_slow = self._objective - reached < self._config.gain * self._objective
        self._slow = self._slow + 1 if is_slow else 0
        self._objective, self._left = reached, self._left - 1
        return True

    def _end_round_(self) -> None:
        """Let the grids follow the nodes if the round was worth it, else go to the next grid."""
        reached = self._objective
        if reached is not None and (self._previous is None or reached < WORTH_FOLLOWING * self._previous):
            self._previous = reached
            update_grid_(self._network, self._problem.x)
            self._begin_round_()
        else:
            self._begin_grid_()

    def _begin_grid_(self) -> None:
        self._place += 1
        if self._place < len(self._sizes):
            if self._sizes[self._place] != self.grid_size:
                refine_(self._network, self._sizes[self._place])
            self._left, self._previous = self._config.steps, None
            self._begin_round_()

    def _begin_round_(self) -> None:
        self._damping, self._slow, self._objective = Damping(), 0, None
