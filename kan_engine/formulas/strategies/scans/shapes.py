"""Shapes of transitions: functions S(u) of a column, of a product and of a quotient of two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, Variable, add, call, evaluate, mul, power
from kan_engine.expressions.measured_constants import SMALLEST, make_measured
from kan_engine.formulas.core.constant_fitting import Columns
from kan_engine.formulas.core.terms import measure_half_range

RATES = tuple(np.geomspace(0.25, 8.0, 8).tolist())  # over half the range of u; neighbours differ little
WIDTHS = tuple(np.geomspace(0.1, 0.8, 5).tolist())  # of steps, over half the range of u


def generate_relaxations(columns: Columns) -> Iterator[Expression]:
    """Yield exponentials with rates of a grid, and compound decay and growth (1 + x)^y.

    The exponentials are those of a column, and of the product and the quotients of two.
    """
    for u in (*map(Variable, columns), *_generate_arguments(columns)):
        values = evaluate(u, columns)
        if np.isfinite(values).all():
            yield from _generate_exponentials(u, values)
    # Compound interest: rates below 1 in magnitude, times above
    for rate, time in permutations(columns, 2):
        if np.abs(columns[rate]).max() < 1 < np.ptp(columns[time]):
            yield from (power(add(1, Variable(rate)), mul(sign, Variable(time))) for sign in (1, -1))


def generate_sigmoids(columns: Columns) -> Iterator[Expression]:
    """Yield steps of a column: logistic and Gompertz curves, and quotients 1/(1 + (u/c)^n)."""
    for name, values in columns.items():
        u = Variable(name)
        for v in _generate_scaled(u, values):
            yield power(add(1, call("exp", v)), -1)
            yield call("exp", -call("exp", v))
            yield call("exp", -call("exp", -v))
        if values.min() >= 0:
            yield from _generate_quotients(u, values)


def generate_pulses(columns: Columns) -> Iterator[Expression]:
    """Yield differences of two exponentials of a column, which rise from 0 and fall back to it."""
    for name, values in columns.items():
        for slow, fast in combinations(_generate_exponentials(Variable(name), values), 2):
            yield add(slow, -fast)


def _generate_arguments(columns: Columns) -> Iterator[Expression]:
    for u, v in combinations(map(Variable, columns), 2):
        yield mul(u, v)
        yield mul(u, power(v, -1))
        yield mul(v, power(u, -1))


def _generate_exponentials(u: Expression, values: Float[np.ndarray, " rows"]) -> Iterator[Expression]:
    """Yield decaying exponentials of u, the slowest first."""
    scale = measure_half_range(values)
    sign = float(np.sign(np.median(values)) or 1.0)
    if SMALLEST < scale * scale < float("inf"):
        yield from (call("exp", mul(make_measured(-sign * rate / scale), u)) for rate in RATES)


def _generate_scaled(u: Expression, values: Float[np.ndarray, " rows"]) -> Iterator[Expression]:
    """Yield (u - m)/w with widths w and centres m, whose distance is the width."""
    scale, middle = measure_half_range(values), float(np.percentile(values, (5, 95)).mean())
    if SMALLEST < scale * scale < float("inf"):
        for width in WIDTHS:
            for place in np.linspace(-1, 1, round(2 / width) + 1):
                yield mul(make_measured(1 / (width * scale)), add(u, make_measured(-middle - place * scale)))


def _generate_quotients(
    u: Expression,
    values: Float[np.ndarray, " rows"],
    exponents: Sequence[float] = (0.7, 1.0, 2.0, 4.0),
    percentiles: Sequence[float] = tuple(range(5, 100, 9)),
) -> Iterator[Expression]:
    """Yield 1/(1 + (u/c)^n) with c within the range of u."""
    for centre in sorted(set(np.percentile(values, percentiles))):
        if float(centre) ** 0.5 > SMALLEST:
            ratio = mul(make_measured(1 / float(centre)), u)
            yield power(add(1, ratio), -1)
            yield from (power(add(1, power(ratio, make_measured(n))), -1) for n in exponents if n != 1)
