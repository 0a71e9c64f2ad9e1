"""Training by Levenberg-Marquardt, grid by grid."""

from kan_engine.network.grid_updates import has_misplaced_grids, refine_, update_misplaced_grids_
from kan_engine.network.kan import KAN
from kan_engine.training.config import TrainingConfig
from kan_engine.training.evidence import Evidence
from kan_engine.training.levenberg_marquardt import TrainingDamping, TrainingObjective, take_step_
from kan_engine.training.losses import get_loss
from kan_engine.training.rows import TrainingRows


class LevenbergMarquardt:
    """Levenberg-Marquardt on every grid of the schedule until it has converged there.

    Hidden nodes drift during training. Convergence is slow on grids that the nodes have left or hardly fill.
    Such grids are moved to their nodes, and another round begins, as long as each round reaches a much lower
    loss than the one before. The last round penalises changes of the nodes' mean and spread, so that the
    nodes lie well inside the final grids.
    """

    is_judged = True
    is_settling = True

    def __init__(self, network: KAN, rows: TrainingRows, config: TrainingConfig) -> None:
        self._network, self._config, self._thresholds = network, config, config.thresholds
        is_noisy = get_loss(config.loss).is_noisy
        observations = float(rows.weights.sum() ** 2 / rows.weights.square().sum())
        if is_noisy:
            observations *= network.config.width[-1]
        evidence = None
        if config.penalty.adaptive:
            evidence = Evidence(network, observations, is_noisy=is_noisy, thresholds=config.thresholds)
        self._problem = TrainingObjective(
            rows=rows,
            loss=config.loss,
            penalty=config.penalty,
            evidence=evidence,
            train_base=config.train_base,
            train_splines=config.train_splines,
        )
        self._sizes = config.grid_schedule or (network.stack[0].grid_size,)
        self._place = -1  # index in the schedule; -1 before its first grid
        self._left = 0  # remaining steps on this grid
        self._slow = 0  # consecutive steps with a gain below the configured one
        self._crawl = 0  # consecutive steps with a gain below ``grid_check_gain``
        self._loss: float | None = None
        self._previous: float | None = None  # final loss of the previous round on this grid
        self._is_last = False  # whether this is the last round, after which the grids remain
        self._damping = TrainingDamping(thresholds=self._thresholds)

    @property
    def grid_size(self) -> int:
        """Grid size of the last step."""
        return self._network.stack[0].grid_size

    def advance_(self) -> float | None:
        """Take the next accepted step, on this grid or a later one; return the loss, or None at the end."""
        if self._place < 0:
            update_misplaced_grids_(self._network, self._problem.rows.x, self._thresholds.grids)
            self._begin_grid_()
        while self._place < len(self._sizes):
            if self._should_continue() and self._step_():
                return self._loss
            if not self._update_grids_():
                self._begin_grid_()
        return None

    def _should_continue(self) -> bool:
        """Whether the round takes another step."""
        max_slow_steps = self._thresholds.max_slow_steps
        if self._left == 0 or self._slow == max_slow_steps:
            return False
        if self._is_last:
            return self._crawl < max_slow_steps
        is_time = self._left == self._last_round_steps or (
            self._crawl == max_slow_steps and self._is_round_worthwhile()
        )
        return not (
            is_time and has_misplaced_grids(self._network, self._problem.rows.x, self._thresholds.grids)
        )

    @property
    def _last_round_steps(self) -> int:
        """Steps reserved for the last round."""
        return min(self._thresholds.last_round_steps, self._config.steps // 5)

    def _step_(self, *, grid_check_gain: float = 0.1) -> bool:
        """Take a step on this grid; return False if no step lowers the objective.

        Args:
            grid_check_gain: Gain of a step, below which the position of the grids is checked.
        """
        if self._loss is None:
            self._loss = self._problem.rows.loss(self._network, self._config.loss)
        step = take_step_(self._network, self._problem, self._damping, self._loss, weigh=True)
        if step is None:
            return False
        self._slow = self._slow + 1 if step.gain < self._config.gain else 0
        self._crawl = self._crawl + 1 if step.gain < grid_check_gain else 0
        self._loss, self._left = step.loss, self._left - 1
        return True

    def _update_grids_(self) -> bool:
        """Move misplaced grids to their nodes; return whether any moved, so that another round begins."""
        if (
            self._left == 0
            or self._is_last
            or not update_misplaced_grids_(self._network, self._problem.rows.x, self._thresholds.grids)
        ):
            return False
        self._is_last = self._left <= self._last_round_steps or not self._is_round_worthwhile()
        self._previous = self._loss
        self._begin_round_()
        return True

    def _is_round_worthwhile(self, *, max_round_loss_ratio: float = 0.5) -> bool:
        """Whether this round reached a much lower loss than the previous one.

        Args:
            max_round_loss_ratio: To the loss of the last round, below which another round follows.
        """
        if self._previous is None:
            return True
        return (self._loss or 0.0) < max_round_loss_ratio * self._previous

    def _begin_grid_(self) -> None:
        self._place += 1
        if self._place == len(self._sizes):
            return
        if self._sizes[self._place] != self.grid_size:
            refine_(self._network, self._sizes[self._place])
        if self._problem.evidence:
            self._problem.evidence.reset_()
        self._left, self._previous, self._is_last = self._config.steps, None, False
        self._begin_round_()

    def _begin_round_(self, *, loose_hold: float = 1e-6, firm_hold: float = 1.0) -> None:
        """Start a round with its damping.

        Args:
            loose_hold, firm_hold: ``TrainingDamping.hold`` before the last round, and in it.
        """
        self._damping = TrainingDamping(
            hold=firm_hold if self._is_last else loose_hold, thresholds=self._thresholds
        )
        self._slow, self._crawl, self._loss = 0, 0, None
