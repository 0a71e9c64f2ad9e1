"""Error and training time of a study by grid, with the convergence rate of splines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import SUPERSCRIPTS
from service.documents.plots import XQuantity, YQuantity
from service.rendering.charts.chart_frame import Chart, draw_dots, draw_series, series_colour, use_log_axis

WIDTH, HEIGHT = 650.0, 470.0
MAX_SERIES = 10  # settings; the best ones are drawn
MAX_GRID_TICKS = 12  # so many grids have a tick each


@dataclass(frozen=True)
class StudyTraining:
    """A training of a study.

    Attributes:
        settings: Its settings without grid and seed, as text.
        order: Order of its splines; None for an MLP, which has no grid either.
        error: RMSE or log loss on the hold-out rows.
        seconds: Training time; None if it was not recorded.
    """

    settings: str
    grid: int
    order: int | None
    parameters: int
    error: float
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """The quantities that the chart shows.

    Attributes:
        across: Quantity on the x axis.
        up: Quantity on the y axis.
        metric: Name of the error.
        has_slope: Whether to draw the theoretical convergence rate.
    """

    across: XQuantity
    up: YQuantity = "error"
    metric: str
    has_slope: bool

    def x(self, training: StudyTraining) -> float:
        """Return the x value of a training."""
        return float(training.grid if self.across == "grid" else training.parameters)

    def y(self, training: StudyTraining) -> float | None:
        """Return the y value of a training; None if it is 0 or unknown."""
        value = training.error if self.up == "error" else training.seconds
        return value or None  # a logarithmic axis has no 0


@dataclass(frozen=True)
class _SeriesPoint:
    """The median and the range of the trainings with equal settings and equal x."""

    x: float
    middle: float
    low: float
    high: float


def draw_study(trainings: Sequence[StudyTraining], view: StudyView, *, title: str, theme: Theme) -> str:
    """Draw error or time against grid intervals or parameters, both axes logarithmic.

    The error of splines of order k decreases as G^-(k+1) (theorem 2.1 of the KAN paper). For a fixed shape,
    the number of parameters is proportional to G, so the error decreases with the same power of it. The
    dashed lines have this slope.

    Args:
        trainings: At least two, with different x values.
        view: The quantities on the axes.
        title: Title of the study.
        theme: Colours and language.
    """
    groups = _group_by_settings(trainings, view)
    drawn_groups = dict(sorted(groups.items(), key=lambda item: min(p.middle for p in item[1]))[:MAX_SERIES])
    places = [place for group in drawn_groups.values() for place in group]
    orders = _slope_origins(trainings, drawn_groups) if view.has_slope else {}
    across, up = _x_label(view, theme), _y_label(view, theme)
    notes = list(_describe_study(drawn_groups, len(groups), view, across, theme))
    names = list(drawn_groups) if len(drawn_groups) > 1 or next(iter(drawn_groups)) else []
    chart = Chart(title, notes, width=WIDTH, height=HEIGHT + 16 * len(names), theme=theme)
    (axes,) = chart.make_axes()
    use_log_axis(axes, [end for p in places for end in (p.low, p.high)], theme, room=0.08)
    use_log_axis(axes, [place.x for place in places], theme, along="x", room=0.08)
    grids = sorted({place.x for place in places})
    if view.across == "grid" and len(grids) <= MAX_GRID_TICKS:
        axes.set_xticks(grids)
    for order, settings in sorted(orders.items()):
        _draw_slope(order, drawn_groups[settings][0], view.across, axes, theme)
    lines = [_draw_series(group, place, axes, theme) for place, group in enumerate(drawn_groups.values())]
    chart.label(axes, across, up)
    chart.add_legend(axes, names, lines)
    return chart.write(
        title=theme.say(
            "{title}: {metric} against {axis}", title=title, metric=_y_quantity(view, theme), axis=across
        ),
        description=" ".join(notes),
    )


def _group_by_settings(trainings: Sequence[StudyTraining], view: StudyView) -> dict[str, list[_SeriesPoint]]:
    """Return the median and the range of the trainings at each x, by settings."""
    groups: dict[str, dict[float, list[float]]] = {}
    for training in sorted(trainings, key=lambda entry: (entry.settings, view.x(entry))):
        y = view.y(training)
        if y is not None:
            groups.setdefault(training.settings, {}).setdefault(view.x(training), []).append(y)
    return {
        settings: [_SeriesPoint(x, median(ys), min(ys), max(ys)) for x, ys in places.items()]
        for settings, places in groups.items()
    }


def _slope_origins(trainings: Sequence[StudyTraining], groups: Mapping[str, object]) -> dict[int, str]:
    """Return, by order, the settings at whose first point the slope line starts: the best ones drawn."""
    order_of = {training.settings: training.order for training in trainings}
    origins: dict[int, str] = {}
    for settings in groups:
        order = order_of[settings]
        if order is not None:
            origins.setdefault(order, settings)
    return origins


def _x_label(view: StudyView, theme: Theme) -> str:
    return theme.say("grid intervals G") if view.across == "grid" else theme.say("parameters")


def _y_label(view: StudyView, theme: Theme) -> str:
    if view.up == "seconds":
        return theme.say("seconds of training")
    return theme.say("{metric} on the hold-out rows", metric=view.metric)


def _y_quantity(view: StudyView, theme: Theme) -> str:
    return theme.say("seconds of training") if view.up == "seconds" else view.metric


def _describe_study(
    groups: Mapping[str, Sequence[_SeriesPoint]], count: int, view: StudyView, across: str, theme: Theme
) -> list[str]:
    notes = [
        _describe_ends(group, settings, view, across, theme) for settings, group in list(groups.items())[:4]
    ]
    if count > len(groups):
        notes.append(theme.say("The {shown} best of {all} settings are drawn.", shown=len(groups), all=count))
    if any(place.low < place.high for group in groups.values() for place in group):
        notes.append(theme.say("Dots: medians; bars: minimum to maximum."))
    if view.has_slope and view.across == "parameters":
        notes.append(
            theme.say("For a fixed shape, parameters are proportional to G, so the slope is the same.")
        )
    return notes


def _describe_ends(
    group: Sequence[_SeriesPoint], settings: str, view: StudyView, across: str, theme: Theme
) -> str:
    start, end = group[0], group[-1]
    text = theme.say(
        "{metric} {error} at {first} and {less} at {last} {axis}.",
        metric=_y_quantity(view, theme), error=start.middle, less=end.middle,
        first=f"{start.x:g}", last=f"{end.x:g}", axis=across,
    )  # fmt: skip
    return f"{settings}: {text}" if settings else text


def _draw_series(group: Sequence[_SeriesPoint], place: int, axes: Axes, theme: Theme) -> Any:
    """Draw a line through the medians, and the range of each."""
    colour = series_colour(place, theme)
    xs, middles = [p.x for p in group], [p.middle for p in group]
    wide = [p for p in group if p.low < p.high]
    axes.errorbar(
        [p.x for p in wide], [p.middle for p in wide],
        yerr=[[p.middle - p.low for p in wide], [p.high - p.middle for p in wide]],
        fmt="none", ecolor=colour, elinewidth=1.1, capsize=3,
    )  # fmt: skip
    line = draw_series(axes, xs, middles, theme, place)
    draw_dots(axes, xs, middles, colour=colour, radius=3.6, opacity=0.85)
    return line


def _draw_slope(order: int, start: _SeriesPoint, axis: XQuantity, axes: Axes, theme: Theme) -> None:
    """Draw a line with the slope -(k + 1) on the logarithmic axes, clipped to the panel."""
    power = order + 1
    end = min(axes.get_xlim()[1], start.x * (start.middle / axes.get_ylim()[0]) ** (1 / power))
    error = start.middle * (end / start.x) ** -power
    axes.plot(
        [start.x, end], [start.middle, error], color=theme.quiet, linestyle=(0, (6, 4)), linewidth=1.4,
        gid="slope",
    )  # fmt: skip
    letter = "G" if axis == "grid" else "P"
    label = f"∝ {letter}{str(-power).translate(SUPERSCRIPTS)}"
    axes.annotate(label, (end, error), xytext=(6, 4), textcoords="offset points", size=11, color=theme.quiet)
