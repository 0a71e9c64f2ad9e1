"""How many further rows a law takes until it is found: proposed ones against random ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import sympy

from kan_engine import KANRegressor
from tests.benchmarks.formulas.lines import Line, read
from tests.benchmarks.rows import Values
from tests.benchmarks.verdicts.right import is_right

FIELDS = Path(__file__).parents[1] / "formulas" / "fields.jsonl"
FIRST, ADDED, ROUNDS = 15, 3, 10  # rows at the start and in a round, and rounds
NOISE = 0.05  # over the spread of the law


def count_rows(name: str, max_seconds: float, seed: int) -> Values:
    """Rows beyond the first until the formula is the law up to constants, with proposed and random rows.

    Returns:
        ``proposed`` and ``random``: rows, one round more than the last if it was not found; ``ratio`` of
        both; none of these where the first rows are enough.
    """
    line = next(line for line in read(FIELDS) if line.id == name)
    law = _Law(line, seed)
    first = law.draw(FIRST)
    start = law.fit(first, max_seconds)
    if law.is_found(start):
        return {"found at once": 1.0}
    proposed = _add_rows(law, first, start, max_seconds, is_proposed=True)
    random = _add_rows(law, first, start, max_seconds, is_proposed=False)
    return {"found at once": 0.0, "proposed": proposed, "random": random, "ratio": proposed / random}


def _add_rows(
    law: _Law, rows: Mapping[str, np.ndarray], model: KANRegressor, max_seconds: float, *, is_proposed: bool
) -> float:
    for number in range(1, ROUNDS + 1):
        if is_proposed:
            frame = model.suggest_rows(ADDED)
            more = {name: np.asarray(frame[name], dtype=float) for name in law.names}
            more["target"] = law.measure(more)
        else:
            more = law.draw(ADDED)
        rows = {name: np.append(values, more[name]) for name, values in rows.items()}
        model = law.fit(rows, max_seconds)
        if law.is_found(model):
            return float(ADDED * number)
    return float(ADDED * (ROUNDS + 1))


class _Law:
    """A law that can be measured with noise."""

    def __init__(self, line: Line, seed: int) -> None:
        self._line, self.names = line, line.names
        symbols = [sympy.Symbol(name, real=True) for name in line.names]
        self._law = sympy.lambdify(symbols, line.tree, ["numpy", "scipy"])
        self._generator = np.random.default_rng([20261202, seed])
        self._fresh = {each.name: each.draw(2_000, np.random.default_rng(1)) for each in line.inputs}
        self._truth = self._compute(self._fresh)
        is_finite = np.isfinite(self._truth)
        self._fresh = {name: values[is_finite] for name, values in self._fresh.items()}
        self._truth = self._truth[is_finite]

    def _compute(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(self._law(*(columns[name] for name in self.names)), dtype=float)

    def measure(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Values with noise."""
        values = self._compute(columns)
        return values + NOISE * self._truth.std() * self._generator.normal(size=len(values))

    def draw(self, count: int) -> dict[str, np.ndarray]:
        """Random rows with measured targets."""
        columns = {each.name: each.draw(count, self._generator) for each in self._line.inputs}
        return columns | {"target": self.measure(columns)}

    def fit(self, rows: Mapping[str, np.ndarray], max_seconds: float) -> KANRegressor:
        """The model of some rows."""
        import polars as pl

        known = np.isfinite(rows["target"])
        table = pl.DataFrame({name: rows[name][known] for name in self.names})
        model = KANRegressor(max_seconds=max_seconds, compact=False)
        return model.fit(table, rows["target"][known])

    def is_found(self, model: KANRegressor) -> bool:
        """Whether the best formula is the law up to constants."""
        report = model.model_.report
        return report is not None and is_right(report.trees[0], self._fresh, self._truth)
