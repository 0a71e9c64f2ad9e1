"""Residuals of a regression against its predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kan_engine.drawing.svg import Theme
from service.rendering.charts.chart_frame import Chart, to_array
from service.rendering.charts.model_numbers import ModelNumbers, Subject
from service.rendering.charts.parity import DIAGONAL, describe_errors, draw_pairs, select_known_pairs
from service.rendering.charts.reliability_and_roc import draw_probabilities
from service.rendering.charts.tick_formats import format_ticks

WIDTH, HEIGHT = 690.0, 400.0
HISTOGRAM_BINS = 24


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw the residuals of a regression or the calibration of a classifier.

    Raises:
        Conflict: It has no true values.
    """
    figures = numbers.target_figures
    draw_chart = draw_residuals if figures["parity"] is not None else draw_probabilities
    return draw_chart(figures, subject, theme)


def draw_residuals(figures: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw the residuals, true minus predicted, against the prediction, with their histogram.

    Args:
        figures: ``parity`` of a regression, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    pairs, gap_count = select_known_pairs(figures)
    left_over = [(prediction, true - prediction) for true, prediction in pairs]
    residuals = [residual for _, residual in left_over]
    unit = subject.units.get(subject.target)
    notes = describe_errors(pairs, gap_count, subject, theme)
    chart = Chart(
        theme.say("Residuals: true minus predicted"), notes,
        width=WIDTH, height=HEIGHT, theme=theme,
    )  # fmt: skip
    axes, histogram = chart.make_axes(1, 2, sharey=True, width_ratios=(4, 1))
    draw_pairs(axes, left_over, theme)
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


def _describe_balance(residuals: Sequence[float], theme: Theme) -> str:
    above = sum(residual > 0 for residual in residuals)
    return theme.say("{count} of {all} predictions are too low.", count=above, all=len(residuals))
