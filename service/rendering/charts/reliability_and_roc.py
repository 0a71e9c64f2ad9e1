"""Reliability diagram and ROC curves of a classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from kan_engine.drawing.svg import Theme
from kan_engine.drawing.translations import format_number
from service.rendering.charts.chart_frame import Chart, draw_dots, draw_series
from service.rendering.charts.model_numbers import Subject

WIDTH, HEIGHT, LEGEND_HEIGHT = 770.0, 400.0, 20.0
MAX_CURVES = 10  # those with the largest areas are drawn


def draw_probabilities(figures: Mapping[str, Any], subject: Subject, theme: Theme) -> str:
    """Draw the reliability diagram on the left and the ROC curves on the right.

    Args:
        figures: ``reliability`` and ``roc`` of a classifier, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    bins, curves = figures["reliability"], figures["roc"]
    drawn_curves = sorted(curves, key=lambda curve: -curve["auc"])[:MAX_CURVES]
    across = (
        theme.say("probability of any class")
        if bins["class"] is None
        else theme.say("probability of {name}", name=bins["class"])
    )
    notes = [
        f"{subject.name}, {subject.format_row_count(figures['rows'], theme)}.",
        _describe_reliability(bins, theme),
        _describe_roc(drawn_curves, len(curves), theme),
    ]
    chart = Chart(
        theme.say("Reliability diagram and ROC curves"), notes,
        width=WIDTH, height=HEIGHT + LEGEND_HEIGHT * len(drawn_curves), theme=theme,
    )  # fmt: skip
    reliability, roc = chart.make_axes(1, 2)
    for axes in (reliability, roc):
        axes.set_box_aspect(1)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.plot([0, 1], [0, 1], color=theme.quiet, linestyle=(0, (6, 4)), linewidth=1.4)
    _draw_bins(bins, reliability, theme)
    lines = [
        draw_series(roc, curve["false_positive_rate"], curve["true_positive_rate"], theme, place)
        for place, curve in enumerate(drawn_curves)
    ]
    chart.label(reliability, across, theme.say("observed share"), theme.say("Reliability"))
    chart.label(roc, theme.say("false positive rate"), theme.say("true positive rate"), "ROC")
    names = [f"AUC {_format_area(curve, theme)}: {curve['class']}" for curve in drawn_curves]
    chart.add_legend(roc, names, lines, is_below=True)
    return chart.write(
        title=theme.say("Probabilities of {name} for {target}", name=subject.name, target=subject.target),
        description=" ".join(notes),
    )


def _describe_reliability(bins: Mapping[str, Any], theme: Theme) -> str:
    parts = zip(bins["mean_probability"], bins["observed_share"], bins["count"], strict=True)
    gaps = [(abs(p - share), count) for p, share, count in parts if p is not None and share is not None]
    total = sum(count for _, count in gaps)
    if not total:
        return theme.say("No probability is defined.")
    error = theme.localise_number(format_number(sum(d * n for d, n in gaps) / total, 2))
    return theme.say("The expected calibration error is {error}.", error=error)


def _describe_roc(curves: Sequence[Mapping[str, Any]], count: int, theme: Theme) -> str:
    if not curves:
        return theme.say("There is no ROC curve: all rows have the same class.")
    max_area, min_area = _format_area(curves[0], theme), _format_area(curves[-1], theme)
    if count == 1:
        return theme.say("The area under the ROC curve is {area}.", area=max_area)
    text = theme.say(
        "Areas under the ROC curves, each class against all others: {least} to {most}.",
        least=min_area,
        most=max_area,
    )
    if count == len(curves):
        return text
    return f"{text} {theme.say('The {shown} largest of {all} are drawn.', shown=len(curves), all=count)}"


def _format_area(curve: Mapping[str, Any], theme: Theme) -> str:
    return theme.localise_number(f"{curve['auc']:.3f}")


def _draw_bins(bins: Mapping[str, Any], axes: Axes, theme: Theme) -> None:
    """Draw the reliability curve with the row count of each bin. The area of a dot grows with the count."""
    xs, ys, counts = bins["mean_probability"], bins["observed_share"], bins["count"]
    pairs = [(x, y, count) for x, y, count in zip(xs, ys, counts, strict=True) if x is not None]
    draw_series(axes, [x for x, _, _ in pairs], [y for _, y, _ in pairs], theme, 0)
    max_count = max(counts, default=0) or 1
    for x, y, count in pairs:
        radius = 3.0 + 5.0 * (count / max_count) ** 0.5
        draw_dots(axes, [x], [y], colour=theme.series[0], radius=radius, opacity=0.85)
        is_high = y > 0.93
        axes.annotate(
            str(count), (x, y), xytext=(0, -radius - 4 if is_high else radius + 4),
            textcoords="offset points", ha="center", va="top" if is_high else "bottom", size=9,
            color=theme.quiet,
        )  # fmt: skip
