"""Lines of a file of formulas, and samples of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import sympy

TARGET = "target"
LEARNT = 0.8  # share of the rows that the service does not hold out
FRESH = 1000  # rows that no part of a job sees
QUARTER = 4  # of a small run: every so many lines of a source


@dataclass(frozen=True, kw_only=True)
class Line:
    """A formula of the file.

    Attributes:
        expression: As SymPy reads it; it comes from a file of ours, not from a client.
        ranges: Lowest and highest value by variable.
        rows: Training rows.
    """

    id: str
    source: str
    expression: str
    ranges: tuple[tuple[str, float, float], ...]
    rows: int

    @property
    def names(self) -> list[str]:
        """The variables."""
        return [name for name, _, _ in self.ranges]

    @property
    def tree(self) -> sympy.Expr:
        """The formula over real symbols."""
        symbols = {name: sympy.Symbol(name, real=True) for name in self.names}
        return sympy.sympify(self.expression, symbols)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How a line is sampled.

    Attributes:
        noise: Standard deviation of the noise, over that of the target.
        irrelevant: How many inputs the target does not depend on.
        rows: Training rows; as many as the line says if None.
        networks: Whether laws are only read off networks.
    """

    seed: int = 0
    noise: float = 0.0
    irrelevant: int = 0
    rows: int | None = None
    networks: bool = False

    def __str__(self) -> str:
        parts = [f"noise {self.noise:.0%}" if self.noise else "no noise"]
        parts += [f"{self.irrelevant} irrelevant inputs"] if self.irrelevant else []
        parts += [f"{self.rows} rows"] if self.rows else []
        parts += ["networks alone"] if self.networks else []
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Rows of a line.

    Attributes:
        table: What is uploaded, noise and irrelevant inputs and all.
        fresh: Other rows of its inputs.
        truth: The target of those, without noise.
        noise: Standard deviation of the noise.
    """

    table: pl.DataFrame
    fresh: dict[str, np.ndarray]
    truth: np.ndarray
    noise: float


def read(path: Path, kind: str = "symbolic") -> list[Line]:
    """The formulas of a kind."""
    entries = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        Line(
            id=entry["id"],
            source=entry["source"],
            expression=entry["expression"],
            ranges=tuple((v["name"], float(v["low"]), float(v["high"])) for v in entry["variables"]),
            rows=entry.get("n_train", 1000),
        )
        for entry in entries
        if entry.get("kind", kind) == kind
    ]


def small(lines: Iterable[Line]) -> list[Line]:
    """Every fourth line of every source, at least one."""
    seen: dict[str, int] = {}
    kept = []
    for line in lines:
        place = seen[line.source] = seen.get(line.source, -1) + 1
        if place % QUARTER == 0:
            kept.append(line)
    return kept


def draw(line: Line, conditions: Conditions) -> Drawn:
    """Independent uniform rows: what is learnt from and held out, and fresh ones."""
    generator = np.random.default_rng(conditions.seed)
    count = round((conditions.rows or line.rows) / LEARNT)
    symbols = [sympy.Symbol(name, real=True) for name in line.names]
    law = sympy.lambdify(symbols, line.tree, ["numpy", "scipy"])

    def columns(rows: int) -> dict[str, np.ndarray]:
        own = {name: generator.uniform(low, high, rows) for name, low, high in line.ranges}
        more = {f"other_{number}": generator.uniform(0, 1, rows) for number in range(conditions.irrelevant)}
        return own | more

    def target(inputs: dict[str, np.ndarray]) -> np.ndarray:
        return np.broadcast_to(law(*(inputs[name] for name in line.names)), count_of(inputs)).astype(float)

    seen, fresh = columns(count), columns(FRESH)
    clean = target(seen)
    noise = conditions.noise * float(clean.std())
    noisy = clean + generator.normal(0, noise, count) if noise else clean
    return Drawn(table=pl.DataFrame(seen | {TARGET: noisy}), fresh=fresh, truth=target(fresh), noise=noise)


def count_of(columns: dict[str, np.ndarray]) -> int:
    """Rows."""
    return len(next(iter(columns.values())))
