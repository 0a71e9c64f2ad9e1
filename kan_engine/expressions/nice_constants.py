"""Recognise constants of closed form: integers, fractions, short decimals, multiples of π, roots, e."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache, partial
from math import e as euler
from math import gcd, inf, isfinite, log2, pi, sqrt

from kan_engine.expressions.nodes import HALF, PI, ZERO, Expression, Number, call, mul, number, power
from kan_engine.expressions.thresholds import DEFAULT_NICE_CONSTANTS, NiceConstantThresholds

_UNITS: tuple[tuple[Expression, float, float], ...] = (  # tree, value, bits
    (PI, pi, 3.0),
    (1 / PI, 1 / pi, 4.0),
    (PI**2, pi**2, 5.0),
    (1 / PI**2, pi**-2, 6.0),
    (PI**3, pi**3, 7.0),
    (1 / PI**3, pi**-3, 8.0),
    (PI**HALF, sqrt(pi), 5.0),
    (1 / PI**HALF, 1 / sqrt(pi), 6.0),
    (number(2) ** HALF / PI**HALF, sqrt(2 / pi), 8.0),
    (1 / (number(2) ** HALF * PI**HALF), 1 / sqrt(2 * pi), 8.0),
    (call("exp", 1), euler, 5.0),
    (call("exp", -1), 1 / euler, 6.0),
)


def nice_constants(
    value: float, tolerance: float, thresholds: NiceConstantThresholds = DEFAULT_NICE_CONSTANTS
) -> list[Expression]:
    """Return the constants within ``tolerance`` of a measured value, with the fewest bits first.

    Args:
        value: The measured number.
        tolerance: Largest difference; a rounding error is always allowed.
        thresholds: Which constants are considered.

    Returns:
        By default, among others 0, integers, p/q with q ≤ 12 and the nearest with q ≤ 500, decimals of at
        most six digits, p/q times π, 1/π, π², √π, e and √(p/q). Fractions that are decimals of one digit
        (0.3) are returned as decimals.
    """
    return [tree for _, tree in rank_constants(value, tolerance, thresholds)]


@lru_cache(maxsize=4096)
def recognise_constant(
    value: float, thresholds: NiceConstantThresholds, size: float = 0.0, *, max_recognised_bits: float = 24.0
) -> Expression:
    """Return the constant that a float equals to within rounding, or the float if there is none.

    Args:
        value: The float.
        thresholds: The constants, and the relative rounding error.
        size: Of the numbers whose sum it is: their rounding error is larger than that of a small sum.
        max_recognised_bits: A constant of so few bits equals a float of 53 bits by chance only rarely.
    """
    tolerance = thresholds.relative_rounding * size
    bits, tree = next(iter(rank_constants(value, tolerance, thresholds)), (inf, ZERO))
    return tree if bits <= max_recognised_bits else number(value)


def rank_constants(
    value: float, tolerance: float, thresholds: NiceConstantThresholds = DEFAULT_NICE_CONSTANTS
) -> list[tuple[float, Expression]]:
    """Return the constants of ``nice_constants``, each with its description length in bits."""
    if not isfinite(value):
        return []
    zero = [(0.0, ZERO)] if abs(value) <= tolerance or value == 0 else []
    tolerance = max(tolerance, thresholds.relative_rounding * abs(value))
    matches: dict[float, tuple[float, Callable[[], Expression]]] = {}
    for bits, constant, write in _generate_candidates(value, thresholds):
        if constant != 0 and abs(constant - value) <= tolerance:
            matches[constant] = min(
                (bits, write), matches.get(constant, (inf, write)), key=lambda pair: pair[0]
            )
    return zero + sorted(((bits, write()) for bits, write in matches.values()), key=lambda pair: pair[0])


def _generate_candidates(
    value: float, limits: NiceConstantThresholds
) -> Iterator[tuple[float, float, Callable[[], Expression]]]:
    """Yield (bits, value, function that builds the tree) of the nearest constants of every kind."""
    for bits, p, q in _nearest_fractions(value, limits):
        yield bits, p / q, partial(_build_number, p, q, limits)
    for bits, decimal in _nearest_decimals(value, limits.max_decimal_digits):
        yield bits, decimal, partial(_build_number, *decimal.as_integer_ratio(), limits)
    for unit, size, price in _UNITS:
        for bits, p, q in _nearest_fractions(value / size, limits):
            if abs(p) <= limits.max_multiple:
                yield bits + price, p / q * size, partial(mul, Fraction(p, q), unit)
    sign = -1 if value < 0 else 1
    for bits, p, q in _nearest_fractions(value * value, limits):
        if 0 < p <= limits.max_multiple:
            yield bits + 3.0, sign * sqrt(p / q), partial(_build_root, sign, p, q)


def _build_root(sign: int, p: int, q: int) -> Expression:
    """Return √(p/q) as √(p·q)/q."""
    return mul(Fraction(sign, q), power(p * q, HALF))


def _nearest_fractions(
    value: float, limits: NiceConstantThresholds, *, max_fraction_value: float = 1e15
) -> Iterator[tuple[float, int, int]]:
    """Yield (bits, p, q) of the nearest fraction of every small denominator, and of the best other one.

    Args:
        max_fraction_value: Of the values that fractions are tried for.
    """
    if abs(value) > max_fraction_value:
        return
    for q in range(1, limits.max_small_denominator + 1):
        p = round(value * q)
        if gcd(p, q) == 1:
            yield price_fraction(Fraction(p, q)), p, q
    best = Fraction(value).limit_denominator(limits.max_denominator)
    if best.denominator > limits.max_small_denominator:
        yield price_fraction(best), best.numerator, best.denominator


def _build_number(p: int, q: int, limits: NiceConstantThresholds) -> Number:
    """Return p/q as a fraction or a decimal: 1/4 rather than 0.25, but 0.3 rather than 3/10, 2.5 than 5/2."""
    longer = len(repr(p / q)) - len(f"{p}/{q}")
    is_decimal = q > limits.max_small_denominator and 10**limits.max_decimal_digits % q == 0
    as_decimal = q in (5, 10) or is_decimal or longer < 0 or (longer == 0 and abs(p) > 3)
    return number(p / q) if as_decimal else number(Fraction(p, q))


def write_fraction(value: Fraction, thresholds: NiceConstantThresholds = DEFAULT_NICE_CONSTANTS) -> Number:
    """Return a fraction, or a decimal where that is shorter."""
    return _build_number(value.numerator, value.denominator, thresholds)


def is_decimal(tree: Expression) -> bool:
    """Whether a tree is a measured number or a fraction that is written as a decimal: 0.3."""
    if not isinstance(tree, Number):
        return False
    form = tree if isinstance(tree.value, float) else write_fraction(tree.value)
    return isinstance(form.value, float)


def _nearest_decimals(value: float, max_digits: int) -> Iterator[tuple[float, float]]:
    """Yield (bits, decimal): the value rounded to one, two, … ``max_digits`` significant digits."""
    for digits in range(1, max_digits + 1):
        text = f"{value:.{digits - 1}e}"
        exponent = int(text.partition("e")[2])
        if not isfinite(float(text)):  # rounding up the largest float overflows
            continue
        yield 3.0 + 3.4 * digits + 2 * max(0, abs(exponent) - 3), float(text)


def price_fraction(value: Fraction) -> float:
    """The bits of a fraction: those of its numerator and, unless it is 1, of its denominator."""
    p, q = value.as_integer_ratio()
    return sum(1 + 2 * log2(abs(n) + 1) for n in ((p,) if q == 1 else (p, q)))


def root_of_fraction(square: Fraction) -> Expression:
    """Return √(p/q) as a fraction times the root of an integer without squares of primes up to 13."""
    radicand, front = square.numerator * square.denominator, Fraction(1, square.denominator)
    for prime in _SMALL_PRIMES:
        while radicand and radicand % (prime * prime) == 0:
            radicand, front = radicand // (prime * prime), front * prime
    return mul(front, power(Fraction(radicand), HALF))


_SMALL_PRIMES = (2, 3, 5, 7, 11, 13)
