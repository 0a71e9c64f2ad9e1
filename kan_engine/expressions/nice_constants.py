"""Recognise constants of closed form: integers, fractions, short decimals, multiples of π, roots, e."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache, partial
from math import e as euler
from math import gcd, inf, isfinite, log2, pi, sqrt

from kan_engine.expressions.nodes import HALF, PI, ZERO, Expression, call, mul, number, power

_MAX_SMALL_DENOMINATOR = 12
_MAX_DENOMINATOR = 500
_MAX_MULTIPLE = 100  # numerator p of p/q times π and the other units, or of √(p/q)
_MAX_FRACTION_VALUE = 1e15
_MAX_DECIMAL_DIGITS = 6  # significant digits
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
_RELATIVE_ROUNDING = 4e-16
_MAX_RECOGNISED_BITS = 24.0  # a constant of so few bits equals a float of 53 bits by chance only rarely


def nice_constants(value: float, tolerance: float) -> list[Expression]:
    """Return the constants within ``tolerance`` of a measured value, with the fewest bits first.

    Args:
        value: The measured number.
        tolerance: Largest difference; a rounding error is always allowed.

    Returns:
        Among others 0, integers, p/q with q ≤ 12 and the nearest with q ≤ 500, decimals of at most six
        digits, p/q times π, 1/π, π², √π, e and √(p/q). Fractions that are decimals of one digit (0.3) are
        returned as decimals.
    """
    return [tree for _, tree in rank_constants(value, tolerance)]


@lru_cache(maxsize=4096)
def recognise_constant(value: float) -> Expression:
    """Return the constant that a float equals to within rounding, or the float if there is none."""
    bits, tree = next(iter(rank_constants(value, 0.0)), (inf, ZERO))
    return tree if bits <= _MAX_RECOGNISED_BITS else number(value)


def rank_constants(value: float, tolerance: float) -> list[tuple[float, Expression]]:
    """Return the constants of ``nice_constants``, each with its description length in bits."""
    if not isfinite(value):
        return []
    zero = [(0.0, ZERO)] if abs(value) <= tolerance or value == 0 else []
    tolerance = max(tolerance, _RELATIVE_ROUNDING * abs(value))
    found: dict[float, tuple[float, Callable[[], Expression]]] = {}
    for bits, constant, write in _generate_candidates(value):
        if constant != 0 and abs(constant - value) <= tolerance:
            found[constant] = min((bits, write), found.get(constant, (inf, write)), key=lambda pair: pair[0])
    return zero + sorted(((bits, write()) for bits, write in found.values()), key=lambda pair: pair[0])


def _generate_candidates(value: float) -> Iterator[tuple[float, float, Callable[[], Expression]]]:
    """Yield (bits, value, function that builds the tree) of the nearest constants of every kind."""
    for bits, p, q in _nearest_fractions(value):
        yield bits, p / q, partial(_build_number, p, q)
    for bits, decimal in _nearest_decimals(value):
        yield bits, decimal, partial(_build_number, *decimal.as_integer_ratio())
    for unit, size, price in _UNITS:
        for bits, p, q in _nearest_fractions(value / size):
            if abs(p) <= _MAX_MULTIPLE:
                yield bits + price, p / q * size, partial(mul, Fraction(p, q), unit)
    sign = -1 if value < 0 else 1
    for bits, p, q in _nearest_fractions(value * value):
        if 0 < p <= _MAX_MULTIPLE:
            yield bits + 3.0, sign * sqrt(p / q), partial(_build_root, sign, p, q)


def _build_root(sign: int, p: int, q: int) -> Expression:
    """Return √(p/q) as √(p·q)/q."""
    return mul(Fraction(sign, q), power(p * q, HALF))


def _nearest_fractions(value: float) -> Iterator[tuple[float, int, int]]:
    """Yield (bits, p, q) of the nearest fraction of every denominator up to 12, and of the best up to 500."""
    if abs(value) > _MAX_FRACTION_VALUE:
        return
    for q in range(1, _MAX_SMALL_DENOMINATOR + 1):
        p = round(value * q)
        if gcd(p, q) == 1:
            yield _integer_bits(p) + (_integer_bits(q) if q > 1 else 0.0), p, q
    best = Fraction(value).limit_denominator(_MAX_DENOMINATOR)
    if best.denominator > _MAX_SMALL_DENOMINATOR:
        yield (
            _integer_bits(best.numerator) + _integer_bits(best.denominator),
            best.numerator,
            best.denominator,
        )


def _build_number(p: int, q: int) -> Expression:
    """Return p/q as a fraction or a decimal: 1/4 rather than 0.25, but 0.3 rather than 3/10, 2.5 than 5/2."""
    longer = len(repr(p / q)) - len(f"{p}/{q}")
    is_decimal = q > _MAX_SMALL_DENOMINATOR and 10**_MAX_DECIMAL_DIGITS % q == 0
    as_decimal = q in (5, 10) or is_decimal or longer < 0 or (longer == 0 and abs(p) > 3)
    return number(p / q) if as_decimal else number(Fraction(p, q))


def _nearest_decimals(value: float) -> Iterator[tuple[float, float]]:
    """Yield (bits, decimal): the value rounded to one, two, … six significant digits."""
    for digits in range(1, _MAX_DECIMAL_DIGITS + 1):
        text = f"{value:.{digits - 1}e}"
        exponent = int(text.partition("e")[2])
        if not isfinite(float(text)):  # rounding up the largest float overflows
            continue
        yield 3.0 + 3.4 * digits + 2 * max(0, abs(exponent) - 3), float(text)


def _integer_bits(n: int) -> float:
    return 1 + 2 * log2(abs(n) + 1)


def root_of_fraction(square: Fraction) -> Expression:
    """Return √(p/q) as a fraction times the root of an integer without squares of primes up to 13."""
    radicand, front = square.numerator * square.denominator, Fraction(1, square.denominator)
    for prime in _SMALL_PRIMES:
        while radicand and radicand % (prime * prime) == 0:
            radicand, front = radicand // (prime * prime), front * prime
    return mul(front, power(Fraction(radicand), HALF))


_SMALL_PRIMES = (2, 3, 5, 7, 11, 13)
