"""The bars of a category: a value per level."""

from __future__ import annotations

import math
from collections.abc import Iterator

from kan_engine.drawing.edge_blocks import Point
from kan_engine.drawing.fitted_text import text_width, write_text
from kan_engine.drawing.panels.curves import Curve, LevelValue
from kan_engine.drawing.panels.plot import Plot, draw_zero, format_contribution, format_point
from kan_engine.drawing.svg import Theme, escape_text, text_element


def name_level(level: LevelValue, theme: Theme) -> str:
    """Return the name of a level in the language of the picture."""
    if level.kind == "other":
        return theme.say("other")
    if level.kind == "missing":
        return theme.say("missing")
    if isinstance(level.level, bool):
        return theme.say("true") if level.level else theme.say("false")
    return str(level.level)


def draw_named_bars(curve: Curve, names: list[str], plot: Plot, gutter: float, theme: Theme) -> Iterator[str]:
    """Draw a horizontal bar per level, with its name on the left, and the ends of the range below."""
    style = theme.diagram.panels
    size, slot = style.number_size, (plot.bottom - plot.top) / len(names)
    half_height, zero = style.bar_share * min(slot, 2 * size) / 2, plot.x(0.0)
    yield draw_zero((zero, plot.top), (zero, plot.bottom), theme)
    for place, (level, name) in enumerate(zip(curve.levels, names, strict=True)):
        y = plot.top + (place + 0.5) * slot
        yield write_text(name, plot.left - gutter, y + 0.36 * size, gutter - 6, size=size, fill=theme.ink)
        if level.value is not None and math.isfinite(level.value):
            yield _draw_bar(
                curve,
                level.value,
                name,
                (zero, y - half_height),
                (plot.x(level.value), y + half_height),
                theme,
            )
    yield from _write_bar_range(plot, plot.bottom + style.number_room, theme)


def _write_bar_range(plot: Plot, y: float, theme: Theme) -> Iterator[str]:
    """Write the ends of the range of horizontal bars, and 0 between them if there is room."""
    size = theme.diagram.panels.number_size
    low, high = (format_contribution(value, theme) if value else "" for value in (plot.low, plot.high))
    x_right = plot.right - text_width(high, size) - 6
    # In a narrow plot the number at the left end is under the names of the levels
    x_left = min(plot.left + text_width(low, size), x_right)
    yield text_element(low, x_left, y, size=size, anchor="end", fill=theme.quiet) if low else ""
    yield text_element(high, plot.right, y, size=size, anchor="end", fill=theme.quiet) if high else ""
    zero, half_width = plot.x(0.0), text_width("0", size) / 2
    if (x_left + 6 <= zero - half_width and zero + half_width <= x_right) or not (low and high):
        yield text_element("0", zero, y, size=size, anchor="middle", fill=theme.quiet)


def draw_bars(curve: Curve, names: list[str], plot: Plot, theme: Theme) -> Iterator[str]:
    """Draw a vertical bar per level, with the number of levels below."""
    style = theme.diagram.panels
    slot = (plot.right - plot.left) / len(names)
    zero, half_width = plot.y(0.0), style.bar_share * slot / 2
    for place, (level, name) in enumerate(zip(curve.levels, names, strict=True)):
        if level.value is not None and math.isfinite(level.value):
            x = plot.left + (place + 0.5) * slot
            yield _draw_bar(
                curve, level.value, name, (x - half_width, zero), (x + half_width, plot.y(level.value)), theme
            )
    label = theme.say("{count} levels", count=len(names))
    x, y = (plot.left + plot.right) / 2, plot.bottom + style.number_room
    size, room = style.number_size, plot.right - plot.left
    yield write_text(label, x, y, room, size=size, fill=theme.quiet, anchor="middle", full=", ".join(names))


def _draw_bar(curve: Curve, value: float, name: str, start: Point, end: Point, theme: Theme) -> str:
    """Draw the bar of a level between two corners, with its value in a tooltip."""
    corners = start, (start[0], end[1]), end, (end[0], start[1])
    title = f"{curve.name} = {name}: {format_contribution(value, theme)}"
    return (
        f'<path d="M{"L".join(map(format_point, corners))}Z" fill="{theme.spline}" stroke="{theme.spline}" '
        f'stroke-width="1"><title>{escape_text(title)}</title></path>'
    )
