"""Terms of one column and of two: functions of the library with constants from the range of the column.

Which constants a function is tried with follows from what the library knows of it. Terms need not be finite.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, Variable, add, call, evaluate, mul, power
from kan_engine.expressions.library import LIBRARY, Dictionary, Function, select_functions
from kan_engine.expressions.measured_constants import SMALLEST, make_measured
from kan_engine.expressions.nodes import apply_function


def generate_simple_curves(name: str, values: Float[np.ndarray, " rows"]) -> Iterator[Expression]:
    """Powers and the logarithm of a column, as far as they are defined; they contain no constants."""
    x = Variable(name)
    yield x
    if len(np.unique(values)) <= 2:
        return
    logarithms = [f.name for f in select_functions("terms") if f.equation == "logarithmic"]
    yield from _apply_defined(("1/x", *logarithms, "sqrt", "x^2"), x, values)
    if values.min() > 0:
        yield from _apply_defined(("1/x^2", "1/sqrt"), x, values)


def generate_curves(
    name: str,
    values: Float[np.ndarray, " rows"],
    *,
    shift_percentiles: Sequence[float] = (5, 10, 25, 50, 75, 90, 95),
    rates: Sequence[float] = (0.5, 1.0, 3.0),
    step_widths: Sequence[float] = (0.15, 0.5),
    pole_offsets: Sequence[float] = (0.1, 0.5, 2.0),
    half_periods: Sequence[float] = (0.5, 1.0, 2.0, 4.0),
) -> Iterator[Expression]:
    """Yield curves of a column with measured constants; none of a column of two values.

    Args:
        name: Of the column.
        values: Of the column.
        shift_percentiles: Of the column: shifts of kinks, bumps and steps.
        rates: Of exponentials, over half the range of the column and with both signs.
        step_widths: Over half the range.
        pole_offsets: The same, between the lowest value and a pole.
        half_periods: In the range.
    """
    if len(np.unique(values)) <= 2:
        return
    # All constants are in units of half the range, so that curves do not depend on the unit of the column
    scale = measure_half_range(values) or float(np.ptp(values)) / 2
    if not SMALLEST < scale * scale < float("inf"):
        return
    x, low, functions = Variable(name), float(values.min()), _group_functions("terms")
    for rate in rates:
        for signed_rate in (rate, -rate):
            yield from _apply(functions["exponential"], mul(make_measured(signed_rate / scale), x))
    for shift in sorted(set(np.percentile(values, shift_percentiles))):
        shifted_x = add(x, make_measured(-shift))
        yield from _apply(functions["kink"], shifted_x)
        yield power(shifted_x, 2)
        yield call("exp", mul(make_measured(-((2 / scale) ** 2)), power(shifted_x, 2)))
        for width in step_widths:
            yield from _apply(functions["step"], mul(make_measured(1 / (width * scale)), shifted_x))
    for offset in pole_offsets:
        shifted_x = add(x, make_measured(offset * scale - low))
        yield power(shifted_x, -1)
        yield from _apply(functions["pole"], shifted_x)
        yield from _apply(functions["half-line"], mul(make_measured(1 / scale), shifted_x))
    for periods in half_periods:
        yield from _apply(functions["periodic"], mul(make_measured(periods * np.pi / (2 * scale)), x))


def generate_curves_of_two(
    u: str, v: str, columns: Mapping[str, Float[np.ndarray, " rows"]]
) -> Iterator[Expression]:
    """Functions of a sum or a difference of two columns, each over its spread.

    An exponential is left out, since it is the product of those of the columns.
    """
    functions = _group_functions("terms of two")
    # Both columns get the same spread, or the wider one would be the sum
    with np.errstate(all="ignore"):
        ratio = float(columns[u].std() / (columns[v].std() or 1.0)) or 1.0
    for sign in (1, -1):
        total = add(Variable(u), mul(make_measured(sign * ratio), Variable(v)))
        values = evaluate(total, columns)
        if not np.isfinite(values).all():
            continue
        half_range = float(np.ptp(values)) / 2 or 1.0
        yield power(total, 2)
        yield from _apply(functions["kink"], total)
        if values.min() > 0:
            yield power(total, -1)
            yield from _apply(functions["pole"], total)
            yield from _apply(functions["half-line"], mul(make_measured(1 / half_range), total))
        centred_total = add(total, make_measured(-float(np.median(values))))
        yield from _apply(functions["step"], mul(make_measured(2 / half_range), centred_total))
        yield from _apply(functions["periodic"], mul(make_measured(np.pi / half_range), total))


def _group_functions(dictionary: Dictionary) -> Mapping[str, list[Function]]:
    """Functions by the constants that they are tried with.

    A kink needs only shifts within the range, a pole only one below it. A step and a half-line need a scale.
    """
    groups = defaultdict[str, list[Function]](list)
    for f in select_functions(dictionary):
        kind_with_scale, kind_without = ("half-line", "pole") if f.is_one_sided else ("step", "kink")
        groups[kind_without if f.is_scale_free else f.equation or kind_with_scale].append(f)
    return groups


def _apply(functions: Sequence[Function], argument: Expression) -> list[Expression]:
    return [apply_function(function.name, argument) for function in functions]


def _apply_defined(
    names: Sequence[str], x: Expression, values: Float[np.ndarray, " rows"]
) -> list[Expression]:
    low, high = float(values.min()), float(values.max())
    return [apply_function(name, x) for name in names if LIBRARY[name].is_finite_on(low, high)]


def measure_half_range(values: Float[np.ndarray, " rows"]) -> float:
    """Half the range of a column without its tails."""
    low, high = np.percentile(values, (5, 95))
    return float(high - low) / 2
