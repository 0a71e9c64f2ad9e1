"""Units in the names of columns: ``length (m)``, ``T [K]``, ``speed, km/h``, ``p / kPa``."""

from __future__ import annotations

import re

from kan_engine.units.unit import DIMENSIONLESS_WORDS, read_unit

_FORMS = (
    re.compile(r"^.*\S\s*\[(?P<unit>[^\[\]]*)\]\s*$"),
    re.compile(r"^.*[^\s/*·]\s*\((?P<unit>(?:[^()]|\([^()]*\))*)\)\s*$"),  # not the end of W/(m K)
    re.compile(r"^.*\S\s*,\s*(?P<unit>[^,]+)$"),
    re.compile(r"^.*\S\s+/\s+(?P<unit>.+)$"),
)

# Brackets may hold an abbreviation: CO(GT), of ground truth, is not in gigateslas.
_UNLIKELY = re.compile(r"[GTE](?!Hz|Pa|W|Wh|J|eV|B|V|N)[A-Za-z]+|P[MH]\d*|pH|am|Pt|Cl")
# Words that pint knows, but that name a part of a table more often than a unit.
_WORDS = frozenset({"cat", "count", "counts", "foot", "hand", "link", "mass", "point", "rod"})
# Of single letters most are labels, functions of time as f(t), or ambiguous, as C and F of temperatures.
_LETTERS = frozenset("AHJKLNTVWdghlmsΩÅ%‰°℃" + "АВКНглмстч")  # the latter Cyrillic


def find_header_unit(name: str) -> str | None:
    """Return the unit that the name of a column ends with, as it is written there; None if it names none."""
    for form in _FORMS:
        match = form.match(name)
        text = match["unit"].strip() if match is not None else ""
        if is_likely_unit(text):
            return text
    return None


def is_likely_unit(text: str) -> bool:
    """Whether a text beside a name or a number is a unit, and no label or abbreviation."""
    return _is_likely(text) and read_unit(text) is not None


def drop_header_unit(name: str) -> str:
    """Return the name of a column without the unit that it ends with: ``height [m]`` becomes ``height``."""
    unit = find_header_unit(name)
    if unit is None:
        return name
    return re.sub(_match_ending(unit), "", name)


def ends_with_unit(name: str, unit: str) -> bool:
    """Whether the name of a column ends with this unit, so that a label need not repeat it."""
    return re.search(_match_ending(unit), name) is not None


def _match_ending(unit: str) -> str:
    """The pattern of a unit at the end of a name, in brackets or after a comma or slash."""
    return rf"\s*[\[(,/]\s*{re.escape(unit)}\s*[\])]?\s*$"


def _is_likely(text: str) -> bool:
    if text.lower() in DIMENSIONLESS_WORDS:
        return text.lower() in {"dimensionless", "unitless", "безразм.", "отн. ед."}
    if len(text) == 1:
        return text in _LETTERS
    is_number = re.fullmatch(r"[\d.eE+-]+", text) is not None  # as x[12]
    return not (is_number or text in _WORDS or _UNLIKELY.fullmatch(text))
