"""Four hundred generated tables: eighty laws and twenty targets without one, at any noise and number of rows.

The map of probabilities (``kan_engine.formulas.rival_probabilities``) was fitted to none of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy

from tests.benchmarks.formulas.lines import read
from tests.benchmarks.verdicts.forms import FORMS, FRESH_ROWS, TARGET, Case, Draw

Array = np.ndarray
SEED = 20261202
FIELDS = Path(__file__).parents[1] / "formulas" / "fields.jsonl"
LINES, FORESTS, HIDDEN = 40, 12, 8
NOISES = ((0.0, 0.0), (0.01, 0.05), (0.05, 0.2), (0.2, 1.0))  # over the spread of the law; one table of each
MIN_ROWS, MAX_ROWS = 50, 2_000
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


@functools.cache
def list_sources() -> tuple[Source, ...]:
    """Forty laws of the verdicts, forty of the fields, and targets that have no law."""
    lines = read(FIELDS)
    chosen = [lines[place * len(lines) // LINES] for place in range(LINES)]
    laws = [Source(name=form.name, columns=form.columns, target=form.law) for form in FORMS]
    for line in chosen:
        symbols = [sympy.Symbol(name, real=True) for name in line.names]
        laws.append(
            Source(
                name=line.id,
                columns={each.name: _reverse(each.draw) for each in line.inputs},
                target=sympy.lambdify(symbols, line.tree, ["numpy", "scipy"]),
            )
        )
    generator = np.random.default_rng(SEED)
    several = [law for law in laws if len(law.columns) > 1]
    places = generator.choice(len(several), FORESTS + HIDDEN, replace=False)
    forests = [_plant_forest(several[place], int(place)) for place in places[:FORESTS]]
    hidden = [_hide_column(several[place], generator) for place in places[FORESTS:]]
    return (*laws, *forests, *hidden)


def _reverse(draw: Callable[[int, np.random.Generator], Array]) -> Draw:
    return lambda generator, rows: draw(rows, generator)


def _plant_forest(law: Source, seed: int) -> Source:
    """The answers of a forest that was trained on a few noisy rows of a law."""
    from sklearn.ensemble import RandomForestRegressor

    generator = np.random.default_rng([SEED, seed])
    columns, values = draw_rows(law, 200, generator)
    noisy = values + generator.normal(0, 0.5 * values.std(), len(values))
    forest = RandomForestRegressor(30, min_samples_leaf=3, random_state=seed)
    forest.fit(np.column_stack(list(columns.values())), noisy)
    return Source(
        name=f"forest of {law.name}",
        columns=law.columns,
        target=lambda *values: forest.predict(np.column_stack(values)),
        is_law=False,
    )


def _hide_column(law: Source, generator: np.random.Generator) -> Source:
    hidden = str(generator.choice(list(law.columns)))
    return Source(
        name=f"{law.name} without {hidden}",
        columns=law.columns,
        target=law.target,
        hidden=hidden,
        is_law=False,
    )


def draw_rows(source: Source, rows: int, generator: np.random.Generator) -> tuple[dict[str, Array], Array]:
    """Columns and values without noise; rows without a value are left out."""
    columns = {name: draw(generator, rows) for name, draw in source.columns.items()}
    with np.errstate(all="ignore"):
        values = np.broadcast_to(source.target(*columns.values()), rows).astype(float)
    is_finite = np.isfinite(values) & (np.abs(values) < LARGEST)
    return {name: column[is_finite] for name, column in columns.items()}, values[is_finite]


def list_tables() -> Iterator[tuple[int, int]]:
    """Places of a source and of its noise."""
    for place in range(len(list_sources())):
        for level in range(len(NOISES)):
            yield place, level


def draw_table(place: int, level: int) -> Case:
    """A table of a source, with up to two columns that do not matter."""
    source = list_sources()[place]
    generator = np.random.default_rng([SEED, place, level])
    rows = round(np.exp(generator.uniform(np.log(MIN_ROWS), np.log(MAX_ROWS))))
    share = float(generator.uniform(*NOISES[level]))
    further = int(generator.choice(3, p=(0.6, 0.25, 0.15)))
    (columns, values), (fresh, truth) = (draw_rows(source, n, generator) for n in (rows, FRESH_ROWS))
    for part in (columns, fresh):
        size = len(next(iter(part.values())))
        part |= {f"other{number}": generator.normal(size=size) for number in range(further)}
        if source.hidden is not None:
            del part[source.hidden]
    spread = float(values.std())
    noisy = values + share * spread * generator.normal(size=len(values))
    return Case(
        columns=columns | {TARGET: noisy}, fresh=fresh, truth=truth, spread=spread, noise=share * spread
    )
