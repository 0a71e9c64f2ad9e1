"""How the error of a study's trainings falls with finer grids, beside what the theory of splines promises."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from service.plots.axes import Panel, Scale, marks_width, stroke
from service.plots.sheet import MARGIN, headline, legend, series
from service.svg import Theme, document, number, words

WIDTH, HEIGHT = 520.0, 400.0
MOST_SERIES = 10
Axis = Literal["grid", "parameters"]


@dataclass(frozen=True)
class Trained:
    """A training of a study.

    Attributes:
        settings: What it was trained with, but for the grid and the seed, in words.
        error: RMSE, or log loss, on the hold-out rows.
    """

    settings: str
    grid: int
    order: int
    parameters: int
    error: float

    def at(self, axis: Axis) -> float:
        """Where it stands on an axis."""
        return float(self.grid if axis == "grid" else self.parameters)


def draw_error(
    trainings: Sequence[Trained], axis: Axis, *, title: str, metric: str, theme: Theme, has_slope: bool
) -> str:
    """Error over grid intervals or parameters, both axes logarithmic.

    Splines of order k leave an error that falls with G^-(k+1) (theorem 2.1 of the KAN paper), and with a
    given shape the parameters grow with G: the dashed lines have that slope.

    Args:
        trainings: At least two, with different grids.
        axis: What is across.
        title: The study in words.
        metric: What the error is.
        theme: Its colours.
        has_slope: Whether to draw what the theory promises.
    """
    groups: dict[str, list[Trained]] = {}
    for training in sorted(trainings, key=lambda each: (each.settings, each.at(axis))):
        groups.setdefault(training.settings, []).append(training)
    shown = dict(sorted(groups.items(), key=lambda item: min(t.error for t in item[1]))[:MOST_SERIES])
    points = [training for group in shown.values() for training in group]
    slopes = _slopes(shown, axis) if has_slope else []
    y = Scale.over([training.error for training in points], is_log=True, room=0.08)
    left = 46 + marks_width(y, 7)
    width = left + WIDTH + 70
    across = theme.say("grid intervals G") if axis == "grid" else theme.say("parameters")
    told = [
        _told(group, settings, axis, across, metric, theme) for settings, group in list(shown.items())[:4]
    ]
    if len(groups) > len(shown):
        told.append(
            theme.say("The {shown} best of {all} settings are drawn.", shown=len(shown), all=len(groups))
        )
    head, top = headline(title, told, width, theme)
    key, height = legend(_entries(shown), MARGIN, top, width - 2 * MARGIN, theme)
    panel = Panel(
        left=left, top=top + height + 14, width=WIDTH, height=HEIGHT,
        x=Scale.over([training.at(axis) for training in points], is_log=True, room=0.08),
        y=y, theme=theme, y_most=7,
    )  # fmt: skip
    body = [*head, *key, *panel.frame(across, theme.say("{metric} on the hold-out rows", metric=metric))]
    for order, start in slopes:
        body += _slope(order, start, axis, panel)
    for place, group in enumerate(shown.values()):
        body += _series(group, axis, place, panel)
    return document(
        width,
        panel.bottom + 50,
        title=theme.say("{title}: {metric} over {axis}", title=title, metric=metric, axis=across),
        description=" ".join(told),
        theme=theme,
        body=body,
    )


def _entries(shown: dict[str, list[Trained]]) -> list[str]:
    return list(shown) if len(shown) > 1 or next(iter(shown)) else []


def _told(group: Sequence[Trained], settings: str, axis: Axis, across: str, metric: str, theme: Theme) -> str:
    first, last = group[0], group[-1]
    told = theme.say(
        "{metric} {error} at {first} and {less} at {last} {axis}.",
        metric=metric, error=first.error, less=last.error,
        first=f"{first.at(axis):g}", last=f"{last.at(axis):g}", axis=across,
    )  # fmt: skip
    return f"{settings}: {told}" if settings else told


def _series(group: Sequence[Trained], axis: Axis, place: int, panel: Panel) -> list[str]:
    """A dot for every training, and a line through the medians of those at the same place."""
    colour, dash = series(place, panel.theme)
    places = sorted({training.at(axis) for training in group})
    medians: list[float | None] = [median(t.error for t in group if t.at(axis) == x) for x in places]
    dots = panel.dots(
        [t.at(axis) for t in group], [t.error for t in group], colour=colour, radius=3.6, opacity=0.85
    )
    return [panel.line(places, medians, colour=colour, dash=dash), dots]


def _slopes(shown: dict[str, list[Trained]], axis: Axis) -> list[tuple[int, Trained]]:
    """For each order the training that its line starts from: the coarsest of the best settings."""
    found: dict[int, Trained] = {}
    for group in shown.values():
        for training in sorted(group, key=lambda each: (each.at(axis), each.error)):
            found.setdefault(training.order, training)
    return sorted(found.items())


def _slope(order: int, start: Trained, axis: Axis, panel: Panel) -> list[str]:
    """A line that falls with the power k + 1, as far as it stays within the panel."""
    theme, power = panel.theme, order + 1
    end = min(panel.x.high, start.at(axis) * (start.error / panel.y.low) ** (1 / power))
    error = start.error * (end / start.at(axis)) ** -power
    x, y = panel.across(end), panel.up(error)
    path = f"M{number(panel.across(start.at(axis)))},{number(panel.up(start.error))}L{number(x)},{number(y)}"
    letter = "G" if axis == "grid" else "P"
    label = f"∝ {letter}⁻{power}".translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    is_below = y > panel.bottom - 14
    return [
        stroke(path, theme.quiet, "6 4", 1.4),
        words(label, x + 6, y - 4 if is_below else y + 4, size=11, fill=theme.quiet),
    ]
