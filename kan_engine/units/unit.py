"""Reads the text of a unit: ``m/s^2``, ``kg·m²``, ``J/(mol K)``, ``km h-1``, ``µg/m3``, ``°C``, ``м/с``.

Pint knows the units by name. The text itself is read here: pint computes with any number in it, so that a few
characters could cost minutes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any

from kan_engine.units.monomial import ONE, Monomial
from kan_engine.units.russian_symbols import translate_symbol

MAX_EXPONENT = 12
MAX_CHARACTERS = 100
DIMENSIONLESS_WORDS = frozenset(
    {"", "1", "-", "–", "none", "dimensionless", "unitless", "ratio", "безразм.", "отн. ед."}
)
MERCURY = re.compile(r"мм\s*рт\.?\s*ст\.?")
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

_TOKEN = re.compile(
    r"\s*(?:(?P<power>\^|\*\*)|(?P<times>[*·⋅×])|(?P<over>/|\bper\b)|(?P<open>\()|(?P<close>\))"
    r"|(?P<raised>[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)|(?P<number>[-+−]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹]+|[°℃%‰′″][^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹]*))"
)


@dataclass(frozen=True)
class Unit:
    """A unit.

    Attributes:
        symbols: The unit as a product of the names in its text, without dimensionless ones.
        dimension: The same in base quantities, as ``[length]``.
        scale: Its size in the coherent unit of the SI; of a temperature that of a difference.
    """

    symbols: Monomial = ONE
    dimension: Monomial = ONE
    scale: float = 1.0

    def __mul__(self, factor: Unit) -> Unit:
        return Unit(
            self.symbols * factor.symbols, self.dimension * factor.dimension, self.scale * factor.scale
        )

    def __pow__(self, exponent: Fraction | int) -> Unit:
        return Unit(self.symbols**exponent, self.dimension**exponent, float(self.scale) ** float(exponent))


DIMENSIONLESS = Unit()


@lru_cache(maxsize=1024)
def read_unit(text: str) -> Unit | None:
    """Return the unit that a text means, or None if it is none that is known."""
    text = text.strip()
    if text.lower() in DIMENSIONLESS_WORDS:
        return DIMENSIONLESS
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        unit = _Reader(MERCURY.sub("mmHg", text)).read()
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return unit if isfinite(unit.scale) and unit.scale > 0 else None


class _Reader:
    """Recursive descent over the tokens of a text; a ``ValueError`` means that it is no unit."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_split(text))
        self._place = 0

    def read(self) -> Unit:
        unit = self._read_product()
        if self._place < len(self._tokens):
            raise ValueError("a parenthesis too many")
        return unit

    def _peek(self) -> str | None:
        return self._tokens[self._place][0] if self._place < len(self._tokens) else None

    def _take(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1][1]

    def _read_product(self) -> Unit:
        unit, sign = DIMENSIONLESS, 1
        if self._peek() == "over":  # "/s", "per day"
            self._take()
            sign = -1
        while True:
            unit *= self._read_power() ** sign
            kind = self._peek()
            if kind in {None, "close"}:
                return unit
            sign = -1 if kind == "over" else 1
            if kind in {"over", "times"}:
                self._take()

    def _read_power(self) -> Unit:
        kind = self._peek()
        if kind == "number":
            base = Unit(scale=float(self._take().replace("−", "-")))
        elif kind == "name":
            base = _look_up(translate_symbol(self._take()))
        elif kind == "open":
            self._take()
            base = self._read_product()
            self._close()
        else:
            raise ValueError("a unit is missing")
        return base ** self._read_exponent()

    def _read_exponent(self) -> Fraction:
        kind = self._peek()
        if kind == "power":
            self._take()
            if self._peek() == "open":
                self._take()
                exponent = self._read_number()
                if self._peek() == "over":
                    self._take()
                    exponent /= self._read_number()
                self._close()
                return exponent
            return self._read_number()
        if kind == "raised":
            return _bound(self._take().translate(SUPERSCRIPTS))
        if kind == "number" and self._place and self._tokens[self._place - 1][0] == "name":
            return self._read_number()  # m3, s-1
        return Fraction(1)

    def _read_number(self) -> Fraction:
        if self._peek() != "number":
            raise ValueError("an exponent is missing")
        return _bound(self._take().replace("−", "-"))

    def _close(self) -> None:
        if self._peek() != "close":
            raise ValueError("a parenthesis is missing")
        self._take()


def _split(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise ValueError("a character that occurs in no unit")
        yield match.lastgroup, match[match.lastgroup]
        place = match.end()


def _bound(text: str) -> Fraction:
    exponent = Fraction(text)
    if abs(exponent) > MAX_EXPONENT:
        raise ValueError("a huge exponent")
    return exponent


@lru_cache(maxsize=4096)
def _look_up(name: str) -> Unit:
    from pint.errors import PintError  # noqa: PLC0415 - see _load_registry

    registry = _load_registry()
    try:
        pint_unit = registry.parse_units("degC" if name in {"°C", "℃"} else name)
        base = registry.get_base_units(pint_unit)
        dimension = {key: Fraction(p).limit_denominator(12) for key, p in pint_unit.dimensionality.items()}
    except (PintError, AttributeError, TypeError) as error:
        raise ValueError(f"{name} is no unit") from error
    symbols = Monomial.create({name: 1}) if dimension else ONE
    return Unit(symbols, Monomial.create(dimension), float(base[0]))


@lru_cache(maxsize=1)
def _load_registry() -> Any:
    """The registry of pint; it takes a second to load, which only tables with units should cost."""
    import pint  # noqa: PLC0415

    return pint.UnitRegistry(cache_folder=None)
