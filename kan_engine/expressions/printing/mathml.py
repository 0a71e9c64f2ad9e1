"""Formulas as MathML, which browsers render natively and screen readers read aloud.

``latex2mathml`` converts the LaTeX of the engine. It copies escape sequences inside words unchanged into
the XML. Therefore placeholders replace the names of columns during the conversion, and this module escapes
the names. Browsers give a bracket that may stretch the width of its largest size: only those around
fractions and roots stretch.
"""

import re
from xml.sax.saxutils import escape

from latex2mathml.converter import convert

from kan_engine.expressions.printing import latex

_NAME_COMMAND = re.compile(r"\\(?:mathrm|textrm)\{((?:\\.|\$[^$]*\$|[^{}\\$])*)\}")
_BETWEEN_FACTORS = re.compile(r"(?<![+-])(?<!\\cdot) (?![+-]|\\cdot)")
_FIRST_PLACEHOLDER = ord("\ue000")  # for private use: each becomes one symbol, and no name contains them
_NAMED_OPERATOR = re.compile(r"<mo>(\w{2,})</mo>")
_FENCE = re.compile(r'<mo stretchy="true" fence="true" form="(prefix|postfix)">(.*?)</mo>')
_TALL = ("<mfrac>", "<msqrt>")
_VERTICAL_BAR = "&#x0007C;"
_PLACEHOLDER = re.compile("<mi>([\ue000-\uf8ff])</mi>")


def to_mathml(formula: str) -> str:
    r"""Convert a formula in the engine's LaTeX to one ``<math>`` element, set as a block.

    Names are set as words, not letter by letter, and factors are separated by a thin space, as in TeX.
    """
    names: list[str] = []

    def store_name(match: re.Match[str]) -> str:
        names.append(latex.unescape_name(match[1]))
        return chr(_FIRST_PLACEHOLDER + len(names) - 1)

    source = _BETWEEN_FACTORS.sub(r" \\, ", _NAME_COMMAND.sub(store_name, formula))
    mathml = _fit_brackets(_NAMED_OPERATOR.sub(r"<mi>\1</mi>", convert(source, display="block")))
    return _PLACEHOLDER.sub(lambda match: _name_element(names, match[1]), mathml)


def _fit_brackets(mathml: str) -> str:
    """Let only brackets around something tall stretch, and separate bars from what they enclose."""
    output: list[str] = []
    starts: list[int] = []
    for at, piece in enumerate(pieces := _FENCE.split(mathml)):
        match at % 3:
            case 0:
                output.append(piece)
            case 1 if piece == "prefix":
                starts.append(len(output))
                output.append("")
            case 2 if pieces[at - 1] == "prefix":
                output[-1] = piece
            case 2:
                start = starts.pop()
                stretchy = any(tag in part for part in output[start + 1 :] for tag in _TALL)
                output[start] = _fence("prefix", output[start], stretchy=stretchy)
                output.append(_fence("postfix", piece, stretchy=stretchy))
    return "".join(output)


def _fence(form: str, sign: str, *, stretchy: bool) -> str:
    space = ' lspace="0.12em" rspace="0.12em"' if sign == _VERTICAL_BAR else ""
    return f'<mo stretchy="{str(stretchy).lower()}" fence="true" form="{form}"{space}>{sign}</mo>'


def _name_element(names: list[str], place: str) -> str:
    return f'<mi mathvariant="normal">{escape(names[ord(place) - _FIRST_PLACEHOLDER])}</mi>'
