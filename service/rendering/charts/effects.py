"""Partial dependence of the predictions on each feature, one small panel each."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.rendering.charts.axes import SMALLEST, Panel, Scale, fitted, marks_width, stroke, text_width
from service.rendering.charts.chart_frame import MARGIN, Subject, footnote, headline, legend, series
from service.rendering.network.labels import label_of
from service.rendering.svg import Theme, document, number, text, words
from service.rendering.translations import briefly

MOST = 12
ACROSS = 3
PANEL, HEIGHT, BETWEEN = 216.0, 150.0, 26.0
SLANTED, UPRIGHT = 62.0, 22.0  # height of slanted category names, and of horizontal labels
LONGEST = 84.0  # pixels for the name of a category


def draw_effects(effects: Sequence[Mapping[str, Any]], subject: Subject, theme: Theme) -> str:
    """Draw the mean prediction over each feature, with a band from the 10 % to the 90 % quantile of the rows.

    Args:
        effects: Result of ``worker.evaluation.partial_dependence``, the most important feature first.
        subject: The model.
        theme: Colours and language.
    """
    shown = effects[:MOST]
    outputs = [curve["output"] for curve in shown[0]["curves"]]
    is_probability = bool(subject.metrics) and "log_loss" in subject.metrics
    y = _range(shown, is_probability)
    left = 46 + marks_width(y, 5)
    columns = min(ACROSS, len(shown))
    width = max(left + columns * (PANEL + BETWEEN), 470.0)
    what = _what(outputs, subject, is_probability, theme)
    told = _told(shown, what, subject, theme)
    head, top = headline(
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
    )
    key, height = legend(outputs if len(outputs) > 1 else [], MARGIN, top, width - 2 * MARGIN, theme)
    rows = [shown[start : start + columns] for start in range(0, len(shown), columns)]
    body, at = [*head, *key], top + height + 34
    for row in rows:
        below = SLANTED if any(_is_slanted(effect, theme) for effect in row) else UPRIGHT
        for place, effect in enumerate(row):
            x = Scale.over(effect["values"]) if effect["type"] == "number" else _places(effect)
            panel = Panel(
                left=left + place * (PANEL + BETWEEN), top=at, width=PANEL, height=HEIGHT,
                x=x, y=y, theme=theme, x_most=5, y_most=5,
            )  # fmt: skip
            body += _panel(effect, panel, subject, what if place == 0 else "", is_first=place == 0)
        at += HEIGHT + below + 34
    notes, end = footnote(_notes(effects, outputs, theme), at - 34, width, theme)
    return document(
        width,
        end,
        title=theme.say(
            "Effects of the features of {name} on {target}", name=subject.name, target=subject.target
        ),
        description=told,
        theme=theme,
        body=[*body, *notes],
    )


def _range(shown: Sequence[Mapping[str, Any]], is_probability: bool) -> Scale:
    """Return one range for all panels, so that they are comparable."""
    parts = [
        curve[key] or () for effect in shown for curve in effect["curves"] for key in ("mean", "low", "high")
    ]
    values = [value for part in parts for value in part]
    if not is_probability:
        return Scale.over(values)
    highest = max((value for value in values if value is not None), default=1.0)
    return Scale(0.0, 1.0 if highest > 0.6 else 1.05 * highest)


def _what(outputs: Sequence[str], subject: Subject, is_probability: bool, theme: Theme) -> str:
    if not is_probability:
        return theme.say("predicted {target}", target=subject.of_target)
    if len(outputs) > 1:
        return theme.say("probability")
    return theme.say("probability of {name}", name=label_of(outputs[0], {}))


def _told(shown: Sequence[Mapping[str, Any]], what: str, subject: Subject, theme: Theme) -> str:
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
                lowest=_value(low[0], theme), highest=_value(high[0], theme),
            )
        )  # fmt: skip
    if len(shown[0]["curves"]) > 1:
        what = f"{what} ({shown[0]['curves'][0]['output']})"
    told = theme.say("{name}: mean of {what} as each feature varies.", name=subject.name, what=what)
    return f"{told} {'; '.join(parts)}."


def _value(value: Any, theme: Theme) -> str:
    if value is None:
        return theme.say("missing")
    if isinstance(value, bool):
        return theme.say("true") if value else theme.say("false")
    return theme.written(briefly(float(value))) if isinstance(value, int | float) else str(value)


def _places(effect: Mapping[str, Any]) -> Scale:
    """Return a scale with the categories at 0, 1, 2, …"""
    return Scale(-0.5, len(effect["values"]) - 0.5)


def _labels(effect: Mapping[str, Any], theme: Theme) -> list[str]:
    return [fitted(_value(value, theme), SMALLEST, LONGEST) for value in effect["values"]]


def _is_slanted(effect: Mapping[str, Any], theme: Theme) -> bool:
    if effect["type"] == "number":
        return False
    labels = _labels(effect, theme)
    return max(text_width(label, SMALLEST) for label in labels) > PANEL / len(labels) - 4


def _panel(
    effect: Mapping[str, Any], panel: Panel, subject: Subject, y_label: str, *, is_first: bool
) -> list[str]:
    name = fitted(subject.label(effect["name"]), 12, panel.width)
    head = words(name, panel.left, panel.top - 8, size=12, fill=panel.theme.ink, is_bold=True)
    drawn = [f"<g><title>{text(effect['name'])}</title>{head}"]
    is_number = effect["type"] == "number"
    drawn += panel.frame(y_label=y_label, x_marks=is_number, y_marks=is_first)
    drawn += _curves(effect, panel) if is_number else _steps(effect, panel)
    return [*drawn, "</g>"]


def _curves(effect: Mapping[str, Any], panel: Panel) -> list[str]:
    """Draw the curves of a numeric feature, and marks at the deciles of the training rows."""
    drawn = []
    for place, curve in enumerate(effect["curves"]):
        colour, dash = series(place, panel.theme)
        if curve["low"]:
            drawn.append(panel.band(effect["values"], curve["low"], curve["high"], colour=colour))
        drawn.append(panel.line(effect["values"], curve["mean"], colour=colour, dash=dash))
    marks = "".join(
        f"M{number(panel.across(value))},{number(panel.bottom)}v-7"
        for value in effect["deciles"] or ()
        if value is not None
    )
    return [*drawn, stroke(marks, panel.theme.ink, width=1.1) if marks else ""]


def _steps(effect: Mapping[str, Any], panel: Panel) -> list[str]:
    """Draw a dot per category with its band as a bar, and the name of the category."""
    drawn, places = [], list(range(len(effect["values"])))
    apart = min(7.0, panel.width / len(places) / (len(effect["curves"]) + 1))
    for number_of, curve in enumerate(effect["curves"]):
        colour, dash = series(number_of, panel.theme)
        aside = panel.beside(left=panel.left + apart * (number_of - (len(effect["curves"]) - 1) / 2))
        for place, low, high in zip(places, curve["low"] or (), curve["high"] or (), strict=False):
            if low is not None and high is not None:
                x, top, bottom = aside.across(place), aside.up(high), aside.up(low)
                path = f"M{number(x)},{number(top)}V{number(bottom)}"
                drawn.append(f'<path d="{path}" stroke="{colour}" stroke-opacity="0.35" stroke-width="7"/>')
        if len(effect["curves"]) > 1:  # colour alone does not distinguish them
            drawn.append(aside.line(places, curve["mean"], colour=colour, dash=dash, width=1.0))
        radius = 3.6 if len(effect["curves"]) == 1 else 2.6
        drawn.append(aside.dots(places, curve["mean"], colour=colour, radius=radius))
    turn = _is_slanted(effect, panel.theme)
    for place, label in zip(places, _labels(effect, panel.theme), strict=True):
        x, y = panel.across(place), panel.bottom + 15
        drawn.append(
            words(label, x + 3, y - 3, size=SMALLEST, anchor="end", fill=panel.theme.quiet, turn=-40)
            if turn
            else panel.mark(label, x, y, "middle")
        )
    return drawn


def _notes(effects: Sequence[Mapping[str, Any]], outputs: Sequence[str], theme: Theme) -> list[str]:
    notes = []
    if len(outputs) == 1:
        notes.append(theme.say("Line: mean; band: 10 % to 90 % quantile of the rows."))
    if any(effect["type"] == "number" for effect in effects[:MOST]):
        notes.append(theme.say("Short marks: minimum, deciles and maximum of the training rows."))
    if len(effects) > MOST:
        notes.append(
            theme.say("The {shown} most important of {all} features are drawn.", shown=MOST, all=len(effects))
        )
    return notes
