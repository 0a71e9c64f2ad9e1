"""Predictions of a regression against the true values, and the residuals."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import format_number
from service.documents.readable_numbers import SHARES, format_share
from service.rendering.charts.chart_frame import Chart, Subject, draw_dots, to_array
from service.rendering.charts.tick_formats import format_ticks

SIDE, RESIDUALS_WIDTH, RESIDUALS_HEIGHT = 520.0, 690.0, 400.0
HISTOGRAM_BINS = 24
DIAGONAL: Any = {"linestyle": (0, (6, 4)), "linewidth": 1.4}

Pairs = list[tuple[float, float]]


def draw_parity(figures: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw a dot per row with the true value on x and the prediction on y, and the diagonal of equality.

    Args:
        figures: ``parity`` of a regression, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    pairs, gap_count = _select_known_pairs(figures)
    notes = _describe_errors(pairs, gap_count, subject, theme)
    remark = theme.say("On the dashed diagonal, predictions equal the true values.")
    chart = Chart(
        theme.say("Predicted and true values"), notes, width=SIDE, height=SIDE - 30, theme=theme,
        remarks=[remark],
    )  # fmt: skip
    (axes,) = chart.make_axes()
    axes.set_box_aspect(1)
    _draw_pairs(axes, pairs, theme)
    # One range for both axes, so that equal values lie on the diagonal of the square
    ends = [min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])]
    axes.plot(ends, ends, color=theme.quiet, gid="diagonal", **DIAGONAL)
    axes.set(xlim=ends, ylim=ends)
    chart.label(
        axes,
        theme.say("true {target}", target=subject.target_label),
        theme.say("predicted {target}", target=subject.target_label),
    )
    return chart.write(
        title=theme.say("Predicted and true {target} of {name}", target=subject.target, name=subject.name),
        description=" ".join([*notes, theme.say("Dots on the diagonal are correct predictions.")]),
    )


def draw_residuals(figures: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw the residuals, true minus predicted, against the prediction, with their histogram.

    Args:
        figures: ``parity`` of a regression, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    pairs, gap_count = _select_known_pairs(figures)
    left_over = [(prediction, true - prediction) for true, prediction in pairs]
    residuals = [residual for _, residual in left_over]
    unit = subject.units.get(subject.target)
    notes = _describe_errors(pairs, gap_count, subject, theme)
    chart = Chart(
        theme.say("Residuals: true minus predicted"), notes,
        width=RESIDUALS_WIDTH, height=RESIDUALS_HEIGHT, theme=theme,
    )  # fmt: skip
    axes, histogram = chart.make_axes(1, 2, sharey=True, width_ratios=(4, 1))
    _draw_pairs(axes, left_over, theme)
    # The bins cover the range of the dots beside them; undefined residuals belong to no bin
    values = to_array(residuals)
    histogram.hist(
        values[np.isfinite(values)], HISTOGRAM_BINS, range=axes.get_ylim(), orientation="horizontal",
        color=theme.series[0], alpha=0.75,
    )  # fmt: skip
    for panel in (axes, histogram):
        panel.axhline(0.0, color=theme.quiet, **DIAGONAL)
    format_ticks(histogram.xaxis, theme, max_ticks=3, is_whole=True)
    chart.label(
        axes,
        theme.say("predicted {target}", target=subject.target_label),
        theme.say("true − predicted") + (f" [{unit}]" if unit else ""),
    )
    chart.label(histogram, theme.say("count"))
    return chart.write(
        title=theme.say("Residuals of {name} for {target}", name=subject.name, target=subject.target),
        description=" ".join([*notes, _describe_balance(residuals, theme)]),
    )


def _select_known_pairs(figures: Mapping[str, Any]) -> tuple[Pairs, int]:
    """Return pairs of true and predicted values, and the number of rows without such a pair."""
    pairs = list(zip(figures["parity"]["true"], figures["parity"]["predicted"], strict=True))
    complete_pairs = [(float(t), float(p)) for t, p in pairs if t is not None and p is not None]
    return complete_pairs, len(pairs) - len(complete_pairs)


def _describe_errors(pairs: Pairs, gap_count: int, subject: Subject, theme: Theme) -> list[str]:
    """Describe the errors in sentences."""
    errors = sorted(abs(true - prediction) for true, prediction in pairs)
    metrics = [
        f"{name} {theme.localise_number(_format_metric(key, subject.metrics[key]))}"
        for key, name in (("rmse", "RMSE"), ("mae", "MAE"), ("r2", "R²"))
        if subject.metrics.get(key) is not None
    ]
    of = f": {', '.join(metrics)}" if metrics else ""
    notes = [f"{subject.name}, {subject.format_row_count(len(pairs), theme)}{of}."]
    if errors:
        # Order statistics of the absolute errors, which outliers hardly change
        q50, q90 = errors[len(errors) // 2], errors[min(len(errors) - 1, math.ceil(0.9 * len(errors)))]
        notes.append(
            theme.say("Half of the errors are at most {half}, 90 % at most {most}.", half=q50, most=q90)
        )
    if gap_count:
        notes.append(theme.say("{count} rows without a prediction are omitted.", count=gap_count))
    return notes


def _format_metric(name: str, value: float | None) -> str:
    if value is not None and name in SHARES and math.isfinite(value):
        return format_share(value).replace("-", "−")
    return format_number(value)


def _describe_balance(residuals: Sequence[float], theme: Theme) -> str:
    above = sum(residual > 0 for residual in residuals)
    return theme.say("{count} of {all} predictions are too low.", count=above, all=len(residuals))


def _draw_pairs(axes: Axes, pairs: Pairs, theme: Theme) -> None:
    radius, opacity = (3.0, 0.65) if len(pairs) <= 300 else (2.2, 0.45)
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    draw_dots(axes, xs, ys, colour=theme.series[0], radius=radius, opacity=opacity)
