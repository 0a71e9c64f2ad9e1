"""Predictions of a regression against the true values, and the residuals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.svg import Theme, number, svg_document, text_element
from kan_engine.drawing.translations import format_number
from service.rendering.charts.axes import Panel, Scale, draw_path, marks_width
from service.rendering.charts.chart_frame import Subject, draw_footnote, draw_headline
from service.rendering.charts.chart_style import ChartStyle

Pairs = list[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class ParityLayout(ChartStyle):
    """Proportions of the plots of predictions and residuals.

    Attributes:
        side: Of the panel of predictions.
        residuals_width, residuals_height: Of the panel of residuals.
        histogram_bins: Bars of the histogram of residuals.
    """

    side: float = 420.0
    residuals_width: float = 470.0
    residuals_height: float = 330.0
    histogram_bins: int = 24


DEFAULT_LAYOUT = ParityLayout()


def draw_parity(
    figures: Mapping[str, Any], subject: Subject, theme: Theme, *, layout: ParityLayout = DEFAULT_LAYOUT
) -> str:
    """Draw a dot per row with the true value on x and the prediction on y, and the diagonal of equality.

    Args:
        figures: ``parity`` of a regression, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    pairs, lost = _select_known_pairs(figures)
    scale = Scale.from_values([value for pair in pairs for value in pair])
    left = 46 + marks_width(scale, 6, layout)
    width = left + layout.side + 28
    told = _describe_errors(pairs, lost, subject, theme)
    head, top = draw_headline(theme.say("Predicted and true values"), told, width, theme, layout)
    panel = Panel(
        left=left, top=top + 12, width=layout.side, height=layout.side,
        x=scale, y=scale, theme=theme, style=layout, x_most=6,
    )  # fmt: skip
    diagonal = f"M{number(panel.left)},{number(panel.bottom)}L{number(panel.right)},{number(panel.top)}"
    notes, bottom = draw_footnote(
        [theme.say("On the dashed diagonal, predictions equal the true values.")],
        panel.bottom + 40,
        width,
        theme,
        layout,
    )
    return svg_document(
        width,
        bottom,
        title=theme.say("Predicted and true {target} of {name}", target=subject.target, name=subject.name),
        description=" ".join([*told, theme.say("Dots on the diagonal are correct predictions.")]),
        theme=theme,
        body=[
            *head,
            *panel.draw_frame(
                theme.say("true {target}", target=subject.target_label),
                theme.say("predicted {target}", target=subject.target_label),
            ),
            draw_path(diagonal, theme.quiet, "6 4", 1.4),
            _draw_dots(panel, pairs, theme),
            *notes,
        ],
    )


def draw_residuals(
    figures: Mapping[str, Any], subject: Subject, theme: Theme, *, layout: ParityLayout = DEFAULT_LAYOUT
) -> str:
    """Draw the residuals, true minus predicted, against the prediction, with their histogram.

    Args:
        figures: ``parity`` of a regression, and ``measured_on``.
        subject: The model.
        theme: Colours and language.
    """
    pairs, lost = _select_known_pairs(figures)
    left_over = [(predicted, true - predicted) for true, predicted in pairs]
    residuals = [residual for _, residual in left_over]
    unit = subject.units.get(subject.target)
    y = Scale.from_values([0.0, *residuals])
    left = 46 + marks_width(y, 6, layout)
    width = left + layout.residuals_width + 150
    told = _describe_errors(pairs, lost, subject, theme)
    head, top = draw_headline(theme.say("Residuals: true minus predicted"), told, width, theme, layout)
    panel = Panel(
        left=left, top=top + 28, width=layout.residuals_width, height=layout.residuals_height,
        x=Scale.from_values([predicted for predicted, _ in left_over]), y=y, theme=theme, style=layout,
    )  # fmt: skip
    zero = f"M{number(panel.left)},{number(panel.to_y(0))}H{number(panel.right + 120)}"
    return svg_document(
        width,
        panel.bottom + 50,
        title=theme.say("Residuals of {name} for {target}", name=subject.name, target=subject.target),
        description=" ".join([*told, _describe_balance(residuals, theme)]),
        theme=theme,
        body=[
            *head,
            *panel.draw_frame(
                theme.say("predicted {target}", target=subject.target_label),
                theme.say("true − predicted") + (f" [{unit}]" if unit else ""),
            ),
            _draw_dots(panel, left_over, theme),
            *_draw_histogram(residuals, panel, theme, layout),
            draw_path(zero, theme.quiet, "6 4", 1.4),
        ],
    )


def _select_known_pairs(figures: Mapping[str, Any]) -> tuple[Pairs, int]:
    """Return pairs of true and predicted values, and the number of rows without such a pair."""
    every = list(zip(figures["parity"]["true"], figures["parity"]["predicted"], strict=True))
    known = [(float(t), float(p)) for t, p in every if t is not None and p is not None]
    return known, len(every) - len(known)


def _describe_errors(pairs: Pairs, lost: int, subject: Subject, theme: Theme) -> list[str]:
    """Describe the errors in sentences."""
    errors = sorted(abs(true - predicted) for true, predicted in pairs)
    metrics = [
        f"{name} {theme.localise_number(format_number(subject.metrics[key]))}"
        for key, name in (("rmse", "RMSE"), ("mae", "MAE"), ("r2", "R²"))
        if subject.metrics.get(key) is not None
    ]
    of = f": {', '.join(metrics)}" if metrics else ""
    told = [f"{subject.name}, {subject.format_row_count(len(pairs), theme)}{of}."]
    if errors:
        half, most = errors[len(errors) // 2], errors[min(len(errors) - 1, math.ceil(0.9 * len(errors)))]
        told.append(
            theme.say("Half of the errors are at most {half}, 90 % at most {most}.", half=half, most=most)
        )
    if lost:
        told.append(theme.say("{count} rows without a prediction are omitted.", count=lost))
    return told


def _describe_balance(residuals: Sequence[float], theme: Theme) -> str:
    above = sum(residual > 0 for residual in residuals)
    return theme.say("{count} of {all} predictions are too low.", count=above, all=len(residuals))


def _draw_dots(panel: Panel, pairs: Pairs, theme: Theme) -> str:
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    radius, opacity = (3.0, 0.65) if len(pairs) <= 300 else (2.2, 0.45)
    return panel.draw_dots(xs, ys, colour=theme.series[0], radius=radius, opacity=opacity)


def _draw_histogram(
    residuals: Sequence[float], panel: Panel, theme: Theme, layout: ParityLayout
) -> list[str]:
    """Draw the histogram of residuals as bars to the right of the panel."""
    counts = [0] * layout.histogram_bins
    for residual in residuals:
        counts[
            min(layout.histogram_bins - 1, max(0, int(panel.y.share(residual) * layout.histogram_bins)))
        ] += 1
    high, left, room = panel.height / layout.histogram_bins, panel.right + 14, 106.0
    bars = "".join(
        f"M{number(left)},{number(panel.bottom - high * (place + 1) + 0.8)}"
        f"h{number(room * count / max(counts))}v{number(high - 1.6)}H{number(left)}Z"
        for place, count in enumerate(counts)
        if count
    )
    return [
        f'<path d="{bars}" fill="{theme.series[0]}" fill-opacity="0.75"/>',
        text_element(theme.say("count"), left, panel.top - 8, size=10, fill=theme.quiet),
        text_element(
            theme.say("maximum: {count}", count=max(counts)),
            left,
            panel.bottom + 15,
            size=10,
            fill=theme.quiet,
        ),
    ]
