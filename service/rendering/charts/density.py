"""Density estimates: a curve over a histogram, or a contour map of two columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import name_law
from service.rendering.charts.chart_frame import Chart, draw_dots, draw_series, series_colour, series_dashes
from service.rendering.charts.model_numbers import ModelNumbers, Subject

WIDTH, HEIGHT = 640.0, 400.0
MAP_SIDE = 540.0
LEVELS, LAW_LEVELS = 7, 3  # contours of the density of the network, and of the law
MIN_LEVEL_SHARE, MAX_LEVEL_SHARE = 0.02, 0.98  # bounds of the levels as a share of the largest density

Figures = Mapping[str, Any]


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw the density of the network, the recognised law, and the rows.

    Args:
        numbers: With ``density``.
        subject: The model.
        theme: Colours and language.

    Raises:
        Conflict: The model is of another task.
    """
    figures = numbers.figures
    if figures.get("density") is None:
        raise numbers.make_refusal("it is not a density")
    notes = _describe_fit(figures, subject, theme)
    draw_chart = _draw_univariate if len(figures["density"]["columns"]) == 1 else _draw_bivariate
    return draw_chart(figures["density"], notes, subject, theme).write(
        title=theme.say("Density {target} of {name}", target=subject.target, name=subject.name),
        description=" ".join(notes),
    )


def _draw_univariate(fit: Figures, notes: Sequence[str], subject: Subject, theme: Theme) -> Chart:
    axis = fit["axes"][0]
    curves = [fit["density"], *([fit["law_density"]] if fit["law_density"] else [])]
    chart = Chart(theme.say("Density estimate"), notes, width=WIDTH, height=HEIGHT, theme=theme)
    (axes,) = chart.make_axes()
    axes.stairs(fit["bars"], fit["edges"], fill=True, color=theme.quiet, alpha=0.28)
    lines = [draw_series(axes, axis, curve, theme, place, 2.2) for place, curve in enumerate(curves)]
    axes.set_xlim(axis[0], axis[-1])
    # From 0, so that areas are proportional to probabilities
    axes.set_ylim(0.0, axes.get_ylim()[1])
    chart.label(axes, subject.label(fit["columns"][0]), theme.say("density"))
    chart.add_legend(axes, _legend_entries(fit, theme), lines)
    return chart


def _draw_bivariate(fit: Figures, notes: Sequence[str], subject: Subject, theme: Theme) -> Chart:
    across, up = fit["axes"]
    remark = theme.say("Dots: rows; lines: contours of equal density, wider where the density is higher.")
    chart = Chart(
        theme.say("Density estimate"), notes, width=MAP_SIDE, height=MAP_SIDE, theme=theme, remarks=[remark]
    )
    (axes,) = chart.make_axes()
    axes.set_box_aspect(1)
    # The limits of the axes are those of the grid, so rows outside it are not drawn
    dots = [dot for dot in fit["dots"] if across[0] <= dot[0] <= across[-1] and up[0] <= dot[1] <= up[-1]]
    xs, ys = [x for x, _ in dots], [y for _, y in dots]
    draw_dots(axes, xs, ys, colour=theme.quiet, radius=1.5, opacity=0.45)
    _draw_contours(axes, fit, fit["density"], LEVELS, theme)
    if fit["law"]:
        _draw_contours(axes, fit, fit["law_density"], LAW_LEVELS, theme, place=1)
    axes.set(xlim=(across[0], across[-1]), ylim=(up[0], up[-1]))
    chart.label(axes, *(subject.label(name) for name in fit["columns"]))
    names = _legend_entries(fit, theme)
    samples = [draw_series(axes, [], [], theme, place) for place in range(len(names))]
    chart.add_legend(axes, names, samples)
    return chart


def _legend_entries(fit: Figures, theme: Theme) -> list[str]:
    """Return the names of the curves for the legend."""
    return [
        theme.say("network"),
        *([theme.say("law: {name}", name=name_law(theme.language, fit["law"]))] if fit["law"] else []),
    ]


def _describe_fit(figures: Figures, subject: Subject, theme: Theme) -> list[str]:
    notes = [f"{subject.name}, {subject.format_row_count(figures['rows'], theme)}."]
    mean, law = (subject.metrics.get(f"{of}mean_log_likelihood") for of in ("", "law_"))
    if mean is not None:
        notes.append(theme.say("Mean log-likelihood of the network: {mean}.", mean=mean))
    if law is not None:
        name = name_law(theme.language, figures["density"]["law"] or "?")
        notes.append(theme.say("Of the law {name}: {mean}.", name=name, mean=law))
    return notes


def _draw_contours(
    axes: Axes, fit: Figures, values: Sequence[Sequence[float]], count: int, theme: Theme, *, place: int = 0
) -> None:
    """Draw contours of equal density, wider for higher levels."""
    # The grid has the first column along its first axis; contours expect it along the second
    heights = np.array(values, dtype=float).T
    # Levels in geometric progression, because equal steps would leave the tails without contours
    steps = (np.arange(count) + 0.5) / count
    shares = MIN_LEVEL_SHARE * (MAX_LEVEL_SHARE / MIN_LEVEL_SHARE) ** steps
    axes.contour(
        *fit["axes"], heights, levels=shares * heights.max(), colors=[series_colour(place, theme)],
        linestyles=[series_dashes(place)], linewidths=0.9 + 1.2 * steps,
    )  # fmt: skip
