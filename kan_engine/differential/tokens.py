"""Tokens of the language of equations: numbers, names, primes and signs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from kan_engine.errors import InvalidEquation
from kan_engine.expressions.nodes import Number, number


@dataclass(frozen=True)
class Token:
    """A number, a name, primes or a sign, and the place of its first character."""

    kind: str
    text: str
    place: int


_TOKEN_PATTERN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?<=\w)(?P<primes>['’′″‴]+)|(?P<sign>\*\*|[-+*/(),=]))"
)


PRIMES = {"'": 1, "’": 1, "′": 1, "″": 2, "‴": 3}
_HINTS = {
    "^": "; a power is written **",
    **dict.fromkeys(PRIMES, "; primes directly follow the name of an unknown"),
}


def tokenise(text: str) -> Iterator[Token]:
    """Split an equation into tokens; the last one has the kind ``end``.

    Raises:
        InvalidEquation: A character is not part of the language.
    """
    place, end = 0, len(text.rstrip())
    while place < end:
        found = _TOKEN_PATTERN.match(text, place)
        if found is None:
            wrong = text[place:].lstrip()
            raise InvalidEquation(
                f"{wrong[:1]!r} is not part of the language of equations{_HINTS.get(wrong[:1], '')}",
                len(text) - len(wrong),
            )
        kind = str(found.lastgroup)
        yield Token(kind, found[kind], found.start(kind))
        place = found.end()
    yield Token("end", "", len(text))


def read_number(token: Token, max_exponent: int) -> Number:
    """The value of a token, exact if it is whole.

    Raises:
        InvalidEquation: The number is too large.
    """
    exponent = re.search(r"[eE]([+-]?\d+)$", token.text)
    if len(token.text) > 400 or (exponent and abs(int(exponent[1])) > max_exponent):
        raise InvalidEquation("this number has too many digits", token.place)
    if token.text.isdigit() and len(token.text) < 300:
        return number(Fraction(int(token.text)))
    value = float(token.text)
    if not math.isfinite(value):
        raise InvalidEquation("this number is too large", token.place)
    return number(value)
