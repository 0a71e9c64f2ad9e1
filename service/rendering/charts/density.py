"""Density estimates: a curve over a histogram, or a contour map of two columns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kan_engine.drawing.svg import Theme, number, svg_document
from service.rendering.charts.axes import Panel, Scale, draw_path, marks_width
from service.rendering.charts.chart_frame import (
    Subject,
    draw_footnote,
    draw_headline,
    draw_legend,
    draw_lines,
    series_style,
)
from service.rendering.charts.chart_style import ChartStyle
from service.rendering.charts.contours import level_lines, level_path

Figures = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class DensityLayout(ChartStyle):
    """Proportions of the plot of a density.

    Attributes:
        width, height: Of the chart of one column, and of its panel.
        map_side: Of the map of two columns.
        levels, law_levels: Contours of the density of the network, and of the law.
        min_level_share, max_level_share: Bounds of the levels as a share of the largest density.
    """

    width: float = 640.0
    height: float = 330.0
    map_side: float = 430.0
    levels: int = 7
    law_levels: int = 3
    min_level_share: float = 0.02
    max_level_share: float = 0.98


DEFAULT_LAYOUT = DensityLayout()


def draw_density(
    figures: Figures, subject: Subject, theme: Theme, *, layout: DensityLayout = DEFAULT_LAYOUT
) -> str:
    """Draw the density of the network, the recognised law, and the rows.

    Args:
        figures: ``density`` of a model.
        subject: The model.
        theme: Colours and language.
    """
    return (_draw_univariate if len(figures["density"]["columns"]) == 1 else _draw_bivariate)(
        figures, subject, theme, layout
    )


def _draw_univariate(figures: Figures, subject: Subject, theme: Theme, layout: DensityLayout) -> str:
    told = figures["density"]
    axis, column = told["axes"][0], told["columns"][0]
    curves = [told["density"], *([told["law_density"]] if told["law_density"] else [])]
    heights = [value for curve in [*curves, told["bars"]] for value in curve]
    notes = _describe_fit(figures, subject, theme)
    head, top = draw_headline(_title(theme), notes, layout.width, theme, layout)
    key, height = draw_legend(
        _legend_entries(told, theme), layout.margin, top, layout.width - 2 * layout.margin, theme, layout
    )
    y = Scale(0.0, Scale.from_values([0.0, *heights]).high)
    left = 46 + marks_width(y, 6, layout)
    panel = Panel(
        left=left, top=top + height + 20, width=layout.width - left - 24, height=layout.height,
        x=Scale(axis[0], axis[-1]), y=y, theme=theme, style=layout,
    )  # fmt: skip
    return svg_document(
        layout.width,
        panel.bottom + 50,
        title=_caption(subject, theme),
        description=" ".join(notes),
        theme=theme,
        body=[
            *head,
            *key,
            _draw_histogram(told["edges"], told["bars"], panel),
            *panel.draw_frame(subject.label(column), theme.say("density")),
            *draw_lines(panel, ((axis, curve) for curve in curves), width=2.2),
        ],
    )


def _draw_bivariate(figures: Figures, subject: Subject, theme: Theme, layout: DensityLayout) -> str:
    told = figures["density"]
    across, up = told["axes"]
    y = Scale(up[0], up[-1])
    left = 46 + marks_width(y, 6, layout)
    width = left + layout.map_side + 28
    notes = _describe_fit(figures, subject, theme)
    head, top = draw_headline(_title(theme), notes, width, theme, layout)
    key, height = draw_legend(
        _legend_entries(told, theme), layout.margin, top, width - 2 * layout.margin, theme, layout
    )
    panel = Panel(
        left=left, top=top + height + 16, width=layout.map_side, height=layout.map_side,
        x=Scale(across[0], across[-1]), y=y, theme=theme, style=layout, x_most=6,
    )  # fmt: skip
    remarks, bottom = draw_footnote(
        [theme.say("Dots: rows; lines: contours of equal density, wider where the density is higher.")],
        panel.bottom + 40,
        width,
        theme,
        layout,
    )
    dots = [dot for dot in told["dots"] if across[0] <= dot[0] <= across[-1] and up[0] <= dot[1] <= up[-1]]
    xs, ys = [x for x, _ in dots], [y for _, y in dots]
    return svg_document(
        width,
        bottom,
        title=_caption(subject, theme),
        description=" ".join(notes),
        theme=theme,
        body=[
            *head,
            *key,
            *panel.draw_frame(subject.label(told["columns"][0]), subject.label(told["columns"][1])),
            panel.draw_dots(xs, ys, colour=theme.quiet, radius=1.5, opacity=0.45),
            *_draw_contours(panel, told, told["density"], layout.levels, 0, layout),
            *(
                _draw_contours(panel, told, told["law_density"], layout.law_levels, 1, layout)
                if told["law"]
                else []
            ),
            *remarks,
        ],
    )


def _title(theme: Theme) -> str:
    return theme.say("Density estimate")


def _caption(subject: Subject, theme: Theme) -> str:
    return theme.say("Density {target} of {name}", target=subject.target, name=subject.name)


def _legend_entries(told: Figures, theme: Theme) -> list[str]:
    """Return the names of the curves for the legend."""
    return [theme.say("network"), *([theme.say("law: {name}", name=told["law"])] if told["law"] else [])]


def _describe_fit(figures: Figures, subject: Subject, theme: Theme) -> list[str]:
    told = [f"{subject.name}, {subject.format_row_count(figures['rows'], theme)}."]
    mean, law = (subject.metrics.get(f"{of}mean_log_likelihood") for of in ("", "law_"))
    if mean is not None:
        told.append(theme.say("Mean log-likelihood of the network: {mean}.", mean=mean))
    if law is not None:
        told.append(theme.say("Of the law {name}: {mean}.", name=figures["density"]["law"] or "?", mean=law))
    return told


def _draw_histogram(edges: Sequence[float], bars: Sequence[float], panel: Panel) -> str:
    """Draw the histogram."""
    path = "".join(
        f"M{number(panel.to_x(low) + 0.5)},{number(panel.bottom)}V{number(panel.to_y(height))}"
        f"H{number(panel.to_x(high) - 0.5)}V{number(panel.bottom)}Z"
        for (low, high), height in zip(pairwise(edges), bars, strict=True)
        if height
    )
    return f'<path d="{path}" fill="{panel.theme.quiet}" fill-opacity="0.28"/>'


def _draw_contours(
    panel: Panel,
    told: Figures,
    values: Sequence[Sequence[float]],
    count: int,
    place: int,
    layout: DensityLayout,
) -> Iterator[str]:
    """Draw contours of equal density, wider for higher levels."""
    (across, up), most = told["axes"], max(max(row) for row in values)
    colour, dash = series_style(place, panel.theme)
    for step in range(count):
        share = layout.min_level_share * (layout.max_level_share / layout.min_level_share) ** (
            (step + 0.5) / count
        )
        path = level_path(panel, level_lines(across, up, values, share * most))
        if path:
            yield draw_path(path, colour, dash, 0.9 + 1.2 * step / count)
