"""Broken lines: Z·(a + b·u + Σ c·|u - m|) with one or two kinks, and 1 or another column as the factor Z.

Overtime, tax brackets, heating below a temperature and other hinges max(0, u - m) = (u - m + |u - m|)/2 have
this form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import ONE, Expression, Variable, add, call, evaluate, mul
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.strategies.scans.ranking import propose_best
from kan_engine.numerics.ties import round_rank


@dataclass(frozen=True)
class BrokenLines:
    """The broken lines with the shortest descriptions.

    Attributes:
        fitted: Forms whose constants are refined.
    """

    name: str = "broken lines"
    message: str = "fitting broken lines"
    fitted: int = 10

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas with the shortest descriptions."""
        rows = pool.problem.fit
        errors = dict[Expression, float]()
        for u in rows.names:
            for z in (ONE, *(Variable(name) for name in rows.names if name != u)):
                errors |= _match_kinks(Variable(u), z, rows)
        starts = sorted(errors, key=lambda tree: round_rank(errors[tree]))[: self.fitted]
        yield from propose_best(starts, pool.problem, self.name)


def _match_kinks(
    u: Expression, z: Expression, rows: LabelledRows, percentiles: tuple[float, ...] = tuple(range(5, 100, 5))
) -> dict[Expression, float]:
    """The best form with one kink and with two, and their mean squared errors.

    Args:
        u: The column with kinks.
        z: The factor.
        rows: Rows to fit.
        percentiles: Of u, where kinks are tried.
    """
    # Every row enters by the root of its weight, the factor Z by its values
    at, root = evaluate(u, rows.columns), np.sqrt(rows.relative_weights)
    factor = root * evaluate(z, rows.columns)
    kinks = np.unique(np.percentile(at, percentiles))[:, None]
    columns = factor * np.abs(at - kinks)  # [kinks, rows]
    # Orthogonal to the line, so that each kink, and each pair, has normal equations of its own
    line = np.linalg.qr(np.stack([factor, factor * at], 1))[0]
    top = float(np.abs(rows.y).max()) or 1.0  # squares of huge values would overflow
    target, residual_columns = root * rows.y / top, columns - (columns @ line) @ line.T
    residual = target - line @ (line.T @ target)
    gram, onto = residual_columns @ residual_columns.T, residual_columns @ residual
    best = dict[Expression, float]()
    for count in (1, 2):
        # A polynomial with as many constants, which a broken line has to beat: else the curve has no kinks
        smooth = np.linalg.qr(factor[:, None] * np.vander(_scale(at), 2 + 2 * count))[0]
        smooth_left = float(target @ target - np.sum((smooth.T @ target) ** 2))
        trials = {
            places: float(onto[list(places)] @ _solve(gram[np.ix_(places, places)], onto[list(places)]))
            for places in combinations(range(len(kinks)), count)
        }
        if not trials:
            continue
        # The best pair of kinks, if any, from its own small normal equations
        places = max(trials, key=lambda candidate: round_rank(trials[candidate]))
        squares = float(residual @ residual) - trials[places]
        if squares < smooth_left:
            tree = _build(u, z, kinks[list(places), 0], factor, at, root * rows.y)
            best[tree] = squares / len(rows)
    return best


def _scale(values: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """The values between -1 and 1."""
    low, high = values.min(), values.max()
    return np.asarray((2 * values - low - high) / ((high - low) or 1.0))


def _solve(
    gram: Float[np.ndarray, "kinks kinks"], onto: Float[np.ndarray, " kinks"]
) -> Float[np.ndarray, " kinks"]:
    return np.asarray(np.linalg.lstsq(gram, onto, rcond=1e-9)[0])


def _build(
    u: Expression,
    z: Expression,
    kinks: Float[np.ndarray, " kinks"],
    factor: Float[np.ndarray, " rows"],
    at: Float[np.ndarray, " rows"],
    target: Float[np.ndarray, " rows"],
) -> Expression:
    """The form with these kinks and its coefficients."""
    # Least squares for the line and the bend at every kink
    matrix = np.stack([factor, factor * at, *(factor * np.abs(at - kink) for kink in kinks)], 1)
    constant, slope, *coefficients = map(make_measured, np.linalg.lstsq(matrix, target, rcond=None)[0])
    bends = (
        mul(c, call("abs", add(u, make_measured(-kink)))) for c, kink in zip(coefficients, kinks, strict=True)
    )
    return mul(z, add(constant, mul(slope, u), *bends))
