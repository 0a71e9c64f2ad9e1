"""Training by Levenberg-Marquardt, grid by grid."""

from dataclasses import asdict

from kan_engine.checkpoint import State, part_of, within
from kan_engine.evidence import Evidence
from kan_engine.grid import follow_, refine_
from kan_engine.levenberg_marquardt import Damping, Problem, step_
from kan_engine.network import KAN
from kan_engine.rows import Rows
from kan_engine.training_config import TrainingConfig

SLOW_STEPS = 3  # in a row that each gain little: this grid has converged
CRUDE_STEPS = 3  # of a training, before its residuals say anything about noise


class SecondOrder:
    """Levenberg-Marquardt on every grid of the schedule until it has converged there.

    Hidden nodes drift during training. When a grid has converged, the grids of nodes that have left
    theirs follow them, and the training on it goes on; this ends most stalls.
    """

    is_judged = True
    is_settling = True

    def __init__(self, network: KAN, rows: Rows, config: TrainingConfig) -> None:
        self._network, self._config = network, config
        is_squared = config.loss == "squared"
        observations = float(rows.weights.sum() ** 2 / rows.weights.square().sum())
        if is_squared:
            observations *= network.config.width[-1]
        evidence = Evidence(network, observations, is_noisy=is_squared) if config.penalty.adaptive else None
        self._problem = Problem(rows=rows, loss=config.loss, penalty=config.penalty, evidence=evidence)
        self._sizes = config.grid_schedule or (network.stack[0].grid_size,)
        self._place = -1  # in the schedule; before its first grid
        self._left = 0  # steps that this grid still may take
        self._taken = 0  # steps in all
        self._slow = 0
        self._loss: float | None = None
        self._damping = Damping()

    @property
    def grid_size(self) -> int:
        """Grid that the last step was taken on."""
        return self._network.stack[0].grid_size

    def advance_(self) -> float | None:
        """Take the next accepted step, on this grid or a later one."""
        if self._place < 0:
            follow_(self._network, self._problem.rows.x)
            self._begin_grid_()
        while self._place < len(self._sizes):
            if self._step_():
                return self._loss
            if self._left and follow_(self._network, self._problem.rows.x):
                self._begin_round_()
            else:
                self._begin_grid_()
        return None

    def state(self) -> State:
        """All scalars of the course, and the prices; the network holds the rest."""
        own: State = {
            "place": self._place,
            "left": self._left,
            "taken": self._taken,
            "slow": self._slow,
            "loss": self._loss,
            "damping": asdict(self._damping),
        }
        evidence = self._problem.evidence
        return own | (within("evidence", evidence.state()) if evidence else {})

    def restore_(self, state: State) -> None:
        """Go on where ``state`` was taken."""
        self._place, self._left, self._taken = state["place"], state["left"], state["taken"]
        self._slow, self._loss = state["slow"], state["loss"]
        self._damping = Damping(**state["damping"])
        if self._problem.evidence:
            self._problem.evidence.restore_(part_of(state, "evidence"))

    def _step_(self) -> bool:
        """A step on this grid, unless it has converged or used up its steps."""
        if self._left == 0 or self._slow == SLOW_STEPS:
            return False
        if self._loss is None:
            self._loss = self._problem.rows.loss(self._network, self._config.loss)
        taken = step_(self._network, self._problem, self._damping, self._loss, weigh=True)
        if taken is None:
            return False
        self._slow = self._slow + 1 if taken.gain < self._config.gain else 0
        self._loss, self._left, self._taken = taken.loss, self._left - 1, self._taken + 1
        return True

    def _begin_grid_(self) -> None:
        self._place += 1
        if self._place == len(self._sizes):
            return
        if self._sizes[self._place] != self.grid_size:
            refine_(self._network, self._sizes[self._place])
        self._regrid_evidence_()
        self._left = self._config.steps
        self._begin_round_()

    def _regrid_evidence_(self) -> None:
        evidence = self._problem.evidence
        if evidence:
            evidence.regrid_()
            evidence.begin_(self._problem.rows.loss(self._network, self._config.loss))

    def _begin_round_(self) -> None:
        self._damping, self._slow, self._loss = Damping(), 0, None
