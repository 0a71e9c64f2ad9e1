"""Four hundred generated tables: eighty laws and twenty targets without one, at any noise and number of rows.

The map of probabilities (``kan_engine.formulas.rival_probabilities``) was fitted to none of them.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from tests.benchmarks.formulas.lines import read
from tests.benchmarks.verdicts.forms import FORMS, Case
from tests.benchmarks.verdicts.sources import FIELDS, Source

SEED = 20261202
LINES, FORESTS, HIDDEN = 40, 12, 8
NOISES = ((0.0, 0.0), (0.01, 0.05), (0.05, 0.2), (0.2, 1.0))  # over the spread of the law; one table of each
MIN_ROWS, MAX_ROWS = 50, 2_000


@functools.cache
def list_sources() -> tuple[Source, ...]:
    """Forty laws of the verdicts, forty of the fields, and targets that have no law."""
    lines = read(FIELDS)
    laws = [Source(name=form.name, columns=form.columns, target=form.law) for form in FORMS]
    laws += [Source.from_line(lines[place * len(lines) // LINES]) for place in range(LINES)]
    generator = np.random.default_rng(SEED)
    wide_laws = [law for law in laws if len(law.columns) > 1]
    places = generator.choice(len(wide_laws), FORESTS + HIDDEN, replace=False).tolist()
    forests = [
        wide_laws[place].plant_forest(np.random.default_rng([SEED, place]), place)
        for place in places[:FORESTS]
    ]
    hidden_laws = [wide_laws[place].hide_column(generator) for place in places[FORESTS:]]
    return (*laws, *forests, *hidden_laws)


def list_tables() -> Iterator[tuple[int, int]]:
    """Places of a source and of its noise."""
    for place in range(len(list_sources())):
        for level in range(len(NOISES)):
            yield place, level


def draw_table(place: int, level: int) -> Case:
    """A table of a source, with up to two columns that do not matter."""
    generator = np.random.default_rng([SEED, place, level])
    rows = round(np.exp(generator.uniform(np.log(MIN_ROWS), np.log(MAX_ROWS))))
    noise = float(generator.uniform(*NOISES[level]))
    further = int(generator.choice(3, p=(0.6, 0.25, 0.15)))
    return list_sources()[place].draw_table(rows, noise, generator, further=further)
