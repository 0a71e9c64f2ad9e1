"""Lines of a file of formulas, and samples of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import sympy

TARGET = "target"
LEARNT = 0.8  # share of the rows that the service does not hold out
FRESH = 1000  # rows that no part of a job sees
QUARTER = 4  # of a small run: every so many lines of a source
LARGEST, SMALLEST = float(np.finfo(np.float32).max), float(np.finfo(np.float32).tiny)
BASES = ("m", "s", "kg", "K", "V")  # of the units in SRSD's files
# Constants of nature that are inputs in one file and numbers in the other.
CONSTANTS = {"epsilon": "F/m", "c": "m/s", "kb": "J/K", "h": "J*s", "G": "m^3/(kg*s^2)"}


@dataclass(frozen=True)
class Input:
    """A variable of a formula, and how it is drawn.

    Attributes:
        distribution: `uniform`, `loguniform`, or `int`, which leaves `high` out.
        sign: `+`, `-`, or `both` for one at random.
    """

    name: str
    low: float
    high: float
    distribution: str = "uniform"
    sign: str = "+"

    def draw(self, rows: int, generator: np.random.Generator) -> np.ndarray:
        """Independent values."""
        match self.distribution:
            case "loguniform":
                values = 10 ** generator.uniform(np.log10(self.low), np.log10(self.high), rows)
            case "int":
                values = generator.integers(int(self.low), int(self.high), rows).astype(float)
            case _:
                values = generator.uniform(self.low, self.high, rows)
        if self.sign == "both":
            return values * generator.choice((-1.0, 1.0), rows)
        return -values if self.sign == "-" else values


@dataclass(frozen=True, kw_only=True)
class Line:
    """A formula of the file.

    Attributes:
        expression: As SymPy reads it; it comes from a file of ours, not from a client.
        rows: Training rows.
        units: By variable and target, where the file tells them.
        same_as: The line of another file that has the same law.
    """

    id: str
    source: str
    expression: str
    inputs: tuple[Input, ...]
    rows: int
    units: Mapping[str, str] = field(default_factory=dict)
    same_as: str | None = None

    @property
    def names(self) -> list[str]:
        """The variables."""
        return [column.name for column in self.inputs]

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
        units: What a job is told to do with the units of the line; None keeps them from it.
    """

    seed: int = 0
    noise: float = 0.0
    irrelevant: int = 0
    rows: int | None = None
    networks: bool = False
    units: str | None = None

    def __str__(self) -> str:
        parts = [f"noise {self.noise:.0%}" if self.noise else "no noise"]
        parts += [f"{self.irrelevant} irrelevant inputs"] if self.irrelevant else []
        parts += [f"{self.rows} rows"] if self.rows else []
        parts += ["networks alone"] if self.networks else []
        parts += [f"units: {self.units}"] if self.units else []
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
            inputs=tuple(
                Input(v["name"], v["low"], v["high"], v.get("dist", "uniform"), v.get("sign", "+"))
                for v in entry["variables"]
            ),
            rows=entry.get("n_train", 1000),
            units=_units(entry),
            same_as=entry.get("same_law_in_shared"),
        )
        for entry in entries
        if entry.get("kind", kind) == kind
    ]


def _units(entry: dict[str, Any]) -> dict[str, str]:
    """The file has exponents of its base units."""
    owners = [*entry["variables"], entry.get("target", {}) | {"name": TARGET}]
    return {
        owner["name"]: "*".join(f"{base}^{power}" for base, power in zip(BASES, owner["units"], strict=True))
        for owner in owners
        if "units" in owner
    }


def with_units(lines: Iterable[Line], source: Iterable[Line]) -> list[Line]:
    """The lines whose units are known: their own, or those of the same law in another file."""
    units_by_line = {name: line.units for line in source for name in (line.id, line.same_as) if name}
    results = [
        replace(line, units=CONSTANTS | units_by_line[line.id]) for line in lines if line.id in units_by_line
    ]
    return [line for line in results if line.units.keys() >= {*line.names, TARGET}]


def small(lines: Iterable[Line]) -> list[Line]:
    """Every fourth line of every source, at least one."""
    counts: dict[str, int] = {}
    selection = []
    for line in lines:
        place = counts[line.source] = counts.get(line.source, -1) + 1
        if place % QUARTER == 0:
            selection.append(line)
    return selection


def draw(line: Line, conditions: Conditions) -> Drawn:
    """Independent rows: what is learnt from and held out, and fresh ones.

    Rows without a value that a 32-bit number holds are drawn again, as SRSD does (arXiv:2206.10540).
    """
    generator = np.random.default_rng(conditions.seed)
    count = round((conditions.rows or line.rows) / LEARNT)
    symbols = [sympy.Symbol(name, real=True) for name in line.names]
    law = sympy.lambdify(symbols, line.tree, ["numpy", "scipy"])

    def rows_of(rows: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        parts: list[pl.DataFrame] = []
        while sum(map(len, parts)) < rows:
            columns = {variable.name: variable.draw(rows, generator) for variable in line.inputs}
            columns |= {f"other_{n}": generator.uniform(0, 1, rows) for n in range(conditions.irrelevant)}
            with np.errstate(all="ignore"):
                value = np.broadcast_to(law(*(columns[name] for name in line.names)), rows).astype(float)
            is_valid = (
                np.isfinite(value) & (np.abs(value) <= LARGEST) & ((np.abs(value) >= SMALLEST) | (value == 0))
            )
            parts.append(pl.DataFrame(columns | {TARGET: value}).filter(is_valid))
        table = pl.concat(parts).head(rows)
        columns = {name: table[name].to_numpy() for name in table.columns}
        return columns, columns.pop(TARGET)

    (sample, clean), (fresh, truth) = rows_of(count), rows_of(FRESH)
    noise = conditions.noise * float(clean.std())
    noisy = clean + generator.normal(0, noise, count) if noise else clean
    return Drawn(table=pl.DataFrame(sample | {TARGET: noisy}), fresh=fresh, truth=truth, noise=noise)
