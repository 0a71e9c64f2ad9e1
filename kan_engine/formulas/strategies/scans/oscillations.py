"""Sums of oscillations c·cos(ω·u + φ) of a column, also of many periods and with frequencies close together.

Matching pursuit on the periodogram of what the oscillations so far leave (Lomb 1976; Mallat and Zhang 1993),
where all constants are refined after each. Curves of networks do not follow dozens of periods.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, Variable, add, call, mul
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.constant_fitting import ParametricForm, Residuals, refit_coarsely
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.reading.damped_oscillations import measure_gain
from kan_engine.formulas.strategies.scans.ranking import propose_best


@dataclass(frozen=True)
class Oscillations:
    """Sums of oscillations of one column, each longer one if it explains more than noise would.

    Attributes:
        most: Oscillations in a sum.
        scan_rows: Rows of the periodogram.
        min_periods, max_periods: In the range of the column; at most one for two different values. Networks
            follow fewer periods, and a smooth curve is no oscillation.
        per_period: Frequencies of the grid while the number of periods grows by one. The phase at the ends of
            the range is then at most π/8 off.
        steps: Of the fit after each oscillation.
        max_error: Over the spread of the target: oscillations beside which most of the target stays
            unexplained are no law.
    """

    name: str = "oscillations"
    message: str = "searching for periods"
    most: int = 4
    scan_rows: int = 600
    min_periods: int = 2
    max_periods: int = 300
    per_period: int = 8
    steps: int = 40
    max_error: float = 0.7

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the sums with the shortest descriptions."""
        problem = pool.problem
        if not problem.constraints.allow_part(call("cos", Variable(problem.names[0])), is_exponent=False):
            return
        rows = problem.fit.sample(self.scan_rows, problem.settings.seed)
        for name in problem.names:
            sums = [tree for tree in self._pursue(name, rows) if not problem.should_stop()]
            yield from propose_best(sums, problem, self.name, max_error=self.max_error)

    def _pursue(self, name: str, rows: LabelledRows) -> Iterator[Expression]:
        """Yield sums of one, two and more oscillations, as long as each is significant."""
        u, mean = rows.columns[name], float(np.average(rows.y, weights=rows.weights))
        periods = min(self.max_periods, len(np.unique(u)) // 2)
        if periods <= self.min_periods:
            return
        periods_tried = np.linspace(self.min_periods, periods, self.per_period * periods)
        spectrum = _Spectrum.create(u, rows, 2 * np.pi / float(np.ptp(u)) * periods_tried)
        form = ParametricForm(Parameter(0), np.array([mean]))
        for _ in range(self.most):
            strongest = spectrum.find_strongest(rows.y, form.values[2::3])
            if strongest is None:
                # The strongest oscillation of the residuals enters, and all constants are fitted again
                return
            c, w, phase = map(Parameter, range(len(form.values), len(form.values) + 3))
            wave = mul(c, call("cos", add(mul(w, Variable(name)), phase)))
            start = ParametricForm(add(form.tree, wave), np.array([*form.values, *strongest]))
            values = refit_coarsely(Residuals(start, rows), start.values, self.steps)
            if (np.abs(values[2::3]) < 0.9 * spectrum.frequencies[0]).any():
                return  # a curve, not an oscillation
            form = ParametricForm(start.tree, values)
            yield form.numeric_tree


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Cosines and sines of a grid of frequencies, with the roots of the weights.

    Attributes:
        u: The column.
        root: Square roots of the weights.
        frequencies: In radians per unit of u.
        pairs: Cosine and sine of every frequency.
    """

    u: Float[np.ndarray, " rows"]
    root: Float[np.ndarray, " rows"]
    frequencies: Float[np.ndarray, " frequencies"]
    pairs: Float[np.ndarray, "frequencies 2 rows"]

    @staticmethod
    def create(
        u: Float[np.ndarray, " rows"], rows: LabelledRows, frequencies: Float[np.ndarray, " frequencies"]
    ) -> _Spectrum:
        root, angles = np.sqrt(rows.relative_weights), frequencies[:, None] * u
        return _Spectrum(u, root, frequencies, root * np.stack([np.cos(angles), np.sin(angles)], 1))

    def find_strongest(
        self,
        y: Float[np.ndarray, " rows"],
        frequencies: Float[np.ndarray, " waves"],
        noise_factor: float = 4.0,
    ) -> tuple[float, float, float] | None:
        """Factor, frequency and phase of the oscillation that explains most beside those known.

        Args:
            y: The target.
            frequencies: Frequencies so far.
            noise_factor: The largest gain of noise among m frequencies is about 2·ln(m) of a row's share of
                the squares; twice as much is significant. Less gives None.
        """
        # The oscillations so far with free factors and phases, which later ones must not repeat
        angles = frequencies[:, None] * self.u
        columns = self.root * np.concatenate([np.ones((1, len(y))), np.cos(angles), np.sin(angles)])
        basis = np.linalg.qr(columns.T)[0]
        top = float(np.abs(y).max()) or 1.0  # squares of huge values would overflow
        residual = self.root * y / top
        # Both target and grid orthogonal to them, so that every frequency has normal equations of its own
        residual = residual - basis @ (basis.T @ residual)
        independent = self.pairs - (self.pairs @ basis) @ basis.T
        gains = measure_gain(independent, residual, np.square(self.pairs).sum(-1), 1e-6)
        place = int(gains.argmax())
        if gains[place] <= noise_factor * np.log(len(gains)) * float(residual @ residual) / len(y):
            return None
        # a·cos + b·sin as one cosine with a factor and a phase
        (a, b), *_ = np.linalg.lstsq(independent[place].T, residual, rcond=1e-6)
        return top * float(np.hypot(a, b)), float(self.frequencies[place]), float(np.arctan2(-b, a))
