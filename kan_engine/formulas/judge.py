"""The only place that compares formulas and says that a search is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kan_engine.assessment.evidence.chi_square import compute_chi_square
from kan_engine.assessment.evidence.residual_signal import measure_residual_signal, measure_signal
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.losses import is_no_worse, leave_one_out_losses
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.soundness.examination import examine_formula
from kan_engine.structure.fitted_structure import FittedStructure

EXACT = "a law exact to rounding error"
NOISE = "a formula that leaves only noise"


@dataclass(eq=False)
class Judge:
    """Decides from measurements; what costs time is measured once.

    Attributes:
        max_short_complexity: Of a formula that was read off a network of several columns and settles a search
            because it leaves only noise: a long sum of curves does so as well where the law is no sum.
        max_certain_error: Of a formula that no network suggests, over the spread of the target. Above it what
            the formula leaves may be no noise: a wave of many periods looks like noise to boosting.
        min_signal_share: Of the squared residuals; less explained by boosting counts as no signal.
    """

    max_short_complexity: int = 14
    max_certain_error: float = 0.5
    min_signal_share: float = 0.03
    _signals: dict[tuple[int, Expression], float] = field(default_factory=dict, init=False, repr=False)
    _sound: dict[tuple[int, Expression], bool] = field(default_factory=dict, init=False, repr=False)
    _left: dict[int, float] = field(default_factory=dict, init=False, repr=False)

    def settles(self, pool: Pool) -> str | None:
        """Why no further candidates are needed; None if they are."""
        if pool.exact is not None:
            return EXACT
        best, settings = pool.best, pool.problem.settings
        if best is None:
            is_represented = not settings.is_symbolic and pool.has_adequate_structure
            return "a small network represents the rows" if is_represented else None
        is_read = best.structure is not None
        is_short = not is_read or best.complexity <= self.max_short_complexity or len(pool.problem.names) == 1
        is_close = is_read or best.error <= self.max_certain_error
        is_plausible = is_short and is_close and self.is_sound(best, pool.problem)
        return NOISE if is_plausible and self.leaves_only_noise(best, pool.problem) else None

    def rank(self, pool: Pool, chance: float = 2.0) -> list[Candidate]:
        """The candidates to show: the one that describes the rows most shortly, then others by their size.

        A longer one must be better than the one before by more than chance: the others fit the noise. A
        shorter one must be better than all that are shorter still. An exact law stands alone.

        Args:
            pool: The candidates.
            chance: Standard errors of a difference that many formulas reach by chance.
        """
        candidates = pool.candidates
        if not candidates:
            return []
        best, rows = self._select_best(candidates, pool.problem), pool.problem.rows
        if best.error < MAX_EXACT_ERROR:
            return [best]
        # Leave-one-out losses, which do not fall merely because a formula has more constants
        losses = {candidate.tree: leave_one_out_losses(candidate.tree, rows) for candidate in candidates}
        shorter, longer, lowest = list[Candidate](), list[Candidate](), float("inf")
        # By size: a longer formula has to beat the one before it, a shorter one all that are shorter still
        for candidate in sorted(candidates, key=lambda candidate: (candidate.complexity, candidate.bits)):
            mean = float(np.average(losses[candidate.tree], weights=rows.weights))
            if candidate.complexity > best.complexity:
                before = longer[-1] if longer else best
                if not is_no_worse(losses[before.tree], losses[candidate.tree], rows.weights, chance):
                    longer.append(candidate)
            elif mean < lowest and candidate is not best:
                shorter.append(candidate)
            lowest = min(lowest, mean)
        return [best, *longer, *shorter]

    def _select_best(self, candidates: Sequence[Candidate], problem: Problem) -> Candidate:
        """The shortest description; a sound one comes before an unsound one no better than chance."""
        shortest, *remainder = sorted(candidates, key=lambda candidate: candidate.total_bits)
        if shortest.error < MAX_EXACT_ERROR or self.is_sound(shortest, problem):
            return shortest
        rows = problem.rows
        losses = leave_one_out_losses(shortest.tree, rows)
        for candidate in remainder:
            is_as_good = is_no_worse(leave_one_out_losses(candidate.tree, rows), losses, rows.weights)
            if is_as_good and self.is_sound(candidate, problem):
                return candidate
        return shortest

    def is_sound(self, candidate: Candidate, problem: Problem) -> bool:
        """Whether no point is known within the ranges of the columns where a candidate is violated."""
        key = id(problem), candidate.tree
        if key not in self._sound:
            self._sound[key] = examine_formula(candidate.tree, problem.rows).status != "violated"
        return self._sound[key]

    def is_certain(self, pool: Pool, certain_error: float = 1e-13) -> bool:
        """Whether the best candidate is exact to the last digits.

        Other laws than the right one may be exact to nine digits, where it differs little from a simpler one.
        """
        return pool.best is not None and pool.best.error < certain_error

    def leaves_only_noise(self, candidate: Candidate, problem: Problem) -> bool:
        """Whether the residuals of a candidate hold no detectable signal and exceed rounding error.

        Where the errors of the rows are known, the residuals must not exceed them.
        """
        if candidate.error < MAX_EXACT_ERROR:
            return False
        chi_square = compute_chi_square(candidate.tree, problem.rows)
        if chi_square is not None and chi_square.p_value <= problem.settings.assessment.significance_level:
            return False
        return self._measure_signal(candidate, problem) < self.min_signal_share

    def _measure_signal(self, candidate: Candidate, problem: Problem) -> float:
        """Share of the squared residuals of a candidate that boosting explains."""
        key = id(problem), candidate.tree
        if key not in self._signals:
            self._signals[key] = measure_residual_signal(
                candidate.tree, problem.fit, problem.validation, problem.settings.assessment
            )
        return self._signals[key]

    def is_noisy(self, pool: Pool, noise: tuple[float, float] = (8e-3, 0.05)) -> bool:
        """Whether the closest structure explains much, and boosting finds nothing in what it leaves.

        Args:
            pool: With the structures so far.
            noise: Errors of a structure that are attributed to noise without a test.
        """
        closest = pool.closest_structure
        if closest is None or closest.error <= noise[0]:
            return False
        if closest.error < noise[1]:
            return True
        is_close = closest.error < self.max_certain_error
        return is_close and self._measure_structure_signal(closest, pool.problem) < self.min_signal_share

    def misses_signal(self, pool: Pool, noise_error: float = 0.05, max_signal: float = 0.1) -> bool:
        """Whether boosting explains much of the residuals of the closest structure.

        Formulas of such structures would not be the law, and their extraction takes half of the time of a
        search.
        """
        closest = pool.closest_structure
        if closest is None or closest.error <= noise_error:
            return False
        return self._measure_structure_signal(closest, pool.problem) > max_signal

    def _measure_structure_signal(self, structure: FittedStructure, problem: Problem) -> float:
        """Share of the squared residuals of a structure that boosting explains."""
        if id(structure) not in self._left:
            fit, validation = (
                replace(part, y=part.y - structure.predict(sample))
                for part, sample in zip((problem.fit, problem.validation), problem.samples, strict=True)
            )
            self._left[id(structure)] = measure_signal(fit, validation, problem.settings.assessment)
        return self._left[id(structure)]
