"""Partial dependence of the predictions on each feature, one small panel each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kan_engine.drawing.fitted_text import fit_label, text_width
from kan_engine.drawing.labels import format_label
from kan_engine.drawing.svg import Theme, replace_invalid
from kan_engine.drawing.translations import format_number
from service.errors import Conflict
from service.rendering.charts.chart_frame import Chart, draw_dots, draw_series, series_colour, to_array
from service.rendering.charts.model_numbers import ModelNumbers, Subject
from service.rendering.charts.tick_formats import format_ticks

MAX_FEATURES = 12  # the most important ones are drawn
PANELS_PER_ROW = 3
PANEL_WIDTH, PANEL_HEIGHT = 242.0, 210.0
MAX_CATEGORY_WIDTH = 84.0  # of its name
LEAST_RANGE = 1e-6  # of predictions, relative to them; less is rounding


def draw(numbers: ModelNumbers, subject: Subject, theme: Theme) -> str:
    """Draw the mean prediction over each feature, with a band from the 10 % to the 90 % quantile of the rows.

    Args:
        numbers: With ``effects`` of ``kan_engine.assessment.partial_dependence``, the most important first.
        subject: The model.
        theme: Colours and language.

    Raises:
        Conflict: The model has no effects.
    """
    effects = numbers.target_figures["effects"]
    if not effects:
        detail = (
            f"the network of model {numbers.model_id} uses no feature, or its job ended before it computed "
            "any effect"
        )
        raise Conflict("no_figures", f"{detail}; train again with a longer max_seconds")
    drawn_effects = effects[:MAX_FEATURES]
    outputs = [curve["output"] for curve in drawn_effects[0]["curves"]]
    is_probability = bool(subject.metrics) and "log_loss" in subject.metrics
    columns = min(PANELS_PER_ROW, len(drawn_effects))
    rows = -(-len(drawn_effects) // columns)
    what = _describe_prediction(outputs, subject, is_probability, theme)
    note = theme.say(
        "{name}: mean of {what} by the network as one feature varies (partial dependence).",
        name=subject.name, what=what,
    )  # fmt: skip
    chart = Chart(
        theme.say("Effects of the features"), [note], width=max(columns * PANEL_WIDTH + 60, 470.0),
        height=rows * PANEL_HEIGHT + 24, theme=theme, remarks=_notes(effects, outputs, theme),
    )  # fmt: skip
    panels = chart.make_axes(rows, columns, sharey=True)
    for place, (effect, axes) in enumerate(zip(drawn_effects, panels, strict=False)):
        lines = (_draw_curves if effect["type"] == "number" else _draw_categories)(effect, axes, theme)
        chart.label(axes, subject.label(effect["name"]), what if place % columns == 0 else "")
        if place == 0:
            chart.add_legend(axes, outputs if len(outputs) > 1 else [], lines)
    for axes in panels[len(drawn_effects) :]:
        axes.set_axis_off()
    # Else rounding errors of constant predictions would fill the axis
    low, high = panels[0].get_ylim()
    if high - low < LEAST_RANGE * max(abs(low), abs(high)):
        panels[0].set_ylim(low - abs(low) / 2, high + abs(high) / 2)
    if is_probability:
        # Probabilities start at 0, and the axis ends at 1 unless all are small
        highest = panels[0].get_ylim()[1]
        panels[0].set_ylim(0.0, 1.0 if highest > 0.6 else highest)
    return chart.write(
        title=theme.say(
            "Effects of the features of {name} on {target}", name=subject.name, target=subject.target
        ),
        description=_describe_effects(drawn_effects, what, subject, theme),
    )


def _describe_prediction(outputs: Sequence[str], subject: Subject, is_probability: bool, theme: Theme) -> str:
    if not is_probability:
        return theme.say("predicted {target}", target=subject.target_label)
    if len(outputs) > 1:
        return theme.say("probability")
    return theme.say("probability of {name}", name=format_label(outputs[0], {}))


def _describe_effects(effects: Sequence[Mapping[str, Any]], what: str, subject: Subject, theme: Theme) -> str:
    parts = []
    for effect in effects:
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
    if len(effects[0]["curves"]) > 1:
        what = f"{what} ({effects[0]['curves'][0]['output']})"
    text = theme.say("{name}: mean of {what} as each feature varies.", name=subject.name, what=what)
    return f"{text} {'; '.join(parts)}."


def _format_value(value: Any, theme: Theme) -> str:
    if value is None:
        return theme.say("missing")
    if isinstance(value, bool):
        return theme.say("true") if value else theme.say("false")
    return (
        theme.localise_number(format_number(float(value))) if isinstance(value, int | float) else str(value)
    )


def _draw_curves(effect: Mapping[str, Any], axes: Axes, theme: Theme) -> list[Any]:
    """Draw the curves of a numeric feature, and marks at the deciles of the training rows."""
    lines = []
    for place, curve in enumerate(effect["curves"]):
        if curve["low"]:
            low, high = to_array(curve["low"]), to_array(curve["high"])
            colour = series_colour(place, theme)
            axes.fill_between(to_array(effect["values"]), low, high, color=colour, alpha=0.22, linewidth=0)
        lines.append(draw_series(axes, effect["values"], curve["mean"], theme, place))
    # The marks stand at the lower edge of the panel, whatever its range of predictions
    deciles = to_array(effect["deciles"] or [])
    axes.plot(
        deciles, np.zeros_like(deciles), "|", color=theme.ink, ms=9, transform=axes.get_xaxis_transform()
    )
    format_ticks(axes.xaxis, theme, max_ticks=4)
    return lines


def _draw_categories(effect: Mapping[str, Any], axes: Axes, theme: Theme) -> list[Any]:
    """Draw a dot per category with its band as a bar, and the name of the category."""
    places, lines = np.arange(len(effect["values"])), []
    # Curves of several outputs lie side by side, centred on the category, so that no dot hides another
    apart = min(0.1, 0.6 / len(effect["curves"]))
    for place, curve in enumerate(effect["curves"]):
        colour = series_colour(place, theme)
        aside = places + apart * (place - (len(effect["curves"]) - 1) / 2)
        if curve["low"]:
            low, high = to_array(curve["low"]), to_array(curve["high"])
            axes.vlines(aside, low, high, color=colour, alpha=0.35, linewidth=7)
        draw_dots(axes, aside, curve["mean"], colour=colour, radius=3.0)
        # Colour alone does not distinguish several curves.
        lines += (
            [draw_series(axes, aside, curve["mean"], theme, place, 1.0)] if len(effect["curves"]) > 1 else []
        )
    names = [fit_label(_format_value(value, theme), MAX_CATEGORY_WIDTH, 10) for value in effect["values"]]
    is_wide = max(text_width(name, 10) for name in names) > PANEL_WIDTH / len(names) - 24
    rotation: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if is_wide else {}
    axes.set_xticks(places, map(replace_invalid, names), **rotation)
    axes.set_xlim(-0.5, len(places) - 0.5)
    return lines


def _notes(effects: Sequence[Mapping[str, Any]], outputs: Sequence[str], theme: Theme) -> list[str]:
    notes = []
    if len(outputs) == 1:
        notes.append(theme.say("Line: mean; band: 10 % to 90 % quantile of the rows."))
    if any(effect["type"] == "number" for effect in effects[:MAX_FEATURES]):
        notes.append(theme.say("Short marks: minimum, deciles and maximum of the training rows."))
    if len(effects) > MAX_FEATURES:
        notes.append(
            theme.say(
                "The {shown} most important of {all} features are drawn.",
                shown=MAX_FEATURES,
                all=len(effects),
            )
        )
    return notes
