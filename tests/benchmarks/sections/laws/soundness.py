"""Soundness of formulas between the rows: random trees in random boxes, and formulas that are traps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Measured, Values

NAMES = ("x", "y", "z")
TREES, ROUNDS = 10_000, 10
ROWS, CANDIDATES = 60, 2_000
RANGES = {"x": (1.0, 9.0), "y": (1.0, 9.0), "f": (1.0, 1e3), "c": (1e-3, 1.0), "s": (-4.0, 4.0)}
# Numbers a and b are drawn from the middle of the ranges; every trap has a pole, an edge or an explosion.
TRAPS = (
    "(0.165 - 0.008/(c*f))/(c*f)",
    "1/(x - {a})",
    "exp(3 - 5/(x - {a}))",
    "x/(y - {a})",
    "tan({b}*s)",
    "log(x*y - {a})",
    "1/(x*y - {a}**2)",
    "1/(x - y + 0.01*{b})",
    "exp(1/(s - 0.1*{b}))",
    "1/(sin(s) - 0.1*{b})",
)


def tasks(options: Options) -> Iterator[Task]:
    for seed in options.seeds(ROUNDS):
        yield Task(work="random trees", who="kan_engine", seed=seed, run=partial(measure_trees, seed))
    for seed in options.seeds(4):
        yield Task(work="traps", who="kan_engine", seed=seed, run=partial(measure_traps, seed))


def measure_trees(seed: int, count: int = TREES) -> Values:
    """How many trees have a value outside of their interval, or none where it says that they have."""
    from time import process_time

    from kan_engine.expressions.evaluation import evaluate
    from kan_engine.expressions.intervals import enclose
    from tests.support.engine.boxes import draw_box, draw_points, has_value

    generator, outside, defined_count, seconds = np.random.default_rng(seed), 0, 0, 0.0
    for _ in range(count):
        tree = draw_tree(generator, int(generator.integers(1, 5)))
        boxes = {name: draw_box(generator) for name in NAMES}
        columns = {name: draw_points(box, generator) for name, box in boxes.items()}
        start = process_time()
        ends = {name: (np.array([low]), np.array([high])) for name, (low, high) in boxes.items()}
        enclosure = enclose(tree, ends)
        seconds += process_time() - start
        values, is_finite = evaluate(tree, columns), has_value(tree, columns)
        is_outside = (values[is_finite] < enclosure.lower) | (values[is_finite] > enclosure.upper)
        outside += bool(is_outside.any() or (enclosure.is_defined.all() and not is_finite.all()))
        defined_count += bool(enclosure.is_defined.all())
    return {"outside": outside, "defined": defined_count / count, "µs": 1e6 * seconds / count}


def draw_tree(generator: np.random.Generator, depth: int):  # type: ignore[no-untyped-def]  # imports are in the process
    """A formula of columns, numbers, π and all functions of the library."""
    from fractions import Fraction

    from kan_engine.expressions.evaluation import PI, Call, Variable, add, mul, number, power
    from kan_engine.expressions.library import LIBRARY

    def draw_part():  # type: ignore[no-untyped-def]
        return draw_tree(generator, depth - 1)

    kind = generator.random()
    if depth == 0 or kind < 0.15:
        leaves = (
            Variable(NAMES[generator.integers(3)]),
            number(Fraction(int(generator.integers(1, 10)), int(generator.integers(1, 5)))),
            number(float(generator.normal() * 10 ** generator.uniform(-3, 3))),
            PI,
        )
        return leaves[generator.choice(4, p=[0.6, 0.2, 0.15, 0.05])]
    if kind < 0.6:
        return (add if kind < 0.35 else mul)(*(draw_part() for _ in range(generator.integers(2, 4))))
    if kind < 0.8:
        exponents = (2, 3, -1, -2, Fraction(1, 2), Fraction(-1, 2), Fraction(3, 2), 1.37, -0.4)
        return power(draw_part(), exponents[generator.integers(len(exponents))])
    functions = [name for name, function in LIBRARY.items() if function.elementary]
    return Call(functions[generator.integers(len(functions))], draw_part())


def measure_traps(seed: int) -> Values:
    """How many formulas are not marked that fit their rows and are unbounded or undefined between them."""
    import sympy

    from kan_engine.data.labelled_rows import LabelledRows
    from kan_engine.expressions.evaluation import evaluate, variables
    from kan_engine.expressions.sympy_bridge import from_sympy
    from kan_engine.formulas.soundness.examination import examine_formula

    generator, misses = np.random.default_rng(seed), []
    for text in TRAPS:
        a, b = generator.uniform(3, 7), generator.uniform(1, 3)
        tree = from_sympy(sympy.sympify(text.format(a=a, b=b)))
        columns = {name: draw_column(*RANGES[name], generator) for name in variables(tree)}
        y = evaluate(tree, columns)
        with np.errstate(invalid="ignore"):  # the rows are those at which a trap looks harmless
            low, high = np.nanquantile(y[np.isfinite(y)], (0.2, 0.9))
            places = np.flatnonzero((y > low) & (y < high))[:ROWS]
        rows = LabelledRows.from_columns({n: v[places] for n, v in columns.items()}, y[places])
        if examine_formula(tree, rows).status != "violated":
            misses.append(text)
    return {"missed": len(misses), "of": len(TRAPS), "which": "; ".join(misses)}


def draw_column(low: float, high: float, generator: np.random.Generator) -> np.ndarray:
    """Values of a range, of a wide positive one on a logarithmic scale; its ends are among them."""
    shares = np.concatenate([[0.0, 1.0], generator.random(CANDIDATES - 2)])
    generator.shuffle(shares)
    return low * (high / low) ** shares if low > 0 and high > 100 * low else low + shares * (high - low)


def count(name: str, results: Measured) -> float:
    """The sum over all rounds."""
    numbers = results.numbers(name, who="kan_engine")
    return sum(numbers) if numbers else float("nan")


SECTION = Section(
    name="soundness",
    title="formulas between the rows",
    about=(
        "Interval arithmetic on 100,000 random trees and boxes: a value outside of its interval would be an "
        "error. And 40 formulas that fit their rows and have a pole, an edge of their domain or an explosion "
        "between them: all must be marked as unsound."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="trees with a value outside of their interval", limit=0, measured=partial(count, "outside")
        ),
        Goal(what="traps that are not marked", limit=0, measured=partial(count, "missed")),
    ),
    measures=("kan_engine/expressions", "kan_engine/formulas/soundness"),
)
