"""How many further rows a law takes until it is found: proposed ones against random ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kan_engine import KANRegressor
from tests.benchmarks.formulas.lines import read
from tests.benchmarks.rows import Values
from tests.benchmarks.verdicts.right import is_right
from tests.benchmarks.verdicts.sources import FIELDS, Source

Array = np.ndarray
FIRST, ADDED, ROUNDS = 15, 3, 10  # rows at the start and in a round, and rounds
NEVER = float(ADDED * (ROUNDS + 1))  # rows, one round more than the last
FRESH = 2_000
NOISE = 0.05  # over the spread of the law
SEED = 20261202


def count_rows(name: str, max_seconds: float, seed: int) -> Values:
    """Rows beyond the first until the formula is the law up to constants, with proposed and random rows.

    Returns:
        ``proposed`` and ``random``: rows, ``NEVER`` if it was not found; ``ratio`` of both, unless neither
        found it; none of these where the first rows are enough.
    """
    law = Source.from_line(next(line for line in read(FIELDS) if line.id == name))
    trial = Trial(law, max_seconds, seed)
    start = trial.fit(trial.first)
    if trial.is_found(start):
        return {"found at once": 1.0}
    proposed_count, random = (
        trial.add_rows(start, is_proposed=True),
        trial.add_rows(start, is_proposed=False),
    )
    ratio = proposed_count / random if min(proposed_count, random) < NEVER else None
    return {"found at once": 0.0, "proposed": proposed_count, "random": random, "ratio": ratio}


class Trial:
    """A law that is measured with noise, row by row; proposed and random rows have noise of their own."""

    def __init__(self, law: Source, max_seconds: float, seed: int) -> None:
        self._law, self._max_seconds, self._key = law, max_seconds, (SEED, seed)
        self._fresh, self._truth = law.draw_rows(FRESH, np.random.default_rng(1))
        self.first = self._draw(FIRST, np.random.default_rng(self._key))

    def add_rows(self, start: KANRegressor, *, is_proposed: bool) -> float:
        """Measure rows until the law is found; return how many."""
        generator = np.random.default_rng([*self._key, 1 + is_proposed])
        rows, model = self.first, start
        for number in range(1, ROUNDS + 1):
            new_rows = self._propose(model, generator) if is_proposed else self._draw(ADDED, generator)
            rows = {name: np.append(values, new_rows[name]) for name, values in rows.items()}
            model = self.fit(rows)
            if self.is_found(model):
                return float(ADDED * number)
        return NEVER

    def fit(self, rows: Mapping[str, Array]) -> KANRegressor:
        """The model of some rows."""
        import polars as pl

        is_measured = np.isfinite(rows["target"])
        table = pl.DataFrame({name: rows[name][is_measured] for name in self._law.columns})
        return KANRegressor(max_seconds=self._max_seconds, compact=False).fit(
            table, rows["target"][is_measured]
        )

    def is_found(self, model: KANRegressor) -> bool:
        """Whether the best formula is the law up to constants."""
        report = model.model_.report
        return report is not None and is_right(report.trees[0], self._fresh, self._truth)

    def _propose(self, model: KANRegressor, generator: np.random.Generator) -> dict[str, Array]:
        frame = model.suggest_rows(ADDED)
        return self._measure(
            {name: frame[name].to_numpy().astype(float) for name in self._law.columns}, generator
        )

    def _draw(self, count: int, generator: np.random.Generator) -> dict[str, Array]:
        return self._measure(
            {name: draw(generator, count) for name, draw in self._law.columns.items()}, generator
        )

    def _measure(self, columns: dict[str, Array], generator: np.random.Generator) -> dict[str, Array]:
        noise = NOISE * self._truth.std() * generator.normal(size=len(next(iter(columns.values()))))
        return columns | {"target": self._law.compute(columns) + noise}
