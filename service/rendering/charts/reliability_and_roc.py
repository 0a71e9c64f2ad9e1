"""Reliability diagram and ROC curves of a classifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.svg import Theme, number, svg_document, text_element
from kan_engine.drawing.translations import format_number
from service.rendering.charts.axes import Panel, Scale, draw_path, text_width
from service.rendering.charts.chart_frame import (
    Subject,
    draw_headline,
    draw_legend,
    draw_lines,
)
from service.rendering.charts.chart_style import ChartStyle


@dataclass(frozen=True, kw_only=True)
class ProbabilitiesLayout(ChartStyle):
    """Proportions of the reliability diagram and the ROC curves.

    Attributes:
        panel_side, panel_gap: Side of a panel, and the gap between the two.
        max_curves: ROC curves; those with the largest areas are drawn.
    """

    panel_side: float = 300.0
    panel_gap: float = 84.0
    max_curves: int = 10


DEFAULT_LAYOUT = ProbabilitiesLayout()


def draw_probabilities(
    figures: Mapping[str, Any],
    subject: Subject,
    theme: Theme,
    *,
    layout: ProbabilitiesLayout = DEFAULT_LAYOUT,
) -> str:
    """Draw the reliability diagram on the left and the ROC curves on the right.

    Args:
        figures: ``reliability`` and ``roc`` of a classifier, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    unit = Scale(0.0, 1.0)
    bins, curves = figures["reliability"], figures["roc"]
    shown = sorted(curves, key=lambda curve: -curve["auc"])[: layout.max_curves]
    width = 62 + layout.panel_side + layout.panel_gap + layout.panel_side + 26
    of_any = bins["class"] is None
    across = (
        theme.say("probability of any class")
        if of_any
        else theme.say("probability of {name}", name=bins["class"])
    )
    told = [
        f"{subject.name}, {subject.format_row_count(figures['rows'], theme)}.",
        _describe_reliability(bins, theme),
        _describe_roc(shown, len(curves), theme),
    ]
    head, top = draw_headline(theme.say("Reliability diagram and ROC curves"), told, width, theme, layout)
    left = Panel(
        left=62,
        top=top + 34,
        width=layout.panel_side,
        height=layout.panel_side,
        x=unit,
        y=unit,
        theme=theme,
        style=layout,
    )
    right = left.copy_with(left=left.right + layout.panel_gap)
    entries = [f"AUC {_format_area(curve, theme)}: {curve['class']}" for curve in shown]
    key, height = draw_legend(
        entries, layout.margin, left.bottom + 48, width - 2 * layout.margin, theme, layout
    )
    return svg_document(
        width,
        left.bottom + 62 + height,
        title=theme.say("Probabilities of {name} for {target}", name=subject.name, target=subject.target),
        description=" ".join(told),
        theme=theme,
        body=[
            *head,
            *_draw_panel(left, theme.say("Reliability"), across, theme.say("observed share"), layout),
            *_draw_bins(bins, left),
            *_draw_panel(
                right, "ROC", theme.say("false positive rate"), theme.say("true positive rate"), layout
            ),
            *draw_lines(
                right, ((curve["false_positive_rate"], curve["true_positive_rate"]) for curve in shown)
            ),
            *key,
        ],
    )


def _draw_panel(panel: Panel, title: str, across: str, along: str, layout: ProbabilitiesLayout) -> list[str]:
    """Draw the title, the frame with the labels of both axes, and the diagonal."""
    ink = panel.theme.ink
    return [
        text_element(title, panel.left, panel.top - 10, size=layout.note_size, fill=ink, is_bold=True),
        *panel.draw_frame(across, along),
        _draw_diagonal(panel),
    ]


def _describe_reliability(bins: Mapping[str, Any], theme: Theme) -> str:
    parts = zip(bins["mean_probability"], bins["observed_share"], bins["count"], strict=True)
    known = [(abs(p - share), count) for p, share, count in parts if p is not None and share is not None]
    total = sum(count for _, count in known)
    if not total:
        return theme.say("No probability is defined.")
    error = theme.localise_number(format_number(sum(d * n for d, n in known) / total, 2))
    return theme.say("The expected calibration error is {error}.", error=error)


def _describe_roc(shown: Sequence[Mapping[str, Any]], count: int, theme: Theme) -> str:
    if not shown:
        return theme.say("There is no ROC curve: all rows have the same class.")
    most, least = _format_area(shown[0], theme), _format_area(shown[-1], theme)
    if count == 1:
        return theme.say("The area under the ROC curve is {area}.", area=most)
    told = theme.say(
        "Areas under the ROC curves, each class against all others: {least} to {most}.",
        least=least,
        most=most,
    )
    if count == len(shown):
        return told
    return f"{told} {theme.say('The {shown} largest of {all} are drawn.', shown=len(shown), all=count)}"


def _format_area(curve: Mapping[str, Any], theme: Theme) -> str:
    return theme.localise_number(f"{curve['auc']:.3f}")


def _draw_diagonal(panel: Panel) -> str:
    path = f"M{number(panel.left)},{number(panel.bottom)}L{number(panel.right)},{number(panel.top)}"
    return draw_path(path, panel.theme.quiet, "2 4", 1.2)


def _draw_bins(bins: Mapping[str, Any], panel: Panel) -> list[str]:
    """Draw the reliability curve with the row count of each bin. The area of a dot grows with the count."""
    colour = panel.theme.series[0]
    xs, ys, counts = bins["mean_probability"], bins["observed_share"], bins["count"]
    pairs = [(x, y, count) for x, y, count in zip(xs, ys, counts, strict=True) if x is not None]
    drawn = [panel.draw_line([x for x, _, _ in pairs], [y for _, y, _ in pairs], colour=colour)]
    most = max(counts, default=0) or 1
    radii = [3.0 + 5.0 * (count / most) ** 0.5 for _, _, count in pairs]
    for (x, y, _), radius in zip(pairs, radii, strict=True):
        drawn.append(panel.draw_dots([x], [y], colour=colour, radius=radius, opacity=0.85))
    for (x, y, count), radius in zip(pairs, radii, strict=True):
        label, above = str(count), panel.to_y(y) - panel.top > 24
        place = panel.to_y(y) + (-radius - 4 if above else radius + 11)
        room = text_width(label, 9) / 2
        across = min(panel.right - room, max(panel.left + room, panel.to_x(x)))
        drawn.append(text_element(label, across, place, size=9, anchor="middle", fill=panel.theme.quiet))
    return drawn
