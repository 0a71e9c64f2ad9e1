"""Interval arithmetic: bounds of a formula over boxes of its variables.

An enclosure contains every value that the formula takes in a box; it is the tighter, the smaller the box. All
operations round outward, so that a bound holds for real numbers and not only for floats (Moore, Kearfott and
Cloud, Introduction to Interval Analysis, SIAM 2009; IEEE 1788-2015). Intervals are pairs of ends, not centres
with radii, since ranges of inputs may span 30 decades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, reduce

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.expressions.evaluation import (
    CONSTANTS,
    Add,
    Call,
    Constant,
    Expression,
    Mul,
    Number,
    Pow,
    Variable,
)
from kan_engine.expressions.library import LIBRARY, Function, Places

LIBRARY_ERROR = 8 * np.finfo(float).eps  # relative error of elementary functions: NumPy's are within 4 units
PLACE_ERROR = 1e-12  # relative error of an argument at a place of a periodic function
TINY = float(np.nextafter(0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds over a number of boxes.

    Attributes:
        lower, upper: Bounds of the values that exist.
        is_defined: Whether it is certain that the formula is defined, finite and continuous all over the box.
    """

    lower: Float[np.ndarray, " boxes"]
    upper: Float[np.ndarray, " boxes"]
    is_defined: Bool[np.ndarray, " boxes"]


def enclose(
    tree: Expression, box: Mapping[str, tuple[Float[np.ndarray, " boxes"], Float[np.ndarray, " boxes"]]]
) -> Interval:
    """Bounds of a formula over boxes.

    Args:
        tree: The formula, without parameters.
        box: Lowest and highest values [boxes] of every variable.
    """
    with np.errstate(all="ignore"):
        return _enclose(tree, box)


def _enclose(  # noqa: PLR0911 - one for each kind of node
    tree: Expression, box: Mapping[str, tuple[Float[np.ndarray, " boxes"], Float[np.ndarray, " boxes"]]]
) -> Interval:
    match tree:
        case Number(value):
            return _enclose_number(value)
        case Constant(name):
            return _widen(_point(CONSTANTS[name]))
        case Variable(name):
            low, high = box[name]
            return Interval(low, high, np.isfinite(low) & np.isfinite(high))
        case Add(terms):
            return reduce(_add, [_enclose(term, box) for term in terms])
        case Mul(factors):
            return reduce(_multiply, [_enclose(factor, box) for factor in factors])
        case Pow(base, Number(Fraction() as exponent)) if exponent.denominator == 1:
            return _apply(_define_power(int(exponent)), _enclose(base, box))
        case Pow(base, exponent):
            return _raise(_enclose(base, box), _enclose(exponent, box))
        case Call(function, argument):
            return _apply(LIBRARY[function], _enclose(argument, box))
    raise TypeError(f"not a node of a formula: {tree!r}")


def _point(value: float) -> Interval:
    return Interval(np.array([value]), np.array([value]), np.array([True]))


def _enclose_number(value: Fraction | float) -> Interval:
    point = _point(float(value))
    return point if Fraction(float(value)) == value else _widen(point)


def _widen(interval: Interval) -> Interval:
    """Move both ends by one unit of the last place; 0 stays, since sums and exact products are 0 exactly."""
    lower, upper = interval.lower, interval.upper
    return Interval(
        np.where(lower == 0, lower, np.nextafter(lower, -np.inf)),
        np.where(upper == 0, upper, np.nextafter(upper, np.inf)),
        interval.is_defined & np.isfinite(lower) & np.isfinite(upper),
    )


def _add(a: Interval, b: Interval) -> Interval:
    is_defined = a.is_defined & b.is_defined
    lower, upper = a.lower + b.lower, a.upper + b.upper
    # Opposite infinities have no sum: nothing is known of the value
    return _widen(Interval(_replace_nan(lower, -np.inf), _replace_nan(upper, np.inf), is_defined))


def _multiply(a: Interval, b: Interval) -> Interval:
    # A product is monotone in each factor: its extremes are at the ends
    products = [_multiply_ends(x, y) for x in (a.lower, a.upper) for y in (b.lower, b.upper)]
    lower = reduce(np.minimum, [low for low, _ in products])
    upper = reduce(np.maximum, [high for _, high in products])
    return _widen(Interval(lower, upper, a.is_defined & b.is_defined))


def _multiply_ends(
    x: Float[np.ndarray, " #boxes"], y: Float[np.ndarray, " #boxes"]
) -> tuple[Float[np.ndarray, " boxes"], Float[np.ndarray, " boxes"]]:
    """Bounds of a product of two ends; an end that is 0 is attained, an infinite one is not."""
    product = _replace_nan(x * y, 0.0)
    underflows = (product == 0) & (x != 0) & (y != 0)
    return np.where(underflows, -TINY, product), np.where(underflows, TINY, product)


@lru_cache(maxsize=64)
def _define_power(exponent: int) -> Function:
    """An integer power as a function: even ones turn at 0, negative ones have a pole there."""
    place = Places(0.0)
    turn, pole = place if exponent % 2 == 0 else None, place if exponent < 0 else None
    return Function("power", lambda u: np.power(u, float(exponent)), np.zeros_like, 1, pole=pole, turn=turn)


def _raise(base: Interval, exponent: Interval) -> Interval:
    """base^exponent: where no base is negative, exp(exponent · log(base)) is extreme at the ends."""
    low, high = np.maximum(base.lower, 0.0), np.maximum(base.upper, 0.0)
    ends = [np.power(b, e) for b in (low, high) for e in (exponent.lower, exponent.upper)]
    has_value = (base.lower > 0) | ((base.lower >= 0) & (exponent.lower > 0))
    result = _enclose_values(ends, base.is_defined & exponent.is_defined & has_value)
    # Of a negative base only integer exponents have values, which may have any sign
    is_negative = base.lower < 0
    lower, upper = np.where(is_negative, -np.inf, result.lower), np.where(is_negative, np.inf, result.upper)
    return replace(result, lower=lower, upper=upper)


def _apply(function: Function, argument: Interval) -> Interval:
    start, end = function.domain
    low, high = np.clip(argument.lower, start, end), np.clip(argument.upper, start, end)
    is_inside = (argument.lower >= start) & (argument.upper <= end)
    result = _enclose_values([function.of(low), function.of(high)], argument.is_defined & is_inside)
    if function.turn is not None:
        # Two neighbouring turns are the lowest and the highest value of a periodic function
        for turn, lies_inside in _find(function.turn, low, high):
            extreme = function.of(turn)
            result = replace(
                result,
                lower=np.where(lies_inside, np.fmin(result.lower, extreme), result.lower),
                upper=np.where(lies_inside, np.fmax(result.upper, extreme), result.upper),
            )
    if function.leap is not None:
        has_leap = _find(function.leap, low, high)[0][1]
        result = replace(result, is_defined=result.is_defined & (~has_leap | (low == high)))
    if function.pole is None:
        return result
    has_pole = _find(function.pole, low, high)[0][1]
    return Interval(
        np.where(has_pole, -np.inf, result.lower),
        np.where(has_pole, np.inf, result.upper),
        result.is_defined & ~has_pole,
    )


def _find(
    places: Places, low: Float[np.ndarray, " boxes"], high: Float[np.ndarray, " boxes"]
) -> list[tuple[Float[np.ndarray, " boxes"], Bool[np.ndarray, " boxes"]]]:
    """The lowest two places in intervals, and where they are inside.

    Places of a period are rounded, so that intervals reach a little further; of huge numbers both are inside.
    """
    if np.isinf(places.period):
        return [places.find(low, high)]
    # The error of a place in floats grows with the argument
    reach = PLACE_ERROR * np.maximum(np.abs(low), np.abs(high))
    is_endless = reach > places.period / 2
    low, high = np.where(is_endless, 0.0, low - reach), np.where(is_endless, 3 * places.period, high + reach)
    place, is_inside = places.find(low, high)
    after = place + places.period
    return [(place, is_inside), (after, after <= high)]


def _enclose_values(
    values: Sequence[Float[np.ndarray, " boxes"]], is_defined: Bool[np.ndarray, " boxes"]
) -> Interval:
    """The interval between computed values of elementary functions."""
    # The ends of a monotone function are its extremes; 0 and infinite ends are exact, others move outward
    lower, upper = reduce(np.fmin, values), reduce(np.fmax, values)
    is_finite = np.isfinite(lower) & np.isfinite(upper)
    lower = np.where((lower == 0) | np.isinf(lower), lower, lower - LIBRARY_ERROR * np.abs(lower) - TINY)
    upper = np.where((upper == 0) | np.isinf(upper), upper, upper + LIBRARY_ERROR * np.abs(upper) + TINY)
    return Interval(lower, upper, is_defined & is_finite)


def _replace_nan(values: Float[np.ndarray, " boxes"], replacement: float) -> Float[np.ndarray, " boxes"]:
    return np.where(np.isnan(values), replacement, values)
