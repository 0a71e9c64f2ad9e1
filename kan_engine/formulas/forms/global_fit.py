"""Search for the best constants of a form: many starts, the linear constants solved for, the best refined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import count_nodes
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.projection import separate, solve_linear
from kan_engine.formulas.forms.starts import (
    StartRange,
    draw_starts,
    find_start_ranges,
    move_into_bounds,
)
from kan_engine.formulas.forms.thresholds import DEFAULT_FORMS, FormThresholds

Array = np.ndarray


def fit_globally(
    problem: FormProblem,
    seed: int,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: FormThresholds = DEFAULT_FORMS,
) -> Float[Array, " constants"]:
    """Find the constants with the smallest weighted sum of squares.

    Args:
        problem: The form, its rows and the bounds of its constants.
        seed: Of the starts and of the rows that they are compared on.
        should_stop: Once it returns true, no further round of starts begins.
        thresholds: Number and spread of starts.

    Raises:
        InvalidData: The form has a value in all rows for none of the starts.
    """
    if not problem.bounds:
        return np.zeros(0)
    search = _GlobalSearch(problem, np.random.default_rng(seed), thresholds)
    for number in range(thresholds.rounds):
        if number and should_stop():
            break
        search.run_round()
    if search.best is not None and search.has_negative and not should_stop():
        search.run_round(is_positive=True)
    if search.best is None:
        raise InvalidData(
            "the form has no finite values in all rows, whatever its constants are; bound them, for example "
            'by {"b": {"min": 0}}'
        )
    return search.best


class _GlobalSearch:
    """The best constants so far, and how to look for better ones."""

    def __init__(
        self, problem: FormProblem, generator: np.random.Generator, thresholds: FormThresholds
    ) -> None:
        self._problem, self._generator, self._thresholds = problem, generator, thresholds
        rows = problem.rows.sample(thresholds.screen_rows, generator)
        self._screen = FormProblem(problem.tree, rows, problem.bounds)
        self._parts = separate(problem.tree, len(problem.bounds))
        self._ranges = find_start_ranges(problem.tree, rows.columns, rows.y, len(problem.bounds))
        used = [*rows.columns.values(), rows.y]
        self._sizes = [size for values in used if (size := float(np.median(np.abs(values)))) > 0]
        self.best: Array | None = None

    @property
    def has_negative(self) -> bool:
        """Whether a constant other than a phase is negative: its mirror image may fit as well."""
        return self.best is not None and self._count_negative(self.best) > 0

    def run_round(self, *, is_positive: bool = False) -> None:
        """Draw starts, all positive if asked, refine the best of them, and keep the best constants."""
        thresholds, screen = self._thresholds, self._screen
        starts, errors = self._solve(np.abs(self._draw()) if is_positive else self._draw())
        order = np.argsort(errors, kind="stable")[: thresholds.kept_starts]
        refined = [
            screen.fit(starts[place], thresholds.refine_steps, thresholds.min_relative_gain)
            for place in order
            if np.isfinite(errors[place])
        ]
        known = [] if self.best is None else [self.best]
        candidates = [*known, *self._select_distinct(refined)]
        finished = [
            self._problem.fit(values, thresholds.final_steps, thresholds.min_relative_gain)
            for values in candidates
        ]
        wrapped = [self._wrap_phases(values) for values in finished]
        self.best = self._select_best([*known, *wrapped], self._problem)

    def _draw(self) -> Array:
        thresholds, bounds, generator = self._thresholds, self._problem.bounds, self._generator
        count = thresholds.starts if len(self._parts.linear) < len(bounds) else 1
        starts = draw_starts(self._ranges, bounds, self._sizes, count, generator, thresholds)
        if self.best is not None:
            near = generator.random(len(starts)) < thresholds.near_share
            factors = 10 ** generator.normal(0, thresholds.near_decades, starts.shape)
            moved = np.stack(
                [
                    move_into_bounds(values, ends, generator)
                    for values, ends in zip((self.best * factors).T, bounds, strict=True)
                ],
                axis=1,
            )
            starts = np.where(near[:, None], moved, starts)
        return starts

    def _solve(self, starts: Array) -> tuple[Array, Array]:
        """Solve for the linear constants in blocks of starts."""
        thresholds, problem = self._thresholds, self._screen
        arrays = count_nodes(problem.tree) + 2 * len(self._parts.linear)
        block = max(1, thresholds.screen_block // (len(problem.rows) * arrays))
        solved = [
            solve_linear(
                self._parts, problem.rows, starts[first : first + block], problem.bounds, thresholds.ridge
            )
            for first in range(0, len(starts), block)
        ]
        return np.concatenate([each[0] for each in solved]), np.concatenate([each[1] for each in solved])

    def _select_distinct(self, refined: Sequence[Array]) -> list[Array]:
        """The best constants, one of each minimum; of equal minima the preferred one."""
        remaining, chosen = list(refined), list[Array]()
        while remaining and len(chosen) < self._thresholds.finished_starts:
            best = self._select_best(remaining, self._screen)
            if best is None:
                break
            chosen.append(best)
            most = self._screen.measure(best) * (1 + self._thresholds.max_tie)
            remaining = [values for values in remaining if self._screen.measure(values) > most]
        return chosen

    def _select_best(self, candidates: Sequence[Array], problem: FormProblem) -> Array | None:
        """The constants with the smallest sum of squares; None if it is finite for none.

        Of equal ones those with the fewest negative constants, then the smallest, then the largest first
        ones: many forms are the same for other signs or another order of their constants.
        """
        errors = [problem.measure(values) for values in candidates]
        least = min(errors, default=np.inf) * (1 + self._thresholds.max_tie)
        if not np.isfinite(least):
            return None
        equal = [values for values, error in zip(candidates, errors, strict=True) if error <= least]
        return min(
            equal,
            key=lambda values: (
                self._count_negative(values),
                float(f"{np.abs(values).sum():.4g}"),
                *(-values),
            ),
        )

    def _count_negative(self, values: Array) -> int:
        is_free = [not known.is_phase and low < 0 for known, (low, _) in self._constants]
        return int(((values < 0) & np.array(is_free)).sum())

    def _wrap_phases(self, values: Array) -> Array:
        """Move unbounded phases to between -π and π."""
        turns = [known.is_phase and not np.isfinite(ends).any() for known, ends in self._constants]
        wrapped: Array = values - np.where(turns, 2 * np.pi * np.round(values / (2 * np.pi)), 0.0)
        return wrapped

    @property
    def _constants(self) -> list[tuple[StartRange, tuple[float, float]]]:
        return list(zip(self._ranges, self._problem.bounds, strict=True))
