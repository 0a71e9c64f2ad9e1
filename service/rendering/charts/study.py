"""How error and time of a study change with the grid, beside what the theory of splines promises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from service.rendering.charts.axes import Panel, Scale, marks_width, stroke
from service.rendering.charts.chart_frame import MARGIN, headline, legend, series
from service.rendering.svg import Theme, document, number, words
from service.rendering.translations import RAISED

WIDTH, HEIGHT = 520.0, 400.0
MOST_SERIES = 10
BAR = 3.0  # half the width of the ends of a range
Axis = Literal["grid", "parameters"]
Height = Literal["error", "seconds"]


@dataclass(frozen=True)
class Trained:
    """A training of a study.

    Attributes:
        settings: What it was trained with, but for the grid and the seed, in words.
        order: Of its splines; None of an MLP, which has no grid either.
        error: RMSE, or log loss, on the hold-out rows.
        seconds: Of its training; None where that was not recorded.
    """

    settings: str
    grid: int
    order: int | None
    parameters: int
    error: float
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class View:
    """What is drawn of the trainings.

    Attributes:
        across: What is across.
        up: What is upwards.
        metric: What the error is.
        has_slope: Whether to draw what the theory promises.
    """

    across: Axis
    up: Height = "error"
    metric: str
    has_slope: bool

    def x(self, training: Trained) -> float:
        """Where a training stands across."""
        return float(training.grid if self.across == "grid" else training.parameters)

    def y(self, training: Trained) -> float | None:
        """Where it stands upwards, if anywhere."""
        value = training.error if self.up == "error" else training.seconds
        return value or None  # nothing is 0 on a logarithmic axis


@dataclass(frozen=True)
class _Place:
    """Trainings that differ in their seeds alone, or in what is not told apart."""

    x: float
    middle: float
    low: float
    high: float


def draw_study(trainings: Sequence[Trained], view: View, *, title: str, theme: Theme) -> str:
    """Error or time over grid intervals or parameters, both axes logarithmic.

    Splines of order k leave an error that falls with G^-(k+1) (theorem 2.1 of the KAN paper). With a given
    shape the parameters grow in proportion to G, and the error falls with the same power of them: the
    dashed lines have that slope.

    Args:
        trainings: At least two, at different places across.
        view: What is drawn of them.
        title: The study in words.
        theme: Its colours.
    """
    groups = _groups(trainings, view)
    shown = dict(sorted(groups.items(), key=lambda item: min(p.middle for p in item[1]))[:MOST_SERIES])
    places = [place for group in shown.values() for place in group]
    orders = _orders(trainings, shown) if view.has_slope else {}
    y = Scale.over([end for p in places for end in (p.low, p.high)], is_log=True, room=0.08)
    left = 46 + marks_width(y, 7)
    width = left + WIDTH + 70
    across, up = _across(view, theme), _up(view, theme)
    told = list(_told(shown, len(groups), view, across, theme))
    head, top = headline(title, told, width, theme)
    key, height = legend(_entries(shown), MARGIN, top, width - 2 * MARGIN, theme)
    panel = Panel(
        left=left, top=top + height + 14, width=WIDTH, height=HEIGHT,
        x=Scale.over([place.x for place in places], is_log=True, room=0.08),
        y=y, theme=theme, y_most=7,
    )  # fmt: skip
    body = [*head, *key, *panel.frame(across, up)]
    for order, settings in sorted(orders.items()):
        body += _slope(order, shown[settings][0], view.across, panel)
    for place, group in enumerate(shown.values()):
        body += _series(group, place, panel)
    return document(
        width,
        panel.bottom + 50,
        title=theme.say("{title}: {metric} over {axis}", title=title, metric=_what(view, theme), axis=across),
        description=" ".join(told),
        theme=theme,
        body=body,
    )


def _groups(trainings: Sequence[Trained], view: View) -> dict[str, list[_Place]]:
    """The median of all trainings at the same place, and their range, by settings."""
    found: dict[str, dict[float, list[float]]] = {}
    for training in sorted(trainings, key=lambda each: (each.settings, view.x(each))):
        y = view.y(training)
        if y is not None:
            found.setdefault(training.settings, {}).setdefault(view.x(training), []).append(y)
    return {
        settings: [_Place(x, median(ys), min(ys), max(ys)) for x, ys in places.items()]
        for settings, places in found.items()
    }


def _orders(trainings: Sequence[Trained], shown: Mapping[str, object]) -> dict[int, str]:
    """For each order the settings that its line starts from: the best ones that are drawn."""
    order_of = {training.settings: training.order for training in trainings}
    found: dict[int, str] = {}
    for settings in shown:
        order = order_of[settings]
        if order is not None:
            found.setdefault(order, settings)
    return found


def _across(view: View, theme: Theme) -> str:
    return theme.say("grid intervals G") if view.across == "grid" else theme.say("parameters")


def _up(view: View, theme: Theme) -> str:
    if view.up == "seconds":
        return theme.say("seconds of training")
    return theme.say("{metric} on the hold-out rows", metric=view.metric)


def _what(view: View, theme: Theme) -> str:
    return theme.say("seconds of training") if view.up == "seconds" else view.metric


def _entries(shown: Mapping[str, object]) -> list[str]:
    return list(shown) if len(shown) > 1 or next(iter(shown)) else []


def _told(
    shown: Mapping[str, Sequence[_Place]], count: int, view: View, across: str, theme: Theme
) -> list[str]:
    told = [_ends(group, settings, view, across, theme) for settings, group in list(shown.items())[:4]]
    if count > len(shown):
        told.append(theme.say("The {shown} best of {all} settings are drawn.", shown=len(shown), all=count))
    if any(place.low < place.high for group in shown.values() for place in group):
        told.append(theme.say("Dots: medians; bars: from the smallest to the largest value."))
    if view.has_slope and view.across == "parameters":
        told.append(
            theme.say("With a given shape the parameters grow in proportion to G: the slope is the same.")
        )
    return told


def _ends(group: Sequence[_Place], settings: str, view: View, across: str, theme: Theme) -> str:
    first, last = group[0], group[-1]
    told = theme.say(
        "{metric} {error} at {first} and {less} at {last} {axis}.",
        metric=_what(view, theme), error=first.middle, less=last.middle,
        first=f"{first.x:g}", last=f"{last.x:g}", axis=across,
    )  # fmt: skip
    return f"{settings}: {told}" if settings else told


def _series(group: Sequence[_Place], place: int, panel: Panel) -> list[str]:
    """A line through the medians, and the range of each."""
    colour, dash = series(place, panel.theme)
    xs, middles = [p.x for p in group], [p.middle for p in group]
    ranges = "".join(_range(p, panel) for p in group if p.low < p.high)
    dots = panel.dots(xs, middles, colour=colour, radius=3.6, opacity=0.85)
    return [
        *([stroke(ranges, colour, "", 1.1)] if ranges else []),
        panel.line(xs, middles, colour=colour, dash=dash),
        dots,
    ]


def _range(place: _Place, panel: Panel) -> str:
    """An upright bar with ends."""
    x, low, high = panel.across(place.x), panel.up(place.low), panel.up(place.high)
    ends = "".join(f"M{number(x - BAR)},{number(y)}h{number(2 * BAR)}" for y in (low, high))
    return f"M{number(x)},{number(low)}V{number(high)}{ends}"


def _slope(order: int, start: _Place, axis: Axis, panel: Panel) -> list[str]:
    """A line that falls with the power k + 1, as far as it stays within the panel."""
    theme, power = panel.theme, order + 1
    end = min(panel.x.high, start.x * (start.middle / panel.y.low) ** (1 / power))
    error = start.middle * (end / start.x) ** -power
    x, y = panel.across(end), panel.up(error)
    path = f"M{number(panel.across(start.x))},{number(panel.up(start.middle))}L{number(x)},{number(y)}"
    letter = "G" if axis == "grid" else "P"
    label = f"∝ {letter}{str(-power).translate(RAISED)}"
    is_below = y > panel.bottom - 14
    return [
        stroke(path, theme.quiet, "6 4", 1.4),
        words(label, x + 6, y - 4 if is_below else y + 4, size=11, fill=theme.quiet),
    ]
