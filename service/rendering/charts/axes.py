"""Axes and the elements drawn between them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from kan_engine.drawing.labels import CHARACTER_WIDTH
from kan_engine.drawing.svg import Theme, number, text_element
from service.rendering.charts.chart_style import ChartStyle
from service.rendering.charts.ticks import log_ticks, nice_ticks, tick_labels

MAX_MAGNITUDE = 1e290  # of a shown value; the largest double is 1.8e308
Value = float | None


@dataclass(frozen=True)
class Scale:
    """The range of an axis."""

    low: float
    high: float
    is_log: bool = False

    @staticmethod
    def from_values(values: Iterable[Value], *, is_log: bool = False, room: float = 0.04) -> "Scale":
        """Return a range around all values that can be shown, with a margin of ``room`` of the range."""
        seen = [
            _clip_magnitude(value, is_log)
            for value in values
            if value is not None and is_shown(value, is_log)
        ]
        low, high = (min(seen), max(seen)) if seen else (1.0, 10.0) if is_log else (0.0, 1.0)
        if is_log:
            spread = math.log10(high) - math.log10(low)
            wider = 10 ** (room * spread if spread > 1e-6 else 0.5)
            return Scale(max(low / wider, 1e-300), min(high * wider, 1e300), True)
        spread = high - low
        wider = room * spread if spread > 1e-12 * max(abs(low), abs(high)) else abs(low) / 2 or 0.5
        return Scale(low - wider, high + wider)

    def share(self, value: float) -> float:
        """Return the position of a value: 0 at the low end, 1 at the high end."""
        if self.is_log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(value) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> list[float]:
        """Return at most ``most`` ticks within the range."""
        return (log_ticks if self.is_log else nice_ticks)(self.low, self.high, most)

    def labels(self, most: int) -> list[str]:
        """Return the labels of the ticks."""
        return tick_labels(self.ticks(most), is_log=self.is_log)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A plot rectangle with two axes, in pixels."""

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale
    theme: Theme
    style: ChartStyle
    x_most: int = 7
    y_most: int = 6

    @property
    def right(self) -> float:
        """x of the right side."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """y of the lower side."""
        return self.top + self.height

    def to_x(self, value: float) -> float:
        """Return the pixel coordinate of an x value."""
        return self.left + self.width * self.x.share(value)

    def to_y(self, value: float) -> float:
        """Return the pixel coordinate of a y value."""
        return self.bottom - self.height * self.y.share(value)

    def draw_frame(
        self, x_label: str = "", y_label: str = "", *, x_marks: bool = True, y_marks: bool = True
    ) -> Iterator[str]:
        """Draw grid lines, tick labels and axis labels."""
        yield from self._draw_grid_lines(x_marks)
        if x_marks:
            for tick, label in zip(self.x.ticks(self.x_most), self.x.labels(self.x_most), strict=True):
                yield self.draw_mark(
                    self.theme.localise_number(label), self.to_x(tick), self.bottom + 15, "middle"
                )
        if y_marks:
            for tick, label in zip(self.y.ticks(self.y_most), self.y.labels(self.y_most), strict=True):
                yield self.draw_mark(
                    self.theme.localise_number(label), self.left - 6, self.to_y(tick) + 3.5, "end"
                )
        middle, size = (self.left + self.width / 2, self.top + self.height / 2), self.style.label_size
        if x_label:
            label = shorten_text(x_label, size, self.width + 40)
            yield text_element(
                label, middle[0], self.bottom + 33, size=size, anchor="middle", fill=self.theme.quiet
            )
        if y_label:
            x = self.left - 16 - marks_width(self.y, self.y_most, self.style)
            label = shorten_text(y_label, size, self.height + 40)
            yield text_element(
                label, x, middle[1], size=size, anchor="middle", fill=self.theme.quiet, turn=-90
            )

    def _draw_grid_lines(self, x_marks: bool) -> Iterator[str]:
        across = [self.to_y(tick) for tick in self.y.ticks(self.y_most)]
        along = [self.to_x(tick) for tick in self.x.ticks(self.x_most)] if x_marks else []
        path = "".join(f"M{number(self.left)},{number(y)}H{number(self.right)}" for y in across)
        path += "".join(f"M{number(x)},{number(self.top)}V{number(self.bottom)}" for x in along)
        yield f'<path d="{path}" fill="none" stroke="{self.theme.grid}" stroke-width="1"/>'
        yield (
            f'<path d="M{number(self.left)},{number(self.top)}V{number(self.bottom)}H{number(self.right)}" '
            f'fill="none" stroke="{self.theme.line}" stroke-width="1"/>'
        )

    def draw_mark(self, label: str, x: float, y: float, anchor: str) -> str:
        """Draw a tick label."""
        return text_element(label, x, y, size=self.style.mark_size, anchor=anchor, fill=self.theme.quiet)  # type: ignore[arg-type]

    def draw_line(
        self, xs: Sequence[Value], ys: Sequence[Value], *, colour: str, dash: str = "", width: float = 1.8
    ) -> str:
        """Draw a curve with gaps where it is undefined. A single value between gaps is a dot."""
        runs: list[list[tuple[float, float]]] = [[]]
        for x, y in zip(xs, ys, strict=True):
            if is_shown(x, self.x.is_log) and is_shown(y, self.y.is_log):
                runs[-1].append((float(x or 0.0), float(y or 0.0)))
            elif runs[-1]:
                runs.append([])
        path = "".join(
            "M" + "L".join(self._format_point(*point) for point in run) for run in runs if len(run) > 1
        )
        alone = [run[0] for run in runs if len(run) == 1]
        drawn = draw_path(path, colour, dash, width) if path else ""
        if alone:
            drawn += self.draw_dots(
                [x for x, _ in alone], [y for _, y in alone], colour=colour, radius=2 * width
            )
        return drawn

    def draw_band(
        self, xs: Sequence[Value], lows: Sequence[Value], highs: Sequence[Value], *, colour: str
    ) -> str:
        """Fill the area between two curves where both are defined."""
        found = [
            (x, low, high)
            for x, low, high in zip(xs, lows, highs, strict=True)
            if x is not None and low is not None and high is not None
        ]
        there = [self._format_point(x, high) for x, _, high in found]
        back = [self._format_point(x, low) for x, low, _ in reversed(found)]
        path = "M" + "L".join([*there, *back]) + "Z"
        return f'<path d="{path}" fill="{colour}" fill-opacity="0.22" stroke="none"/>' if found else ""

    def draw_dots(
        self, xs: Sequence[Value], ys: Sequence[Value], *, colour: str, radius: float, opacity: float = 1.0
    ) -> str:
        """Draw a dot for every pair that is defined."""
        found = [
            self._format_point(float(x or 0.0), float(y or 0.0)).split(",")
            for x, y in zip(xs, ys, strict=True)
            if is_shown(x, self.x.is_log) and is_shown(y, self.y.is_log)
        ]
        circles = "".join(f'<circle cx="{x}" cy="{y}" r="{number(radius)}"/>' for x, y in found)
        return f'<g fill="{colour}" fill-opacity="{opacity:g}">{circles}</g>'

    def _format_point(self, x: float, y: float) -> str:
        return f"{number(self.to_x(x))},{number(self.to_y(y))}"

    def copy_with(self, **change: float | Scale) -> "Panel":
        """Return a copy with some fields changed."""
        return replace(self, **change)  # type: ignore[arg-type]


def _clip_magnitude(value: float, is_log: bool) -> float:
    """Clip a value so that differences and ratios stay finite."""
    return min(max(value, 1 / MAX_MAGNITUDE if is_log else -MAX_MAGNITUDE), MAX_MAGNITUDE)


def draw_path(path: str, colour: str, dash: str = "", width: float = 1.8) -> str:
    """Return a path element without fill."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{number(width)}" '
        f'stroke-linejoin="round"{dashes}/>'
    )


def is_shown(value: Value, is_log: bool = False) -> bool:
    """Whether a value is finite and, on a logarithmic axis, positive."""
    return value is not None and math.isfinite(value) and (value > 0 or not is_log)


def marks_width(scale: Scale, most: int, style: ChartStyle) -> float:
    """Return the width of the tick labels of a vertical axis."""
    return max((text_width(label, style.mark_size) for label in scale.labels(most)), default=0.0)


def text_width(label: str, size: float) -> float:
    """Estimate the width of a text in pixels; the reader's font is unknown."""
    return sum(2 if ord(char) > 0x2E80 else 1 for char in label) * CHARACTER_WIDTH * size


def shorten_text(label: str, size: float, room: float) -> str:
    """Shorten a text to ``room`` pixels."""
    if text_width(label, size) <= room:
        return label
    shown = label
    while shown and text_width(shown + "…", size) > room:
        shown = shown[:-1]
    return shown.rstrip() + "…"
