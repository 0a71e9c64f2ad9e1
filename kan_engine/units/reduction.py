"""Shorter forms of the unit of a constant, of the same size: Mm/s^2 for m^3*mPa*mm/(kg*um^2)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import inf, isclose, log10

from kan_engine.units.monomial import Monomial
from kan_engine.units.unit import Unit, read_unit

SI_SYMBOLS = {
    "[length]": "m",
    "[mass]": "kg",
    "[time]": "s",
    "[current]": "A",
    "[temperature]": "K",
    "[substance]": "mol",
    "[luminosity]": "cd",
}
PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}
OTHER_PREFIXES = {"µ": -6, "μ": -6, "c": -2, "d": -1, "h": 2}  # which are read, and not written
MAX_SYMBOL = 3  # characters of a unit that takes a prefix: mbar, but no mdegC
ROUNDING = 1e-9  # relative, of the sizes of units


def reduce_unit(unit: Unit) -> Unit:
    """Write a unit with fewer factors where that leaves its size: the number before it stays as it is.

    Units of one dimension, such as m, mm and um, become one. If the base units of the SI are fewer than
    these, they are taken. A power of ten that remains becomes a prefix.
    """
    shortest = unit.symbols
    for words in (_merge(unit.symbols), write_base_units(unit.dimension)):
        size = compute_scale(words)
        candidate = _scale(words, unit.scale / size) if size else None
        if candidate is not None and _count_factors(candidate) < _count_factors(shortest):
            shortest = candidate
    return Unit(shortest, unit.dimension, unit.scale)


def write_base_units(dimension: Monomial) -> Monomial:
    """A dimension in the base units of the SI."""
    return Monomial.create({SI_SYMBOLS.get(base, base): power for base, power in dimension.powers})


def compute_scale(words: Monomial) -> float:
    """The size of a product of units in coherent units of the SI; of unknown ones it is 1."""
    scale = 1.0
    for name, power in words.powers:
        scale *= _get_size(name) ** float(power)
    return scale


def _get_size(name: str) -> float:
    unit = read_unit(name)
    return 1.0 if unit is None else unit.scale


def _count_factors(words: Monomial) -> tuple[Fraction, int]:
    """Number of factors, and of different ones."""
    return sum((abs(power) for _, power in words.powers), Fraction(0)), len(words.powers)


def _merge(words: Monomial) -> Monomial:
    """Powers of one unit for all units of one dimension: of that whose size is nearest 1."""
    powers, symbols = dict[str, Fraction](), dict[Monomial, str]()
    for name, power in sorted(words.powers, key=lambda entry: abs(log10(_get_size(entry[0])))):
        unit = read_unit(name)
        symbol = name if unit is None else symbols.setdefault(unit.dimension, name)
        powers[symbol] = powers.get(symbol, Fraction(0)) + power
    return Monomial.create(powers)


def _scale(words: Monomial, factor: float) -> Monomial | None:
    """A unit times a power of ten, as a prefix of one of its factors; None if that cannot be written."""
    exponent = _find_exponent(factor)
    if exponent is None:
        return None
    if exponent == 0:
        return words
    for name, power in sorted(words.powers, key=lambda entry: (entry[1] < 0, abs(entry[1]))):
        symbol = next(_write_prefixes(name, exponent / power), None)
        if symbol is not None:
            return words / Monomial.create({name: power}) * Monomial.create({symbol: power})
    return None


def _write_prefixes(name: str, exponent: Fraction) -> Iterator[str]:
    """A unit 10^exponent times as large, with a prefix."""
    size = _get_size(name)
    for old_prefix, power in (PREFIXES | OTHER_PREFIXES).items():
        base = name.removeprefix(old_prefix)
        is_unit = 0 < len(base) <= MAX_SYMBOL and name == old_prefix + base and _is_same(base, name, -power)
        if is_unit and _find_exponent(size) is not None:
            for prefix, new_power in PREFIXES.items():
                if new_power == power + exponent and _is_same(prefix + base, base, new_power):
                    yield prefix + base


def _find_exponent(size: float) -> int | None:
    """The exponent of a power of ten; None if it is none."""
    if not 0 < size < inf:
        return None
    exponent = round(log10(size))
    return exponent if isclose(size, 10.0**exponent, rel_tol=ROUNDING) else None


def _is_same(name: str, reference: str, exponent: int) -> bool:
    """Whether a unit is 10^exponent of another one."""
    unit, reference_unit = read_unit(name), read_unit(reference)
    return (
        unit is not None
        and reference_unit is not None
        and unit.dimension == reference_unit.dimension
        and isclose(unit.scale, reference_unit.scale * 10.0**exponent, rel_tol=ROUNDING)
    )
