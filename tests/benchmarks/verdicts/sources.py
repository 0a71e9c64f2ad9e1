"""What the rows of generated tables come from: a law, a forest, or a law with a column that is hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sympy

from tests.benchmarks.formulas.lines import Line
from tests.benchmarks.verdicts.forms import FRESH_ROWS, TARGET, Case, Draw

Array = np.ndarray
FIELDS = Path(__file__).parents[1] / "formulas" / "fields.jsonl"  # laws of many fields
LARGEST = 1e30


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the rows of a table come from.

    Attributes:
        columns: How every column is drawn, by name; ``target`` takes them in this order.
        target: The values without noise.
        hidden: A column that the table lacks.
        is_law: Whether a formula of the columns is the target.
    """

    name: str
    columns: Mapping[str, Draw]
    target: Callable[..., Array]
    hidden: str | None = None
    is_law: bool = True

    @staticmethod
    def from_line(line: Line) -> Source:
        """The law of a line of a file."""
        symbols = [sympy.Symbol(name, real=True) for name in line.names]
        return Source(
            name=line.id,
            columns={variable.name: _reverse(variable.draw) for variable in line.inputs},
            target=sympy.lambdify(symbols, line.tree, ["numpy", "scipy"]),
        )

    def plant_forest(self, generator: np.random.Generator, seed: int) -> Source:
        """The answers of a forest that was trained on a few noisy rows of the law."""
        from sklearn.ensemble import RandomForestRegressor

        columns, values = self.draw_rows(200, generator)
        noisy = values + generator.normal(0, 0.5 * values.std(), len(values))
        forest = RandomForestRegressor(30, min_samples_leaf=3, random_state=seed)
        forest.fit(np.column_stack(list(columns.values())), noisy)
        return Source(
            name=f"forest of {self.name}",
            columns=self.columns,
            target=lambda *values: forest.predict(np.column_stack(values)),
            is_law=False,
        )

    def hide_column(self, generator: np.random.Generator) -> Source:
        """The law without one of its columns."""
        column = str(generator.choice(list(self.columns)))
        return replace(self, name=f"{self.name} without {column}", hidden=column, is_law=False)

    def compute(self, columns: Mapping[str, Array]) -> Array:
        """Values without noise."""
        rows = len(next(iter(columns.values())))
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.target(*columns.values()), rows).astype(float)

    def draw_rows(self, rows: int, generator: np.random.Generator) -> tuple[dict[str, Array], Array]:
        """Columns and values without noise; rows without a value are left out."""
        columns = {name: draw(generator, rows) for name, draw in self.columns.items()}
        values = self.compute(columns)
        is_finite = np.isfinite(values) & (np.abs(values) < LARGEST)
        return {name: column[is_finite] for name, column in columns.items()}, values[is_finite]

    def draw_table(
        self, rows: int, noise: float, generator: np.random.Generator, *, further: int = 0
    ) -> Case:
        """A table.

        Args:
            rows: Of the table; fewer where the law has no value.
            noise: Standard deviation, over the spread of the law.
            generator: Of columns and noise.
            further: How many columns do not matter.
        """
        (columns, values), (fresh, truth) = (self.draw_rows(n, generator) for n in (rows, FRESH_ROWS))
        for part in (columns, fresh):
            size = len(next(iter(part.values())))
            part |= {f"other{number}": generator.normal(size=size) for number in range(further)}
            if self.hidden is not None:
                del part[self.hidden]
        spread = float(values.std())
        noisy = values + noise * spread * generator.normal(size=len(values))
        return Case(
            columns=columns | {TARGET: noisy}, fresh=fresh, truth=truth, spread=spread, noise=noise * spread
        )


def _reverse(draw: Callable[[int, np.random.Generator], Array]) -> Draw:
    return lambda generator, rows: draw(rows, generator)
