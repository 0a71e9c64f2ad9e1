"""Error and training time of a study by grid, with the convergence rate of splines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from kan_engine.drawing.svg import Theme, number, svg_document, text_element
from kan_engine.drawing.translations import SUPERSCRIPTS
from service.rendering.charts.axes import Panel, Scale, draw_path, marks_width
from service.rendering.charts.chart_frame import draw_headline, draw_legend, series_style
from service.rendering.charts.chart_style import ChartStyle

XQuantity = Literal["grid", "parameters"]
YQuantity = Literal["error", "seconds"]


@dataclass(frozen=True, kw_only=True)
class StudyLayout(ChartStyle):
    """Proportions of the plot of a study.

    Attributes:
        width, height: Of the panel.
        max_series: Settings; the best ones are drawn.
        bar_end_half_width: Of the bar of a range.
    """

    width: float = 520.0
    height: float = 400.0
    max_series: int = 10
    bar_end_half_width: float = 3.0


DEFAULT_LAYOUT = StudyLayout()


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


def draw_study(
    trainings: Sequence[StudyTraining],
    view: StudyView,
    *,
    title: str,
    theme: Theme,
    layout: StudyLayout = DEFAULT_LAYOUT,
) -> str:
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
    shown = dict(sorted(groups.items(), key=lambda item: min(p.middle for p in item[1]))[: layout.max_series])
    places = [place for group in shown.values() for place in group]
    orders = _slope_origins(trainings, shown) if view.has_slope else {}
    y = Scale.from_values([end for p in places for end in (p.low, p.high)], is_log=True, room=0.08)
    left = 46 + marks_width(y, 7, layout)
    width = left + layout.width + 70
    across, up = _x_label(view, theme), _y_label(view, theme)
    told = list(_describe_study(shown, len(groups), view, across, theme))
    head, top = draw_headline(title, told, width, theme, layout)
    key, height = draw_legend(
        _legend_entries(shown), layout.margin, top, width - 2 * layout.margin, theme, layout
    )
    panel = Panel(
        left=left, top=top + height + 14, width=layout.width, height=layout.height,
        x=Scale.from_values([place.x for place in places], is_log=True, room=0.08),
        y=y, theme=theme, style=layout, y_most=7,
    )  # fmt: skip
    body = [*head, *key, *panel.draw_frame(across, up)]
    for order, settings in sorted(orders.items()):
        body += _draw_slope(order, shown[settings][0], view.across, panel)
    for place, group in enumerate(shown.values()):
        body += _draw_series(group, place, panel, layout)
    return svg_document(
        width,
        panel.bottom + 50,
        title=theme.say(
            "{title}: {metric} against {axis}", title=title, metric=_y_quantity(view, theme), axis=across
        ),
        description=" ".join(told),
        theme=theme,
        body=body,
    )


def _group_by_settings(trainings: Sequence[StudyTraining], view: StudyView) -> dict[str, list[_SeriesPoint]]:
    """Return the median and the range of the trainings at each x, by settings."""
    found: dict[str, dict[float, list[float]]] = {}
    for training in sorted(trainings, key=lambda each: (each.settings, view.x(each))):
        y = view.y(training)
        if y is not None:
            found.setdefault(training.settings, {}).setdefault(view.x(training), []).append(y)
    return {
        settings: [_SeriesPoint(x, median(ys), min(ys), max(ys)) for x, ys in places.items()]
        for settings, places in found.items()
    }


def _slope_origins(trainings: Sequence[StudyTraining], shown: Mapping[str, object]) -> dict[int, str]:
    """Return, by order, the settings at whose first point the slope line starts: the best ones drawn."""
    order_of = {training.settings: training.order for training in trainings}
    found: dict[int, str] = {}
    for settings in shown:
        order = order_of[settings]
        if order is not None:
            found.setdefault(order, settings)
    return found


def _x_label(view: StudyView, theme: Theme) -> str:
    return theme.say("grid intervals G") if view.across == "grid" else theme.say("parameters")


def _y_label(view: StudyView, theme: Theme) -> str:
    if view.up == "seconds":
        return theme.say("seconds of training")
    return theme.say("{metric} on the hold-out rows", metric=view.metric)


def _y_quantity(view: StudyView, theme: Theme) -> str:
    return theme.say("seconds of training") if view.up == "seconds" else view.metric


def _legend_entries(shown: Mapping[str, object]) -> list[str]:
    return list(shown) if len(shown) > 1 or next(iter(shown)) else []


def _describe_study(
    shown: Mapping[str, Sequence[_SeriesPoint]], count: int, view: StudyView, across: str, theme: Theme
) -> list[str]:
    told = [
        _describe_ends(group, settings, view, across, theme) for settings, group in list(shown.items())[:4]
    ]
    if count > len(shown):
        told.append(theme.say("The {shown} best of {all} settings are drawn.", shown=len(shown), all=count))
    if any(place.low < place.high for group in shown.values() for place in group):
        told.append(theme.say("Dots: medians; bars: minimum to maximum."))
    if view.has_slope and view.across == "parameters":
        told.append(
            theme.say("For a fixed shape, parameters are proportional to G, so the slope is the same.")
        )
    return told


def _describe_ends(
    group: Sequence[_SeriesPoint], settings: str, view: StudyView, across: str, theme: Theme
) -> str:
    first, last = group[0], group[-1]
    told = theme.say(
        "{metric} {error} at {first} and {less} at {last} {axis}.",
        metric=_y_quantity(view, theme), error=first.middle, less=last.middle,
        first=f"{first.x:g}", last=f"{last.x:g}", axis=across,
    )  # fmt: skip
    return f"{settings}: {told}" if settings else told


def _draw_series(group: Sequence[_SeriesPoint], place: int, panel: Panel, layout: StudyLayout) -> list[str]:
    """Draw a line through the medians, and the range of each."""
    colour, dash = series_style(place, panel.theme)
    xs, middles = [p.x for p in group], [p.middle for p in group]
    ranges = "".join(_range_path(p, panel, layout) for p in group if p.low < p.high)
    dots = panel.draw_dots(xs, middles, colour=colour, radius=3.6, opacity=0.85)
    return [
        *([draw_path(ranges, colour, "", 1.1)] if ranges else []),
        panel.draw_line(xs, middles, colour=colour, dash=dash),
        dots,
    ]


def _range_path(place: _SeriesPoint, panel: Panel, layout: StudyLayout) -> str:
    """Return the path of a vertical bar with ends."""
    x, low, high = panel.to_x(place.x), panel.to_y(place.low), panel.to_y(place.high)
    ends = "".join(
        f"M{number(x - layout.bar_end_half_width)},{number(y)}h{number(2 * layout.bar_end_half_width)}"
        for y in (low, high)
    )
    return f"M{number(x)},{number(low)}V{number(high)}{ends}"


def _draw_slope(order: int, start: _SeriesPoint, axis: XQuantity, panel: Panel) -> list[str]:
    """Draw a line with the slope -(k + 1) on the logarithmic axes, clipped to the panel."""
    theme, power = panel.theme, order + 1
    end = min(panel.x.high, start.x * (start.middle / panel.y.low) ** (1 / power))
    error = start.middle * (end / start.x) ** -power
    x, y = panel.to_x(end), panel.to_y(error)
    path = f"M{number(panel.to_x(start.x))},{number(panel.to_y(start.middle))}L{number(x)},{number(y)}"
    letter = "G" if axis == "grid" else "P"
    label = f"∝ {letter}{str(-power).translate(SUPERSCRIPTS)}"
    is_below = y > panel.bottom - 14
    return [
        draw_path(path, theme.quiet, "6 4", 1.4),
        text_element(label, x + 6, y - 4 if is_below else y + 4, size=11, fill=theme.quiet),
    ]
