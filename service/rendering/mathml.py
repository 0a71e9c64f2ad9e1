"""Formulas as MathML, which browsers draw by themselves and screen readers read aloud.

``latex2mathml`` translates the LaTeX of the engine. It does not know what is escaped inside of words, and
puts it into the XML as it is; so the names of columns go past it, and only ever become escaped text.
"""

import re
from xml.sax.saxutils import escape

from latex2mathml.converter import convert

from kan_engine.expressions.printing import latex

_WORD = re.compile(r"\\(?:mathrm|textrm)\{((?:\\.|\$[^$]*\$|[^{}\\$])*)\}")
_BETWEEN_FACTORS = re.compile(r"(?<![+-])(?<!\\cdot) (?![+-]|\\cdot)")
_FIRST_PLACE = 0xE000  # code points for private use: they become one symbol each, and no name has them
_PLACE = re.compile("<mi>([\ue000-\uf8ff])</mi>")


def to_mathml(formula: str) -> str:
    r"""A formula in the engine's LaTeX as one ``<math>`` element, set as a block.

    Names are words, not letter by letter, and factors stand a little apart, as TeX sets them.
    """
    names: list[str] = []

    def keep(match: re.Match[str]) -> str:
        names.append(latex.plain(match[1]))
        return chr(_FIRST_PLACE + len(names) - 1)

    placed = _BETWEEN_FACTORS.sub(r" \\, ", _WORD.sub(keep, formula))
    return _PLACE.sub(lambda match: _name(names, match[1]), convert(placed, display="block"))


def _name(names: list[str], place: str) -> str:
    return f'<mi mathvariant="normal">{escape(names[ord(place) - _FIRST_PLACE])}</mi>'
