"""Texts that fit a given width: shortened with an ellipsis, the full text in a tooltip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal
from unicodedata import east_asian_width

from kan_engine.drawing.svg import escape_text, text_element

ELLIPSIS = "…"
# Widths of characters as shares of the font size: those of DejaVu Sans, which is wider than most fonts.
WIDTHS = {
    0.32: "'ijlIJ,. ·",
    0.41: "/:;\\|f-()[]t!r¹²³⁴⁵⁶⁷⁸⁹⁰⁻",
    0.54: '"*_`°sz?cгзсэ',
    0.86: "wMМФфю#+<=>~×−→",
    1.0: "m%@…W",
    1.09: "ЖШЩЮжшщ",
}
MIDDLE, CAPITAL, EAST_ASIAN = 0.64, 0.77, 1.2
WIDTH_OF = {character: width for width, characters in WIDTHS.items() for character in characters}


def text_width(text: str, size: float) -> float:
    """Estimate the width of a text in pixels from above; the reader's font is unknown."""
    return size * sum(map(_character_width, text))


def _character_width(character: str) -> float:
    width = WIDTH_OF.get(character)
    if width is not None:
        return width
    if east_asian_width(character) in "WF":
        return EAST_ASIAN
    return CAPITAL if character.isupper() else MIDDLE


def fit_label(text: str, room: float, size: float) -> str:
    """Shorten a text to a width in pixels; at least its ellipsis remains."""
    if text_width(text, size) <= room + 0.01:  # rounding must not shorten a text whose width is the room
        return text
    room -= text_width(ELLIPSIS, size)
    end = 0
    for place, character in enumerate(text):
        room -= size * _character_width(character)
        if room < 0:
            break
        end = place + 1
    return text[:end].rstrip() + ELLIPSIS


def write_text(
    text: str,
    x: float,
    y: float,
    room: float,
    *,
    size: float,
    fill: str,
    anchor: Literal["start", "middle", "end"] = "start",
    full: str = "",
    is_bold: bool = False,
) -> str:
    """Return a text element that fits ``room``; its tooltip is ``full``, or the text if it is shortened."""
    label = fit_label(text, room, size)
    element = text_element(label, x, y, size=size, fill=fill, anchor=anchor, is_bold=is_bold)
    tooltip = full or (text if label != text else "")
    if not tooltip:
        return element
    return element.removesuffix("</text>") + f"<title>{escape_text(tooltip)}</title></text>"


def wrap_sentences(sentences: Sequence[str], room: float, size: float) -> list[str]:
    """Join sentences to lines of at most the given width. A longer sentence has lines of its own."""
    lines: list[str] = []
    for sentence in sentences:
        if text_width(sentence, size) <= room:
            lines = _append_or_break(lines, sentence, room, size)
        else:
            words: list[str] = []
            for word in sentence.split(" "):
                words = _append_or_break(words, word, room, size)
            lines += words
    return lines


def _append_or_break(lines: list[str], part: str, room: float, size: float) -> list[str]:
    """Add a part to the last line, or as a new line where it does not fit."""
    longer = " ".join([*lines[-1:], part])
    return [*lines[:-1], longer] if text_width(longer, size) <= room else [*lines, part]


def list_names(names: Sequence[str], room: float, size: float, count_rest: Callable[[int], str]) -> str:
    """Join names by commas; if they do not fit, end with ``count_rest`` of the number of the others."""
    text = ", ".join(names)
    if text_width(text, size) <= room:
        return text
    free_width = room - text_width(f" {count_rest(len(names))}", size)
    widths = accumulate(text_width(f"{name}, ", size) for name in names)
    count = max(1, sum(width <= free_width for width in widths))
    return f"{', '.join(names[:count])} {count_rest(len(names) - count)}"
