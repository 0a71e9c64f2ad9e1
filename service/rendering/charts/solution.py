"""The solution of differential equations: a curve of each unknown, or a contour map."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import format_number
from service.rendering.charts.chart_frame import Chart, draw_dots, to_array
from service.rendering.charts.model_numbers import ModelNumbers, Subject
from service.rendering.charts.tick_formats import format_ticks

WIDTH = 640.0
SINGLE_HEIGHT, MULTIPLE_HEIGHT = 380.0, 190.0  # of a single curve, and of one of several
SINGLE_SIDE, MULTIPLE_SIDE = 500.0, 380.0  # of a single map, and of one of several
MAPS_PER_ROW = 2
LEVELS = 9  # contours of a map, about
COLOURS = "viridis"

SolutionFigures = Mapping[str, Any]


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw the unknowns over one or two independent variables.

    Args:
        numbers: With ``solution``.
        subject: The model.
        theme: Colours and language.

    Raises:
        Conflict: The model is of another task.
    """
    figures = numbers.figures
    if figures.get("solution") is None:
        raise numbers.make_refusal("it is not a solution of equations")
    solution = figures["solution"]
    chart = (_draw_curves if len(solution["axes"]) == 1 else _draw_maps)(solution, subject, theme)
    ranges = "; ".join(_describe_range(unknown, solution, theme) for unknown in solution["unknowns"])
    return chart.write(
        title=theme.say("Solution {target} of {name}", target=subject.target, name=subject.name),
        description=" ".join([*_notes(solution, subject, theme), f"{ranges}."]),
    )


def _draw_curves(solution: SolutionFigures, subject: Subject, theme: Theme) -> Chart:
    unknowns, axis = solution["unknowns"], solution["axes"][0]
    is_single = len(unknowns) == 1
    is_measured = any(unknown["measured"] for unknown in unknowns)
    chart = Chart(
        theme.say("Solution of the equations"), _notes(solution, subject, theme),
        width=WIDTH, height=SINGLE_HEIGHT if is_single else 40 + MULTIPLE_HEIGHT * len(unknowns), theme=theme,
        remarks=[theme.say("Line: solution; dots: measurements.")] if is_measured else [],
    )  # fmt: skip
    panels = chart.make_axes(len(unknowns), sharex=True)
    for unknown, axes in zip(unknowns, panels, strict=True):
        axes.plot(axis, to_array(unknown["values"]), color=theme.series[0], linewidth=2.2, gid="series")
        axes.set_xlim(axis[0], axis[-1])
        if unknown["measured"]:
            xs, ys = zip(*unknown["measured"], strict=True)
            draw_dots(axes, xs, ys, colour=theme.series[1], radius=3.0, opacity=0.75)
        x_label = subject.label(solution["independent"][0]) if axes is panels[-1] else ""
        chart.label(axes, x_label, subject.label(unknown["name"]))
    return chart


def _draw_maps(solution: SolutionFigures, subject: Subject, theme: Theme) -> Chart:
    unknowns = solution["unknowns"]
    side = SINGLE_SIDE if len(unknowns) == 1 else MULTIPLE_SIDE
    columns = min(MAPS_PER_ROW, len(unknowns))
    rows = -(-len(unknowns) // columns)
    is_below_0 = any(_find_extremes(unknown)[0][0] < 0 for unknown in unknowns)
    is_measured = any(unknown["measured"] for unknown in unknowns)
    chart = Chart(
        theme.say("Solution of the equations"), _notes(solution, subject, theme),
        width=columns * (side + 40), height=rows * (side - 20), theme=theme,
        remarks=[
            theme.say("Colours: values by the scale beside the map; lines: contours."),
            theme.say("Dashed lines: values below 0.") if is_below_0 else "",
            theme.say("Dots: points of measurement.") if is_measured else "",
        ],
    )  # fmt: skip
    panels = chart.make_axes(rows, columns)
    for unknown, axes in zip(unknowns, panels, strict=False):
        _draw_map(unknown, solution["axes"], axes, chart, theme)
        across, up = (subject.label(name) for name in solution["independent"])
        chart.label(axes, across, up, subject.label(unknown["name"]))
    for axes in panels[len(unknowns) :]:
        axes.set_axis_off()
    return chart


def _draw_map(
    unknown: SolutionFigures, axes_values: Sequence[Sequence[float]], axes: Axes, chart: Chart, theme: Theme
) -> None:
    """Draw an unknown as colours with contours, or say that it is constant."""
    (low, _), (high, _) = _find_extremes(unknown)
    across, up = axes_values
    axes.set_box_aspect(1)
    axes.grid(visible=False)
    format_ticks(axes.xaxis, theme, max_ticks=6)
    # A constant has no levels between which contours could be drawn
    if low == high:
        text = theme.say("{name} is {value} everywhere", name=unknown["name"], value=low)
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", size=12, color=theme.ink)
    else:
        # The grid has the first variable along its first axis; contours expect it along the second
        values = np.array(unknown["values"], dtype=float).T
        colours = axes.contourf(across, up, values, levels=3 * LEVELS, cmap=COLOURS, vmin=low, vmax=high)
        colours.set_edgecolor("face")  # else there are seams between the colours
        axes.contour(across, up, values, levels=LEVELS, colors="white", linewidths=0.9)
        bar = chart.figure.colorbar(colours, ax=axes, shrink=0.8)
        format_ticks(bar.ax.yaxis, theme)
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=theme.line, labelcolor=theme.quiet)
        bar.ax.yaxis.get_offset_text().set_color(theme.quiet)
    axes.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    if unknown["measured"]:
        xs, ys, _ = zip(*unknown["measured"], strict=True)
        draw_dots(axes, xs, ys, colour=theme.series[1], radius=2.5, opacity=0.75)


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


def _describe_range(unknown: SolutionFigures, solution: SolutionFigures, theme: Theme) -> str:
    """Describe the minimum and the maximum of an unknown with their positions."""
    (low, lowest), (high, highest) = _find_extremes(unknown)
    if low == high:
        return theme.say("{name} is {value} everywhere", name=unknown["name"], value=low)
    names, axes = solution["independent"], solution["axes"]

    def format_position(index: Sequence[int]) -> str:
        return _format_place({name: axis[n] for name, axis, n in zip(names, axes, index, strict=True)}, theme)

    return theme.say(
        "{name}: from {low} at {lowest} to {high} at {highest}",
        name=unknown["name"],
        low=low, lowest=format_position(lowest), high=high, highest=format_position(highest),
    )  # fmt: skip


def _find_extremes(
    unknown: SolutionFigures,
) -> tuple[tuple[float, tuple[int, ...]], tuple[float, tuple[int, ...]]]:
    """Return the minimum and the maximum, each with its indices on the axes."""
    rows = unknown["values"]
    if isinstance(rows[0], list):
        values = [(value, (i, j)) for i, row in enumerate(rows) for j, value in enumerate(row)]
        return min(values), max(values)
    along = [(value, (i,)) for i, value in enumerate(rows)]
    return min(along), max(along)


def _format_place(at: Mapping[str, float], theme: Theme) -> str:
    return ", ".join(f"{name} = {theme.localise_number(format_number(value))}" for name, value in at.items())
