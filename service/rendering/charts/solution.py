"""The solution of differential equations: a curve of each unknown, or a contour map."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.svg import Theme, number, svg_document, text_element
from kan_engine.drawing.translations import format_number
from service.rendering.charts.axes import (
    Panel,
    Scale,
    draw_path,
    marks_width,
    shorten_text,
    text_width,
)
from service.rendering.charts.chart_frame import Subject, draw_footnote, draw_headline
from service.rendering.charts.chart_style import ChartStyle
from service.rendering.charts.contours import Line, level_lines, level_path
from service.rendering.charts.ticks import nice_ticks, tick_labels

NEGATIVE_DASHES = "5 3"  # dashes of levels below 0

SolutionFigures = Mapping[str, Any]
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class SolutionLayout(ChartStyle):
    """Proportions of the plot of a solution.

    Attributes:
        width: Of the chart of curves.
        single_height, multiple_height: Of a single curve, and of one of several.
        single_side, multiple_side: Of a single map, and of one of several.
        maps_per_row, map_gap: Maps beside each other, and the gap between them.
        max_levels: Contours of a map.
        level_margin_share: Share of the range of values at both ends that has no contours.
        min_side_distance, min_label_distance, min_line_distance: Of the label of a contour, to each.
        point_stride: Every so many points of a contour are candidates for the position of its label.
    """

    width: float = 640.0
    single_height: float = 330.0
    multiple_height: float = 150.0
    single_side: float = 430.0
    multiple_side: float = 270.0
    maps_per_row: int = 2
    map_gap: float = 28.0
    max_levels: int = 9
    level_margin_share: float = 0.02
    min_side_distance: float = 20.0
    min_label_distance: float = 40.0
    min_line_distance: float = 8.0
    point_stride: int = 4


DEFAULT_LAYOUT = SolutionLayout()


def draw_solution(
    figures: SolutionFigures, subject: Subject, theme: Theme, *, layout: SolutionLayout = DEFAULT_LAYOUT
) -> str:
    """Draw the unknowns over one or two independent variables.

    Args:
        figures: ``solution`` of a model.
        subject: The model.
        theme: Colours and language.
    """
    return (_draw_curves if len(figures["solution"]["axes"]) == 1 else _draw_maps)(
        figures["solution"], subject, theme, layout
    )


def _draw_curves(solution: SolutionFigures, subject: Subject, theme: Theme, layout: SolutionLayout) -> str:
    unknowns, axis = solution["unknowns"], solution["axes"][0]
    scales = [
        Scale.from_values([*each["values"], *(y for _, y in each["measured"] or ())]) for each in unknowns
    ]
    left = 46 + max(marks_width(scale, 6, layout) for scale in scales)
    head, at = draw_headline(
        theme.say("Solution of the equations"), _notes(solution, subject, theme), layout.width, theme, layout
    )
    is_single, body = len(unknowns) == 1, [*head]
    height = layout.single_height if is_single else layout.multiple_height
    for each, scale in zip(unknowns, scales, strict=True):
        panel = Panel(
            left=left, top=at + 12, width=layout.width - left - 24, height=height,
            x=Scale(axis[0], axis[-1]), y=scale, theme=theme, style=layout, y_most=6 if is_single else 4,
        )  # fmt: skip
        is_last = each is unknowns[-1]
        body += panel.draw_frame(
            subject.label(solution["independent"][0]) if is_last else "", subject.label(each["name"])
        )
        body.append(panel.draw_line(axis, each["values"], colour=theme.series[0], width=2.2))
        if each["measured"]:
            xs, ys = zip(*each["measured"], strict=True)
            body.append(panel.draw_dots(xs, ys, colour=theme.series[1], radius=3.0, opacity=0.75))
        at = panel.bottom + 20
    is_measured = any(each["measured"] for each in unknowns)
    remark = theme.say("Line: solution; dots: measurements.") if is_measured else ""
    remarks, bottom = draw_footnote([remark], at + 20, layout.width, theme, layout)
    return _build_document(layout.width, bottom, [*body, *remarks], solution, subject, theme)


def _draw_maps(solution: SolutionFigures, subject: Subject, theme: Theme, layout: SolutionLayout) -> str:
    (across, up), unknowns = solution["axes"], solution["unknowns"]
    is_single = len(unknowns) == 1
    side = layout.single_side if is_single else layout.multiple_side
    x, y = Scale(across[0], across[-1]), Scale(up[0], up[-1])
    left = 46 + marks_width(y, 6, layout)
    width = left + min(layout.maps_per_row, len(unknowns)) * (side + layout.map_gap)
    head, top = draw_headline(
        theme.say("Solution of the equations"), _notes(solution, subject, theme), width, theme, layout
    )
    body, bottom = [*head], top
    for place, each in enumerate(unknowns):
        row, column = divmod(place, layout.maps_per_row)
        panel = Panel(
            left=left + column * (side + layout.map_gap), top=top + 30 + row * (side + 76),
            width=side, height=side,
            x=x, y=y, theme=theme, style=layout, x_most=6 if is_single else 4,
        )  # fmt: skip
        labels = [subject.label(name) for name in solution["independent"]]
        body += panel.draw_frame(labels[0], "" if column else labels[1], y_marks=not column)
        body += _draw_map(each, solution["axes"], panel, subject, layout)
        if each["measured"]:
            xs, ys, _ = zip(*each["measured"], strict=True)
            body.append(panel.draw_dots(xs, ys, colour=theme.series[1], radius=2.5, opacity=0.75))
        bottom = panel.bottom + 40
    remarks, bottom = draw_footnote(
        [
            theme.say("Lines: contours, labelled with their values, wider where the value is higher."),
            theme.say("Dashed lines: values below 0.")
            if any(_find_extremes(each)[0][0] < 0 for each in unknowns)
            else "",
            theme.say("Dots: points of measurement.") if any(each["measured"] for each in unknowns) else "",
        ],
        bottom,
        width,
        theme,
        layout,
    )
    return _build_document(width, bottom, [*body, *remarks], solution, subject, theme)


def _build_document(
    width: float,
    height: float,
    body: Iterable[str],
    solution: SolutionFigures,
    subject: Subject,
    theme: Theme,
) -> str:
    told = "; ".join(_describe_range(each, solution, theme) for each in solution["unknowns"])
    return svg_document(
        width,
        height,
        title=theme.say("Solution {target} of {name}", target=subject.target, name=subject.name),
        description=" ".join([*_notes(solution, subject, theme), f"{told}."]),
        theme=theme,
        body=body,
    )


def _notes(solution: SolutionFigures, subject: Subject, theme: Theme) -> list[str]:
    equation, condition = (subject.metrics.get(f"{of}_residual") for of in ("equation", "condition"))
    notes = [f"{subject.name}."]
    if equation is not None and condition is not None:
        notes.append(
            theme.say(
                "Relative residual: equations {equation}, conditions {condition}.",
                equation=equation,
                condition=condition,
            )
        )
    if solution["at"]:
        notes.append(
            theme.say(
                "Slice at {place}, the middle of the range.", place=_format_place(solution["at"], theme)
            )
        )
    return notes


def _describe_range(each: SolutionFigures, solution: SolutionFigures, theme: Theme) -> str:
    """Describe the minimum and the maximum of an unknown with their positions."""
    (low, lowest), (high, highest) = _find_extremes(each)
    if low == high:
        return theme.say("{name} is {value} everywhere", name=each["name"], value=low)
    names, axes = solution["independent"], solution["axes"]

    def format_position(found: Sequence[int]) -> str:
        return _format_place({name: axis[n] for name, axis, n in zip(names, axes, found, strict=True)}, theme)

    return theme.say(
        "{name}: from {low} at {lowest} to {high} at {highest}",
        name=each["name"],
        low=low, lowest=format_position(lowest), high=high, highest=format_position(highest),
    )  # fmt: skip


def _find_extremes(
    each: SolutionFigures,
) -> tuple[tuple[float, tuple[int, ...]], tuple[float, tuple[int, ...]]]:
    """Return the minimum and the maximum, each with its indices on the axes."""
    rows = each["values"]
    if isinstance(rows[0], list):
        values = [(value, (i, j)) for i, row in enumerate(rows) for j, value in enumerate(row)]
        return min(values), max(values)
    along = [(value, (i,)) for i, value in enumerate(rows)]
    return min(along), max(along)


def _format_place(at: Mapping[str, float], theme: Theme) -> str:
    return ", ".join(f"{name} = {theme.localise_number(format_number(value))}" for name, value in at.items())


def _draw_map(
    each: SolutionFigures,
    axes: Sequence[Sequence[float]],
    panel: Panel,
    subject: Subject,
    layout: SolutionLayout,
) -> Iterator[str]:
    theme = panel.theme
    (low, _), (high, _) = _find_extremes(each)
    name = shorten_text(subject.label(each["name"]), 12, panel.width)
    yield text_element(name, panel.left, panel.top - 8, size=12, fill=theme.ink, is_bold=True)
    if low == high:
        told = theme.say("{name} is {value} everywhere", name=each["name"], value=low)
        middle = panel.left + panel.width / 2, panel.top + panel.height / 2
        yield text_element(
            shorten_text(told, 12, panel.width), *middle, size=12, anchor="middle", fill=theme.ink
        )
        return
    room = layout.level_margin_share * (high - low)
    levels = nice_ticks(low + room, high - room, layout.max_levels)
    found = [level_lines(axes[0], axes[1], each["values"], level) for level in levels]
    for level, lines in zip(levels, found, strict=True):
        width = 1.0 + 1.1 * (level - low) / (high - low)
        yield draw_path(
            level_path(panel, lines), theme.series[0], NEGATIVE_DASHES if level < 0 else "", width
        )
    labels = [theme.localise_number(label) for label in tick_labels(levels)]
    yield from _label_levels(panel, found, labels, layout)


def _label_levels(
    panel: Panel, found: Sequence[Sequence[Line]], labels: Sequence[str], layout: SolutionLayout
) -> Iterator[str]:
    """Label each level with its value where the label hides no line of another level."""
    points = [
        [(panel.to_x(x), panel.to_y(y)) for line in lines for x, y in line[:: layout.point_stride]]
        for lines in found
    ]
    taken: list[Point] = []
    for own, label in zip(points, labels, strict=True):
        others = [point for each in points if each is not own for point in each]
        free = [
            point
            for point in own
            if layout.min_side_distance <= point[0] - panel.left <= panel.width - layout.min_side_distance
            and layout.min_side_distance <= point[1] - panel.top <= panel.height - layout.min_side_distance
            and _nearest_distance(point, taken) >= layout.min_label_distance
        ]
        best = max(free, key=lambda point: _nearest_distance(point, others), default=None)
        if best is None or _nearest_distance(best, others) < layout.min_line_distance:
            continue
        taken.append(best)
        room = text_width(label, layout.mark_size) + 4
        yield (
            f'<rect x="{number(best[0] - room / 2)}" y="{number(best[1] - 6.5)}" width="{number(room)}" '
            f'height="13" fill="{panel.theme.paper}"/>'
        )
        yield text_element(
            label, best[0], best[1] + 3.5, size=layout.mark_size, anchor="middle", fill=panel.theme.ink
        )


def _nearest_distance(point: Point, others: Iterable[Point]) -> float:
    """Return the distance to the nearest of other points, infinite without any."""
    return min((math.dist(point, other) for other in others), default=math.inf)
