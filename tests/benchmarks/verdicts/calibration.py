"""The weights of ``kan_engine.formulas.rival_probabilities``, fitted to generated tables.

``python -m tests.benchmarks.verdicts.calibration --data FOLDER --out FOLDER [--part 0/2]`` runs a job for
every table that has none yet, which takes about an hour on two cores, and prints the weights of all of them.
The laws are those of a grammar and of open collections, not those of the sections that measure the result.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.optimize import minimize

from kan_engine.formulas.pool import Pool
from kan_engine.formulas.rival_probabilities import RivalFeatures, describe_rivals
from kan_engine.formulas.rivals import group_rivals
from kan_engine.search.formulas import weigh_formulas
from tests.benchmarks.formulas.lines import read
from tests.benchmarks.verdicts.forms import Case, Draw
from tests.benchmarks.verdicts.right import is_right
from tests.benchmarks.verdicts.sources import Source
from tests.benchmarks.verdicts.work import solve_in_process

Array = np.ndarray
GRAMMAR, LINES, FORESTS, SMOOTH, HIDDEN = 125, 75, 18, 12, 18  # tables of each kind
SECONDS = 30
INDISTINGUISHABLE = 0.03  # of the noise: what a right form may lack
RIDGE = 0.1  # of all weights but the first, over the number of tables
NAMES = tuple(RivalFeatures.__dataclass_fields__)

SIGNED: Mapping[str, Callable[[Array], Array]] = {
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "square": np.square,
    "cube": lambda x: x**3,
    "tanh": np.tanh,
    "abs": np.abs,
    "bell": lambda x: np.exp(-x * x),
    "pulse": lambda x: 1 / (1 + x * x),
}
POSITIVE: Mapping[str, Callable[[Array], Array]] = {
    "log": np.log,
    "sqrt": np.sqrt,
    "inverse": lambda x: 1 / x,
    "square": np.square,
    "decay": lambda x: np.exp(-x),
    "saturation": lambda x: x / (1 + x),
    "power": lambda x: x**1.5,
}
OUTER: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "sin": lambda u: np.sin(1.5 * u),
    "tanh": np.tanh,
    "logistic": lambda u: 1 / (1 + np.exp(-u)),
    "sqrt": lambda u: np.sqrt(1 + u * u),
    "log": lambda u: np.log(1 + u * u),
}
POWERS = (1, 2, 3, -1, -2, 0.5, -0.5, 1.5)


def list_sources(data: Path) -> list[Source]:
    """What the tables come from, in random order."""
    lines = read(data / "formulas.jsonl")
    sources = [_write_law(seed) for seed in range(GRAMMAR)]
    sources += [Source.from_line(line) for line in lines[:: max(1, len(lines) // LINES)][:LINES]]
    sources += [
        _write_law(5_000 + seed).plant_forest(np.random.default_rng([2, seed]), seed)
        for seed in range(FORESTS)
    ]
    sources += [_draw_waves(seed) for seed in range(SMOOTH)]
    wide_laws = (law for seed in range(1_000, 2_000) if len((law := _write_law(seed)).columns) > 1)
    sources += [
        law.hide_column(np.random.default_rng([4, seed]))
        for seed, law in zip(range(HIDDEN), wide_laws, strict=False)
    ]
    return [sources[place] for place in np.random.default_rng(0).permutation(len(sources))]


def _draw_column(generator: np.random.Generator, kind: str) -> Draw:
    if kind == "positive":
        low = float(np.round(10 ** generator.uniform(-1, 1), 2))
        high = low * float(np.round(generator.uniform(2, 12), 1))
        return lambda rng, rows: rng.uniform(low, high, rows)
    width = float(np.round(generator.uniform(1, 4), 1))
    return lambda rng, rows: rng.uniform(-width, width, rows)


def _write_law(seed: int) -> Source:
    """A line, a product of powers, a sum of functions, a function of a line, or a quotient."""
    generator = np.random.default_rng([1, seed])
    kind = str(
        generator.choice(("line", "powers", "sum", "outer", "quotient"), p=(0.14, 0.22, 0.3, 0.18, 0.16))
    )
    count = int(generator.choice((1, 2, 3, 4), p=(0.2, 0.35, 0.3, 0.15)))
    signs = [
        "positive" if kind in ("powers", "quotient") or generator.random() < 0.5 else "signed"
        for _ in range(count)
    ]
    columns = {f"x{place}": _draw_column(generator, sign) for place, sign in enumerate(signs)}
    spreads = [float(draw(generator, 500).std()) for draw in columns.values()]
    factors = np.round(np.exp(generator.normal(0, 0.8, 8)) * generator.choice((-1, 1), 8, p=(0.3, 0.7)), 2)
    slopes = [float(f"{factor / spread:.3g}") for factor, spread in zip(factors, spreads, strict=False)]
    level = float(factors[5]) if generator.random() < 0.5 else 0.0
    powers = generator.choice(POWERS, count, p=(0.35, 0.15, 0.05, 0.2, 0.1, 0.08, 0.05, 0.02))
    tables = [POSITIVE if sign == "positive" else SIGNED for sign in signs]
    functions = [options[str(generator.choice(list(options)))] for options in tables]
    outer = OUTER[str(generator.choice(list(OUTER)))]

    def target(*x: Array) -> Array:
        line = np.sum([slope * column for slope, column in zip(slopes, x, strict=True)], axis=0)
        match kind:
            case "line":
                return np.asarray(line + level)
            case "powers":
                return np.asarray(
                    abs(factors[6]) * np.prod([c**p for c, p in zip(x, powers, strict=True)], axis=0)
                )
            case "sum":
                terms = [
                    f * function(column) for f, function, column in zip(factors, functions, x, strict=False)
                ]
                return np.asarray(np.sum(terms, axis=0) + level)
            case "outer":
                return np.asarray(factors[6] * outer(line) + level)
        return np.asarray(factors[6] * np.prod(x[:-1], axis=0) / (abs(factors[7]) * spreads[-1] + x[-1]))

    return Source(name=f"{kind} {seed}", columns=columns, target=target)


def _draw_waves(seed: int) -> Source:
    """A smooth function that no formula gives."""
    law, generator = _write_law(6_000 + seed), np.random.default_rng([3, seed])
    probe = np.column_stack([draw(generator, 300) for draw in law.columns.values()])
    middle, spread, waves = probe.mean(0), probe.std(0), 60
    directions = generator.normal(0, generator.uniform(0.8, 2), (probe.shape[1], waves))
    phases, heights = generator.uniform(0, 2 * np.pi, waves), generator.normal(0, waves**-0.5, waves)

    def target(*x: Array) -> Array:
        return np.asarray(np.cos((np.column_stack(x) - middle) / spread @ directions + phases) @ heights)

    return Source(name=f"waves {seed}", columns=law.columns, target=target, is_law=False)


def draw_table(source: Source, place: int) -> Case:
    """A table with any noise and number of rows."""
    generator = np.random.default_rng([5, place])
    rows = round(np.exp(generator.uniform(np.log(50), np.log(2_000))))
    levels = (
        0.0,
        *(10 ** generator.uniform(low, high) for low, high in ((-2, -1.3), (-1.3, -0.7), (-0.7, 0))),
    )
    noise = float(generator.choice(levels, p=(0.2, 0.25, 0.3, 0.25)))
    return source.draw_table(rows, noise, generator)


def describe_table(source: Source, place: int) -> tuple[list[RivalFeatures], list[bool]] | None:
    """The features of the rivals of a table, and which of them are right; None where a law is exact."""
    case, record = draw_table(source, place), dict[str, Any]()
    weigh = weigh_formulas.weigh_formulas

    def keep(formulas: Any, front: Any, evidence: Any, pool: Pool, run: Any) -> Any:
        rivals = group_rivals(pool.candidates, [formula.tree for formula in front], pool.problem.rows)
        features = describe_rivals(rivals, pool.problem.rows, passes_tests=not evidence.reasons)
        record.update(rivals=rivals, described=features)
        return weigh(formulas, front, evidence, pool, run)

    with patch("kan_engine.search.choice.weigh_formulas", keep):
        solve_in_process(case, SECONDS)
    if not record:
        return None
    tolerance = INDISTINGUISHABLE * case.noise
    right = [
        source.is_law and is_right(rival.first.tree, case.fresh, case.truth, tolerance=tolerance)
        for rival in record["rivals"]
    ]
    return record["described"], right


def fit_weights(tables: Sequence[tuple[list[RivalFeatures], list[bool]]]) -> dict[str, float]:
    """Weights of the largest likelihood that a right rival is the law, or none where there is none."""
    features = [np.array([list(vars(rival).values()) for rival in rivals]) for rivals, _ in tables]

    def measure(weights: Array) -> float:
        total = RIDGE * float(weights[1:] @ weights[1:])
        for x, (_, right) in zip(features, tables, strict=True):
            scores = np.append(x @ weights, 0.0)
            shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
            chance = shares[:-1][np.array(right)].sum() if any(right) else shares[-1]
            total -= np.log(max(1e-12, chance))
        return total / len(tables)

    solution = minimize(measure, np.zeros(len(NAMES)), method="L-BFGS-B").x
    return dict(zip(NAMES, np.round(solution, 3).tolist(), strict=True))


def _list_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", default="0/1")
    return parser.parse_args()


def main() -> None:
    """Run the jobs that have not run yet, and print the weights."""
    arguments = _list_arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    part, parts = map(int, arguments.part.split("/"))
    for place, source in list(enumerate(list_sources(arguments.data)))[part::parts]:
        path = arguments.out / f"{place}.pkl"
        if not path.exists():
            start = time.perf_counter()
            path.write_bytes(pickle.dumps(describe_table(source, place)))
            print(place, source.name, f"{time.perf_counter() - start:.0f} s", flush=True)  # noqa: T201
    tables = [
        table
        for path in arguments.out.glob("*.pkl")
        if (table := pickle.loads(path.read_bytes())) is not None
    ]
    print(len(tables), fit_weights(tables))  # noqa: T201


if __name__ == "__main__":
    main()
