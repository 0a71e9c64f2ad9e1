"""Search for the best constants of a form: random starts, of which the best are refined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby

import numpy as np
from jaxtyping import Float

from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import Add, Call, Expression, Parameter, children, variables, walk
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.projection import find_linear, solve_linear
from kan_engine.numerics.ties import rank_error

Array = np.ndarray


def fit_globally(
    problem: FormProblem,
    seed: int,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    rounds: int = 3,
    starts: int = 3_000,
    screen_rows: int = 200,
    refined: int = 16,
    finished: int = 3,
) -> Float[Array, " constants"]:
    """Find the constants with the smallest weighted sum of squares.

    Many forms are the same for other signs or another order of their constants. Of equally good constants
    those with the fewest negative ones are taken, then the smallest, then those with the largest first ones.

    Args:
        problem: The form, its rows and the bounds of its constants.
        seed: Of the starts and of the rows that they are compared on.
        should_stop: Once it returns true, no further round of starts begins.
        rounds: Of random starts.
        starts: Of a round. Constants that enter linearly need none.
        screen_rows: On which starts are compared.
        refined: Best starts of a round, which are refined on these rows.
        finished: Distinct minima of a round, which are refined on all rows.

    Raises:
        InvalidData: The form has a value in all rows for none of the starts.
    """
    generator, count = np.random.default_rng(seed), len(problem.bounds)
    if not count:
        return np.zeros(0)
    screen = replace(problem, rows=problem.rows.sample(screen_rows, generator))
    linear, best = find_linear(problem.tree, count), list[Array]()
    is_linear = len(linear) == count
    for _ in range(1 if is_linear else rounds):
        if best and should_stop():
            break
        nearest = min(best, key=lambda values: _rank(problem, values), default=None)
        drawn = _draw_starts(screen, 1 if is_linear else starts, nearest, generator)
        solved, errors = solve_linear(screen, linear, drawn)
        order = np.argsort(errors, kind="stable")[:refined]
        minima = [screen.fit(solved[place], 60) for place in order if np.isfinite(errors[place])]
        fitted = [problem.fit(values) for values in _select_distinct(screen, minima, finished)]
        wrapped = [_wrap_phases(problem, values) for values in fitted]
        best += [values for values in wrapped if np.isfinite(problem.measure(values))]
    if not best:
        raise InvalidData(
            "the form has no finite values in all rows, whatever its constants are; bound them, for example "
            'by {"b": {"min": 0}}'
        )
    return min(best, key=lambda values: _rank(problem, values))


def _draw_starts(
    problem: FormProblem,
    count: int,
    nearest: Array | None,
    generator: np.random.Generator,
    *,
    decades: float = 2.0,
    near_decades: float = 0.3,
    positive_share: float = 0.75,
) -> Float[Array, "starts constants"]:
    """Draw starts within the bounds.

    Args:
        problem: The form and its rows.
        count: Number of starts.
        nearest: The best constants so far. With them, half of the starts are near, and the others positive.
        generator: Source of randomness.
        decades: Standard deviation around the sizes of the columns, of the target, and their inverses. With
            one, 24 of 30 draws of Arrhenius's equation with a power of the temperature reach the minimum;
            with two, all.
        near_decades: The same around the best constants.
        positive_share: Of the first starts; most constants of textbooks are positive.
    """
    shape = count, len(problem.bounds)
    columns = [problem.rows.columns[name] for name in variables(problem.tree)]
    sizes = [size for each in [*columns, problem.rows.y] if (size := float(np.median(np.abs(each)))) > 0]
    scales = generator.choice([1.0, *sizes, *(1 / size for size in sizes)], shape)
    signs = np.where(generator.random(shape) < positive_share, 1.0, -1.0)
    drawn = signs * scales * 10 ** generator.normal(0, decades, shape)

    # Half of the values are shifts of a column, frequencies that the rows resolve (Nyquist), or phases
    ends = np.array([(-np.pi, np.pi), *(pair for each in columns for pair in _list_ranges(each))])
    low, high = ends[generator.integers(len(ends), size=shape)].transpose(2, 0, 1)
    drawn = np.where(generator.random(shape) < 0.5, generator.uniform(low, high), drawn)

    if nearest is not None:
        near = nearest * 10 ** generator.normal(0, near_decades, shape)
        drawn = np.where(generator.random((count, 1)) < 0.5, near, np.abs(drawn))
    return _move_into_bounds(drawn, problem, generator)


def _list_ranges(column: Array) -> Iterator[tuple[float, float]]:
    low, high = float(column.min()), float(column.max())
    yield from ((low, high), (-high, -low))
    if high > low:
        yield 0.0, np.pi * (len(np.unique(column)) - 1) / (high - low)


def _move_into_bounds(drawn: Array, problem: FormProblem, generator: np.random.Generator) -> Array:
    """Mirror values at a bound that they exceed; where they exceed the other one then, draw them anew."""
    low, high = np.array(problem.bounds).T
    drawn = np.where(drawn < low, 2 * low - drawn, drawn)
    drawn = np.where(drawn > high, 2 * high - drawn, drawn)
    with np.errstate(invalid="ignore"):
        return np.where(drawn < low, low + (high - low) * generator.random(drawn.shape), drawn)


def _select_distinct(problem: FormProblem, minima: list[Array], most: int) -> list[Array]:
    """The best constants, one of each minimum."""
    ranked = sorted((_rank(problem, values), place) for place, values in enumerate(minima))
    groups = groupby(ranked, key=lambda each: each[0][0])
    return [minima[next(group)[1]] for _, group in groups][:most]


def _rank(problem: FormProblem, values: Array) -> tuple[float, ...]:
    """Order of constants: by their error, and of equal ones as ``fit_globally`` says."""
    whole = float(problem.rows.weights @ problem.rows.y**2) or 1.0
    phases = _find_phases(problem.tree)
    negative = [
        place not in phases and low < 0 and value < 0
        for place, (value, (low, _)) in enumerate(zip(values, problem.bounds, strict=True))
    ]
    error = rank_error((problem.measure(values) / whole) ** 0.5)
    return error, int(sum(negative)), float(f"{np.abs(values).sum():.4g}"), *(-values)


def _wrap_phases(problem: FormProblem, values: Array) -> Array:
    """Move unbounded phases to between -π and π."""
    is_free = np.isinf(problem.bounds).all(1)
    is_free &= np.isin(np.arange(len(values)), _find_phases(problem.tree))
    wrapped: Array = values - np.where(is_free, 2 * np.pi * np.round(values / (2 * np.pi)), 0.0)
    return wrapped


def _find_phases(tree: Expression) -> list[int]:
    """The constants that are added inside a wave, where they have the period 2π, and are nowhere else."""
    nodes = list(walk(tree))
    waves = [
        node for node in nodes if isinstance(node, Call) and LIBRARY[node.function].equation == "periodic"
    ]
    terms = [term for wave in waves if isinstance(wave.argument, Add) for term in children(wave.argument)]
    return [term.index for term in terms if isinstance(term, Parameter) and nodes.count(term) == 1]
