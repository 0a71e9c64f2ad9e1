"""The plot of a panel: the ranges of a curve, numbers at their ends, and the line 0."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

from kan_engine.drawing.edge_blocks import Point
from kan_engine.drawing.fitted_text import text_width
from kan_engine.drawing.panels.curves import Curve
from kan_engine.drawing.svg import Theme, number, text_element
from kan_engine.drawing.translations import format_end

MIN_LABEL_DISTANCE = 1.15  # between the centres of two numbers, as a multiple of their font size


@dataclass(frozen=True)
class Plot:
    """The part of a panel in which its curve is drawn, and the range of the contributions."""

    left: float
    top: float
    right: float
    bottom: float
    low: float
    high: float

    def y(self, value: float) -> float:
        """Return the height of a contribution; the middle if all contributions are equal."""
        if self.high <= self.low:
            return (self.top + self.bottom) / 2
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)

    def x(self, value: float) -> float:
        """Return the place of a contribution on a horizontal axis."""
        if self.high <= self.low:
            return self.left
        return self.left + (self.right - self.left) * (value - self.low) / (self.high - self.low)


def measure_gutter(curves: Iterable[Curve], theme: Theme) -> float:
    """Return the width of the numbers left of the curves, the same for all panels."""
    style = theme.diagram.panels
    widths = [
        text_width(format_contribution(value, theme), style.number_size)
        for curve in curves
        for value in contribution_range(curve) or ()
    ]
    return min(style.max_gutter, max([style.min_gutter, *widths]) + style.number_gap)


def contribution_range(curve: Curve) -> tuple[float, float] | None:
    """Return the lowest and the highest contribution; of bars, 0 is between them. None if there is none."""
    values = [level.value for level in curve.levels] if curve.levels else list(curve.y)
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return None
    zero = [0.0] if curve.levels else []
    return min(finite + zero), max(finite + zero)


def format_contribution(value: float, theme: Theme) -> str:
    """Format a contribution with its sign, with fewer digits where it would not fit beside a curve."""
    style, text = theme.diagram.panels, ""
    for digits in (3, 2, 1):
        text = ("+" if value > 0 else "") + theme.localise_number(format_end(value, digits))
        if text_width(text, style.number_size) <= style.max_gutter - style.number_gap:
            break
    return text


def draw_contributions(plot: Plot, theme: Theme) -> Iterator[str]:
    """Draw the line 0, and the numbers at the ends of the range and at 0 where there is room."""
    style = theme.diagram.panels
    size = style.number_size
    if plot.low <= 0 <= plot.high:
        yield draw_zero((plot.left, plot.y(0.0)), (plot.right, plot.y(0.0)), theme)
    ends = [plot.low] if plot.low == plot.high else [plot.high, plot.low]
    is_apart = all(abs(plot.y(0.0) - plot.y(end)) >= MIN_LABEL_DISTANCE * size for end in ends)
    for value in [*ends, *([0.0] if plot.low < 0 < plot.high and is_apart else [])]:
        label = format_contribution(value, theme)
        y = plot.y(value) + 0.36 * size
        yield text_element(label, plot.left - style.number_gap, y, size=size, anchor="end", fill=theme.quiet)


def draw_zero(start: Point, end: Point, theme: Theme) -> str:
    """Draw the line at which the contribution is 0."""
    return (
        f'<path d="M{format_point(start)}L{format_point(end)}" stroke="{theme.line}" stroke-width="1" '
        f'stroke-opacity="0.6" stroke-dasharray="3 3"/>'
    )


def is_finite(value: float | None) -> TypeGuard[float]:
    """Whether a number is known and finite."""
    return value is not None and math.isfinite(value)


def format_point(point: Point) -> str:
    """Format a point for a path."""
    return f"{number(point[0])},{number(point[1])}"
