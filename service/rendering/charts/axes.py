"""Axes and the elements drawn between them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from service.rendering.charts.ticks import log_ticks, nice_ticks, tick_labels
from service.rendering.network.labels import CHARACTER
from service.rendering.svg import Theme, number, words

SMALL, SMALLEST = 11.0, 10.0  # font sizes of axis labels and tick labels
ROOM = 0.04  # margin beyond the values, as a share of their range
LARGEST = 1e290
Value = float | None


@dataclass(frozen=True)
class Scale:
    """The range of an axis."""

    low: float
    high: float
    is_log: bool = False

    @staticmethod
    def over(values: Iterable[Value], *, is_log: bool = False, room: float = ROOM) -> "Scale":
        """Return a range around all values that can be shown, with a margin of ``room`` of the range."""
        seen = [_bounded(value, is_log) for value in values if value is not None and is_shown(value, is_log)]
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

    def across(self, value: float) -> float:
        """Return the pixel coordinate of an x value."""
        return self.left + self.width * self.x.share(value)

    def up(self, value: float) -> float:
        """Return the pixel coordinate of a y value."""
        return self.bottom - self.height * self.y.share(value)

    def frame(
        self, x_label: str = "", y_label: str = "", *, x_marks: bool = True, y_marks: bool = True
    ) -> Iterator[str]:
        """Draw grid lines, tick labels and axis labels."""
        yield from self._rules(x_marks)
        if x_marks:
            for tick, label in zip(self.x.ticks(self.x_most), self.x.labels(self.x_most), strict=True):
                yield self.mark(self.theme.written(label), self.across(tick), self.bottom + 15, "middle")
        if y_marks:
            for tick, label in zip(self.y.ticks(self.y_most), self.y.labels(self.y_most), strict=True):
                yield self.mark(self.theme.written(label), self.left - 6, self.up(tick) + 3.5, "end")
        middle = self.left + self.width / 2, self.top + self.height / 2
        if x_label:
            label = fitted(x_label, SMALL, self.width + 40)
            yield words(
                label, middle[0], self.bottom + 33, size=SMALL, anchor="middle", fill=self.theme.quiet
            )
        if y_label:
            x = self.left - 16 - marks_width(self.y, self.y_most)
            label = fitted(y_label, SMALL, self.height + 40)
            yield words(label, x, middle[1], size=SMALL, anchor="middle", fill=self.theme.quiet, turn=-90)

    def _rules(self, x_marks: bool) -> Iterator[str]:
        across = [self.up(tick) for tick in self.y.ticks(self.y_most)]
        along = [self.across(tick) for tick in self.x.ticks(self.x_most)] if x_marks else []
        path = "".join(f"M{number(self.left)},{number(y)}H{number(self.right)}" for y in across)
        path += "".join(f"M{number(x)},{number(self.top)}V{number(self.bottom)}" for x in along)
        yield f'<path d="{path}" fill="none" stroke="{self.theme.grid}" stroke-width="1"/>'
        yield (
            f'<path d="M{number(self.left)},{number(self.top)}V{number(self.bottom)}H{number(self.right)}" '
            f'fill="none" stroke="{self.theme.line}" stroke-width="1"/>'
        )

    def mark(self, label: str, x: float, y: float, anchor: str) -> str:
        """Draw a tick label."""
        return words(label, x, y, size=SMALLEST, anchor=anchor, fill=self.theme.quiet)  # type: ignore[arg-type]

    def line(
        self, xs: Sequence[Value], ys: Sequence[Value], *, colour: str, dash: str = "", width: float = 1.8
    ) -> str:
        """Draw a curve with gaps where it is undefined. A single value between gaps is a dot."""
        runs: list[list[tuple[float, float]]] = [[]]
        for x, y in zip(xs, ys, strict=True):
            if is_shown(x, self.x.is_log) and is_shown(y, self.y.is_log):
                runs[-1].append((float(x or 0.0), float(y or 0.0)))
            elif runs[-1]:
                runs.append([])
        path = "".join("M" + "L".join(self._point(*point) for point in run) for run in runs if len(run) > 1)
        alone = [run[0] for run in runs if len(run) == 1]
        drawn = stroke(path, colour, dash, width) if path else ""
        if alone:
            drawn += self.dots([x for x, _ in alone], [y for _, y in alone], colour=colour, radius=2 * width)
        return drawn

    def band(self, xs: Sequence[Value], lows: Sequence[Value], highs: Sequence[Value], *, colour: str) -> str:
        """Fill the area between two curves where both are defined."""
        found = [
            (x, low, high)
            for x, low, high in zip(xs, lows, highs, strict=True)
            if x is not None and low is not None and high is not None
        ]
        there = [self._point(x, high) for x, _, high in found]
        back = [self._point(x, low) for x, low, _ in reversed(found)]
        path = "M" + "L".join([*there, *back]) + "Z"
        return f'<path d="{path}" fill="{colour}" fill-opacity="0.22" stroke="none"/>' if found else ""

    def dots(
        self, xs: Sequence[Value], ys: Sequence[Value], *, colour: str, radius: float, opacity: float = 1.0
    ) -> str:
        """Draw a dot for every pair that is defined."""
        found = [
            self._point(float(x or 0.0), float(y or 0.0)).split(",")
            for x, y in zip(xs, ys, strict=True)
            if is_shown(x, self.x.is_log) and is_shown(y, self.y.is_log)
        ]
        circles = "".join(f'<circle cx="{x}" cy="{y}" r="{number(radius)}"/>' for x, y in found)
        return f'<g fill="{colour}" fill-opacity="{opacity:g}">{circles}</g>'

    def _point(self, x: float, y: float) -> str:
        return f"{number(self.across(x))},{number(self.up(y))}"

    def beside(self, **change: float | Scale) -> "Panel":
        """Return a copy with some fields changed."""
        return replace(self, **change)  # type: ignore[arg-type]


def _bounded(value: float, is_log: bool) -> float:
    """Clip a value so that differences and ratios stay finite."""
    return min(max(value, 1 / LARGEST if is_log else -LARGEST), LARGEST)


def stroke(path: str, colour: str, dash: str = "", width: float = 1.8) -> str:
    """Return a path element without fill."""
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{number(width)}" '
        f'stroke-linejoin="round"{dashes}/>'
    )


def is_shown(value: Value, is_log: bool = False) -> bool:
    """Whether a value is finite and, on a logarithmic axis, positive."""
    return value is not None and math.isfinite(value) and (value > 0 or not is_log)


def marks_width(scale: Scale, most: int) -> float:
    """Return the width of the tick labels of a vertical axis."""
    return max((text_width(label, SMALLEST) for label in scale.labels(most)), default=0.0)


def text_width(label: str, size: float) -> float:
    """Estimate the width of a text in pixels; the reader's font is unknown."""
    return sum(2 if ord(char) > 0x2E80 else 1 for char in label) * CHARACTER * size


def fitted(label: str, size: float, room: float) -> str:
    """Shorten a text to ``room`` pixels."""
    if text_width(label, size) <= room:
        return label
    shown = label
    while shown and text_width(shown + "…", size) > room:
        shown = shown[:-1]
    return shown.rstrip() + "…"
