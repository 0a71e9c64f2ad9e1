"""The frame of a chart: its subject, headline, notes and legend."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kan_engine.drawing.labels import format_label
from kan_engine.drawing.svg import DASHES, Theme, text_element
from service.rendering.charts.axes import Panel, Value, draw_path, shorten_text, text_width
from service.rendering.charts.chart_style import ChartStyle


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of a chart.

    Attributes:
        name: The model, such as ``law, version 3``.
        target: The predicted column.
        units: Units by column.
        measured_on: ``hold-out`` or ``training``, the rows of the measurements.
        metrics: Metrics on the hold-out rows.
    """

    name: str
    target: str
    units: Mapping[str, str] = field(default_factory=dict)
    measured_on: str = "hold-out"
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """Return the name of a column with its unit."""
        return format_label(name, self.units)

    def format_row_count(self, count: int, theme: Theme) -> str:
        """Return the number and kind of the measured rows as text."""
        if self.measured_on == "training":
            return theme.say("{count} training rows", count=count)
        return theme.say("{count} hold-out rows", count=count)

    @property
    def target_label(self) -> str:
        """The name of the target with its unit."""
        return self.label(self.target)


def draw_headline(
    title: str, notes: Sequence[str], width: float, theme: Theme, style: ChartStyle
) -> tuple[list[str], float]:
    """Draw the title and the notes above the axes, and return their height."""
    room = width - 2 * style.margin
    drawn = [
        text_element(
            shorten_text(title, style.title_size, room),
            style.margin,
            28,
            size=style.title_size,
            fill=theme.ink,
            is_bold=True,
        )
    ]
    lines = wrap_text(notes, style.note_size, room)
    for place, line in enumerate(lines):
        drawn.append(
            text_element(
                line, style.margin, 47 + style.line_height * place, size=style.note_size, fill=theme.quiet
            )
        )
    return drawn, 42 + style.line_height * len(lines)


def draw_footnote(
    notes: Sequence[str], top: float, width: float, theme: Theme, style: ChartStyle
) -> tuple[list[str], float]:
    """Draw the notes below the axes, and return the y of their lower end."""
    lines = wrap_text(notes, style.note_size, width - 2 * style.margin)
    drawn = [
        text_element(
            line, style.margin, top + style.line_height * (place + 1), size=style.note_size, fill=theme.quiet
        )
        for place, line in enumerate(lines)
    ]
    return drawn, top + style.line_height * len(lines) + 14


def wrap_text(sentences: Iterable[str], size: float, room: float) -> list[str]:
    """Break sentences between words into lines that fit into ``room`` pixels."""
    lines = [""]
    for word in " ".join(sentence for sentence in sentences if sentence).split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) <= room or not lines[-1]:
            lines[-1] = shorten_text(longer, size, room)
        else:
            lines.append(shorten_text(word, size, room))
    return [line for line in lines if line]


def draw_legend(
    entries: Sequence[str], left: float, top: float, room: float, theme: Theme, style: ChartStyle
) -> tuple[list[str], float]:
    """Draw a line sample with a name for every series, in rows that fit, and return the total height."""
    drawn: list[str] = []
    x, y = left, top + 12
    for place, entry in enumerate(entries):
        label = shorten_text(entry, style.note_size, min(room - 44, 300))
        taken = 34 + text_width(label, style.note_size) + 16
        if x > left and x + taken > left + room:
            x, y = left, y + style.line_height + 2
        colour, dash = series_style(place, theme)
        drawn.append(draw_path(f"M{x:.1f},{y - 4:.1f}h28", colour, dash, 2.2))
        drawn.append(text_element(label, x + 34, y, size=style.note_size, fill=theme.ink))
        x += taken
    return drawn, y + 6 - top if entries else 0.0


def draw_lines(
    panel: Panel, curves: Iterable[tuple[Sequence[Value], Sequence[Value]]], width: float = 1.8
) -> Iterator[str]:
    """Draw a line for every series in the style of the legend."""
    for place, (xs, ys) in enumerate(curves):
        colour, dash = series_style(place, panel.theme)
        yield panel.draw_line(xs, ys, colour=colour, dash=dash, width=width)


def series_style(place: int, theme: Theme) -> tuple[str, str]:
    """Return colour and dashes of a series. The first 70 combinations are distinct."""
    return theme.series[place % len(theme.series)], DASHES[place % len(DASHES)]
