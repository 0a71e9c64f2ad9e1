"""Predictions of a regression against the true values."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import format_number
from service.documents.readable_numbers import SHARES, format_share
from service.rendering.charts.chart_frame import Chart, draw_dots
from service.rendering.charts.confusion import draw_confusion
from service.rendering.charts.model_numbers import ModelNumbers, Subject

SIDE = 520.0
DIAGONAL: Any = {"linestyle": (0, (6, 4)), "linewidth": 1.4}

Pairs = list[tuple[float, float]]


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw the predictions of a regression or the confusion matrix of a classifier.

    Raises:
        Conflict: It has no true values.
    """
    figures = numbers.target_figures
    draw_chart = draw_parity if figures["parity"] is not None else draw_confusion
    return draw_chart(figures, subject, theme)


def draw_parity(figures: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw a dot per row with the true value on x and the prediction on y, and the diagonal of equality.

    Args:
        figures: ``parity`` of a regression, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    pairs, gap_count = select_known_pairs(figures)
    notes = describe_errors(pairs, gap_count, subject, theme)
    remark = theme.say("On the dashed diagonal, predictions equal the true values.")
    chart = Chart(
        theme.say("Predicted and true values"), notes, width=SIDE, height=SIDE - 30, theme=theme,
        remarks=[remark],
    )  # fmt: skip
    (axes,) = chart.make_axes()
    axes.set_box_aspect(1)
    draw_pairs(axes, pairs, theme)
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


def select_known_pairs(figures: Mapping[str, Any]) -> tuple[Pairs, int]:
    """Return pairs of true and predicted values, and the number of rows without such a pair."""
    pairs = list(zip(figures["parity"]["true"], figures["parity"]["predicted"], strict=True))
    complete_pairs = [(float(t), float(p)) for t, p in pairs if t is not None and p is not None]
    return complete_pairs, len(pairs) - len(complete_pairs)


def describe_errors(pairs: Pairs, gap_count: int, subject: Subject, theme: Theme) -> list[str]:
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


def draw_pairs(axes: Axes, pairs: Pairs, theme: Theme) -> None:
    """Draw a dot for every pair."""
    radius, opacity = (3.0, 0.65) if len(pairs) <= 300 else (2.2, 0.45)
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    draw_dots(axes, xs, ys, colour=theme.series[0], radius=radius, opacity=opacity)
