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
    max_screened: int = 16,
    max_minima: int = 3,
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
        max_screened: Best starts of a round, which are refined on these rows.
        max_minima: Distinct minima of a round, which are refined on all rows.

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
        # Linear constants follow from the others, the best starts are fitted on few rows, their minima on all
        nearest = min(best, key=lambda values: _rank(problem, values), default=None)
        draws = _draw_starts(screen, 1 if is_linear else starts, nearest, generator)
        full_starts, errors = solve_linear(screen, linear, draws)
        order = np.argsort(errors, kind="stable")[:max_screened]
        minima = [screen.fit(full_starts[place], 60) for place in order if np.isfinite(errors[place])]
        fits = [problem.fit(values) for values in _select_distinct(screen, minima, max_minima)]
        minimizers = [_wrap_phases(problem, values) for values in fits]
        best += [values for values in minimizers if np.isfinite(problem.measure(values))]
    if not best:
        raise InvalidData(
            "the form has no finite values in all rows, whatever its constants are; bound them, for example "
            'by {"b": {"min": 0}}'
        )
    return min(best, key=lambda values: _rank(problem, values))


def _draw_starts(
    problem: FormProblem,
    count: int,
    nearest: Float[Array, " constants"] | None,
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
    # Constants have the units of columns or their inverses, and with them their order of magnitude
    sizes = [size for column in [*columns, problem.rows.y] if (size := float(np.median(np.abs(column)))) > 0]
    scales = generator.choice([1.0, *sizes, *(1 / size for size in sizes)], shape)
    signs = np.where(generator.random(shape) < positive_share, 1.0, -1.0)
    draws = signs * scales * 10 ** generator.normal(0, decades, shape)

    # Half of the values are shifts of a column, frequencies that the rows resolve (Nyquist), or phases
    ends = np.array([(-np.pi, np.pi), *(pair for column in columns for pair in _list_ranges(column))])
    low, high = ends[generator.integers(len(ends), size=shape)].transpose(2, 0, 1)
    draws = np.where(generator.random(shape) < 0.5, generator.uniform(low, high), draws)

    # Near starts vary the best constants by a factor of about 2
    if nearest is not None:
        near = nearest * 10 ** generator.normal(0, near_decades, shape)
        draws = np.where(generator.random((count, 1)) < 0.5, near, np.abs(draws))
    return _move_into_bounds(draws, problem, generator)


def _list_ranges(column: Float[Array, " rows"]) -> Iterator[tuple[float, float]]:
    low, high = float(column.min()), float(column.max())
    yield from ((low, high), (-high, -low))
    if high > low:
        yield 0.0, np.pi * (len(np.unique(column)) - 1) / (high - low)


def _move_into_bounds(
    values: Float[Array, "starts constants"], problem: FormProblem, generator: np.random.Generator
) -> Float[Array, "starts constants"]:
    """Mirror values at a bound that they exceed; where they exceed the other one then, draw them anew."""
    low, high = np.array(problem.bounds).T
    values = np.where(values < low, 2 * low - values, values)
    values = np.where(values > high, 2 * high - values, values)
    with np.errstate(invalid="ignore"):
        return np.where(values < low, low + (high - low) * generator.random(values.shape), values)


def _select_distinct(
    problem: FormProblem, minima: list[Float[Array, " constants"]], max_minima: int
) -> list[Float[Array, " constants"]]:
    """The best constants, one of each minimum."""
    # Minima of equal error are one, up to signs and the order of constants
    ranks = sorted((_rank(problem, values), place) for place, values in enumerate(minima))
    groups = groupby(ranks, key=lambda pair: pair[0][0])
    return [minima[next(group)[1]] for _, group in groups][:max_minima]


def _rank(problem: FormProblem, values: Float[Array, " constants"]) -> tuple[float, ...]:
    """Order of constants: by their error, and of equal ones as ``fit_globally`` says."""
    total = float(problem.rows.weights @ problem.rows.y**2) or 1.0
    phases = _find_phases(problem.tree)
    negative = [
        place not in phases and low < 0 and value < 0
        for place, (value, (low, _)) in enumerate(zip(values, problem.bounds, strict=True))
    ]
    error = rank_error((problem.measure(values) / total) ** 0.5)
    return error, int(sum(negative)), float(f"{np.abs(values).sum():.4g}"), *(-values)


def _wrap_phases(problem: FormProblem, values: Float[Array, " constants"]) -> Float[Array, " constants"]:
    """Move unbounded phases to between -π and π."""
    is_free = np.isinf(problem.bounds).all(1)
    is_free &= np.isin(np.arange(len(values)), _find_phases(problem.tree))
    result: Array = values - np.where(is_free, 2 * np.pi * np.round(values / (2 * np.pi)), 0.0)
    return result


def _find_phases(tree: Expression) -> list[int]:
    """The constants that are added inside a wave, where they have the period 2π, and are nowhere else."""
    nodes = list(walk(tree))
    waves = [
        node for node in nodes if isinstance(node, Call) and LIBRARY[node.function].equation == "periodic"
    ]
    terms = [term for wave in waves if isinstance(wave.argument, Add) for term in children(wave.argument)]
    return [term.index for term in terms if isinstance(term, Parameter) and nodes.count(term) == 1]
