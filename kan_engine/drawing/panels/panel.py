"""The panel of a curve: its name, its graph or bars over the line 0, and the ends of both ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from kan_engine.drawing.fitted_text import fit_label, text_width, write_text
from kan_engine.drawing.panels.bars import draw_bars, draw_named_bars, name_level
from kan_engine.drawing.panels.curves import Curve
from kan_engine.drawing.panels.layout import PlacedPanel
from kan_engine.drawing.panels.plot import (
    Plot,
    contribution_range,
    draw_contributions,
    format_point,
    is_finite,
)
from kan_engine.drawing.svg import Theme, escape_text, number, text_element
from kan_engine.drawing.translations import format_end


def draw_panel(
    panel: PlacedPanel, units: Mapping[str, str], description: str, gutter: float, theme: Theme
) -> str:
    """Draw a panel as a group that a web page identifies by its ``data-`` attributes.

    Args:
        panel: The curve and its place.
        units: Units of the inputs by name.
        description: The curve in words, for its tooltip.
        gutter: Width of the numbers left of the curve.
        theme: Colours, language and measures.
    """
    content = _draw_pill(panel, theme) if panel.is_small else _draw_content(panel, units, gutter, theme)
    return (
        f"<g {_edge_attributes(panel.curve)}><title>{escape_text(description)}</title>"
        f"{_draw_frame(panel, theme)}{''.join(content)}</g>"
    )


def _edge_attributes(curve: Curve) -> str:
    (layer, source), (to_layer, target) = curve.source, curve.target
    places = {"layer": layer, "in": source, "to-layer": to_layer, "out": target}
    return " ".join(f'data-{name}="{place}"' for name, place in places.items())


def _draw_frame(panel: PlacedPanel, theme: Theme) -> str:
    colour = theme.symbolic if panel.curve.function and not panel.is_small else theme.ink
    return (
        f'<rect x="{number(panel.left)}" y="{number(panel.top)}" width="{number(panel.width)}" '
        f'height="{number(panel.height)}" rx="4" fill="{theme.paper}" stroke="{colour}" '
        f'stroke-opacity="{opacity(panel.curve.strength, theme)}"/>'
    )


def opacity(strength: float, theme: Theme) -> str:
    """Return the opacity. It grows with the square root, so that a tenth of the highest score is visible."""
    min_opacity = theme.diagram.panels.min_opacity
    return f"{min_opacity + (1 - min_opacity) * math.sqrt(min(max(strength, 0.0), 1.0)):.2f}"


def _draw_pill(panel: PlacedPanel, theme: Theme) -> Iterator[str]:
    """Draw the small box of a line: the factor by which the node is multiplied."""
    slope, style = panel.curve.slope, theme.diagram.panels
    factor = "" if slope is None else f" {theme.localise_number(format_end(slope))}"
    middle = panel.left + panel.width / 2, panel.top + panel.height / 2 + 0.36 * style.text_size
    yield text_element(f"×{factor}", *middle, size=style.text_size, anchor="middle", fill=theme.ink)


def _draw_content(panel: PlacedPanel, units: Mapping[str, str], gutter: float, theme: Theme) -> Iterator[str]:
    style, curve = theme.diagram.panels, panel.curve
    x_left, x_right = panel.left + style.padding, panel.left + panel.width - style.padding
    yield from _draw_title(curve, x_left, panel.top + style.padding + style.title_size * 0.8, x_right, theme)
    limits = contribution_range(curve)
    if limits is None:
        return
    has_names = bool(curve.levels) and len(curve.levels) <= style.max_named_levels
    names = [name_level(level, theme) for level in curve.levels]
    if has_names:
        widest = max(text_width(name, style.number_size) for name in names)
        gutter = min(widest + 6, style.max_name_share * (x_right - x_left))
    plot = Plot(
        left=x_left + gutter,
        top=panel.top + style.padding + style.title_size + 10,
        right=x_right,
        bottom=panel.top + panel.height - style.padding - style.number_room,
        low=limits[0],
        high=limits[1],
    )
    if has_names:
        yield from draw_named_bars(curve, names, plot, gutter, theme)
        return
    yield from draw_contributions(plot, theme)
    if curve.levels:
        yield from draw_bars(curve, names, plot, theme)
    else:
        yield _draw_graph(curve, plot, theme)
        yield from _draw_range(curve, plot, units.get(curve.name, ""), theme)


def _draw_title(curve: Curve, x_left: float, y: float, x_right: float, theme: Theme) -> Iterator[str]:
    """Draw the name of what enters, and the function on the right if it is known."""
    size = theme.diagram.panels.title_size
    room = x_right - x_left
    if curve.function:
        function = fit_label(curve.function, room * 0.5, size)
        yield text_element(function, x_right, y, size=size, anchor="end", fill=theme.symbolic)
        room -= text_width(function, size) + 6
    yield write_text(curve.name, x_left, y, room, size=size, fill=theme.ink)


def _draw_graph(curve: Curve, plot: Plot, theme: Theme) -> str:
    """Draw the curve, with gaps where it is not finite."""
    points = list(zip(curve.x, curve.y, strict=True))
    xs = [x for x, y in points if is_finite(x) and is_finite(y)]
    low, width = min(xs), max(xs) - min(xs)
    path, is_open = "", False
    for x, y in points:
        if not (is_finite(x) and is_finite(y)):
            is_open = False
            continue
        share = (x - low) / width if width > 0 else 0.5
        at = plot.left + share * (plot.right - plot.left), plot.y(y)
        path += f"{'L' if is_open else 'M'}{format_point(at)}"
        is_open = True
    colour = theme.symbolic if curve.function else theme.spline
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'


def _draw_range(curve: Curve, plot: Plot, unit: str, theme: Theme) -> Iterator[str]:
    """Write the ends of the range below the curve, and the unit between them if there is room."""
    size = theme.diagram.panels.number_size
    y = plot.bottom + theme.diagram.panels.number_room
    xs = [x for x in curve.x if is_finite(x)]
    low = high = ""
    for digits in (3, 2, 1):  # fewer where the ends would touch
        low, high = (theme.localise_number(format_end(x, digits)) for x in (min(xs), max(xs)))
        if text_width(low, size) + text_width(high, size) + 6 <= plot.right - plot.left:
            break
    if min(xs) == max(xs):
        yield text_element(low, (plot.left + plot.right) / 2, y, size=size, anchor="middle", fill=theme.quiet)
        return
    yield text_element(low, plot.left, y, size=size, fill=theme.quiet)
    yield text_element(high, plot.right, y, size=size, anchor="end", fill=theme.quiet)
    x_left, x_right = plot.left + text_width(low, size) + 6, plot.right - text_width(high, size) - 6
    if unit and text_width(unit, size) <= x_right - x_left:
        yield text_element(unit, (x_left + x_right) / 2, y, size=size, anchor="middle", fill=theme.quiet)
