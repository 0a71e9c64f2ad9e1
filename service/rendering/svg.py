"""What all pictures share: colours, text that cannot break out, and the frame that describes itself in words.

Pictures are written by hand: no library, no script, no style sheet, the same bytes each time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

from service.rendering import translations
from service.schemas.figures import LanguageName, ThemeName

FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Theme:
    """Colours of a picture, and its language.

    Okabe and Ito's colours can be told apart whatever colours a reader sees.

    Attributes:
        paper: The background.
        ink: What is to be read first.
        quiet: What is to be read second.
        line: Lines between things.
        grid: Lines to read values by.
        idle: What does nothing.
        spline: Curves.
        symbolic: Curves that are functions.
        series: Colours of things beside each other.
        language: What its words are written in.
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

    def say(self, sentence: str, **values: str | float | None) -> str:
        """A sentence of ``picture_words``, which is written here in English."""
        return translations.say(self.language, sentence, **values)

    def written(self, number: str) -> str:
        """A number, which is written here in English."""
        return translations.written(self.language, number)


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
# Beside colours, so that a print in black and white can be read.
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2", "9 3 2 3 2 3", "1 2", "14 3 3 3", "6 6")


def document(
    width: float, height: float, *, title: str, description: str, theme: Theme, body: Iterable[str]
) -> str:
    """A whole picture. Title and description are told to those who cannot see it."""
    return "\n".join([*_head(width, height, title, description, theme), *body, "</svg>\n"])


def _head(width: float, height: float, title: str, description: str, theme: Theme) -> Iterator[str]:
    size = f'width="{number(width)}" height="{number(height)}"'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'{size} role="img" aria-labelledby="title description" font-family="{FONT}">'
    )
    yield f'<title id="title">{text(title)}</title>'
    yield f'<desc id="description">{text(description)}</desc>'
    yield f'<rect {size} fill="{theme.paper}"/>'


def words(
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
    """A line of text; ``turn`` are degrees around its anchor, or another point."""
    centre = around or (x, y)
    turned = f' transform="rotate({number(turn)} {number(centre[0])} {number(centre[1])})"' if turn else ""
    bold = ' font-weight="bold"' if is_bold else ""
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" text-anchor="{anchor}" '
        f'fill="{fill}"{bold}{turned}>{text(label)}</text>'
    )


def number(value: float) -> str:
    """One decimal is a tenth of a pixel; no trailing zeros, no minus zero."""
    return f"{round(value, 1) + 0.0:g}"


def text(value: str) -> str:
    """Text as XML: markup escaped, and characters that XML forbids replaced."""
    return escape("".join(char if _is_xml(ord(char)) else "\ufffd" for char in value), {'"': "&quot;"})


def _is_xml(code: int) -> bool:
    """The production ``Char`` of XML 1.0, without the control characters that it only discourages."""
    return 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
