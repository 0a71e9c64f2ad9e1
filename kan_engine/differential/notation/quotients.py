"""Derivatives as Leibniz writes them: ``dy/dx``, ``d2u/dx2``, ``∂²u/∂x∂t``, ``d/dx``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from kan_engine.differential.jets import SymbolTable

_SUPERSCRIPTS = {"²": 2, "³": 3, "⁴": 4}
_GAP = "[ \\t]{0,3}"  # bounded, so that no text takes long to match
_POWER = rf"(?:{_GAP}(?:(?:\^|\*\*){_GAP})?[1-9]|[{''.join(_SUPERSCRIPTS)}])?"


@dataclass(frozen=True)
class Quotient:
    """A quotient of differentials.

    Attributes:
        text: What is written.
        end: The character after it.
        unknown: Index of the differentiated unknown; None for ``d/dx``, which applies to what follows.
        order: The order above the line.
        orders: The order in every independent variable, from below the line.
    """

    text: str
    end: int
    unknown: int | None
    order: int
    orders: tuple[int, ...]


def compile_quotients(words: SymbolTable) -> re.Pattern[str]:
    """The pattern of all quotients of differentials of these names."""
    below = rf"[d∂]{_GAP}(?:{_alternatives(words.independent)}){_POWER}"
    below += rf"(?:{_GAP}{below})*"
    return re.compile(
        rf"[d∂](?P<order>{_POWER}){_GAP}(?P<unknown>{_alternatives(words.unknowns)})?{_GAP}/{_GAP}"
        rf"(?:\((?P<bracketed>{below}){_GAP}\)|(?P<below>{below}))(?!\w)"
    )


def read_quotient(text: str, place: int, pattern: re.Pattern[str], words: SymbolTable) -> Quotient | None:
    """Read the quotient at a character; None if there is none, or if a name in it is one of the problem's."""
    match = pattern.match(text, place)
    if match is None or _has_own_name(match, words):
        return None
    orders = dict.fromkeys(words.independent, 0)
    for name, power in re.findall(
        rf"[d∂]{_GAP}({_alternatives(words.independent)})({_POWER})", match["bracketed"] or match["below"]
    ):
        orders[name] += _read_order(power)
    unknown = None if match["unknown"] is None else words.unknowns.index(match["unknown"])
    return Quotient(match[0], match.end(), unknown, _read_order(match["order"]), tuple(orders.values()))


def _has_own_name(match: re.Match[str], words: SymbolTable) -> bool:
    """Whether ``dy`` or ``dx`` is itself a name of the problem."""
    problem_names = {*words.independent, *words.unknowns, *words.coefficients}
    return any(name in problem_names for name in re.findall(r"\bd\w*", match[0]))


def _read_order(power: str) -> int:
    digit = power.strip("^* \t")
    return _SUPERSCRIPTS.get(digit) or int(digit or 1)


def _alternatives(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
