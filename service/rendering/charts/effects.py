"""Partial dependence of the predictions on each feature, one small panel each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kan_engine.drawing.labels import format_label
from kan_engine.drawing.svg import Theme, escape_text, number, svg_document, text_element
from kan_engine.drawing.translations import format_number
from service.rendering.charts.axes import (
    Panel,
    Scale,
    draw_path,
    marks_width,
    shorten_text,
    text_width,
)
from service.rendering.charts.chart_frame import (
    Subject,
    draw_footnote,
    draw_headline,
    draw_legend,
    series_style,
)
from service.rendering.charts.chart_style import ChartStyle


@dataclass(frozen=True, kw_only=True)
class EffectsLayout(ChartStyle):
    """Proportions of the panels of the features.

    Attributes:
        max_features: The most important ones are drawn.
        panels_per_row: Panels beside each other.
        panel_width, panel_height, panel_gap: Size of a panel, and the gap to the next one.
        label_height, slanted_label_height: Of horizontal tick labels, and of slanted category names.
        max_category_width: Of the name of a category.
    """

    max_features: int = 12
    panels_per_row: int = 3
    panel_width: float = 216.0
    panel_height: float = 150.0
    panel_gap: float = 26.0
    label_height: float = 22.0
    slanted_label_height: float = 62.0
    max_category_width: float = 84.0


DEFAULT_LAYOUT = EffectsLayout()


def draw_effects(
    effects: Sequence[Mapping[str, Any]],
    subject: Subject,
    theme: Theme,
    *,
    layout: EffectsLayout = DEFAULT_LAYOUT,
) -> str:
    """Draw the mean prediction over each feature, with a band from the 10 % to the 90 % quantile of the rows.

    Args:
        effects: Result of ``kan_engine.assessment.partial_dependence``, the most important feature first.
        subject: The model.
        theme: Colours and language.
    """
    shown = effects[: layout.max_features]
    outputs = [curve["output"] for curve in shown[0]["curves"]]
    is_probability = bool(subject.metrics) and "log_loss" in subject.metrics
    y = _make_common_scale(shown, is_probability)
    left = 46 + marks_width(y, 5, layout)
    columns = min(layout.panels_per_row, len(shown))
    width = max(left + columns * (layout.panel_width + layout.panel_gap), 470.0)
    what = _describe_prediction(outputs, subject, is_probability, theme)
    told = _describe_effects(shown, what, subject, theme)
    head, top = draw_headline(
        theme.say("Effects of the features"),
        [
            theme.say(
                "{name}: mean of {what} by the network as one feature varies (partial dependence).",
                name=subject.name,
                what=what,
            )
        ],
        width,
        theme,
        layout,
    )
    key, height = draw_legend(
        outputs if len(outputs) > 1 else [], layout.margin, top, width - 2 * layout.margin, theme, layout
    )
    rows = [shown[start : start + columns] for start in range(0, len(shown), columns)]
    body, at = [*head, *key], top + height + 34
    for row in rows:
        below = (
            layout.slanted_label_height
            if any(_is_slanted(effect, theme, layout) for effect in row)
            else layout.label_height
        )
        for place, effect in enumerate(row):
            x = Scale.from_values(effect["values"]) if effect["type"] == "number" else _category_scale(effect)
            panel = Panel(
                left=left + place * (layout.panel_width + layout.panel_gap), top=at,
                width=layout.panel_width, height=layout.panel_height,
                x=x, y=y, theme=theme, style=layout, x_most=5, y_most=5,
            )  # fmt: skip
            label = what if place == 0 else ""
            body += _draw_panel(effect, panel, subject, label, layout, is_first=place == 0)
        at += layout.panel_height + below + 34
    notes, end = draw_footnote(_notes(effects, outputs, theme, layout), at - 34, width, theme, layout)
    return svg_document(
        width,
        end,
        title=theme.say(
            "Effects of the features of {name} on {target}", name=subject.name, target=subject.target
        ),
        description=told,
        theme=theme,
        body=[*body, *notes],
    )


def _make_common_scale(shown: Sequence[Mapping[str, Any]], is_probability: bool) -> Scale:
    """Return one range for all panels, so that they are comparable."""
    parts = [
        curve[key] or () for effect in shown for curve in effect["curves"] for key in ("mean", "low", "high")
    ]
    values = [value for part in parts for value in part]
    if not is_probability:
        return Scale.from_values(values)
    highest = max((value for value in values if value is not None), default=1.0)
    return Scale(0.0, 1.0 if highest > 0.6 else 1.05 * highest)


def _describe_prediction(outputs: Sequence[str], subject: Subject, is_probability: bool, theme: Theme) -> str:
    if not is_probability:
        return theme.say("predicted {target}", target=subject.target_label)
    if len(outputs) > 1:
        return theme.say("probability")
    return theme.say("probability of {name}", name=format_label(outputs[0], {}))


def _describe_effects(shown: Sequence[Mapping[str, Any]], what: str, subject: Subject, theme: Theme) -> str:
    parts = []
    for effect in shown:
        means = [
            (v, m)
            for v, m in zip(effect["values"], effect["curves"][0]["mean"], strict=True)
            if m is not None
        ]
        if not means:
            continue
        low, high = min(means, key=lambda pair: pair[1]), max(means, key=lambda pair: pair[1])
        parts.append(
            theme.say(
                "{name}: from {low} at {lowest} to {high} at {highest}",
                name=effect["name"], low=low[1], high=high[1],
                lowest=_format_value(low[0], theme), highest=_format_value(high[0], theme),
            )
        )  # fmt: skip
    if len(shown[0]["curves"]) > 1:
        what = f"{what} ({shown[0]['curves'][0]['output']})"
    told = theme.say("{name}: mean of {what} as each feature varies.", name=subject.name, what=what)
    return f"{told} {'; '.join(parts)}."


def _format_value(value: Any, theme: Theme) -> str:
    if value is None:
        return theme.say("missing")
    if isinstance(value, bool):
        return theme.say("true") if value else theme.say("false")
    return (
        theme.localise_number(format_number(float(value))) if isinstance(value, int | float) else str(value)
    )


def _category_scale(effect: Mapping[str, Any]) -> Scale:
    """Return a scale with the categories at 0, 1, 2, …"""
    return Scale(-0.5, len(effect["values"]) - 0.5)


def _category_labels(effect: Mapping[str, Any], theme: Theme, layout: EffectsLayout) -> list[str]:
    return [
        shorten_text(_format_value(value, theme), layout.mark_size, layout.max_category_width)
        for value in effect["values"]
    ]


def _is_slanted(effect: Mapping[str, Any], theme: Theme, layout: EffectsLayout) -> bool:
    if effect["type"] == "number":
        return False
    labels = _category_labels(effect, theme, layout)
    widest = max(text_width(label, layout.mark_size) for label in labels)
    return widest > layout.panel_width / len(labels) - 4


def _draw_panel(
    effect: Mapping[str, Any],
    panel: Panel,
    subject: Subject,
    y_label: str,
    layout: EffectsLayout,
    *,
    is_first: bool,
) -> list[str]:
    name = shorten_text(subject.label(effect["name"]), 12, panel.width)
    head = text_element(name, panel.left, panel.top - 8, size=12, fill=panel.theme.ink, is_bold=True)
    drawn = [f"<g><title>{escape_text(effect['name'])}</title>{head}"]
    is_number = effect["type"] == "number"
    drawn += panel.draw_frame(y_label=y_label, x_marks=is_number, y_marks=is_first)
    drawn += _draw_curves(effect, panel) if is_number else _draw_categories(effect, panel, layout)
    return [*drawn, "</g>"]


def _draw_curves(effect: Mapping[str, Any], panel: Panel) -> list[str]:
    """Draw the curves of a numeric feature, and marks at the deciles of the training rows."""
    drawn = []
    for place, curve in enumerate(effect["curves"]):
        colour, dash = series_style(place, panel.theme)
        if curve["low"]:
            drawn.append(panel.draw_band(effect["values"], curve["low"], curve["high"], colour=colour))
        drawn.append(panel.draw_line(effect["values"], curve["mean"], colour=colour, dash=dash))
    marks = "".join(
        f"M{number(panel.to_x(value))},{number(panel.bottom)}v-7"
        for value in effect["deciles"] or ()
        if value is not None
    )
    return [*drawn, draw_path(marks, panel.theme.ink, width=1.1) if marks else ""]


def _draw_categories(effect: Mapping[str, Any], panel: Panel, layout: EffectsLayout) -> list[str]:
    """Draw a dot per category with its band as a bar, and the name of the category."""
    drawn, places = [], list(range(len(effect["values"])))
    apart = min(7.0, panel.width / len(places) / (len(effect["curves"]) + 1))
    for number_of, curve in enumerate(effect["curves"]):
        colour, dash = series_style(number_of, panel.theme)
        aside = panel.copy_with(left=panel.left + apart * (number_of - (len(effect["curves"]) - 1) / 2))
        for place, low, high in zip(places, curve["low"] or (), curve["high"] or (), strict=False):
            if low is not None and high is not None:
                x, top, bottom = aside.to_x(place), aside.to_y(high), aside.to_y(low)
                path = f"M{number(x)},{number(top)}V{number(bottom)}"
                drawn.append(f'<path d="{path}" stroke="{colour}" stroke-opacity="0.35" stroke-width="7"/>')
        if len(effect["curves"]) > 1:  # colour alone does not distinguish them
            drawn.append(aside.draw_line(places, curve["mean"], colour=colour, dash=dash, width=1.0))
        radius = 3.6 if len(effect["curves"]) == 1 else 2.6
        drawn.append(aside.draw_dots(places, curve["mean"], colour=colour, radius=radius))
    turn = _is_slanted(effect, panel.theme, layout)
    for place, label in zip(places, _category_labels(effect, panel.theme, layout), strict=True):
        x, y = panel.to_x(place), panel.bottom + 15
        drawn.append(
            text_element(
                label,
                x + 3,
                y - 3,
                size=layout.mark_size,
                anchor="end",
                fill=panel.theme.quiet,
                turn=-40,
            )
            if turn
            else panel.draw_mark(label, x, y, "middle")
        )
    return drawn


def _notes(
    effects: Sequence[Mapping[str, Any]], outputs: Sequence[str], theme: Theme, layout: EffectsLayout
) -> list[str]:
    notes = []
    if len(outputs) == 1:
        notes.append(theme.say("Line: mean; band: 10 % to 90 % quantile of the rows."))
    if any(effect["type"] == "number" for effect in effects[: layout.max_features]):
        notes.append(theme.say("Short marks: minimum, deciles and maximum of the training rows."))
    if len(effects) > layout.max_features:
        notes.append(
            theme.say(
                "The {shown} most important of {all} features are drawn.",
                shown=layout.max_features,
                all=len(effects),
            )
        )
    return notes
