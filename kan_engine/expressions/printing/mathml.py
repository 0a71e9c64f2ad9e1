"""Formulas as MathML, which browsers render natively and screen readers read aloud.

``latex2mathml`` converts the LaTeX of the engine. It copies escape sequences inside words unchanged into
the XML. Therefore placeholders replace the names of columns during the conversion, and this module escapes
the names.
"""

import re
from xml.sax.saxutils import escape

from latex2mathml.converter import convert

from kan_engine.expressions.printing import latex

_NAME_COMMAND = re.compile(r"\\(?:mathrm|textrm)\{((?:\\.|\$[^$]*\$|[^{}\\$])*)\}")
_BETWEEN_FACTORS = re.compile(r"(?<![+-])(?<!\\cdot) (?![+-]|\\cdot)")
_FIRST_PLACEHOLDER = ord("\ue000")  # for private use: each becomes one symbol, and no name contains them
_PLACEHOLDER = re.compile("<mi>([\ue000-\uf8ff])</mi>")


def to_mathml(formula: str) -> str:
    r"""Convert a formula in the engine's LaTeX to one ``<math>`` element, set as a block.

    Names are set as words, not letter by letter, and factors are separated by a thin space, as in TeX.
    """
    names: list[str] = []

    def store_name(match: re.Match[str]) -> str:
        names.append(latex.unescape_name(match[1]))
        return chr(_FIRST_PLACEHOLDER + len(names) - 1)

    placed = _BETWEEN_FACTORS.sub(r" \\, ", _NAME_COMMAND.sub(store_name, formula))
    return _PLACEHOLDER.sub(lambda match: _name_element(names, match[1]), convert(placed, display="block"))


def _name_element(names: list[str], place: str) -> str:
    return f'<mi mathvariant="normal">{escape(names[ord(place) - _FIRST_PLACEHOLDER])}</mi>'
