"""Elements that all pictures share: colours, escaped text, and the SVG document with title and description.

The code writes the SVG directly, without a library. Pictures have no scripts and no style sheets, and equal
input gives equal bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from kan_engine.drawing import translations
from kan_engine.drawing.style import DEFAULT_STYLE, DiagramStyle
from kan_engine.drawing.translations import LanguageName

ThemeName = Literal["light", "dark"]
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Theme:
    """Colours and language of a picture.

    The colours are those of Okabe and Ito, which readers with colour vision deficiency can distinguish.

    Attributes:
        paper: Background.
        ink: Primary text.
        quiet: Secondary text.
        line: Edges and axes.
        grid: Grid lines.
        idle: Nodes without edges.
        spline: Splines.
        symbolic: Activations that are functions of the library.
        series: Colours of data series.
        language: Language of the texts.
        diagram: Measures of the diagram of a network.
    """

    paper: str
    ink: str
    quiet: str
    line: str
    grid: str
    idle: str
    spline: str
    symbolic: str
    series: tuple[str, ...]
    language: LanguageName = "en"
    diagram: DiagramStyle = DEFAULT_STYLE

    def say(self, sentence: str, **values: str | float | None) -> str:
        """Translate an English sentence of ``translations`` into the language of the picture."""
        return translations.say(self.language, sentence, **values)

    def localise_number(self, number: str) -> str:
        """Convert a number in English notation to the notation of the language."""
        return translations.localise_number(self.language, number)


LIGHT = Theme(
    paper="#ffffff",
    ink="#1a1a1a",
    quiet="#5c6670",
    line="#4d5863",
    grid="#e1e5e8",
    idle="#b5bcc2",
    spline="#0072b2",
    symbolic="#b34700",
    series=("#0072b2", "#b34700", "#007a5a", "#a3527f", "#8a6100", "#2f7fb0", "#1a1a1a"),
)
DARK = Theme(
    paper="#14181d",
    ink="#eceff1",
    quiet="#aab4be",
    line="#94a1ad",
    grid="#2c343d",
    idle="#56616b",
    spline="#56b4e9",
    symbolic="#f0a030",
    series=("#56b4e9", "#f0a030", "#2ec69a", "#e08fbd", "#f0e442", "#9ecbea", "#eceff1"),
)
THEMES: dict[ThemeName, Theme] = {"light": LIGHT, "dark": DARK}
# Dashes distinguish series in black and white print.
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "9 3 2 3 2 3", "1 2", "14 3 3 3", "6 6")


def svg_document(
    width: float, height: float, *, title: str, description: str, theme: Theme, body: Iterable[str]
) -> str:
    """Return a complete SVG document. Screen readers read ``title`` and ``description``."""
    return "\n".join([*_head(width, height, title, description, theme), *body, "</svg>\n"])


def _head(width: float, height: float, title: str, description: str, theme: Theme) -> Iterator[str]:
    size = f'width="{number(width)}" height="{number(height)}"'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'{size} role="img" aria-labelledby="title description" font-family="{FONT}">'
    )
    yield f'<title id="title">{escape_text(title)}</title>'
    yield f'<desc id="description">{escape_text(description)}</desc>'
    yield f'<rect {size} fill="{theme.paper}"/>'


def text_element(
    label: str,
    x: float,
    y: float,
    *,
    fill: str,
    size: float = 13.0,
    anchor: Literal["start", "middle", "end"] = "start",
    turn: float = 0.0,
    around: tuple[float, float] | None = None,
    is_bold: bool = False,
) -> str:
    """Return a line of text as an element.

    ``turn`` is the rotation in degrees around the anchor, or around the point ``around``.
    """
    centre = around or (x, y)
    transform = f' transform="rotate({number(turn)} {number(centre[0])} {number(centre[1])})"' if turn else ""
    bold = ' font-weight="bold"' if is_bold else ""
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" text-anchor="{anchor}" '
        f'fill="{fill}"{bold}{transform}>{escape_text(label)}</text>'
    )


def number(value: float) -> str:
    """Format a coordinate with one decimal, a tenth of a pixel, without trailing zeros or minus zero."""
    return f"{round(value, 1) + 0.0:g}"


def escape_text(value: str) -> str:
    """Escape markup, and replace characters that XML forbids."""
    return escape(replace_invalid(value), {'"': "&quot;"})


def replace_invalid(value: str) -> str:
    """Replace characters that XML forbids with U+FFFD."""
    return "".join(char if _is_xml(ord(char)) else "\ufffd" for char in value)


def _is_xml(code: int) -> bool:
    """Whether a code point is a ``Char`` of XML 1.0 and no discouraged control character."""
    return 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
